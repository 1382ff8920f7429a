"""Conversations with the model, and thanks for those who support a community."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from flask_core.context import community_or_none
from flask_core.datamodels import Call, Event, Result
from flask_core.errors import ApiError, DependencyUnavailable
from flask_core.logging import log_error, log_system
from flask_core.outbound import UpstreamRefused
from flask_core.resources import Resources

from config import settings
from models import ChatParams, CompleteChatParams, ConversationMessage
from services.configuration_service import Configuration, ConfigurationService
from services.external_api import Answer, Message, Question, provider

LONGEST_MESSAGE = 10_000
COMMAND_PREFIXES = ("!", "/")
ROLES = ("system", "user", "assistant")
DEEDS = {
    "follow": "has just followed the channel",
    "subscription": "has just subscribed to the channel",
    "donation": "has just made a donation",
}


class ChatService:
    """Business logic of the feature chat."""

    def __init__(self, resources: Resources) -> None:
        """Keep what the module works with."""
        self.resources = resources

    async def chat(self, call: Call, params: ChatParams) -> Result:
        """Ask the model, with the user's earlier messages in mind."""
        user_id = call.user_id or "system:unknown"
        said = await self._converse(
            user_id, call.platform or "unknown", params.message, params.model
        )
        await self._announce("chat", user_id, call.platform, call.context, said)
        return said

    async def complete_chat(self, call: Call, params: CompleteChatParams) -> Result:
        """Continue a conversation the caller keeps, in the form of OpenAI's API."""
        chosen = await self._configuration()
        messages = _read_messages(params.messages)
        if messages[0].role != "system":
            messages = (Message("system", chosen.system_prompt), *messages)
        question = Question(
            model=params.model or chosen.model,
            messages=messages,
            temperature=_given(params.temperature, chosen.temperature),
            max_tokens=params.max_tokens or chosen.max_tokens,
        )
        answer = await self._ask(chosen, question, named=params.model is not None)
        return _completion(answer)

    async def on_event_inbound(self, event: Event) -> None:
        """Thank whoever follows, subscribes or donates; answer what is a question."""
        if event.community_id is None:
            log_system("event_ignored", "success", reason="no_community")
            return
        facts = event.payload
        user_id = _words(facts.get("user_id"), 150)
        if event.type in DEEDS:
            name = _words(facts.get("username"), 100) or "somebody"
            said = await self._thank(name, DEEDS[event.type])
        elif event.type == "chatMessage" and user_id and _is_question(facts):
            platform = _words(facts.get("platform"), 50) or "unknown"
            message = str(facts["message"]).replace("\x00", "")[:LONGEST_MESSAGE]
            said = await self._converse(user_id, platform, message, None)
        else:
            return
        await self._announce(event.type or "", user_id, None, facts, said)

    async def _converse(
        self, user_id: str, platform: str, message: str, model: str | None
    ) -> dict[str, object]:
        """Have the model answer a user, and store both messages."""
        chosen = await self._configuration()
        messages = (
            Message("system", chosen.system_prompt),
            *await self._history(user_id),
            Message("user", message),
        )
        answer = await self._ask(
            chosen, _question(chosen, messages, model), named=model is not None
        )
        message_id = await self._remember(user_id, platform, message, answer.text)
        return {**_said(answer, chosen), "message_id": message_id}

    async def _thank(self, name: str, deed: str) -> dict[str, object]:
        """Have the model thank somebody; there is no conversation to store."""
        chosen = await self._configuration()
        request = f"{name} {deed}. Thank {name} in one short, warm sentence."
        messages = (
            Message("system", chosen.system_prompt),
            Message("user", request),
        )
        answer = await self._ask(chosen, _question(chosen, messages, None), named=False)
        return _said(answer, chosen)

    async def _configuration(self) -> Configuration:
        """What holds for the community."""
        return await ConfigurationService(self.resources).effective()

    async def _ask(
        self, chosen: Configuration, question: Question, *, named: bool
    ) -> Answer:
        """Ask the provider; a model it lacks is the fault of who named it."""
        try:
            return await provider(self.resources, chosen.provider).ask(question)
        except UpstreamRefused as refusal:
            log_error(
                community_or_none(),
                "ask_model",
                f"{chosen.provider}_{refusal.status_code}",
            )
            if named and refusal.status_code == 404:
                message = f"{chosen.provider} has no such model"
                fields = [{"field": "model", "message": message}]
                raise ApiError(
                    400, "invalid_input", f"model: {message}", fields=fields
                ) from None
            raise

    async def _history(self, user_id: str) -> tuple[Message, ...]:
        """The last messages between a user and the model, oldest first."""
        wanted = settings().ai_history_messages
        if wanted <= 0:
            return ()
        page = await self.resources.db.page(
            ConversationMessage,
            ConversationMessage.user_id == user_id,
            order_by=ConversationMessage.id.desc(),
            limit=wanted,
        )
        return tuple(Message(row.role, row.content) for row in reversed(page.items))

    async def _remember(
        self, user_id: str, platform: str, message: str, reply: str
    ) -> int:
        """Store a message and its answer; the id of the message."""
        database = self.resources.db
        place = {"user_id": user_id, "platform": platform}
        async with database.transaction():
            asked = await database.create(
                ConversationMessage, **place, role="user", content=message
            )
            await database.create(
                ConversationMessage, **place, role="assistant", content=reply
            )
        return asked.id

    async def _announce(
        self,
        trigger: str,
        user_id: str,
        platform: str | None,
        place: Mapping[str, Any],
        said: Mapping[str, object],
    ) -> None:
        """Publish an answer; a lost event is logged, for the answer itself is out."""
        payload = {
            "trigger": trigger,
            "user_id": user_id,
            "platform": platform or _words(place.get("platform"), 50) or None,
            "channel": _words(place.get("channel"), 255) or None,
            **said,
        }
        try:
            await self.resources.events.publish("ai.response_generated", payload)
        except DependencyUnavailable as error:
            log_error(community_or_none(), "publish_response", error.error)


