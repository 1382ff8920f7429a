# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/main.py.jinja; edits are merged on update.
"""Entry point of inventory-interaction: the Quart application that uvicorn serves."""

from pathlib import Path

from flask_core.app import create_app
from flask_core.datamodels import ModuleConfig

from config import settings
from handlers import checkouts, items, log

app = create_app(
    settings(),
    ModuleConfig(
        module_id="inventory-interaction",
        title="Inventory interaction",
        version="0.2.0",
        package="inventory_interaction",
        category="action",
        port=8024,
        endpoints=(
            "/api/v1/action/add_item",
            "/api/v1/action/delete_item",
            "/api/v1/inventory",
            "/api/v1/inventory/search",
            "/api/v1/inventory/items/{id}",
            "/api/v1/action/checkout",
            "/api/v1/action/checkin",
            "/api/v1/inventory/checkouts",
            "/api/v1/inventory/checkouts/{id}",
            "/api/v1/action/log_change",
            "/api/v1/inventory/log",
        ),
        postgres="required",
        redis="required",
        host="action-inventory",
    ),
    blueprints=(items.blueprint, checkouts.blueprint, log.blueprint),
    folder=Path(__file__).parent,
)
