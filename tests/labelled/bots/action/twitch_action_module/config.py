"""Configuration of the Twitch action module, read once from the environment."""

import os


class Config:
    """Settings; every value can be overridden by an environment variable."""

    MODULE_NAME = os.getenv("MODULE_NAME", "twitch_action")
    MODULE_VERSION = os.getenv("MODULE_VERSION", "0.6.2")
    MODULE_PORT = int(os.getenv("MODULE_PORT", "8072"))
    LOG_LEVEL = os.getenv("LOG_LEVEL", "INFO")

    DB_HOST = os.getenv("DB_HOST", "postgres")
    DB_PORT = int(os.getenv("DB_PORT", "5432"))
    DB_NAME = os.getenv("DB_NAME", "waddlebot")
    DB_USER = os.getenv("DB_USER", "waddlebot")
    DB_PASSWORD = os.getenv("DB_PASSWORD", "")

    REDIS_URL = os.getenv("REDIS_URL", "redis://redis:6379/2")

    TWITCH_CLIENT_ID = os.getenv("TWITCH_CLIENT_ID", "")
    TWITCH_CLIENT_SECRET = os.getenv("TWITCH_CLIENT_SECRET", "")
    TWITCH_API_BASE = os.getenv("TWITCH_API_BASE", "https://api.twitch.tv/helix")
    TWITCH_TOKEN_URL = "https://id.twitch.tv/oauth2/token"
    TOKEN_KEY_PREFIX = "twitch:token:"
    TOKEN_REFRESH_MARGIN = int(os.getenv("TOKEN_REFRESH_MARGIN", "120"))

    ROUTER_URL = os.getenv("ROUTER_URL", "http://router:8000")
    ROUTER_API_KEY = os.getenv("ROUTER_API_KEY", "")

    SUMMARY_URL = os.getenv("SUMMARY_URL", "http://ai-interaction:8005")
    SUMMARY_MAX_TOKENS = int(os.getenv("SUMMARY_MAX_TOKENS", "512"))

    MAX_BATCH = int(os.getenv("MAX_BATCH", "25"))
    HTTP_TIMEOUT = float(os.getenv("HTTP_TIMEOUT", "6"))

    @classmethod
    def dsn(cls) -> str:
        """Build the PostgreSQL DSN."""
        return (
            f"postgresql://{cls.DB_USER}:{cls.DB_PASSWORD}"
            f"@{cls.DB_HOST}:{cls.DB_PORT}/{cls.DB_NAME}"
        )
