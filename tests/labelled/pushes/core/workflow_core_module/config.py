"""Configuration of workflow-core."""

import os

MODULE = "workflow_core"
VERSION = os.environ.get("MODULE_VERSION", "0.2.0")


def setting(name, fallback=None):
    """Environment variable, or the fallback; None means it must be set."""
    value = os.environ.get(name, fallback)
    if value is None:
        raise RuntimeError(f"{name} is not set")
    return value


class Config:
    """Flask configuration object."""

    PORT = int(setting("MODULE_PORT", "8090"))
    LOG_LEVEL = setting("LOG_LEVEL", "INFO")
    DB_HOST = setting("DB_HOST", "postgres")
    DB_PORT = setting("DB_PORT", "5432")
    DB_NAME = setting("DB_NAME", "waddlebot")
    DB_USER = setting("DB_USER", "waddlebot")
    DB_PASSWORD = setting("DB_PASSWORD", "")
    ROUTER_API_KEY = setting("ROUTER_API_KEY", "wbk_core_7d1f0c39aa52e8b4c6")
    MAX_CONCURRENT = int(setting("MAX_CONCURRENT_WORKFLOWS", "50"))
    TIMEOUT_SECONDS = int(setting("WORKFLOW_TIMEOUT_SECONDS", "300"))
    SCHEDULER_ENABLED = setting("SCHEDULER_ENABLED", "true") == "true"
    SCHEDULER_TICK = int(setting("SCHEDULER_TICK_SECONDS", "15"))
    MAX_CONTENT_LENGTH = 512 * 1024

    @classmethod
    def dsn(cls):
        """libpq connection string."""
        return (
            f"host={cls.DB_HOST} port={cls.DB_PORT} dbname={cls.DB_NAME} "
            f"user={cls.DB_USER} password={cls.DB_PASSWORD}"
        )
