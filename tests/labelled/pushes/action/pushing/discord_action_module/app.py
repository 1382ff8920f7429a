"""Application factory of the Discord action module."""

from dataclasses import dataclass
from typing import Any, Optional

import httpx
from quart import Quart
from werkzeug.exceptions import HTTPException

from flask_core.aaa import AAALogger, setup_logging
from flask_core.api import error_response
from flask_core.database import AsyncDB
from flask_core.health import quart_health
from flask_core.metrics import metrics_response

from config import MODULE, Settings
from grpc_server import DiscordActionServicer, build_server
from guard import TokenChecker
from services.discord_client import DiscordClient
from services.runner import ActionRunner
from services.store import ActionStore, GuildDirectory
from views import bp


@dataclass
class Parts:
    """What the views need, kept in app.extensions."""

    settings: Settings
    aaa: AAALogger
    checker: TokenChecker
    runner: ActionRunner


async def register_with_router(settings: Settings) -> None:
    """Tell the router that we are here."""
    async with httpx.AsyncClient(timeout=5.0) as http:
        resp = await http.post(
            f"{settings.router_url}/api/v1/register",
            headers={"X-API-Key": settings.router_api_key},
            json={
                "module_id": "discord-action",
                "module_version": settings.version,
                "endpoints": ["/api/v1/action", "/api/v1/execute"],
                "health_check": "/health",
                "port": settings.port,
            },
        )
        resp.raise_for_status()


def create_app(
    settings: Optional[Settings] = None,
    db: Optional[AsyncDB] = None,
    transport: Optional[httpx.AsyncBaseTransport] = None,
) -> Quart:
    """Build the application; tests pass their own database and transport."""
    settings = settings or Settings.from_env()
    log = setup_logging(MODULE, settings.version, settings.log_level, settings.log_dir)
    aaa = AAALogger(MODULE, settings.version)
    database = db or AsyncDB(settings.database_url)
    client = DiscordClient(settings, log, transport)
    runner = ActionRunner(client, ActionStore(database), GuildDirectory(database), aaa)
    checker = TokenChecker(settings.jwt_secret, settings.jwt_audience)
    grpc_server: Any = None

    app = Quart(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 256 * 1024
    app.extensions[MODULE] = Parts(settings, aaa, checker, runner)
    app.register_blueprint(bp)
    app.register_blueprint(
        quart_health(MODULE, settings.version, {"database": database.ping})
    )

    @app.get("/metrics")
    async def metrics() -> Any:
        """Prometheus metrics."""
        return metrics_response()

    @app.errorhandler(Exception)
    async def unexpected(exc: Exception) -> Any:
        """The documented body for whatever was not caught."""
        if isinstance(exc, HTTPException):
            return error_response(exc.code or 500, "http_error", exc.name)
        log.exception("unhandled")
        return error_response(500, "internal_error")

    @app.before_serving
    async def start() -> None:
        """Open what needs opening."""
        nonlocal grpc_server
        await database.connect()
        grpc_server = build_server(
            DiscordActionServicer(runner, checker, aaa), settings.grpc_port
        )
        await grpc_server.start()
        try:
            await register_with_router(settings)
        except httpx.HTTPError as exc:
            aaa.error("register", type(exc).__name__)
        aaa.system("startup", dependencies_ready=True)

    @app.after_serving
    async def stop() -> None:
        """Drain, then close."""
        if grpc_server is not None:
            await grpc_server.stop(grace=10)
        await runner.drain()
        await client.close()
        await database.close()
        aaa.system("shutdown")

    return app
