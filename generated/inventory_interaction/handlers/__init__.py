# Rendered by waddlegen from module_specs/inventory-interaction.yaml and templates/module/handlers/__init__.py.jinja; edits are merged on update.
"""What reaches the module over HTTP, events and time: one file a feature."""
