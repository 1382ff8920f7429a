# Rendered by waddlegen from module_specs/router.yaml and templates/module/main.py.jinja; edits are merged on update.
"""Entry point of router: the Quart application that uvicorn serves."""

from pathlib import Path

from flask_core.app import create_app
from flask_core.datamodels import Consumer, Job, ModuleConfig

from config import settings
from handlers import (
    commands,
    dispatch,
    installations,
    registry,
    responses,
    translations,
)

app = create_app(
    settings(),
    ModuleConfig(
        module_id="router",
        title="Router",
        version="0.2.0",
        package="router",
        category="core",
        port=8000,
        endpoints=(
            "/api/v1/register",
            "/api/v1/modules",
            "/api/v1/router/commands",
            "/api/v1/router/commands/{id}",
            "/api/v1/action/dispatch_event",
            "/api/v1/router/events",
            "/api/v1/router/events/batch",
            "/api/v1/action/submit_response",
            "/api/v1/router/responses/{session_id}",
            "/api/v1/action/toggle_module",
            "/api/v1/action/store_translation",
            "/api/v1/router/translations/{source_lang}/{target_lang}/{source_text_hash}",
        ),
        postgres="required",
        redis="required",
        host="core-router",
    ),
    blueprints=(
        registry.blueprint,
        commands.blueprint,
        dispatch.blueprint,
        responses.blueprint,
        installations.blueprint,
        translations.blueprint,
    ),
    consumers=(
        Consumer(
            event="module.heartbeat",
            handler=registry.on_module_heartbeat,
            durable=False,
        ),
        Consumer(
            event="event.inbound",
            handler=dispatch.on_event_inbound,
            durable=True,
            types=("chatMessage", "slashCommand"),
        ),
    ),
    jobs=(
        Job(
            name="check_modules",
            every_seconds=settings().router_health_interval,
            handler=registry.check_modules,
            exclusive=True,
        ),
    ),
    folder=Path(__file__).parent,
)
