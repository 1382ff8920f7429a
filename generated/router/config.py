# Rendered by waddlegen from module_specs/router.yaml and templates/module/config.py.jinja; edits are merged on update.
"""Configuration of router, read from the environment once."""

from functools import cache

from flask_core.config import (
    ModuleSettings,
    PostgresSettings,
    RedisSettings,
    load_settings,
)
from pydantic import Field, SecretStr


class Settings(PostgresSettings, RedisSettings, ModuleSettings):
    """What the module reads beside the platform's own variables."""

    module_name: str = "router"
    module_version: str = "0.2.0"
    module_port: int = 8000
    router_request_timeout: float = Field(
        default=30,
        description="Seconds a module gets to answer a command.",
    )
    router_default_rate_limit: int = Field(
        default=60,
        description="Commands one user may give in a minute, within a community.",
    )
    router_command_cache_ttl: int = Field(
        default=300,
        description="Seconds a command is remembered before it is looked up again.",
    )
    router_command_prefix: str = Field(
        default="!",
        description="What a chat message begins with when it is a command.",
    )
    router_health_interval: float = Field(
        default=30,
        description="Seconds between two looks at the health of every registered module.",
    )
    router_module_hosts: str = Field(
        default="",
        description="Host names of modules that are not reached by their id, as `module=host` separated by commas; they win over what a module says of itself.",
    )
    router_module_api_key: SecretStr = Field(
        min_length=1,
        description="Key with which the router calls the actions of modules.",
    )
    session_ttl: int = Field(
        default=3600,
        description="Seconds a response waits to be fetched.",
    )


@cache
def settings() -> Settings:
    """The settings; raises SettingsError naming every variable that is missing or wrong."""
    return load_settings(Settings)
