"""Each platform's own way to sign, and what keeps an old event from being sent again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import Function, PythonFile
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_SCHEMES = {
    "twitch": (
        re.compile(r"Twitch-Eventsub-Message-Signature", re.I),
        (
            re.compile(r"Twitch-Eventsub-Message-Id", re.I),
            re.compile(r"Twitch-Eventsub-Message-Timestamp", re.I),
        ),
        "Twitch signs id + timestamp + body",
    ),
    "slack": (
        re.compile(r"X-Slack-Signature", re.I),
        (re.compile(r"X-Slack-Request-Timestamp", re.I),),
        "Slack signs `v0:` timestamp `:` body",
    ),
    "discord": (
        re.compile(r"X-Signature-Ed25519", re.I),
        (re.compile(r"X-Signature-Timestamp", re.I),),
        "Discord signs timestamp + body with Ed25519",
    ),
}


def _headers(file: PythonFile, function: Function) -> list[tuple[str, int]]:
    """The headers a function reads, names of constants resolved."""
    found = []
    constants = {
        a.target.rpartition(".")[2]: a.value.text
        for a in file.module.assigns
        if a.value.kind == "str"
    }
    for name, line in function.headers:
        found.append((constants.get(name.rpartition(".")[2], name), line))
    return found


@rule("WB433", severity=Severity.WARNING, topic="webhook", checklist="S3")
def wrong_signature_scheme(module: ModuleSource) -> Iterator[Problem]:
    """A platform's signature is checked over less than what the platform signs.

    Every real event is then refused, or an old one is accepted again. Verify as the platform
    says; flask_core.webhooks knows how.

    Bad:
        hmac over the body alone, for Twitch-Eventsub-Message-Signature
    Good:
        hmac over message id + timestamp + body
    """
    for file in module.python:
        every = {name for f in file.functions for name, _ in _headers(file, f)}
        for function in file.functions:
            for name, line in _headers(file, function):
                for signature, others, words in _SCHEMES.values():
                    if signature.fullmatch(name) and not all(
                        any(other.fullmatch(each) for each in every) for other in others
                    ):
                        yield module.problem(
                            file, line, f"{words}, and this does not read them"
                        )


_FRESH = re.compile(
    r"time|now|age|fresh|expire|window|tolerance|stale|seen|dedup|processed|"
    r"duplicate|replay|nonce",
    re.I,
)


@rule("WB434", severity=Severity.WARNING, topic="webhook", checklist=None)
def replayable_webhook(module: ModuleSource) -> Iterator[Problem]:
    """An event that was signed once is accepted for ever.

    Whoever recorded it can send it again. Refuse timestamps older than a few minutes, and ids
    that were seen before.

    Bad:
        only the signature is verified
    Good:
        if abs(time.time() - int(timestamp)) > 300: refuse
    """
    for file in module.python:
        for function in file.functions:
            for name, line in _headers(file, function):
                if not any(s.fullmatch(name) for s, _, _ in _SCHEMES.values()):
                    continue
                words = set()
                for other in file.functions:
                    words |= {c.last for c in other.calls} | {
                        a.target for a in other.assigns
                    }
                    words |= {n for n in other.names if "." in n}
                if not any(
                    _FRESH.search(word.rpartition(".")[2])
                    and not re.search(r"timestamp|timeout|datetime|runtime", word, re.I)
                    for word in words
                ):
                    yield module.problem(
                        file,
                        line,
                        "neither the age nor the id of the event is looked at",
                    )
