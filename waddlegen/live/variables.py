"""Make up the environment of a module from the names that it reads."""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from waddlegen.facts.secrets import is_secret_name
from waddlegen.facts.texts import env_names
from waddlegen.source import ModuleSource

COMMUNITY = 1001
NOWHERE = "http://127.0.0.1:9"
_DATABASE = r"(?:\w*_)?(?:DB|DATABASE|POSTGRES(?:QL)?|PG|SQL)"
_DATABASE_URL = re.compile(
    r"\w*(DATABASE|DB|POSTGRES(QL)?|PG)_?(URL|URI|DSN|CONNECTION(_STRING)?)|"
    r"SQLALCHEMY_DATABASE_URI|DB_CONNECTION"
)
_DATABASE_PART = re.compile(
    rf"{_DATABASE}_?(HOST|PORT|NAME|DB|DATABASE|USER(?:NAME)?|PASS(?:WORD)?)"
)
_REDIS_PART = re.compile(r"\w*(?:REDIS|CACHE)_?(URL|URI|HOST|PORT|PASSWORD|DB)")
_BROKER = re.compile(r"\w*BROKER_URL|CELERY_RESULT_BACKEND")
_FOLDER = re.compile(
    r"\w*(LOG|DATA|UPLOAD|STORAGE|CACHE|TMP|TEMP|OUTPUT)_?(DIR|PATH|FOLDER|DIRECTORY)"
)
_NUMBER = re.compile(
    r"\w*(TIMEOUT|TTL|SECONDS|LIMIT|COUNT|SIZE|INTERVAL|_ID|MAX\w*|MIN\w*|RETRIES|WORKERS)"
)
_KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where PostgreSQL and Redis listen; None where there is none."""

    database: SplitResult | None = None
    redis: SplitResult | None = None

    @classmethod
    def at(cls, addresses: Mapping[str, str]) -> Servers:
        """The servers of some addresses."""
        database, redis = addresses.get("database_url"), addresses.get("redis_url")
        return cls(
            urlsplit(database) if database else None, urlsplit(redis) if redis else None
        )


def wanted_servers(source: ModuleSource) -> list[str]:
    """Which servers the module's imports, requirements and variables speak of."""
    said = {each.name for each in source.requirements or ()}
    said |= {each.module for file in source.python for each in file.imports}
    names = {read.name for read in source.env} | _examples(source)
    found = []
    postgres = (
        r"asyncpg|psycopg\w*|sqlalchemy|pydal|flask_core\.database|tortoise|peewee"
    )
    if any(re.match(postgres, each, re.I) for each in said) or any(
        _DATABASE_URL.fullmatch(name) or _DATABASE_PART.fullmatch(name)
        for name in names
    ):
        found.append("postgres")
    redis = any(
        re.match(r"redis|aioredis|celery|flask_core\.redis", each) for each in said
    )
    if redis or any(name.startswith("REDIS_") for name in names):
        found.append("redis")
    return found


def variables(
    source: ModuleSource, servers: Servers, port: int, scratch: Path, python: Path
) -> dict[str, str]:
    """Every variable of a module's environment; the secrets are made up."""
    found = {name: os.environ[name] for name in _KEPT if name in os.environ}
    found["PATH"] = f"{python.parent}{os.pathsep}{found.get('PATH', os.defpath)}"
    found |= {"HOME": str(scratch), "TMPDIR": str(scratch)}
    found |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    found |= standard(servers, port, scratch)
    reads: dict[str, str | None] = dict.fromkeys(_examples(source), "")
    reads |= _defaults(source)
    for name, default in reads.items():
        value = _value(name, default, servers, port, scratch)
        if value is not None:
            found[name] = value
    if source.generated_by_us:
        found |= {
            "BOOTSTRAP_API_KEY": found["API_KEY_SECRET"] + "-bootstrap",
            "BOOTSTRAP_COMMUNITIES": str(COMMUNITY),
            "DRAIN_DELAY": "0",
        }
    return found


def _defaults(source: ModuleSource) -> dict[str, str | None]:
    """The variables that the code reads with their defaults; None where it cannot do without."""
    found: dict[str, str | None] = {}
    for read in source.env:
        literal = read.kind in {"str", "num", "bool"}
        bare = read.kind == "required" or (read.kind == "other" and not read.default)
        default = read.default if literal else None if bare else ""
        if literal or not found.get(read.name):
            found[read.name] = default
    return found


