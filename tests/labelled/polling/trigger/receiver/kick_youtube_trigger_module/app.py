"""Receiver for Kick webhooks, YouTube WebSub and YouTube live chat."""

import httpx
from quart import Quart
from redis.asyncio import Redis

from config import Config, dal_uri
from controllers.channels import channels_bp
from controllers.kick import kick_bp
from controllers.youtube import youtube_bp
from flask_core import AsyncDAL, health_blueprint, install_error_handlers, setup_logging
from services.chat_poll import ChatPoller
from services.dedupe import Dedupe
from services.forwarder import Forwarder
from services.kick_api import KickApi
from services.registry import ChannelRegistry
from services.websub import WebSub
from services.youtube_api import YouTubeApi


def create_app():
    """Assemble the application."""
    setup_logging(Config.MODULE_NAME, Config.MODULE_VERSION, Config.LOG_LEVEL, Config.LOG_DIR)
    app = Quart(__name__)
    app.config['MAX_CONTENT_LENGTH'] = 512 * 1024

    dal = AsyncDAL(dal_uri())
    redis = Redis(
        host=Config.REDIS_HOST,
        port=Config.REDIS_PORT,
        password=Config.REDIS_PASSWORD,
        socket_timeout=3,
        socket_connect_timeout=3,
        decode_responses=True,
    )
    http = httpx.AsyncClient(timeout=Config.HTTP_TIMEOUT)

    registry = ChannelRegistry(dal)
    youtube = YouTubeApi(http)
    websub = WebSub(http, registry)
    forwarder = Forwarder(http)
    poller = ChatPoller(registry, youtube, forwarder, websub)

    app.extensions['dal'] = dal
    app.extensions['redis'] = redis
    app.extensions['registry'] = registry
    app.extensions['youtube'] = youtube
    app.extensions['websub'] = websub
    app.extensions['forwarder'] = forwarder
    app.extensions['dedupe'] = Dedupe(redis)
    app.extensions['kick'] = KickApi(http)

    app.register_blueprint(kick_bp)
    app.register_blueprint(youtube_bp)
    app.register_blueprint(channels_bp)
    app.register_blueprint(
        health_blueprint(
            Config.MODULE_NAME,
            Config.MODULE_VERSION,
            {'database': dal.ping, 'redis': redis.ping},
        )
    )
    install_error_handlers(app)

    @app.before_serving
    async def _up():
        """Connect and start polling."""
        await dal.connect()
        poller.start()

    @app.after_serving
    async def _down():
        """Stop polling, then close what it used."""
        await poller.stop()
        await http.aclose()
        await redis.aclose()
        await dal.close()

    return app


app = create_app()
