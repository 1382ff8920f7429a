"""Users, profiles and settings in Postgres."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import bindparam, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

import config

engine = create_async_engine(
    URL.create(
        "postgresql+asyncpg",
        username=config.DB_USER,
        password=config.DB_PASSWORD,
        host=config.DB_HOST,
        port=int(config.DB_PORT),
        database=config.DB_NAME,
    ),
    pool_pre_ping=True,
    connect_args={"timeout": 5, "command_timeout": 10},
)
hasher = PasswordHasher()

_PUBLIC = "id, name, role, bio, avatar"


async def _rows(statement, **params):
    async with engine.connect() as conn:
        return (await conn.execute(statement, params)).mappings().all()


async def _write(statement, **params):
    async with engine.begin() as conn:
        return (await conn.execute(statement, params)).rowcount


async def by_login(login):
    """Return the user with this login, password hash included."""
    rows = await _rows(
        text(
            "SELECT id, name, role, community_id, password_hash"
            " FROM portal_users WHERE lower(login) = lower(:login)"
        ),
        login=login,
    )
    return rows[0] if rows else None


async def password_fits(user, password):
    """Check a password without holding up the event loop."""
    try:
        return await asyncio.to_thread(hasher.verify, user["password_hash"], password)
    except VerificationError:
        return False


async def profile(community, user_id):
    """Return the public part of a user."""
    rows = await _rows(
        text(f"SELECT {_PUBLIC} FROM portal_users WHERE community_id = :c AND id = :u"),
        c=community,
        u=user_id,
    )
    return rows[0] if rows else None


async def members(community, page):
    """Return one page of the member list."""
    return await _rows(
        text(
            "SELECT id, name, role FROM portal_users WHERE community_id = :c"
            " ORDER BY name LIMIT 50 OFFSET :o"
        ),
        c=community,
        o=50 * (page - 1),
    )


async def badges_for(community, users):
    """Return badge names per user for a page of members."""
    if not users:
        return {}
    query = text(
        "SELECT user_id, badge FROM portal_badges"
        " WHERE community_id = :c AND user_id IN :ids"
    ).bindparams(bindparam("ids", expanding=True))
    found = {}
    for row in await _rows(query, c=community, ids=[u["id"] for u in users]):
        found.setdefault(row["user_id"], []).append(row["badge"])
    return found


async def set_bio(community, user_id, bio):
    """Store a new bio."""
    return await _write(
        text("UPDATE portal_users SET bio = :b WHERE community_id = :c AND id = :u"),
        b=bio,
        c=community,
        u=user_id,
    )


async def set_avatar(community, user_id, name):
    """Store the name of the avatar file."""
    return await _write(
        text("UPDATE portal_users SET avatar = :a WHERE community_id = :c AND id = :u"),
        a=name,
        c=community,
        u=user_id,
    )


async def set_role(community, user_id, role):
    """Change the role of a user."""
    return await _write(
        text("UPDATE portal_users SET role = :r WHERE community_id = :c AND id = :u"),
        r=role,
        c=community,
        u=user_id,
    )


async def remember(community, actor, action, detail):
    """Write a line into the shared audit log."""
    try:
        await _write(
            text(
                "INSERT INTO audit_log (community_id, actor, action, detail)"
                " VALUES (:c, :a, :x, :d)"
            ),
            c=community,
            a=actor,
            x=action,
            d=detail,
        )
    except Exception:
        pass


async def recent_audit(community):
    """Return the newest audit lines."""
    return await _rows(
        text(
            "SELECT actor, action, detail, created_at FROM audit_log"
            " WHERE community_id = :c ORDER BY created_at DESC LIMIT 100"
        ),
        c=community,
    )
