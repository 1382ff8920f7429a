"""One PostgreSQL for all tests of the data layer, and some tables in it."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine

from flask_core.config import PostgresSettings
from flask_core.context import all_communities, community_scope
from flask_core.database import AsyncDAL, Base
from flask_core.testing.servers import Postgres
from tests.flask_core import models

OURS, THEIRS = 1, 2
PLATFORM_TABLES = "api_keys, handled_events, idempotency_keys, outbox_events"


def settings_for(url: str, **more: object) -> PostgresSettings:
    """The settings of a module whose database is there."""
    parts = urlsplit(url)
    return PostgresSettings.model_validate(
        {
            "db_host": parts.hostname,
            "db_port": parts.port,
            "db_name": parts.path.strip("/"),
            "db_user": parts.username,
            "db_password": SecretStr(parts.password or ""),
            **more,
        }
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
async def made(postgres: Postgres) -> Postgres:
    """The server, with the tables of `models`."""
    address = postgres.url.replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(address)
    async with engine.begin() as connection:
        await connection.run_sync(models.create)
    await engine.dispose()
    return postgres


@pytest.fixture(scope="session")
async def shared(made: Postgres) -> AsyncIterator[AsyncDAL]:
    """The data layer, without a community."""
    dal = AsyncDAL(settings_for(made.url))
    yield dal
    await dal.disconnect()


@pytest.fixture
async def dal(shared: AsyncDAL) -> AsyncIterator[AsyncDAL]:
    """The data layer, without a community; all rows go afterwards."""
    yield shared
    with all_communities("tests clean up"):
        for table in reversed(Base.metadata.sorted_tables):
            if table.name in models.NAMES:
                await shared.execute(f'DELETE FROM "{table.name}"')


@pytest.fixture
def ours(dal: AsyncDAL) -> Iterator[AsyncDAL]:
    """The data layer, acting for community 1."""
    with community_scope(OURS):
        yield dal
