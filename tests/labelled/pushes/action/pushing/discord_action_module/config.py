"""Settings of the Discord action module, read once from the environment."""

import os
from dataclasses import dataclass
from typing import Mapping, Optional

MODULE = "discord_action"
TOKEN_PREFIX = "Bot"


def _need(env: Mapping[str, str], name: str) -> str:
    """A variable that has no default."""
    value = env.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set")
    return value


@dataclass(frozen=True)
class Settings:
    """Everything the module takes from outside."""

    version: str
    port: int
    grpc_port: int
    database_url: str
    bot_token: str
    jwt_secret: str
    jwt_audience: str
    router_url: str
    router_api_key: str
    api_base: str
    max_retries: int
    log_level: str
    log_dir: str

    @classmethod
    def from_env(cls, env: Optional[Mapping[str, str]] = None) -> "Settings":
        """Build from os.environ or, in tests, from a mapping."""
        e = os.environ if env is None else env
        api_version = e.get("DISCORD_API_VERSION", "10")
        return cls(
            version=e.get("MODULE_VERSION", "0.2.0"),
            port=int(e.get("MODULE_PORT", "8070")),
            grpc_port=int(e.get("GRPC_PORT", "50051")),
            database_url=_need(e, "DATABASE_URL"),
            bot_token=_need(e, "DISCORD_BOT_TOKEN"),
            jwt_secret=_need(e, "JWT_SECRET"),
            jwt_audience=e.get("JWT_AUDIENCE", "waddlebot-actions"),
            router_url=e.get("ROUTER_URL", "http://core-router:8000"),
            router_api_key=_need(e, "ROUTER_API_KEY"),
            api_base=f"https://discord.com/api/v{api_version}",
            max_retries=int(e.get("MAX_RETRIES", "3")),
            log_level=e.get("LOG_LEVEL", "INFO"),
            log_dir=e.get("LOG_DIR", "/var/log/waddlebotlog"),
        )
