"""Send one HTTP request over loopback, and keep what came back."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECONDS = 5.0
LARGEST = 2_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; status 0 when there was none."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def kind(self) -> str:
        """The media type, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Whether a page came back."""
        return self.kind == "text/html" or self.text.lstrip()[:9].lower() == "<!doctype"

    @property
    def body(self) -> Any:
        """The JSON that came back, or None."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


NO_ANSWER = Answer(0, {}, "")


def send(
    port: int,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    data: bytes | None = None,
    seconds: float = SECONDS,
) -> Answer:
    """One request; whatever goes wrong with it is an answer of status 0."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body=data, headers=dict(headers or {}))
        response = connection.getresponse()
        text = response.read(LARGEST).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return NO_ANSWER
    finally:
        connection.close()
    kept = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, kept, text)
