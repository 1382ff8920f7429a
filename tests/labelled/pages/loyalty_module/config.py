"""Loyalty module settings, read once at import from the environment."""

import os


class Settings:
    """Everything the module can be told from outside."""

    MODULE_NAME = os.getenv("MODULE_NAME", "loyalty")
    MODULE_VERSION = os.getenv("MODULE_VERSION", "0.2.0")
    MODULE_PORT = int(os.getenv("MODULE_PORT", "8032"))

    DB_HOST = os.getenv("DB_HOST", "localhost")
    DB_PORT = int(os.getenv("DB_PORT", "5432"))
    DB_NAME = os.getenv("DB_NAME", "waddlebot")
    DB_USER = os.getenv("DB_USER", "waddlebot")
    DB_PASSWORD = os.getenv("DB_PASSWORD")

    ROUTER_URL = os.getenv("ROUTER_URL", "http://router:8000")
    ROUTER_API_KEY = os.getenv("ROUTER_API_KEY", "")
    API_KEY_SECRET = os.getenv("API_KEY_SECRET", "")
    API_KEY_HEADER = "X-API-Key"
    KOFI_SECRET_ENV = "KOFI_WEBHOOK_SECRET"
    TIERS_FILE = os.getenv("TIERS_FILE", "tiers.yaml")
    LOG_DIR = os.getenv("LOG_DIR", "/var/log/waddlebotlog")
    LOG_LEVEL = os.getenv("LOG_LEVEL", "INFO")
