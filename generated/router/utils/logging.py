# Rendered by waddlegen from module_specs/router.yaml and templates/module/utils/logging.py.jinja; edits are merged on update.
"""The module's own logger; its records become AAA lines of the standard."""

from flask_core.logging import get_logger

logger = get_logger("router")
