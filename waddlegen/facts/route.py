"""One route: a view, the paths and methods it answers, and what guards it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from waddlegen.facts.callers import AUTH
from waddlegen.facts.code import Evidence
from waddlegen.facts.python import Call, Function, PythonFile

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
OPEN = re.compile(
    r"(^|/)(health\w*|ready\w*|readiness|live\w*|liveness|metrics|status|ping|version|info|"
    r"favicon\.ico|robots\.txt|openapi(\.json|\.yaml)?|docs|redoc|swagger[\w.-]*|"
    r"\.well-known|static)(/|$)"
)
# What a page is made of; below /api/ the same words are business.
_ASSETS = re.compile(r"^/(assets|css|js|fonts|img|images)/[^/]+$")
_EXCHANGE = re.compile(
    r"(^|/)(token|log-?in|logout|sign-?in|sign-?up|callback|authorize|oauth\d?|refresh|sso)(/|$)|"
    # Who has no account yet, or has lost his password, has nothing to show.
    r"(^|/)(auth|accounts?)/(register|registration|forgot(-password)?|password/forgot|"
    r"verify-email)(/|$)"
)
WEBHOOK = re.compile(
    r"(^|[/_-])(webhooks?|hooks?|eventsub|websub|pubsub|interactions)([/_-]|$)|"
    r"slack/(events|commands|actions|interactions|shortcuts|interactive)",
    re.IGNORECASE,
)
_COLLECTION = re.compile(r"(^|/)(webhooks|hooks)(/<[^>/]+>)?/?$", re.IGNORECASE)
_KEEPS = re.compile(
    r"create|list|delete|update|register|get_|config|setup|add_|new_|remove|subscribe|make_",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"(^|[/_-])(search|lookup|query|find|validate|check|preview|estimate|exists|resolve|"
    r"expand|parse|render|calculate|evaluate|translate|compare|match|count)$"
)
_PUBLIC = re.compile(
    r"(^|\.)(public|allow_anonymous|anonymous|no_auth|exempt\w*|open_route)$"
)


@functools.lru_cache(maxsize=4096)
def _has(pattern: re.Pattern[str], text: str) -> bool:
    """Whether a text has a pattern; many rules ask it of the same few paths and names."""
    return pattern.search(text) is not None


@dataclass(slots=True)
class Route:
    """One view and the paths and methods it answers."""

    file: PythonFile
    number: int
    path: str
    methods: tuple[str, ...]
    line: int
    blueprint: tuple[str, str]
    decorators: tuple[Call, ...] = ()
    above: tuple[Call, ...] = ()
    auth: Evidence | None = None
    admin: Evidence | None = None
    websocket: bool = False
    wrapped: tuple[str, ...] = ()
    guard_line: int = 0
    # Of a class-based view whose methods are guarded together, by its `decorators`.
    class_line: int = 0
    endpoint: str = ""
    # The entry of a list by which a hook lets everybody on.
    exempt: Evidence | None = None
    # A check whose answer is thrown away.
    dropped: Evidence | None = None
    # The base class whose `decorators` this view's class does not take over.
    overridden: str = ""

    @property
    def function(self) -> Function:
        """The view."""
        return self.file.functions[self.number]

    @property
    def is_open(self) -> bool:
        """Whether anybody may call it: probes, metrics, status, the index, documents."""
        path = self.path.rstrip("/")
        if path in {"", "/api", "/api/v1"} or _has(OPEN, path):
            return not self.websocket
        if self.function.name == "send_static_file":
            return True
        if self.methods == ("GET",) and _has(_ASSETS, path):
            return True
        return any(_has(_PUBLIC, each.name) for each in self.decorators)

    @property
    def speaks_of_callers(self) -> bool:
        """Whether the view looks at anything that may say who is at the other end."""
        function = self.function
        said = (*function.names, *(name for name, _ in function.headers))
        return any(AUTH.search(name) for name in said) or any(
            AUTH.search(value.text) for call in function.calls for value in call.args
        )

    @property
    def is_exchange(self) -> bool:
        """Whether it is where a caller gets a token or comes back from a provider."""
        return _has(_EXCHANGE, self.path)

    @property
    def is_webhook(self) -> bool:
        """Whether a platform calls it."""
        name = self.function.name.lower()
        if _has(WEBHOOK, self.path):
            return not (_COLLECTION.search(self.path) and self._keeps_webhooks)
        signed = "POST" in self.methods and any(
            "signature" in header.lower() for header, _ in self.function.headers
        )
        return signed or ("webhook" in name and not _KEEPS.search(name))

    @property
    def _keeps_webhooks(self) -> bool:
        """Whether webhooks are what it makes, lists or removes."""
        return (
            _KEEPS.search(self.function.name) is not None
            or "POST" not in self.methods
            or ">" in self.path.rpartition("/")[0]
        )

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return not WRITES.isdisjoint(self.methods)

    @property
    def changes(self) -> bool:
        """Whether that is for others to see: a POST may only carry a long question."""
        return self.writes and not (
            self.methods == ("POST",) and _has(_ASKS, self.path.rstrip("/"))
        )

    @property
    def label(self) -> str:
        """`POST /api/v1/quotes`."""
        return f"{'/'.join(self.methods)} {self.path}"
