"""JSON API. The hook below authenticates every route of the blueprint."""

import logging
from functools import partial

from flask import Blueprint, current_app, g, request

from flask_core.api import create_response, error_response
from flask_core.auth import AuthError, authenticate, resolve_community
from flask_core.validation import ValidationError, validate_input

from engine.runner import Busy, problems

api = Blueprint("api", __name__, url_prefix="/api/v1")
log = logging.getLogger("workflow.api")

OPEN_ENDPOINTS = {
    "api.ping",
    "api.export",
}

WORKFLOW = {
    "name": {"type": "string", "required": True, "max_length": 255},
    "description": {"type": "string", "max_length": 2000},
    "nodes": {
        "type": "array",
        "required": True,
        "max_length": 200,
        "items": {"type": "object"},
    },
    "connections": {
        "type": "array",
        "required": True,
        "max_length": 400,
        "items": {"type": "object"},
    },
    "trigger_type": {
        "type": "string",
        "required": True,
        "enum": ("command", "event", "schedule", "webhook"),
    },
    "trigger_config": {"type": "object"},
}
RUN = {"trigger_data": {"type": "object", "default": {}}}
HOOK = {"require_signature": {"type": "boolean", "default": True}}
EVENT = {
    "type": {"type": "string", "required": True, "max_length": 100},
    "sender": {"type": "string", "required": True, "max_length": 200},
    "match_on": {"type": "string", "required": True, "max_length": 100},
    "match_value": {"type": "string", "required": True, "max_length": 200},
    "data": {"type": "object", "default": {}},
}


def parts():
    """Store, engine and audit function of the application."""
    ext = current_app.extensions["workflow"]
    return ext["store"], ext["engine"], partial(ext["aaa"].audit, result="success")


def body(schema):
    """Validated JSON body; the error handler answers 400."""
    return validate_input(request.get_json(silent=True), schema)


@api.before_request
def authenticate_caller():
    """API key and community, for all but the open endpoints."""
    if request.endpoint in OPEN_ENDPOINTS:
        return None
    aaa = current_app.extensions["workflow"]["aaa"]
    wanted = request.headers.get("X-Community-ID")
    try:
        g.identity = authenticate(request.headers, "core", "action")
        g.community_id = resolve_community(g.identity, wanted)
    except AuthError as exc:
        aaa.auth(request.endpoint, "failure", community=wanted, reason=str(exc))
        return error_response(exc.status, exc.code, str(exc))
    return None


@api.errorhandler(ValidationError)
def invalid(exc):
    """400 for bodies that do not fit."""
    return error_response(400, "invalid_input", str(exc))


@api.errorhandler(Busy)
def busy(exc):
    """503 while all slots are taken."""
    return error_response(503, "busy", "too many workflows are running")


@api.get("/ping")
def ping():
    """For the router's latency probe."""
    return create_response("pong")


@api.get("/workflows")
def list_workflows():
    """Workflows of the community with their last run."""
    store, _, _ = parts()
    rows = store.listing(
        g.community_id,
        request.args.get("sort", "updated"),
        request.args.get("dir", "desc"),
        min(max(request.args.get("limit", 50, type=int), 1), 200),
    )
    return create_response(
        [dict(w, last_run=store.last_run(w["workflow_id"])) for w in rows],
        counters=store.counters(g.community_id),
    )


@api.post("/workflows")
def create_workflow():
    """New draft."""
    store, _, audit = parts()
    fields = body(WORKFLOW)
    found = problems(fields["nodes"], fields["connections"])
    if found:
        return error_response(400, "invalid_workflow", "; ".join(found[:10]))
    workflow_id = store.create(g.community_id, g.identity.name, fields)
    audit("workflow.create", g.community_id, user=g.identity.name, target=workflow_id)
    return create_response({"workflow_id": workflow_id}, 201)


@api.put("/workflows/<uuid:workflow_id>")
def update_workflow(workflow_id):
    """Change a workflow."""
    store, _, audit = parts()
    changes = request.get_json(silent=True) or {}
    if not store.update(str(workflow_id), g.community_id, changes):
        return error_response(404, "not_found")
    audit(
        "workflow.update",
        community=g.community_id,
        user=g.identity.name,
        target=workflow_id,
    )
    return create_response({"workflow_id": str(workflow_id)})


@api.get("/workflows/<uuid:workflow_id>/export")
def export(workflow_id):
    """Definition as a bundle that another community can import."""
    store, _, _ = parts()
    community = request.args.get("community", type=int)
    workflow = store.workflow(str(workflow_id), community)
    if workflow is None:
        return error_response(404, "not_found")
    return create_response({"format": 1, "workflow": workflow})


@api.post("/action/publish_workflow/<uuid:workflow_id>")
def publish(workflow_id):
    """Make a draft live."""
    store, _, audit = parts()
    if not store.publish(str(workflow_id), g.community_id):
        return error_response(404, "not_found")
    audit(
        "workflow.publish",
        community=g.community_id,
        user=g.identity.name,
        target=workflow_id,
    )
    return create_response({"status": "published"})


@api.post("/action/execute_workflow/<uuid:workflow_id>")
def execute(workflow_id):
    """Run now and wait."""
    store, engine, _ = parts()
    data = body(RUN)["trigger_data"]
    workflow = store.workflow(str(workflow_id), g.community_id)
    if workflow is None:
        return error_response(404, "not_found")
    execution_id, status = engine.execute(workflow, "api", data, g.identity.name)
    return create_response({"execution_id": execution_id, "status": status})


@api.post("/workflows/<uuid:workflow_id>/executions/<uuid:execution_id>/cancel")
def cancel(workflow_id, execution_id):
    """Stop a run."""
    store, _, audit = parts()
    workflow = store.workflow(str(workflow_id))
    if workflow is None:
        return error_response(404, "not_found")
    if not store.cancel_run(str(workflow_id), str(execution_id)):
        return error_response(404, "not_running")
    audit(
        "workflow.cancel",
        community=g.community_id,
        user=g.identity.name,
        target=execution_id,
    )
    return create_response({"status": "cancelled"})


@api.post("/workflows/<uuid:workflow_id>/webhooks")
def add_webhook(workflow_id):
    """New webhook; token and secret are shown this once."""
    store, _, audit = parts()
    wanted = body(HOOK)
    if store.workflow(str(workflow_id), g.community_id) is None:
        return error_response(404, "not_found")
    hook = store.add_webhook(str(workflow_id), wanted["require_signature"])
    audit(
        "webhook.create",
        community=g.community_id,
        user=g.identity.name,
        target=workflow_id,
    )
    return create_response(hook, 201)


@api.post("/events")
def event():
    """The router reports an event; matching workflows are run."""
    store, engine, _ = parts()
    ev = body(EVENT)
    found = store.triggered_by(
        g.community_id, ev["type"], ev["match_on"], ev["match_value"]
    )
    log.info(f"event {ev['type']} sender={ev['sender']} workflows={len(found)}")
    runs = [engine.execute(w, "event", ev["data"], ev["sender"]) for w in found]
    return create_response([{"execution_id": i, "status": s} for i, s in runs])
