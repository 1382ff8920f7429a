# Rendered by waddlegen from module_specs/ai-interaction.yaml and templates/module/handlers; edits are merged on update.
"""Handle what reaches the feature chat; the work is in its service."""

from quart import Blueprint, Response

from flask_core.api import action_response, flat_response, result_response
from flask_core.audit import audited
from flask_core.auth import require_api_key
from flask_core.datamodels import Event
from flask_core.idempotency import idempotent_call
from flask_core.ratelimit import rate_limit
from flask_core.requests import read_action, read_body, read_flat
from flask_core.resilience import time_limit
from flask_core.resources import resources

from models import ChatParams, CompleteChatParams
from services.chat_service import ChatService

blueprint = Blueprint("chat", __name__)


def service() -> ChatService:
    """The feature's service, with what the module works with."""
    return ChatService(resources())


@blueprint.post("/api/v1/action/chat")
@require_api_key(role="action")
@rate_limit(max_requests=100, window=60)
@idempotent_call
@time_limit(seconds=35)
@audited("chat")
async def chat() -> Response:
    """Ask the model, with the user's earlier messages in mind."""
    call, params = await read_action(ChatParams)
    result = await service().chat(call, params)
    return action_response("chat", result)


@blueprint.post("/api/v1/ai/chat")
@require_api_key(role="action")
@rate_limit(max_requests=100, window=60)
@idempotent_call
@time_limit(seconds=35)
@audited("chat")
async def chat_alias() -> Response:
    """Ask the model, with the user's earlier messages in mind."""
    call, params = await read_flat(ChatParams)
    result = await service().chat(call, params)
    return flat_response("chat", result)


@blueprint.post("/api/v1/ai/chat/completions")
@require_api_key(role="action")
@rate_limit(max_requests=60, window=60)
@time_limit(seconds=35)
@audited("complete_chat")
async def complete_chat() -> Response:
    """Continue a conversation the caller keeps, in the form of OpenAI's API; nothing
    is stored.
    """
    call, params = await read_body(CompleteChatParams)
    result = await service().complete_chat(call, params)
    return result_response(result)


async def on_event_inbound(event: Event) -> None:
    """Thanks whoever follows, subscribes or donates, and answers chat messages that
    end with a question mark.
    """
    await service().on_event_inbound(event)
