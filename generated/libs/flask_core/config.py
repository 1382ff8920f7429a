"""Settings from the environment: all that the standard names, checked once at the start."""

from typing import Literal, TypeVar
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(SystemExit):
    """The environment is not right; names each variable, never its value."""

    def __init__(self, problems: list[str]) -> None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"The environment is not right:\n{lines}")


class ModuleSettings(BaseSettings):
    """What every module reads; serves "Environment Variables" of the standard."""

    model_config = SettingsConfigDict(
        extra="ignore", case_sensitive=False, hide_input_in_errors=True
    )

    module_name: str
    module_version: str
    module_port: int = Field(ge=1, le=65535)
    router_url: str = "http://router:8000"
    router_api_key: SecretStr = Field(min_length=1)
    api_key_secret: SecretStr = Field(min_length=32)
    jwt_secret: SecretStr = Field(min_length=32)
    # While a secret is replaced, what the one before it has signed is still accepted.
    jwt_secret_previous: SecretStr | None = Field(default=None, min_length=32)
    bootstrap_api_key: SecretStr | None = Field(default=None, min_length=32)
    bootstrap_communities: str = Field(default="", pattern=r"^(\*|\d+(,\d+)*)?$")
    log_level: str = Field(default="INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")
    log_dir: str = "/var/log/waddlebotlog"
    drain_delay: float = Field(default=5.0, ge=0, le=60)
    drain_timeout: float = Field(default=25.0, ge=1, le=600)
    enable_cache: bool = True


class PostgresSettings(BaseSettings):
    """What a module with PostgreSQL reads."""

    db_host: str = "postgres.default.svc.cluster.local"
    db_port: int = Field(default=5432, ge=1, le=65535)
    db_name: str = "waddlebot"
    db_user: str = "waddlebot"
    db_password: SecretStr = Field(min_length=1)
    db_pool_size: int = Field(default=3, ge=1, le=100)
    db_rls: bool = False
    # Behind PgBouncer in transaction mode a prepared statement may meet another connection.
    db_pooler: Literal["none", "transaction"] = "none"
    db_replica_hosts: str = Field(
        default="", pattern=r"^([A-Za-z0-9_.-]+(:\d{1,5})?(,|$))*$"
    )

    @property
    def replica_addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each replica; the primary's port unless said."""
        pairs = [each.partition(":") for each in self.db_replica_hosts.split(",")]
        return tuple((h, int(p) if p else self.db_port) for h, _, p in pairs if h)

    @property
    def database_dsn(self) -> str:
        """The address of the primary for SQLAlchemy, password included."""
        return self.dsn(self.db_host, self.db_port)

    def dsn(self, host: str, port: int) -> str:
        """The address of a server for SQLAlchemy's asyncpg dialect, password included."""
        user = quote(self.db_user, safe="")
        password = quote(self.db_password.get_secret_value(), safe="")
        place = f"{host}:{port}/{quote(self.db_name, safe='')}"
        return f"postgresql+asyncpg://{user}:{password}@{place}"


class RedisSettings(BaseSettings):
    """What a module with Redis reads."""

    redis_host: str = "redis.default.svc.cluster.local"
    redis_port: int = Field(default=6379, ge=1, le=65535)
    redis_password: SecretStr | None = None


class EncryptionSettings(BaseSettings):
    """What a module with encrypted columns reads."""

    encryption_key: SecretStr = Field(min_length=32)
    encryption_key_previous: SecretStr | None = Field(default=None, min_length=32)


S = TypeVar("S", bound=BaseSettings)


def load_settings(kind: type[S]) -> S:
    """Read the environment; raises SettingsError with every problem at once."""
    try:
        return kind()
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError(problems) from None
