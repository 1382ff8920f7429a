"""What a request can end in besides its answer; each becomes the standard's error envelope."""

from collections.abc import Mapping


class ApiError(Exception):
    """A refusal with a status and a code; the message is for the caller to read.

    Serves "Error Responses" of the standard.
    """

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        fields: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.headers = dict(headers or {})
        self.fields = fields


class NotFound(ApiError):
    """404: the thing named does not exist, or belongs to another community."""

    def __init__(self, what: str = "resource") -> None:
        super().__init__(404, "not_found", f"no such {what}")


class DependencyUnavailable(ApiError):
    """503: a server the module needs cannot be reached or does not answer in time."""

    def __init__(self, dependency: str) -> None:
        super().__init__(
            503,
            "service_unavailable",
            f"{dependency} is unavailable, try again later",
            {"Retry-After": "5"},
        )
        self.dependency = dependency


class IsolationError(RuntimeError):
    """A statement would have crossed the border of a community; nothing was executed."""
