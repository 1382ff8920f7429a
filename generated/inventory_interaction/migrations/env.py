# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/migrations/env.py.jinja; edits are merged on update.
"""Alembic's environment: the tables of this module, under its own version table."""

from flask_core.database import Base
from flask_core.migrate import run_environment

import models

assert models
run_environment(Base.metadata, "inventory_interaction")
