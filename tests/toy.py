"""A fleet with the smallest templates that have every kind of file: quick to update often."""

from pathlib import Path

from tests.fleets import LEAST, Sandbox
from tests.helpers import build_tree

COPIER = """\
_templates_suffix: .jinja
_envops: {keep_trailing_newline: true, trim_blocks: true, lstrip_blocks: true}
_exclude: [copier.yml]
_skip_if_exists: [services/*_service.py]
"""
TEMPLATES = {
    "module/copier.yml": COPIER,
    "module/main.py.jinja": '"""{{ module.title }}."""\n\nPORT = {{ module.port }}\nONE = 1\nTWO = 2\nTHREE = 3\n',
    "module/Dockerfile.jinja": "FROM python:1\nENV PORT={{ module.port }}\nRUN one\nRUN two\nUSER 1\nCMD run\n",
    "module/requirements.txt.jinja": "aaa==1\nmmm==1\nzzz==1\n",
    "module/k8s/deploy.yaml.jinja": "name: {{ module.id }}\nenv:\n  - name: A\n    value: 1\nlimit: 1\n",
    "module/.env.example.jinja": "PORT={{ module.port }}\nA=1\nB=2\n",
    "module/handlers/{% yield feature from module.features %}{{ feature.id }}{% endyield %}.py.jinja": "def {{ feature.id }}():\n    return 1\n\n\ndef other():\n    return 2\n",
    "module/services/{% yield feature from module.features %}{{ feature.id }}{% endyield %}_service.py.jinja": "class {{ feature.class_name }}:\n    pass\n",
    "fleet/copier.yml": COPIER,
    "fleet/ci/{% yield module from modules %}{{ module.id }}{% endyield %}.yml.jinja": "name: {{ module.id }}\non: push\nport: {{ module.port }}\n",
    "libs/flask_core/app.py": "def app():\n    return 1\n\n\ndef more():\n    return 2\n",
}  # fmt: skip


def toy(folder: Path, *names: str) -> Sandbox:
    """A project of these modules with the smallest templates, rendered."""
    build_tree(folder / "templates", TEMPLATES)
    made = Sandbox(folder)
    for number, name in enumerate(names or ("demo",)):
        made.spec(LEAST.format(id=name, port=8100 + number), name)
    made.update()
    return made
