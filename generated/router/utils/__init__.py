# Rendered by waddlegen from module_specs/router.yaml and templates/module/utils/__init__.py.jinja; edits are merged on update.
"""What several services of this module share; what all modules share is flask_core."""
