# Rendered by waddlegen from module_specs/ai-interaction.yaml and templates/module/main.py.jinja; edits are merged on update.
"""Entry point of ai-interaction: the Quart application that uvicorn serves."""

from pathlib import Path

from flask_core.app import create_app
from flask_core.datamodels import Consumer, ExternalApi, ModuleConfig
from flask_core.outbound import credentials

from config import settings
from handlers import chat, configuration, providers

app = create_app(
    settings(),
    ModuleConfig(
        module_id="ai-interaction",
        title="AI interaction",
        version="0.2.0",
        package="ai_interaction",
        category="action",
        port=8005,
        endpoints=(
            "/api/v1/action/chat",
            "/api/v1/ai/chat",
            "/api/v1/ai/chat/completions",
            "/api/v1/action/test_provider",
            "/api/v1/ai/models",
            "/api/v1/action/set_config",
            "/api/v1/ai/config",
        ),
        postgres="required",
        redis="optional",
        host="action-ai",
    ),
    blueprints=(chat.blueprint, providers.blueprint, configuration.blueprint),
    consumers=(
        Consumer(
            event="event.inbound",
            handler=chat.on_event_inbound,
            durable=True,
            types=("subscription", "follow", "donation", "chatMessage"),
        ),
    ),
    external_apis=(
        ExternalApi(
            id="ollama",
            base_url=settings().ai_host,
            timeout_seconds=30,
            attempts=2,
            breaker_threshold=5,
            breaker_reset_seconds=30,
        ),
        ExternalApi(
            id="openai",
            base_url=settings().openai_base_url,
            timeout_seconds=30,
            attempts=2,
            breaker_threshold=5,
            breaker_reset_seconds=30,
            headers=credentials(
                ("Authorization", "Bearer ", settings().openai_api_key),
            ),
        ),
    ),
    folder=Path(__file__).parent,
)