def _question(
    chosen: Configuration, messages: tuple[Message, ...], model: str | None
) -> Question:
    """A question in the manner the community has chosen."""
    return Question(
        model=model or chosen.model,
        messages=messages,
        temperature=chosen.temperature,
        max_tokens=chosen.max_tokens,
    )


def _said(answer: Answer, chosen: Configuration) -> dict[str, object]:
    """An answer as callers and events see it."""
    return {
        "response": answer.text,
        "model": answer.model,
        "provider": chosen.provider,
    }


def _completion(answer: Answer) -> dict[str, object]:
    """An answer in the form of OpenAI's API."""
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": answer.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer.text},
                "finish_reason": answer.finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        },
    }


def _read_messages(given: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """The messages of a request; raises 400 that names each one that is none."""
    messages, problems = [], []
    for index, item in enumerate(given):
        match item:
            case {"role": str(role), "content": str(content)} if (
                role in ROLES and 0 < len(content) <= LONGEST_MESSAGE
            ):
                messages.append(Message(role, content))
            case _:
                problems.append(index)
    if problems or not messages:
        message = (
            f"needs a role ({', '.join(ROLES)}) and a content of 1 to "
            f"{LONGEST_MESSAGE} characters"
        )
        fields = [
            {"field": f"messages.{index}", "message": message}
            for index in problems or [0]
        ]
        raise ApiError(400, "invalid_input", f"messages: {message}", fields=fields)
    return tuple(messages)


def _given(value: float | None, otherwise: float) -> float:
    """A number where one was given; zero is one."""
    return otherwise if value is None else value


def _words(value: Any, longest: int) -> str:
    """A fact of an event as text on one line; nothing where it is none."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text.replace("\x00", "")[:longest]


def _is_question(facts: Mapping[str, Any]) -> bool:
    """Whether a chat message ends with a question mark; a command is the router's."""
    message = facts.get("message")
    if not isinstance(message, str) or message.lstrip().startswith(COMMAND_PREFIXES):
        return False
    return message.rstrip().endswith("?")