def for_tests(source: ModuleSource, variables: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that tests are run in: as little as the code can do with.

    Tests make up the rest themselves, and what waddlegen renders makes up all of it.
    """
    kept = {
        *_KEPT,
        "HOME",
        "TMPDIR",
        "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE",
        "LOG_DIR",
    }
    if not source.generated_by_us:
        kept |= {name for name, default in _defaults(source).items() if default is None}
        kept |= {
            name for name in variables if re.match(r"DATABASE|DB_|POSTGRES|REDIS", name)
        }
    return {name: value for name, value in variables.items() if name in kept}


def standard(servers: Servers, port: int, scratch: Path) -> dict[str, str]:
    """The variables that the standard names, whether or not the code shows its reading."""
    found = {"MODULE_PORT": str(port), "PORT": str(port), "LOG_LEVEL": "INFO"}
    found |= {"LOG_DIR": str(scratch), "ROUTER_URL": NOWHERE}
    for name in ("API_KEY_SECRET", "JWT_SECRET", "ROUTER_API_KEY", "ENCRYPTION_KEY"):
        found[name] = secrets.token_urlsafe(32)
    for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD"):
        if servers.database:
            found[f"DB_{name}"] = _database_part(name, servers.database)
    for name in ("URL", "HOST", "PORT", "PASSWORD"):
        if servers.redis:
            found[f"REDIS_{name}"] = _redis_part(name, servers.redis)
    return found


def _examples(source: ModuleSource) -> set[str]:
    """The variables of the environment example; its values are only examples."""
    return set(env_names(source.env_example[1])) if source.env_example else set()


def _value(
    name: str, default: str | None, servers: Servers, port: int, scratch: Path
) -> str | None:
    """A value for one variable; None leaves it to its default."""
    if servers.database and _DATABASE_URL.fullmatch(name):
        return database_url(servers.database, default or "")
    if match := _DATABASE_PART.fullmatch(name):
        return _database_part(match[1], servers.database) if servers.database else None
    if servers.redis and _BROKER.fullmatch(name):
        return servers.redis.geturl()
    if match := _REDIS_PART.fullmatch(name):
        return _redis_part(match[1], servers.redis) if servers.redis else None
    if _FOLDER.fullmatch(name):
        return str(scratch)
    if name in {"HOST", "BIND_HOST", "MODULE_HOST", "LISTEN_HOST"}:
        return "127.0.0.1"
    if re.fullmatch(
        r"(MODULE_|HTTP_|APP_|SERVICE_|FLASK_|QUART_|REST_|API_)?PORT", name
    ):
        return str(port)
    if name in {
        "MODULE_PORT",
        "LOG_LEVEL",
        "API_KEY_SECRET",
        "JWT_SECRET",
        "ROUTER_API_KEY",
    }:
        return None
    if is_secret_name(name) or name.endswith(("_KEY", "_KEYS", "_SECRET", "_TOKEN")):
        return _secret(name)
    if default is not None:
        return None
    return _required(name)


def _secret(name: str) -> str:
    """A made-up secret: what hex and base64 are read from must be that."""
    if re.search(r"FERNET|ENCRYPT", name):
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(32)


def _required(name: str) -> str | None:
    """Something for a variable that may have no default."""
    if name.endswith(("URL", "URI", "ENDPOINT")):
        return NOWHERE
    if name.endswith("HOST"):
        return "127.0.0.1"
    if name.endswith("PORT"):
        return "9"
    if _NUMBER.fullmatch(name):
        return "1"
    flags = r"(ENABLE|DISABLE|USE|ALLOW|DEBUG|IS)_?\w*|\w*_(ENABLED|DISABLED|DEBUG|MODE|ENV)"
    return None if re.fullmatch(flags, name) else "live"


def database_url(server: SplitResult, default: str) -> str:
    """The database's address, in the dialect of the default."""
    scheme = default.partition("://")[0] if "://" in default else ""
    if scheme.startswith("sqlite"):
        return default
    if not scheme.startswith("postgres"):
        scheme = "postgresql"
    return server._replace(scheme=scheme).geturl()


def _database_part(name: str, server: SplitResult) -> str:
    """One part of the database's address."""
    match name:
        case "HOST":
            return server.hostname or "127.0.0.1"
        case "PORT":
            return str(server.port or 5432)
        case "USER" | "USERNAME":
            return unquote(server.username or "")
        case "PASS" | "PASSWORD":
            return unquote(server.password or "")
        case _:
            return server.path.lstrip("/")


def _redis_part(name: str, server: SplitResult) -> str:
    """One part of Redis's address."""
    match name:
        case "HOST":
            return server.hostname or "127.0.0.1"
        case "PORT":
            return str(server.port or 6379)
        case "PASSWORD":
            return unquote(server.password or "")
        case "DB":
            return "0"
        case _:
            return server.geturl()
