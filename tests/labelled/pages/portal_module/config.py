"""Portal settings."""

import os

MODULE_NAME = os.environ.get("MODULE_NAME", "portal")
MODULE_VERSION = os.environ.get("MODULE_VERSION", "0.2.0")
MODULE_PORT = int(os.environ.get("MODULE_PORT", "8060"))

DB_HOST = os.environ.get("DB_HOST", "localhost")
DB_PORT = os.environ.get("DB_PORT", "5432")
DB_NAME = os.environ.get("DB_NAME", "waddlebot")
DB_USER = os.environ.get("DB_USER", "waddlebot")
DB_PASSWORD = os.environ.get("DB_PASSWORD", "")

JWT_SECRET = os.environ.get("JWT_SECRET") or "penguins-march-at-dawn"
JWT_COOKIE = "portal_token"
SESSION_HOURS = int(os.environ.get("SESSION_HOURS", "8"))

UPLOAD_DIR = os.environ.get("UPLOAD_DIR", "/data/uploads")
MAX_UPLOAD = 2 * 1024 * 1024
EMBED_ORIGINS = tuple(
    o for o in os.environ.get("EMBED_ORIGINS", "https://waddlebot.io").split(",") if o
)
LOG_DIR = os.environ.get("LOG_DIR", "/var/log/waddlebotlog")
LOG_LEVEL = os.environ.get("LOG_LEVEL", "INFO")
