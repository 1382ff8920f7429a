"""The module's own documentation: openapi.yaml as JSON, and a page to read it on.

The page loads nothing from elsewhere, so it works in a closed cluster.
"""

import functools
import html
from pathlib import Path
from typing import Any

import yaml

METHODS = ("get", "post", "put", "patch", "delete")


@functools.cache
def load_openapi(folder: Path) -> dict[str, Any]:
    """The module's openapi.yaml; empty when there is none."""
    path = folder / "openapi.yaml"
    if not path.is_file():
        return {"openapi": "3.1.0", "info": {"title": "-", "version": "-"}, "paths": {}}
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return document


@functools.cache
def page(folder: Path) -> str:
    """The documentation as one HTML page."""
    document = load_openapi(folder)
    title = html.escape(str(document["info"]["title"]))
    rows = "".join(
        _row(method, path, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    )
    return _PAGE.format(title=title, rows=rows)


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    """One operation as a row of the table."""
    cells = (method.upper(), path, operation.get("summary", ""))
    answers = ", ".join(str(status) for status in operation.get("responses", {}))
    return "<tr>{}</tr>".format(
        "".join(f"<td>{html.escape(str(cell))}</td>" for cell in (*cells, answers))
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ border-bottom: 1px solid #ccc; padding: .4rem .6rem; text-align: left; }}
td:nth-child(-n+2) {{ font-family: ui-monospace, monospace; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>The whole description: <a href="/openapi.json">/openapi.json</a></p>
<table>
<thead><tr><th>Method</th><th>Path</th><th>What it does</th><th>Answers</th></tr></thead>
<tbody>{rows}</tbody>
</table>
</body>
</html>
"""
