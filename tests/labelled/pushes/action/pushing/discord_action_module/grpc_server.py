"""gRPC front door.

Messages are JSON (see proto/README in the router repository): requests are
`{"params": {...}}`, replies `{"success": bool, "result": {...}}`.
"""

import json
from typing import Any, Callable, Dict

import grpc

from flask_core.aaa import AAALogger
from flask_core.auth import AuthError, Identity, resolve_community
from flask_core.validation import ValidationError

from guard import TokenChecker
from services.discord_client import DiscordError
from services.runner import ActionRunner, NotYours

SERVICE = "waddlebot.DiscordAction"

RPCS = {
    "SendMessage": "send_message",
    "SendEmbed": "send_embed",
    "AddReaction": "add_reaction",
    "EditMessage": "edit_message",
    "DeleteMessage": "delete_message",
    "ManageRole": "manage_role",
    "KickUser": "kick_user",
    "BanUser": "ban_user",
    "TimeoutUser": "timeout_user",
}


def _loads(raw: bytes) -> Any:
    """Bytes to object; None if they are no JSON."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _dumps(obj: Any) -> bytes:
    """Object to bytes."""
    return json.dumps(obj, separators=(",", ":")).encode()


class DiscordActionServicer:
    """One coroutine for all RPCs, bound to the action's name."""

    def __init__(
        self, runner: ActionRunner, checker: TokenChecker, aaa: AAALogger
    ) -> None:
        self.runner = runner
        self.checker = checker
        self.aaa = aaa

    async def _identify(self, context: Any) -> Identity:
        """Identity of the caller, or abort."""
        meta = dict(context.invocation_metadata() or ())
        try:
            return self.checker.identify(meta.get("authorization"))
        except AuthError as exc:
            self.aaa.auth("grpc", "failure", reason=str(exc))
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, exc.code)
            raise

    async def _community(self, context: Any, identity: Identity, action: str) -> int:
        """Community of the call, or abort."""
        meta = dict(context.invocation_metadata() or ())
        wanted = meta.get("x-community-id")
        try:
            if not identity.has_role("action"):
                raise AuthError(403, "forbidden", "role not sufficient")
            return resolve_community(identity, wanted)
        except AuthError as exc:
            self.aaa.authz(f"grpc.{action}", wanted, identity.name, "denied")
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, exc.code)
            raise

    def bind(self, action: str) -> Callable[[Any, Any], Any]:
        """Coroutine function for one RPC."""

        async def call(request: Any, context: Any) -> Dict[str, Any]:
            identity = await self._identify(context)
            community = await self._community(context, identity, action)
            params = request.get("params") if isinstance(request, dict) else None
            try:
                result = await self.runner.run(action, community, identity.name, params)
            except ValidationError as exc:
                self.runner.record_failure(community, identity.name, action, str(exc))
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(exc))
            except NotYours:
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, "forbidden")
            except DiscordError as exc:
                await context.abort(grpc.StatusCode.UNAVAILABLE, str(exc))
            return {"success": True, "result": result}

        return call


def build_server(servicer: DiscordActionServicer, port: int) -> grpc.aio.Server:
    """Server with all RPCs on a port; the mesh terminates TLS."""
    handlers = {
        rpc: grpc.unary_unary_rpc_method_handler(
            servicer.bind(action),
            request_deserializer=_loads,
            response_serializer=_dumps,
        )
        for rpc, action in RPCS.items()
    }
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 1 << 20)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, handlers),)
    )
    server.add_insecure_port(f"[::]:{port}")
    return server
