"""Operators' pages. The hub's proxy adds X-API-Key for signed-in operators."""

from flask import Blueprint, abort, current_app, render_template, request
from markupsafe import Markup

from flask_core.auth import AuthError, authenticate

admin = Blueprint(
    "admin", __name__, url_prefix="/admin", template_folder="../templates"
)

NAV = Markup('<nav><a href="/admin/workflows">Workflows</a></nav>')


def operators_only():
    """401 or 403 unless the caller is an admin of all communities."""
    aaa = current_app.extensions["workflow"]["aaa"]
    try:
        identity = authenticate(request.headers, "admin")
    except AuthError as exc:
        aaa.auth("admin", "failure", reason=str(exc))
        abort(exc.status)
    if not identity.all_communities:
        aaa.authz("admin", "denied", community=None, user=identity.name)
        abort(403)


admin.before_request(operators_only)


@admin.get("/workflows")
def workflows_page():
    """All workflows."""
    store = current_app.extensions["workflow"]["store"]
    return render_template("admin.jinja", rows=store.everything(), nav=NAV)


@admin.get("/workflows/<uuid:workflow_id>/runs")
def runs_page(workflow_id):
    store = current_app.extensions["workflow"]["store"]
    workflow = store.workflow(str(workflow_id))
    if workflow is None:
        abort(404)
    return render_template(
        "runs.html", workflow=workflow, rows=store.runs(str(workflow_id)), nav=NAV
    )
