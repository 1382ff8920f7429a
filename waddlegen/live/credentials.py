"""Find out what a running module takes for a key, and make keys that it should refuse."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from waddlegen.facts.routes import Route
from waddlegen.live.requests import call, requested
from waddlegen.live.sandbox import Overrun, run
from waddlegen.live.trial import Trial
from waddlegen.live.variables import COMMUNITY
from waddlegen.measures import keyed

Headers = Mapping[str, str]
WRONG: tuple[Headers, ...] = (
    {},
    {
        "X-API-Key": "wrong-key",
        "X-Service-Key": "wrong-key",
        "Authorization": "Bearer wrong.token.here",
    },
)
_KEY_HEADERS = ("X-API-Key", "X-Service-Key", "X-Internal-Key", "X-Service-API-Key")
_NAMES = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL")

_STORE = """\
import asyncio, hmac, os, sys
import asyncpg
key, community = sys.argv[1:]
secret = os.environ["API_KEY_SECRET"].encode()
digest = hmac.digest(secret, key.encode(), "sha256").hex()

async def store():
    connection = await asyncpg.connect(
        host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]),
        user=os.environ["DB_USER"], password=os.environ["DB_PASSWORD"],
        database=os.environ["DB_NAME"],
    )
    await connection.execute(
        "INSERT INTO api_keys (key_hash, name, role, scopes) VALUES ($1, 'live', 'trigger', $2)",
        digest, '{"communities": [%s]}' % community,
    )
    await connection.close()

asyncio.run(store())
"""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Headers that a module accepts, and what kind they are."""

    headers: Headers
    kind: str


def accepted(trial: Trial) -> Credentials | None:
    """Headers with which the protected routes let a caller in; None when none was found."""
    if "credentials" not in trial.known:
        trial.known["credentials"] = _found(trial)
    found = trial.known["credentials"]
    return found if isinstance(found, Credentials) else None


def _found(trial: Trial) -> Credentials | None:
    """Try what the environment holds on a route that refuses a caller without it."""
    refusing = [
        (route, method)
        for route in trial.source.routes
        if keyed(route)
        for method in requested(route)
        if call(trial, route, method, {}).status in {401, 403}
    ]
    for route, method in refusing[:3]:
        for tried in _candidates(trial):
            answer = call(trial, route, method, tried.headers)
            if answer.status not in {0, 401, 403, 429}:
                return tried
    return None


def _candidates(trial: Trial) -> Iterator[Credentials]:
    """Keys of the environment in each header, and tokens signed with its secrets."""
    community = {"X-Community-ID": str(COMMUNITY), "X-User-ID": "discord:1"}
    secrets = {n: v for n, v in trial.variables.items() if _NAMES.search(n) and v}
    order = sorted(
        secrets, key=lambda name: ("BOOTSTRAP" not in name, "KEY" not in name)
    )
    headers = [*_KEY_HEADERS, *_header_names(trial)]
    for name in order:
        for header in dict.fromkeys(headers):
            yield Credentials({header: secrets[name], **community}, "key")
        bearer = {"Authorization": f"Bearer {secrets[name]}", **community}
        yield Credentials(bearer, "key")
    for name in order:
        if re.search(r"JWT|SECRET", name):
            headers_of = {**bearer_of(secrets[name], "admin"), **community}
            yield Credentials(headers_of, f"token {name}")


def _header_names(trial: Trial) -> Iterator[str]:
    """The headers that the program reads a key from."""
    for _, function in trial.source.functions():
        for name, _ in function.headers:
            if re.search(r"key|token|auth|secret", name, re.IGNORECASE):
                if re.fullmatch(r"[\w-]+", name) and name.lower() != "authorization":
                    yield name


def bearer_of(secret: str, role: str) -> Headers:
    """The header of a token for a made-up user of one role."""
    return {"Authorization": f"Bearer {token(secret, role)}"}


def token(secret: str, role: str) -> str:
    """A JSON Web Token, signed with HS256."""
    now = int(time.time())
    claims = {
        **{"sub": "1", "user_id": "1", "username": "live", "role": role},
        **{"roles": [role], "is_admin": role == "admin", "type": "access"},
        **{"communities": [COMMUNITY], "community_id": COMMUNITY},
        **{"iat": now, "exp": now + 3600},
    }
    parts = [_encoded({"alg": "HS256", "typ": "JWT"}), _encoded(claims)]
    signed = ".".join(parts).encode()
    digest = hmac.digest(secret.encode(), signed, hashlib.sha256)
    return ".".join([*parts, _base64(digest)])


def _encoded(value: object) -> str:
    """JSON in the alphabet of URLs."""
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    """Bytes in the alphabet of URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def lesser(trial: Trial, route: Route) -> Headers | None:
    """Headers of a caller that a module knows, and whose role is too small for a route."""
    found = accepted(trial)
    if found is None:
        return None
    if found.kind.startswith("token ") and route.admin is not None:
        secret = trial.variables[found.kind.removeprefix("token ")]
        return {**found.headers, **bearer_of(secret, "viewer")}
    told = any(
        "trigger" in v.text for c in route.decorators for v in c.keywords.values()
    )
    if trial.source.generated_by_us and trial.servers.database and not told:
        if "lesser" not in trial.known:
            trial.known["lesser"] = _small_key(trial)
        key = trial.known["lesser"]
        return {**found.headers, "X-API-Key": str(key)} if key else None
    return None


def _small_key(trial: Trial) -> str:
    """A key of a role that few routes want, stored as the module's own library stores it."""
    key = f"small-{trial.variables['API_KEY_SECRET']}"
    words = [str(trial.interpreter.python), "-c", _STORE, key, str(COMMUNITY)]
    try:
        done = run(words, trial.folder, trial.variables, trial.left(20))
    except Overrun:
        return ""
    return "" if done.code else key
