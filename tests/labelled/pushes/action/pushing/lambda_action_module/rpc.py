"""gRPC: waddlebot.LambdaAction, JSON messages."""

import json
import logging
from typing import Any, Awaitable, Callable, Dict

import grpc

from flask_core.auth import AuthError
from flask_core.validation import ValidationError, validate_input

from auth import aaa, authorize, bearer, decode_token, peek_claims
from services.aws import InvokeError
from services.invoker import Invoker, qualified
from settings import settings

log = logging.getLogger(f"{settings.MODULE}:{settings.version}")

Handler = Callable[[Any, Any], Awaitable[Dict[str, Any]]]

INVOKE = {
    "function_name": {"type": "string", "required": True, "max_length": 64},
    "payload": {"type": "object"},
}


def _loads(raw: bytes) -> Any:
    """Bytes to object; None if they are no JSON."""
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _caller(context: Any) -> Any:
    """Identity and community of a call, or AuthError."""
    meta = dict(context.invocation_metadata() or ())
    token = bearer(meta.get("authorization"))
    claims = peek_claims(token)
    if claims.get("typ") == "user":
        claims = decode_token(token)
    return authorize(claims, "action", meta.get("x-community-id"))


def guarded(handler: Any) -> Handler:
    """Authenticate, then run; translate exceptions to status codes."""

    async def call(request: Any, context: Any) -> Dict[str, Any]:
        try:
            identity, community = _caller(context)
            result = await handler(request, identity, community)
            return {"success": True, "result": result}
        except AuthError as exc:
            aaa.auth("grpc", "failure", reason=str(exc))
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, exc.code)
        except ValidationError as exc:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(exc))
        except InvokeError as exc:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(exc))
        return {}

    return call


def build_server(invoker: Invoker, port: int) -> grpc.aio.Server:
    """Server for a port; the mesh terminates TLS."""

    async def invoke(request: Any, identity: Any, community: int) -> Any:
        """Invoke and wait."""
        body = validate_input(request, INVOKE)
        name = qualified(body["function_name"])
        return await invoker.run(community, identity.name, name, body.get("payload"))

    async def invoke_async(request: Any, identity: Any, community: int) -> Any:
        """Invoke in the background."""
        body = validate_input(request, INVOKE)
        name = qualified(body["function_name"])
        return await invoker.run_later(
            community, identity.name, name, body.get("payload"), None
        )

    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "waddlebot.LambdaAction",
                {
                    rpc: grpc.unary_unary_rpc_method_handler(
                        guarded(fn),
                        request_deserializer=_loads,
                        response_serializer=lambda o: json.dumps(o).encode(),
                    )
                    for rpc, fn in (("Invoke", invoke), ("InvokeAsync", invoke_async))
                },
            ),
        )
    )
    server.add_insecure_port(f"[::]:{port}")
    log.info("grpc on %d", port)
    return server
