"""The language models: a client for Ollama, and one for servers with OpenAI's API.

Both take the same question and give the same answer. Whatever goes wrong on the other
side (down, slow, nonsense) is DependencyUnavailable or UpstreamRefused, and so a 503.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from flask_core.errors import DependencyUnavailable
from flask_core.outbound import HttpClient
from flask_core.resources import Resources

from config import settings


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation: who says what."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked, and in what manner it may answer."""

    model: str
    messages: tuple[Message, ...]
    temperature: float
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered, and what that cost."""

    text: str
    model: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class Provider(Protocol):
    """A kind of server whose models answer."""

    async def ask(self, question: Question) -> Answer:
        """Have a model answer."""
        ...

    async def models(self) -> tuple[str, ...]:
        """Name the models there are."""
        ...


class Ollama:
    """A server of Ollama's, by its own API and without streaming."""

    def __init__(self, http: HttpClient, keep_alive: str) -> None:
        """Keep the client, and how long a model shall stay in memory."""
        self.http = http
        self.keep_alive = keep_alive

    async def ask(self, question: Question) -> Answer:
        """Have a model answer, and keep it in memory for the next question."""
        answer = await self.http.request_json(
            "POST",
            "/api/chat",
            json={
                "model": question.model,
                "messages": [asdict(message) for message in question.messages],
                "stream": False,
                "keep_alive": self.keep_alive,
                "options": {
                    "temperature": question.temperature,
                    "num_predict": question.max_tokens,
                },
            },
        )
        match answer:
            case {"message": {"content": str(text)}, "done": True} if _clean(text):
                return Answer(
                    text=_clean(text),
                    model=_text(answer.get("model"), question.model),
                    finish_reason=_text(answer.get("done_reason"), "stop"),
                    prompt_tokens=_count(answer.get("prompt_eval_count")),
                    completion_tokens=_count(answer.get("eval_count")),
                )
        raise DependencyUnavailable("ollama")

    async def models(self) -> tuple[str, ...]:
        """Name the models that were pulled."""
        match await self.http.request_json("GET", "/api/tags"):
            case {"models": list(found)}:
                return _names(found, "name")
        raise DependencyUnavailable("ollama")


class OpenAI:
    """A server with OpenAI's API; the client sends the key, if there is one."""

    def __init__(self, http: HttpClient) -> None:
        """Keep the client."""
        self.http = http

    async def ask(self, question: Question) -> Answer:
        """Have a model answer."""
        answer = await self.http.request_json(
            "POST",
            "/chat/completions",
            json={
                "model": question.model,
                "messages": [asdict(message) for message in question.messages],
                "temperature": question.temperature,
                "max_completion_tokens": question.max_tokens,
                "stream": False,
            },
        )
        match answer:
            case {"choices": [{"message": {"content": str(text)}} as choice, *_]}:
                if not _clean(text):
                    raise DependencyUnavailable("openai")
                usage = answer.get("usage")
                counts = usage if isinstance(usage, dict) else {}
                return Answer(
                    text=_clean(text),
                    model=_text(answer.get("model"), question.model),
                    finish_reason=_text(choice.get("finish_reason"), "stop"),
                    prompt_tokens=_count(counts.get("prompt_tokens")),
                    completion_tokens=_count(counts.get("completion_tokens")),
                )
        raise DependencyUnavailable("openai")

    async def models(self) -> tuple[str, ...]:
        """Name the models the key may use."""
        match await self.http.request_json("GET", "/models"):
            case {"data": list(found)}:
                return _names(found, "id")
        raise DependencyUnavailable("openai")


def provider(resources: Resources, name: str) -> Provider:
    """The client of one kind of server."""
    if name == "openai":
        return OpenAI(resources.http("openai"))
    return Ollama(resources.http("ollama"), settings().ai_keep_alive)


def _clean(text: str) -> str:
    """A text without space around it, and without what no database holds."""
    return text.replace("\x00", "").strip()


def _text(value: Any, otherwise: str) -> str:
    """A text where there is one."""
    return value if isinstance(value, str) and value else otherwise


def _count(value: Any) -> int:
    """A number of tokens; 0 where the server does not say."""
    return value if isinstance(value, int) and value >= 0 else 0


def _names(found: list[Any], key: str) -> tuple[str, ...]:
    """The names in a list of models, sorted."""
    named = (item.get(key) for item in found if isinstance(item, Mapping))
    return tuple(sorted({name for name in named if isinstance(name, str)}))
