"""GitHub webhook receiver: configuration."""

import os
from pathlib import Path

import yaml

MODULE_NAME = os.environ.get("MODULE_NAME", "github_webhook")
MODULE_VERSION = os.environ.get("MODULE_VERSION", "0.3.1")
MODULE_PORT = int(os.environ.get("MODULE_PORT", "8090"))
LOG_LEVEL = os.environ.get("LOG_LEVEL", "INFO")

REDIS_URL = os.environ.get("REDIS_URL", "redis://redis:6379/4")

WEBHOOK_SECRET = os.environ.get("GITHUB_WEBHOOK_SECRET", "")
MARKETPLACE_SECRET = os.environ.get("GITHUB_MARKETPLACE_SECRET", "")
GITHUB_TOKEN = os.environ.get("GITHUB_TOKEN", "")
GITHUB_API = os.environ.get("GITHUB_API", "https://api.github.com")

ROUTER_URL = os.environ.get("ROUTER_URL", "http://router:8000")
ROUTER_API_KEY = os.environ.get("ROUTER_API_KEY", "")

QUEUE_SIZE = int(os.environ.get("QUEUE_SIZE", "1000"))
WORKERS = int(os.environ.get("WORKERS", "4"))
DEDUPE_TTL = int(os.environ.get("DEDUPE_TTL", "86400"))
MAX_PAYLOAD = int(os.environ.get("MAX_PAYLOAD", str(5 * 1024 * 1024)))

ROUTES_FILE = Path(os.environ.get("ROUTES_FILE", Path(__file__).parent / "routes.yaml"))


def load_routes() -> dict[str, list[int]]:
    """Repository full name -> community ids, from the routes file."""
    with ROUTES_FILE.open(encoding="utf-8") as handle:
        raw = yaml.safe_load(handle) or {}
    return {repo.lower(): list(ids) for repo, ids in raw.get("routes", {}).items()}
