"""API keys are found by their digest, for as long as they are good."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flask_core import apikeys
from flask_core.apikeys import ApiKey, KeyStore
from flask_core.config import ModuleSettings
from flask_core.context import all_communities
from flask_core.database import AsyncDAL
from flask_core.datamodels import Principal
from flask_core.errors import DependencyUnavailable
from flask_core.migrate import PLATFORM
from flask_core.testing.faults import FaultProxy
from flask_core.testing.servers import Postgres
from tests.flask_core.conftest import PLATFORM_TABLES, settings_for

BOOTSTRAP = "b" * 40


def settings(**more: Any) -> ModuleSettings:
    """The settings of a module."""
    words = {name: "x" * 32 for name in ("router_api_key", "jwt_secret")}
    return ModuleSettings.model_validate(
        {
            "module_name": "m",
            "module_version": "1",
            "module_port": 1,
            "api_key_secret": "s" * 32,
            **words,
            **more,
        }
    )


@pytest.fixture
async def table(dal: AsyncDAL) -> AsyncIterator[AsyncDAL]:
    """A data layer whose database has the platform's table."""
    with all_communities("a test makes the platform's table"):
        for statement in PLATFORM:
            await dal.execute(statement)
    yield dal
    with all_communities("a test clears up"):
        await dal.execute(f"DROP TABLE {PLATFORM_TABLES}")


@pytest.fixture
def keys(table: AsyncDAL) -> KeyStore:
    """The keys of a module with PostgreSQL."""
    return KeyStore(settings(), table)


async def sql(dal: AsyncDAL, statement: str) -> list[Any]:
    """Look at the table, or change it, behind the store's back."""
    with all_communities("a test looks"):
        return list(await dal.execute(statement))


async def test_a_key_is_found_with_what_it_may_do(keys: KeyStore) -> None:
    """Its role, and the communities it names."""
    key = secrets.token_urlsafe(32)
    number = await keys.add(key, "bot", "action", [1, 2])

    expected = Principal(f"key:{number}", frozenset({"action"}), frozenset({1, 2}))
    assert expected == await keys.find(key)
    assert None is await keys.find(key + "x")


async def test_none_stands_for_all_communities(keys: KeyStore) -> None:
    """A key of the platform."""
    await keys.add("k" * 32, "platform", "core", None)
    found = await keys.find("k" * 32)

    assert found and found.may_act_for(77)


async def test_the_key_itself_is_not_stored(keys: KeyStore, table: AsyncDAL) -> None:
    """Whoever reads the table can call nothing, nor test guesses without the secret."""
    await keys.add("k" * 32, "bot", "action", [])
    rows = str(await sql(table, "SELECT * FROM api_keys"))
    elsewhere = KeyStore(settings(api_key_secret="t" * 32), table)

    assert "k" * 32 not in rows and keys.digest("k" * 32) in rows
    assert None is await elsewhere.find("k" * 32)


@pytest.mark.parametrize(
    "change",
    [
        "is_active = false",
        "expires_at = now() - interval '1 second'",
        "key_hash = 'x'",
    ],
)
async def test_a_key_that_is_no_longer_good_is_not_found(
    keys: KeyStore, table: AsyncDAL, change: str
) -> None:
    """Revoked, expired or gone: after half a minute, or when told to forget."""
    await keys.add("k" * 32, "bot", "action", [1])
    assert await keys.find("k" * 32)
    await sql(table, f"UPDATE api_keys SET {change}")
    assert await keys.find("k" * 32)
    keys.forget()

    assert None is await keys.find("k" * 32)


async def test_what_is_remembered_never_outlives_the_key(keys: KeyStore) -> None:
    """A key may expire within the half minute."""
    soon = datetime.now(UTC) + timedelta(seconds=0.3)
    await keys.add("k" * 32, "bot", "action", [1], expires_at=soon)
    assert await keys.find("k" * 32)
    while datetime.now(UTC) < soon:
        pass

    assert None is await keys.find("k" * 32)


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ('{"communities": "*"}', None),
        ('{"communities": [1, true, "2", -3, 0, 4.5, null]}', frozenset({1})),
        ('{"communities": "1,2"}', frozenset()),
        ('{"communities": {"1": 1}}', frozenset()),
        ("{}", frozenset()),
    ],
)
async def test_malformed_scopes_allow_nothing(
    keys: KeyStore, table: AsyncDAL, scopes: str, expected: Any
) -> None:
    """Whoever wrote them has to write them right."""
    await keys.add("k" * 32, "bot", "action", [1])
    escaped = scopes.replace(":", "\\:")
    await sql(table, f"UPDATE api_keys SET scopes = '{escaped}'")
    found = await keys.find("k" * 32)

    assert found and expected == found.communities


async def test_the_last_use_is_noted(keys: KeyStore, table: AsyncDAL) -> None:
    """Once a minute at most."""
    await keys.add("k" * 32, "bot", "action", [1])
    query = "SELECT last_used_at FROM api_keys"
    assert [(None,)] == await sql(table, query)
    await keys.find("k" * 32)
    first = await sql(table, query)
    keys.forget()
    await keys.find("k" * 32)

    assert first != [(None,)] and first == await sql(table, query)


@pytest.mark.parametrize("key", ["", "\x00", "\ud800", "é" * 200, "' OR 1=1 --"])
async def test_strange_keys_are_just_unknown(keys: KeyStore, key: str) -> None:
    """They never reach the server as they are."""
    assert None is await keys.find(key)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("*", None), ("1,22", frozenset({1, 22})), ("", frozenset())],
)
async def test_the_bootstrap_key_needs_no_database(given: str, expected: Any) -> None:
    """It is an admin, for the communities the environment says."""
    store = KeyStore(
        settings(bootstrap_api_key=BOOTSTRAP, bootstrap_communities=given), None
    )

    expected = Principal("bootstrap", frozenset({"admin"}), expected)
    assert expected == await store.find(BOOTSTRAP)
    assert None is await store.find("b" * 39)


async def test_without_a_bootstrap_key_nothing_is_one() -> None:
    """Not the empty key either."""
    store = KeyStore(settings(), None)

    assert [None, None] == [await store.find(""), await store.find("None")]


async def test_known_keys_outlast_the_database(
    table: AsyncDAL, made: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For five minutes; a key nobody asked for yet is 503, not 401."""
    async with FaultProxy(*made.address) as proxy:
        where = settings_for(made.url).model_copy(update={"db_port": proxy.port})
        dal = AsyncDAL(where)
        keys = KeyStore(settings(), dal)
        await keys.add("k" * 32, "bot", "action", [1])
        await keys.find("k" * 32)
        monkeypatch.setattr(apikeys, "KEPT_SECONDS", 0.0)
        proxy.refuse()

        assert await keys.find("k" * 32)
        with pytest.raises(DependencyUnavailable):
            await keys.find("other")
        monkeypatch.setattr(apikeys, "STALE_SECONDS", 0.0)
        with pytest.raises(DependencyUnavailable):
            await keys.find("k" * 32)
        await dal.disconnect()


async def test_the_table_is_what_the_model_says(
    keys: KeyStore, table: AsyncDAL
) -> None:
    """The statement in the migration and the model cannot drift apart."""
    rows = await sql(
        table,
        "SELECT column_name, is_nullable FROM information_schema.columns"
        " WHERE table_name = 'api_keys'",
    )
    columns = {
        column.name: "YES" if column.nullable else "NO"
        for column in ApiKey.__table__.columns
    }

    assert columns == dict(tuple(row) for row in rows)
