"""workflow-core: `gunicorn 'app:create_app()'`."""

import logging
import sys
import traceback

import requests
from flask import Flask
from werkzeug.exceptions import HTTPException

from flask_core.aaa import AAALogger
from flask_core.api import error_response
from flask_core.database import SyncDB
from flask_core.health import flask_health

from config import MODULE, VERSION, Config
from engine.runner import Engine
from http_client import router_post
from routes.admin import admin
from routes.api import api
from routes.webhooks import webhooks
from scheduler import Scheduler
from store import Store

logging.basicConfig(
    stream=sys.stdout,
    level=Config.LOG_LEVEL,
    format="[%(asctime)s] %(levelname)s %(name)s %(message)s",
)
log = logging.getLogger("workflow")


def register(aaa):
    """Tell the router that we are here; it finds out by itself otherwise."""
    try:
        router_post(
            "/api/v1/register",
            {
                "module_id": "workflow-core",
                "module_version": VERSION,
                "endpoints": ["/api/v1/workflows", "/api/v1/events"],
                "health_check": "/health",
                "port": Config.PORT,
            },
        )
    except requests.RequestException as exc:
        aaa.error("register", type(exc).__name__)


def create_app(db=None, scheduler=None):
    """Build the application."""
    app = Flask(__name__)
    app.config.from_object(Config)
    aaa = AAALogger(MODULE, VERSION)
    db = db or SyncDB(Config.dsn())
    store = Store(db)
    engine = Engine(store, aaa)
    app.extensions["workflow"] = {"store": store, "engine": engine, "aaa": aaa}
    app.register_blueprint(api)
    app.register_blueprint(webhooks)
    app.register_blueprint(admin)
    app.register_blueprint(flask_health(MODULE, VERSION, {"database": db.ping}))

    @app.errorhandler(Exception)
    def unexpected(exc):
        """Everything that nobody else handles."""
        if isinstance(exc, HTTPException):
            return error_response(exc.code, "http_error", exc.name)
        log.exception("unhandled")
        return error_response(500, "internal_error", traceback.format_exc())

    if Config.SCHEDULER_ENABLED if scheduler is None else scheduler:
        register(aaa)
        Scheduler(store, engine).start()
    aaa.system("startup")
    return app
