"""Settings of the labels module."""

import os
from dataclasses import dataclass, field


def _flag(name: str, default: str = "true") -> bool:
    """Read a boolean environment variable."""
    return os.getenv(name, default).strip().lower() in {"1", "true", "yes"}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between environments."""

    name: str = os.getenv("MODULE_NAME", "labels_core")
    version: str = os.getenv("MODULE_VERSION", "1.2.0")
    port: int = int(os.getenv("MODULE_PORT", "8025"))
    log_level: str = os.getenv("LOG_LEVEL", "INFO")
    database_url: str = field(default=os.getenv("DATABASE_URL", ""), repr=False)
    session_secret: str = field(
        default=os.getenv("JWT_SECRET", "q9Vt3XwLr7Zk2MbE5nHs8YdJ0cPfAu"),
        repr=False,
    )
    max_labels: int = int(os.getenv("MAX_LABELS_PER_ENTITY", "5"))
    router_url: str = os.getenv("ROUTER_URL", "http://router:8000")
    router_api_key: str = field(default=os.getenv("ROUTER_API_KEY", ""), repr=False)
    reputation_url: str = os.getenv("REPUTATION_URL", "http://reputation:8021")
    notifications: bool = _flag("ENABLE_NOTIFICATIONS")


settings = Settings()
