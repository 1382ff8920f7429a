"""REST views."""

import time
import uuid
from typing import Any

from quart import Blueprint, current_app, g, request
from quart.views import MethodView

from flask_core.api import create_response, error_response
from flask_core.ratelimit import rate_limit
from flask_core.validation import ValidationError, validate_input

from config import MODULE
from guard import jwt_required
from services.discord_client import DiscordError
from services.runner import ActionRunner, NotYours, UnknownAction

bp = Blueprint("actions", __name__, url_prefix="/api/v1")

EXECUTE = {
    "command": {"type": "string", "required": True, "max_length": 64},
    "args": {"type": "object", "required": True},
}


class ActionView(MethodView):
    """Base of the module's views."""

    decorators = [jwt_required("action")]

    @property
    def runner(self) -> ActionRunner:
        """The application's runner."""
        return current_app.extensions[MODULE].runner

    async def perform(self, action: str, params: Any) -> Any:
        """Run and translate exceptions to the documented errors."""
        started = time.monotonic()
        try:
            result = await self.runner.run(
                action, g.community_id, g.identity.name, params
            )
        except UnknownAction:
            return error_response(404, "unknown_action")
        except ValidationError as exc:
            return error_response(400, "invalid_input", str(exc))
        except NotYours:
            self.runner.aaa.authz(
                action, "denied", community=g.community_id, user=g.identity.name
            )
            return error_response(403, "forbidden")
        except DiscordError as exc:
            code = 503 if exc.status >= 500 or exc.status == 429 else 400
            return error_response(code, "discord_error", str(exc))
        return create_response(
            result,
            action_id=f"action_{uuid.uuid4().hex[:12]}",
            execution_time_ms=int((time.monotonic() - started) * 1000),
        )


class RunAction(ActionView):
    """POST /api/v1/action/<action_id>"""

    decorators = [*ActionView.decorators, rate_limit(max_requests=100, window=60)]

    async def post(self, action_id: str) -> Any:
        """Run the action with the body's params."""
        body = await request.get_json(silent=True)
        if not isinstance(body, dict):
            return error_response(400, "invalid_input", "body must be a JSON object")
        return await self.perform(action_id, body.get("params"))


class Execute(ActionView):
    """POST /api/v1/execute, the router's way in."""

    async def post(self) -> Any:
        """Translate the router's call."""
        try:
            body = validate_input(await request.get_json(silent=True), EXECUTE)
        except ValidationError as exc:
            return error_response(400, "invalid_input", str(exc))
        return await self.perform(body["command"], body["args"])


class History(ActionView):
    """GET /api/v1/history"""

    decorators = [rate_limit(max_requests=30, window=60)]

    async def get(self) -> Any:
        """Newest actions of a community."""
        try:
            community_id = int(request.headers.get("X-Community-ID", ""))
            limit = min(max(int(request.args.get("limit", 50)), 1), 200)
            before = request.args.get("before", type=int)
        except ValueError:
            return error_response(400, "invalid_input")
        rows = await self.runner.store.history(community_id, limit, before)
        for row in rows:
            row["created_at"] = row["created_at"].isoformat()
        return create_response(rows)


class Status(ActionView):
    """GET /api/v1/status"""

    async def get(self) -> Any:
        """Which actions there are."""
        return create_response({"module": MODULE, "actions": sorted(self.runner.ops)})


for view, rule in (
    (RunAction, "/action/<action_id>"),
    (Execute, "/execute"),
    (History, "/history"),
    (Status, "/status"),
):
    bp.add_url_rule(rule, view_func=view.as_view(view.__name__.lower()))
