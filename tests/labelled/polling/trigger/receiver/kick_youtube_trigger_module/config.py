"""Settings of the Kick and YouTube receiver."""

import os
from urllib.parse import quote

env = os.environ.get


def flag(name, default=False):
    """Read a yes/no variable."""
    raw = env(name, '').strip().lower()
    return raw in ('1', 'true', 'yes', 'on') if raw else default


def number(name, default):
    """Read a number, of the default's type."""
    raw = env(name, '').strip()
    return type(default)(raw) if raw else default


class Config:
    """Everything from the environment, in one place."""

    MODULE_NAME = env('MODULE_NAME', 'kick_youtube_trigger')
    MODULE_VERSION = env('MODULE_VERSION', '0.2.0')
    MODULE_PORT = number('MODULE_PORT', 8007)

    DB_HOST = env('DB_HOST', 'postgres')
    DB_PORT = number('DB_PORT', 5432)
    DB_NAME = env('DB_NAME', 'waddlebot')
    DB_USER = env('DB_USER', 'waddlebot')
    DB_PASSWORD = env('DB_PASSWORD', '')

    REDIS_HOST = env('REDIS_HOST', 'redis')
    REDIS_PORT = number('REDIS_PORT', 6379)
    REDIS_PASSWORD = env('REDIS_PASSWORD') or None

    ROUTER_URL = env('ROUTER_URL', 'http://router:8000').rstrip('/')
    ROUTER_API_KEY = env('ROUTER_API_KEY', '')
    HTTP_TIMEOUT = number('HTTP_TIMEOUT', 8.0)

    # Kick
    KICK_API = env('KICK_API', 'https://api.kick.com/public/v1').rstrip('/')
    KICK_OAUTH = env('KICK_OAUTH', 'https://id.kick.com/oauth/token')
    KICK_CLIENT_ID = env('KICK_CLIENT_ID', '')
    KICK_CLIENT_SECRET = env('KICK_CLIENT_SECRET', '')
    KICK_WEBHOOK_SECRET = env('KICK_WEBHOOK_SECRET', '')
    KICK_REQUIRE_SIGNATURE = flag('KICK_REQUIRE_SIGNATURE')
    KICK_KEY_MAX_AGE = number('KICK_KEY_MAX_AGE', 3600)

    # YouTube
    YOUTUBE_API = 'https://www.googleapis.com/youtube/v3'
    YOUTUBE_HUB = 'https://pubsubhubbub.appspot.com/subscribe'
    YOUTUBE_API_KEY = env('YOUTUBE_API_KEY', '')
    YOUTUBE_WEBSUB_SECRET = env('YOUTUBE_WEBSUB_SECRET', '')
    YOUTUBE_VERIFY_TOKEN = env('YOUTUBE_VERIFY_TOKEN', '')
    YOUTUBE_WEBHOOK_CALLBACK_URL = env('YOUTUBE_WEBHOOK_CALLBACK_URL', '')
    YOUTUBE_LEASE_SECONDS = number('YOUTUBE_LEASE_SECONDS', 432000)
    CHAT_POLL_INTERVAL = number('CHAT_POLL_INTERVAL', 5.0)
    LEASE_CHECK_INTERVAL = number('LEASE_CHECK_INTERVAL', 3600.0)

    WEBHOOK_MAX_AGE = number('WEBHOOK_MAX_AGE', 300)
    DEDUPE_TTL = number('DEDUPE_TTL', 86400)

    LOG_LEVEL = env('LOG_LEVEL', 'INFO')
    LOG_DIR = env('LOG_DIR', '/var/log/waddlebotlog')


def dal_uri():
    """Build the PyDAL URI."""
    user, password = quote(Config.DB_USER, safe=''), quote(Config.DB_PASSWORD, safe='')
    return f'postgres://{user}:{password}@{Config.DB_HOST}:{Config.DB_PORT}/{Config.DB_NAME}'
