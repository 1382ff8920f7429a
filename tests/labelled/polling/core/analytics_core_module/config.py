"""Settings, read once from the environment."""

import os
from urllib.parse import quote


def _number(name: str, default: int) -> int:
    """Read an integer, falling back when the variable is absent or empty."""
    return int(os.getenv(name) or default)


class Config:
    """Everything the module takes from outside."""

    MODULE_NAME = os.getenv("MODULE_NAME", "analytics_core")
    MODULE_VERSION = os.getenv("MODULE_VERSION", "0.2.0")
    MODULE_PORT = _number("MODULE_PORT", 8040)

    DB_HOST = os.getenv("DB_HOST", "postgres")
    DB_PORT = _number("DB_PORT", 5432)
    DB_NAME = os.getenv("DB_NAME", "waddlebot")
    DB_USER = os.getenv("DB_USER", "waddlebot")
    DB_PASSWORD = os.getenv("DB_PASSWORD", "")
    DB_POOL_SIZE = _number("DB_POOL_SIZE", 8)

    ROUTER_URL = os.getenv("ROUTER_URL", "http://router:8000").rstrip("/")
    ROUTER_API_KEY = os.getenv("ROUTER_API_KEY", "")
    ROUTER_TIMEOUT = float(os.getenv("ROUTER_TIMEOUT") or 5)

    # shared by the modules that push events in
    INTERNAL_KEY = os.getenv("ANALYTICS_INTERNAL_KEY", "")

    ROLLUP_INTERVAL = _number("ROLLUP_INTERVAL", 300)
    BOT_SCORE_INTERVAL = _number("BOT_SCORE_INTERVAL", 3600)
    BOT_SCORE_BATCH_SIZE = _number("BOT_SCORE_BATCH_SIZE", 100)
    BOT_SCORE_CONCURRENCY = _number("BOT_SCORE_CONCURRENCY", 4)
    DEFAULT_RETENTION_DAYS = _number("DEFAULT_RETENTION_DAYS", 90)

    LOG_LEVEL = os.getenv("LOG_LEVEL", "INFO")
    LOG_DIR = os.getenv("LOG_DIR", "/var/log/waddlebotlog")

    @classmethod
    def dal_uri(cls) -> str:
        """Build the PyDAL URI."""
        return (
            f"postgres://{quote(cls.DB_USER, safe='')}:{quote(cls.DB_PASSWORD, safe='')}"
            f"@{cls.DB_HOST}:{cls.DB_PORT}/{cls.DB_NAME}"
        )
