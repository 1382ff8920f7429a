# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/services/__init__.py.jinja; edits are merged on update.
"""What the module does: one service a feature, written by hand where the spec says so."""
