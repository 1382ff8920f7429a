"""Analytics core: time series, bot scores and what the other modules push in."""

from quart import Quart

from config import Config
from controllers.actions import actions_bp
from controllers.internal import internal_bp
from controllers.series import series_bp
from controllers.settings import settings_bp
from flask_core import AsyncDAL, health_blueprint, install_error_handlers, setup_logging
from services.bad_actors import BadActorService
from services.bot_score import BotScoreService
from services.loops import Loops
from services.settings_store import SettingsStore
from services.timeseries import TimeSeriesService
from utils.metrics import metrics_bp


def create_app() -> Quart:
    """Put the parts together."""
    setup_logging(Config.MODULE_NAME, Config.MODULE_VERSION, Config.LOG_LEVEL, Config.LOG_DIR)
    app = Quart(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024

    dal = AsyncDAL(Config.dal_uri(), pool_size=Config.DB_POOL_SIZE)
    settings = SettingsStore(dal)
    series = TimeSeriesService(dal)
    scores = BotScoreService(dal, settings)
    app.extensions.update(
        dal=dal,
        settings=settings,
        series=series,
        scores=scores,
        bad_actors=BadActorService(dal),
        loops=Loops(series, scores),
    )

    for blueprint in (series_bp, settings_bp, internal_bp, actions_bp, metrics_bp):
        app.register_blueprint(blueprint)
    app.register_blueprint(
        health_blueprint(Config.MODULE_NAME, Config.MODULE_VERSION, {"database": dal.ping})
    )
    install_error_handlers(app)

    @app.before_serving
    async def _start() -> None:
        """Connect, then let the loops run."""
        await dal.connect()
        app.extensions["loops"].start()

    @app.after_serving
    async def _stop() -> None:
        """Stop the loops before the pool goes away."""
        await app.extensions["loops"].stop()
        await dal.close()

    return app


app = create_app()
