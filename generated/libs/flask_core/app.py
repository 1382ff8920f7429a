"""Put a module together: one call of `create_app` wires everything, in one place."""

from __future__ import annotations

import functools
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from quart import Blueprint, Quart, Response, request
from quart.sessions import NullSession
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from flask_core import context, docs, logging
from flask_core.api import create_response, error_response, html_response
from flask_core.apikeys import KeyStore
from flask_core.auth import require_api_key
from flask_core.cache import Cache
from flask_core.config import ModuleSettings, PostgresSettings, RedisSettings
from flask_core.connection import HttpConnection, ModuleRequest, WebsocketConnection
from flask_core.database import AsyncDAL
from flask_core.datamodels import Consumer, ExternalApi, Job, ModuleCall, ModuleConfig
from flask_core.errors import ApiError
from flask_core.events import Events
from flask_core.lifecycle import ModuleBase
from flask_core.logging import log_error
from flask_core.metrics import Metrics
from flask_core.outbound import HttpClient, ModuleClient
from flask_core.outbox import Outbox
from flask_core.ratelimit import Limiter
from flask_core.redisx import RedisX
from flask_core.resources import EXTENSION, Resources

_NO_SESSION = NullSession()
MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 15
_CODES = {
    400: "invalid_input",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "payload_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
}


class ModuleApp(Quart):
    """A Quart application that remembers which route a request matched."""

    asgi_http_class = HttpConnection
    asgi_websocket_class = WebsocketConnection
    request_class = ModuleRequest

    async def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        """Note the route for the metrics, then do as Quart does.

        Quart 0.22 and 0.23 hand over different contexts; both are passed on untouched.
        """
        state = context.request_state()
        if state.request.url_rule is not None:
            state.route = state.request.url_rule.rule
        return await super().dispatch_request(*args, **kwargs)

    def create_url_adapter(self, request: Any) -> MapAdapter | None:
        """What finds the view of a request: its path and method, and not its Host."""
        if request is None:
            return None
        return MapAdapter(
            self.url_map,
            server_name="localhost",
            script_name=request.root_path or "/",
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
        )

    def request_context(self, request: Any) -> Any:
        """As Quart's; nothing of a module lives in a cookie, so there is one session."""
        found = super().request_context(request)
        found.session = _NO_SESSION
        return found

    def ensure_async(self, func: Any) -> Any:
        """As Quart does, found out once for each function."""
        made = self._made_async.get(func)
        if made is None:
            made = self._made_async[func] = super().ensure_async(func)
        return made

    @functools.cached_property
    def _made_async(self) -> MutableMapping[Any, Any]:
        """The functions that were seen, as they are awaited."""
        return WeakKeyDictionary()

    @functools.cached_property
    def _has_hooks(self) -> bool:
        """Whether anything runs before or after views; none of ours does."""
        hooks = (
            self.before_request_funcs,
            self.after_request_funcs,
            self.teardown_request_funcs,
            self.url_value_preprocessors,
        )
        return any(found for each in hooks for found in each.values())

    async def full_dispatch_request(self, request_context: Any = None) -> Any:
        """Call the view; where there are hooks, as Quart does."""
        if self._has_hooks:
            return await super().full_dispatch_request(request_context)
        try:
            result = await self.dispatch_request(request_context)
        except Exception as error:
            result = await self.handle_user_exception(error)
        return await self.make_response(result)

    async def do_teardown_request(self, *args: Any, **kwargs: Any) -> None:
        """Nothing, where there are no hooks."""
        if self._has_hooks:
            await super().do_teardown_request(*args, **kwargs)


def create_app(
    settings: ModuleSettings,
    config: ModuleConfig,
    *,
    blueprints: Sequence[Blueprint] = (),
    consumers: Sequence[Consumer] = (),
    jobs: Sequence[Job] = (),
    external_apis: Sequence[ExternalApi] = (),
    module_calls: Sequence[ModuleCall] = (),
    folder: Path | None = None,
) -> Quart:
    """The application of a module, ready for an ASGI server.

    `folder` is where the module's openapi.yaml lies; the working directory unless said.
    """
    logging.setup_logging(
        config.package, settings.module_version, settings.log_level, settings.log_dir
    )
    resources = _resources(settings, config, external_apis, module_calls)
    module = ModuleBase(resources, consumers, jobs)
    app = ModuleApp(config.package)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["BODY_TIMEOUT"] = BODY_SECONDS
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.extensions[EXTENSION] = resources
    app.extensions["waddlebot_module"] = module
    for blueprint in (*blueprints, _built_in(module, folder or Path.cwd())):
        app.register_blueprint(blueprint)
    _handle_errors(app)
    _run_with(app, module)
    return app


