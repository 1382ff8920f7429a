"""Settings of the music module."""

import os
from dataclasses import dataclass, field


def _flag(name, default="true"):
    return os.getenv(name, default).strip().lower() in ("1", "true", "yes")


@dataclass(frozen=True)
class Config:
    """Environment-driven configuration."""

    name: str = os.getenv("MODULE_NAME", "music")
    version: str = os.getenv("MODULE_VERSION", "0.2.0")
    port: int = int(os.getenv("MODULE_PORT", "8041"))
    db_host: str = os.getenv("DB_HOST", "localhost")
    db_port: int = int(os.getenv("DB_PORT", "5432"))
    db_name: str = os.getenv("DB_NAME", "waddlebot")
    db_user: str = os.getenv("DB_USER", "waddlebot")
    db_password: str = field(default=os.getenv("DB_PASSWORD", ""), repr=False)
    redis_host: str = os.getenv("REDIS_HOST", "localhost")
    redis_port: int = int(os.getenv("REDIS_PORT", "6379"))
    api_key_secret: str = field(default=os.getenv("API_KEY_SECRET", ""), repr=False)
    spotify_id: str = os.getenv("SPOTIFY_CLIENT_ID", "")
    spotify_secret: str = field(
        default=os.getenv("SPOTIFY_CLIENT_SECRET", ""), repr=False
    )
    spotify_redirect: str = os.getenv("SPOTIFY_REDIRECT_URI", "")
    spotify_market: str = os.getenv("SPOTIFY_MARKET", "DE")
    enable_poller: bool = _flag("ENABLE_POLLER")
    poll_seconds: int = int(os.getenv("POLL_SECONDS", "10"))
    log_dir: str = os.getenv("LOG_DIR", "/var/log/waddlebotlog")
    log_level: str = os.getenv("LOG_LEVEL", "INFO")


TOKEN_URL = "https://accounts.spotify.com/api/token"
SECRET_FIELDS = ("access_token", "refresh_token", "client_secret")

config = Config()
