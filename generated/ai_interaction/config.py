# Rendered by waddlegen from module_specs/ai-interaction.yaml and templates/module/config.py.jinja; edits are merged on update.
"""Configuration of ai-interaction, read from the environment once."""

from functools import cache
from typing import Literal

from flask_core.config import (
    ModuleSettings,
    PostgresSettings,
    RedisSettings,
    load_settings,
)
from pydantic import Field, SecretStr


class Settings(PostgresSettings, RedisSettings, ModuleSettings):
    """What the module reads beside the platform's own variables."""

    module_name: str = "ai-interaction"
    module_version: str = "0.2.0"
    module_port: int = 8005
    ai_provider: Literal["ollama", "openai"] = Field(
        default="ollama",
        description="Which kind of server answers, where a community has not chosen one.",
    )
    ai_host: str = Field(
        default="http://ollama:11434",
        description="Base URL of the Ollama server.",
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1",
        description="Base URL of the server with OpenAI's API, its version included.",
    )
    openai_api_key: SecretStr | None = Field(
        default=None,
        description="Key for OpenAI's API; servers of one's own often need none.",
    )
    ai_model: str = Field(
        default="llama3.2",
        description="Model that answers; it must be one of AI_PROVIDER.",
    )
    ai_temperature: float = Field(
        default=0.7,
        description="How freely the model chooses its words, from 0 to 2.",
    )
    ai_max_tokens: int = Field(default=500, description="Longest answer, in tokens.")
    ai_keep_alive: str = Field(
        default="5m",
        description="How long Ollama keeps the model in memory after an answer.",
    )
    ai_history_messages: int = Field(
        default=10,
        description="How many earlier messages of a user go along with a new one.",
    )
    system_prompt: str = Field(
        default="You are WaddleBot, a friendly penguin in a streaming community's chat. Answer in one to three short sentences of plain text, kind and to the point.",
        description="What the model is told before every conversation.",
    )


@cache
def settings() -> Settings:
    """The settings; raises SettingsError naming every variable that is missing or wrong."""
    return load_settings(Settings)