def _resources(
    settings: ModuleSettings,
    config: ModuleConfig,
    external_apis: Sequence[ExternalApi],
    module_calls: Sequence[ModuleCall],
) -> Resources:
    """Everything a module works with; nothing is connected yet."""
    metrics = Metrics(config.module_id, settings.module_version)
    redis = RedisX(settings) if isinstance(settings, RedisSettings) else None
    database = AsyncDAL(settings) if isinstance(settings, PostgresSettings) else None
    events = Events(redis, config.module_id, metrics, database)
    if database is not None and redis is not None:
        events.outbox = Outbox(database, events)
    clients = {api.id: HttpClient(api) for api in external_apis}
    modules = {call.module: ModuleClient(call) for call in module_calls}
    for target, client in clients.items():
        metrics.watch_breaker(target, client.breaker)
    for target, module in modules.items():
        metrics.watch_breaker(target, module.client.breaker)
    return Resources(
        settings=settings,
        config=config,
        metrics=metrics,
        keys=KeyStore(settings, database),
        cache=Cache(redis, metrics, settings.enable_cache),
        limiter=Limiter(redis),
        events=events,
        database=database,
        redis_or_none=redis,
        clients=clients,
        modules=modules,
    )


def _run_with(app: Quart, module: ModuleBase) -> None:
    """Tie the module's life to the server's; background work sees the application."""

    @app.before_serving
    async def start() -> None:
        # Tasks started here inherit Quart's context, so that handlers find resources().
        await module.on_startup()
        module.chain_signals()

    @app.after_serving
    async def stop() -> None:
        await module.on_shutdown()


def _built_in(module: ModuleBase, folder: Path) -> Blueprint:
    """The routes every module has."""
    blueprint = Blueprint("built_in", __name__)
    resources = module.resources

    @blueprint.get("/health")
    async def health() -> Response:
        if request.headers.get("X-Health-Probe") == "liveness":
            return create_response(module.health.liveness())
        status, body = module.health.readiness()
        return create_response(body, status)

    @blueprint.get("/healthz")
    async def healthz() -> Response:
        return create_response(module.health.liveness())

    @blueprint.get("/metrics")
    async def metrics() -> Response:
        text = resources.metrics.text()
        return Response(text, content_type=resources.metrics.content_type)

    @blueprint.get("/api/v1/status")
    @require_api_key(role="user", community=False)
    async def status() -> Response:
        config = resources.config
        return create_response(
            {
                **module.health.readiness()[1],
                "title": config.title,
                "category": config.category,
                "state": module.state.value,
                "endpoints": list(config.endpoints),
            }
        )

    @blueprint.get("/openapi.json")
    async def openapi() -> Response:
        return create_response(docs.load_openapi(folder))

    @blueprint.get("/docs")
    async def documentation() -> Response:
        return html_response(docs.page(folder))

    return blueprint


def _handle_errors(app: Quart) -> None:
    """Answer every failure with the standard's envelope, and leak nothing."""

    @app.errorhandler(ApiError)
    async def refused(error: ApiError) -> Response:
        extra = {"fields": error.fields} if error.fields else {}
        return error_response(
            error.status, error.error, error.message, error.headers, **extra
        )

    @app.errorhandler(HTTPException)
    async def http(error: HTTPException) -> Response:
        status = error.code or 500
        if status >= 500:
            return error_response(500, "internal_error")
        code = _CODES.get(status, "invalid_input")
        allowed = {
            name: value
            for name, value in error.get_headers()
            if name.lower() == "allow"
        }
        return error_response(status, code, headers=allowed)

    @app.errorhandler(NotImplementedError)
    async def unfinished(error: NotImplementedError) -> Response:
        message = str(error) or "this operation is not written yet"
        return error_response(501, "not_implemented", message)

    @app.errorhandler(Exception)
    async def failed(error: Exception) -> Response:
        call = context.request_state().call
        log_error(
            call and call.community_id, "request", type(error).__name__, exc_info=error
        )
        return error_response(500, "internal_error")
