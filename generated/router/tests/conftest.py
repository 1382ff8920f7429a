# Rendered by waddlegen from module_specs/router.yaml and templates/module/tests/conftest.py.jinja; edits are merged on update.
"""The fixtures of flask_core: real servers, the running module, clients and keys."""

pytest_plugins = ("flask_core.testing.plugin",)
