"""What an attacker tries first: none of it gets in, out of its community, or into SQL."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flask_core.auth import create_jwt
from flask_core.logging import parse_line
from tests.runtime.live import COMMUNITY, Live, live

OURS, THEIRS = COMMUNITY, 2002
SECRET = "crown jewels"
LIST, SEARCH = "/api/v1/inventory", "/api/v1/inventory/search"
ADD, DELETE = "/api/v1/action/add_item", "/api/v1/action/delete_item"
REFUSED = {400, 401, 403, 404, 405, 413, 415, 501}


@dataclass(frozen=True)
class Probe:
    """One attempt; `{user}`, `{jwt}` and the like are filled in by the fixture."""

    name: str
    method: str = "GET"
    path: str = LIST
    body: Any = None
    key: str | None = "{ours}"
    community: str | None = str(OURS)
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    allowed: frozenset[int] = frozenset(REFUSED)


def act(params: Any, **more: Any) -> dict[str, Any]:
    """The body of an action."""
    return {"user_id": "discord:1", "context": {}, "params": params, **more}


ITEM = act({"name": "intruder"})
THEIR_ITEM = "/api/v1/inventory/items/{their_id}"
READS = frozenset({200, 400, 404})
PROBES = [
    Probe("no key", key=None),
    Probe("empty key", key=""),
    Probe("unknown key", key="x" * 43),
    Probe("half a key", key="{ours_half}"),
    Probe("a key and a blank", key="{ours}x"),
    Probe("a key in another case", key="{ours_upper}"),
    Probe("a key of 10 kB", key="k" * 10_000),
    Probe("SQL as key", key="' OR '1'='1"),
    Probe("a wildcard as key", key="%"),
    Probe("null as key", key="null"),
    Probe("the digest as key", key="{ours_digest}"),
    Probe("an expired key", key="{expired}"),
    Probe("a revoked key", key="{revoked}"),
    Probe("a key in the query", path=f"{LIST}?api_key={{ours}}", key=None),
    Probe("a key in a cookie", key=None, headers=(("Cookie", "X-API-Key={ours}"),)),
    Probe("a key as bearer", key=None, headers=(("Authorization", "Bearer {ours}"),)),
    Probe("a key as basic", key=None, headers=(("Authorization", "Basic {ours}"),)),
    Probe("a token for a key", key="{jwt}"),
    Probe("a token unasked", key=None, headers=(("Authorization", "Bearer {jwt}"),)),
    Probe("a proxied caller", key=None, headers=(("X-Forwarded-For", "127.0.0.1"),)),
    Probe("a rewritten path", path="/health", method="POST"),
    Probe("X-Original-URL", path="/nowhere", headers=(("X-Original-URL", LIST),)),
    Probe("an overridden method", key=None, headers=(("X-HTTP-Method", "GET"),)),
    Probe("HEAD without key", method="HEAD", key=None),
    Probe("OPTIONS without key", method="OPTIONS", key=None),
    Probe("TRACE", method="TRACE"),
    Probe("PATCH", method="PATCH"),
    Probe("two slashes", path="//api/v1/inventory", key=None),
    Probe("a dot", path="/api/v1/%2e/inventory", key=None),
    Probe("an encoded slash", path="/api%2fv1%2finventory", key=None),
    Probe("capitals", path="/API/v1/inventory", key=None),
    Probe("a semicolon", path="/api/v1/inventory;x", key=None),
    Probe("the status", path="/api/v1/status", key=None),
    Probe("a user who deletes", "POST", DELETE, act({"id": 1}), key="{user}"),
    Probe("a user who adds", "POST", ADD, ITEM, key="{user}"),
    Probe("an action who deletes", "POST", DELETE, act({"id": 1}), key="{action}"),
    Probe(
        "a role header", "POST", ADD, ITEM, key="{user}", headers=(("X-Role", "admin"),)
    ),
    Probe(
        "a role in the body",
        "POST",
        ADD,
        act({"name": "i"}, role="admin"),
        key="{user}",
    ),
    Probe("no community", community=None),
    Probe("their community", community=str(THEIRS)),
    Probe("community 0", community="0"),
    Probe("community -1", community="-1"),
    Probe("all communities", community="*"),
    Probe("two communities", community=f"{OURS},{THEIRS}"),
    Probe("a blank before it", community=f"{THEIRS} "),
    Probe("a community in hex", community="0x7d2"),
    Probe("a community as float", community=f"{THEIRS}.0"),
    Probe("a huge community", community="9" * 30),
    Probe("SQL as community", community=f"{THEIRS} OR 1=1"),
    Probe("community in the query", path=f"{LIST}?community_id={THEIRS}"),
    Probe(
        "community in the params",
        "POST",
        ADD,
        act({"name": "i", "community_id": THEIRS}),
    ),
    Probe(
        "community in the body", "POST", ADD, act({"name": "i"}, community_id=THEIRS)
    ),
    Probe("their item", path=THEIR_ITEM),
    Probe("changing their item", "PUT", THEIR_ITEM, {"name": "ours now"}),
    Probe("deleting their item", "POST", DELETE, act({"id": "{their_id}"})),
    Probe("deleting by number", "POST", DELETE, act({"id": 1, "item_id": 1})),
    Probe("lending their item", "POST", "/api/v1/action/checkout", act({"item_id": 1})),
    Probe("SQL in a search", path=f"{SEARCH}?q=%25' OR '1'='1", allowed=READS),
    Probe(
        "UNION in a search", path=f"{SEARCH}?q=x' UNION SELECT key_hash", allowed=READS
    ),
    Probe("wildcards in a search", path=f"{SEARCH}?q=%25", allowed=READS),
    Probe("SQL in a cursor", path=f"{LIST}?after=' OR 1=1 --"),
    Probe("their cursor", path=f"{LIST}?after={{their_cursor}}", allowed=READS),
    Probe("SQL in a limit", path=f"{LIST}?limit=1;DROP TABLE inventory_items"),
    Probe("SQL in a path", path="/api/v1/inventory/items/1 OR 1=1"),
    Probe("a path upwards", path="/docs/../../config.py"),
    Probe("an encoded path upwards", path="/docs/..%2f..%2fconfig.py"),
    Probe("the sources", path="/main.py"),
    Probe("the environment", path="/.env"),
    Probe("a forged line", "POST", ADD, {**ITEM, "user_id": "a:1 result=success\n[x"}),
    Probe("a NUL", "POST", ADD, act({"name": "a\x00b"})),
    Probe("a deep body", "POST", ADD, raw=b'{"a":' * 5000 + b"1" + b"}" * 5000),
    Probe("a huge number", "POST", ADD, act({"name": "i", "quantity": 10**30})),
    Probe("NaN", "POST", ADD, raw=b'{"user_id":"discord:1","params":{"quantity":NaN}}'),
    Probe("2 MB", "POST", ADD, act({"name": "x" * 2_000_000})),
    Probe(
        "XML",
        "POST",
        ADD,
        raw=b"<!DOCTYPE x><x/>",
        headers=(("Content-Type", "text/xml"),),
    ),
    Probe(
        "a form", "POST", ADD, raw=b"name=x", headers=(("Content-Type", "text/plain"),)
    ),
    Probe("a list", "POST", ADD, [ITEM]),
    Probe("not UTF-8", "POST", ADD, raw=b'{"user_id":"\xff"}'),
    Probe("gzip", "POST", ADD, raw=gzip.compress(json.dumps(ITEM).encode())),
    Probe("a second key", "POST", ADD, raw=b'{"user_id":"x","user_id":"discord:1"}'),
]


@dataclass
class Target:
    """The module under attack, and what fills the probes."""

    module: Live
    values: dict[str, str]


@pytest.fixture(scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """An inventory in which another community has something to lose."""
    folder = tmp_path_factory.mktemp("probes")
    async with live("inventory-interaction", folder) as module:
        past = datetime.now(UTC) - timedelta(hours=1)
        rows = await module.sql(
            "INSERT INTO inventory_items (community_id, name) VALUES ($1, $2) RETURNING id",
            THEIRS,
            SECRET,
        )
        ours = await module.add_key("admin", [OURS])
        secret = module.environment["API_KEY_SECRET"].encode()
        import base64
        import hmac

        yield Target(
            module,
            {
                "ours": ours,
                "ours_half": ours[:20],
                "ours_upper": ours.swapcase(),
                "ours_digest": hmac.digest(secret, ours.encode(), "sha256").hex(),
                "user": await module.add_key("user", [OURS]),
                "action": await module.add_key("action", [OURS]),
                "expired": await module.add_key("admin", [OURS], expires_at=past),
                "revoked": await module.add_key("admin", [OURS], is_active=False),
                "their_id": str(rows[0]["id"]),
                "their_cursor": base64.urlsafe_b64encode(b"[0,0]").decode(),
                "jwt": create_jwt(
                    "x", ["admin"], [OURS], "wrong" * 10, 60, "inventory-interaction"
                ),
            },
        )


def filled(value: Any, values: dict[str, str]) -> Any:
    """The probe's text with the fixture's values in it."""
    match value:
        case str():
            for name, text in values.items():
                value = value.replace(f"{{{name}}}", text)
            return value
        case dict():
            return {key: filled(item, values) for key, item in value.items()}
        case list():
            return [filled(item, values) for item in value]
    return value


async def send(target: Target, probe: Probe) -> tuple[int, str]:
    """Make the attempt; the status and the text of the answer."""
    headers = {name: filled(v, target.values) for name, v in probe.headers}
    if probe.key is not None:
        headers["X-API-Key"] = filled(probe.key, target.values)
    if probe.community is not None:
        headers["X-Community-ID"] = probe.community
    data = probe.raw
    if data is None and probe.body is not None:
        data = json.dumps(filled(probe.body, target.values)).encode()
    if data is not None:
        headers.setdefault("Content-Type", "application/json")
    from yarl import URL

    path = filled(probe.path, target.values).replace(" ", "%20")
    url = URL(target.module.url + path, encoded=True)
    async with target.module.session.request(
        probe.method, url, data=data, headers=headers
    ) as answer:
        return answer.status, await answer.text()


def test_there_are_enough() -> None:
    """Sixty at least, and no two of them the same."""
    assert 60 <= len(PROBES)
    assert len(PROBES) == len({probe.name for probe in PROBES})


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
async def test_an_attempt_fails(target: Target, probe: Probe) -> None:
    """It is refused as the standard says, and nothing of theirs is seen or changed."""
    status, text = await send(target, probe)

    assert status in probe.allowed, (status, text)
    assert SECRET not in text and "Traceback" not in text and "SELECT" not in text
    if status >= 400 and probe.method != "HEAD":
        assert {"error", "message", "status"} <= set(json.loads(text)), text
    rows = await target.module.sql(
        "SELECT name FROM inventory_items WHERE community_id = $1", THEIRS
    )
    assert [SECRET] == [row["name"] for row in rows]
    intruders = await target.module.sql(
        "SELECT 1 FROM inventory_items WHERE name IN ('intruder', 'i', 'ours now')"
    )
    assert [] == intruders


async def test_the_right_key_does_get_in(target: Target) -> None:
    """Else the refusals would prove nothing."""
    item = act({"name": "lantern"})
    added = await send(target, Probe("", "POST", ADD, item))
    listed = await send(target, Probe(""))

    assert 200 == added[0], added
    assert 200 == listed[0] and "lantern" in listed[1]


async def test_every_line_of_the_log_still_parses(target: Target) -> None:
    """No attempt forged one, and none of the keys is in it."""
    lines = target.module.lines
    assert len(lines) > 20
    for line in lines:
        fields = parse_line(line)
        assert fields is not None, line
        assert fields["module"] == "inventory_interaction"
    text = "\n".join(lines)
    assert target.values["ours"] not in text and target.values["user"] not in text
