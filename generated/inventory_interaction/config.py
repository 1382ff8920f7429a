# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/config.py.jinja; edits are merged on update.
"""Configuration of inventory-interaction, read from the environment once."""

from functools import cache

from flask_core.config import (
    ModuleSettings,
    PostgresSettings,
    RedisSettings,
    load_settings,
)


class Settings(PostgresSettings, RedisSettings, ModuleSettings):
    """What the module reads beside the platform's own variables."""

    module_name: str = "inventory-interaction"
    module_version: str = "0.2.0"
    module_port: int = 8024


@cache
def settings() -> Settings:
    """The settings; raises SettingsError naming every variable that is missing or wrong."""
    return load_settings(Settings)
