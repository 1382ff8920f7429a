"""/api/v1/entities: labels applied to users, channels, messages, events."""

from quart import Blueprint, Response, g, request
from quart.views import MethodView

from controllers.common import failed, log, require_community
from flask_core.api import error_response, success_response
from flask_core.auth import require_api_key
from flask_core.validation import ValidationError, validate_input
from services import label_service as svc

bp = Blueprint("entities", __name__)
bp.before_request(require_community)

APPLY = {
    "label": {"type": "string", "required": True, "max_length": 60},
}
LOOKUP = {
    "entity_type": {"type": "string", "required": True, "choices": svc.CATEGORIES},
    "entity_ids": {
        "type": "array",
        "required": True,
        "max_length": 100,
        "items": {"type": "string", "max_length": 80},
    },
}


class EntityLabels(MethodView):
    """Labels of a single entity."""

    decorators = [require_api_key("core")]

    async def get(self, entity_type, entity_id):
        """List the entity's labels."""
        if entity_type not in svc.CATEGORIES:
            return error_response("unknown entity type", 404, "not_found")
        found = await svc.labels_of(g.community_id, entity_type, entity_id)
        return success_response(found)

    async def post(self, entity_type, entity_id):
        """Apply a label by name."""
        if entity_type not in svc.CATEGORIES:
            return error_response("unknown entity type", 404, "not_found")
        if not await svc.may_label(g.user_id):
            log.authz("label_apply", g.user_id, "denied", g.community_id)
            return error_response("reputation too low", 403, "forbidden")
        try:
            data = validate_input(await request.get_json(), APPLY)
            label_id = await svc.label_id_for(g.community_id, data["label"])
            added = await svc.apply(
                g.community_id, label_id, entity_type, entity_id, g.user_id
            )
        except ValidationError as exc:
            return error_response(str(exc), 400, "invalid_input")
        except svc.LabelError as exc:
            return failed(exc)
        log.audit("label_apply", g.user_id, g.community_id, "success")
        return success_response({"applied": added}, 201 if added else 200)

    async def delete(self, entity_type, entity_id):
        """Take a label off by id."""
        label_id = request.args.get("label_id", type=int)
        if label_id is None:
            return error_response("label_id is required", 400, "invalid_input")
        try:
            await svc.unapply(g.community_id, label_id, entity_type, entity_id)
        except svc.LabelError as exc:
            return failed(exc)
        log.audit("label_unapply", g.user_id, g.community_id, "success")
        return success_response({"removed": label_id})


class EntityLookup(MethodView):
    """Labels of many entities in one call."""

    decorators = [require_api_key("core")]

    async def post(self):
        """Look the labels up."""
        try:
            data = validate_input(await request.get_json(), LOOKUP)
        except ValidationError as exc:
            return error_response(str(exc), 400, "invalid_input")
        if not data["entity_ids"]:
            return success_response({})
        found = await svc.labels_of_many(
            g.community_id, data["entity_type"], data["entity_ids"]
        )
        return success_response(found)


class EntityExport(MethodView):
    """CSV download."""

    async def get(self):
        """Download every application of the community."""
        text = await svc.export(g.community_id)
        return Response(text, mimetype="text/csv")


bp.add_url_rule(
    "/<entity_type>/<entity_id>", view_func=EntityLabels.as_view("entity_labels")
)
bp.add_url_rule("/lookup", view_func=EntityLookup.as_view("entity_lookup"))
bp.add_url_rule("/export", view_func=EntityExport.as_view("entity_export"))
