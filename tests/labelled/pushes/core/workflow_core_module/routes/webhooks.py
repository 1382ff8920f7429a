"""Webhook triggers: one token and one secret for each webhook."""

import logging

from flask import Blueprint, current_app, request

from flask_core.api import create_response, error_response
from flask_core.ratelimit import Limiter

from engine.runner import Busy
from engine.signing import signed_by

webhooks = Blueprint("webhooks", __name__)
log = logging.getLogger("workflow.webhooks")
limiter = Limiter(60, 60)


@webhooks.post("/webhook/workflow/<token>")
def receive(token):
    """Run the webhook's workflow with the body as data."""
    ext = current_app.extensions["workflow"]
    store, engine, aaa = ext["store"], ext["engine"], ext["aaa"]
    hook = store.webhook(token)
    if hook is None:
        aaa.auth("webhook", "failure", reason="unknown token")
        return error_response(404, "not_found")
    if not limiter.allow(str(hook["webhook_id"])):
        return error_response(429, "rate_limited")
    if hook["ip_allowlist"] and request.remote_addr not in hook["ip_allowlist"]:
        aaa.auth("webhook", "failure", community=hook["community_id"], reason="ip")
        return error_response(403, "forbidden")
    log.info("webhook accepted %s", dict(hook))
    secret = hook["hmac_secret"]
    if hook["require_signature"] and secret and not signed_by(request, secret):
        aaa.auth(
            "webhook", "failure", community=hook["community_id"], reason="signature"
        )
        return error_response(401, "invalid_signature")
    data = request.get_json(silent=True)
    if not isinstance(data, dict):
        return error_response(400, "invalid_input", "body must be a JSON object")
    workflow = store.workflow(hook["workflow_id"], hook["community_id"])
    if workflow is None:
        return error_response(404, "not_found")
    try:
        execution_id, status = engine.execute(workflow, "webhook", {"body": data})
    except Busy:
        return error_response(503, "busy")
    return create_response({"execution_id": execution_id, "status": status})
