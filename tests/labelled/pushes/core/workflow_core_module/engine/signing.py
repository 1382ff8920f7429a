"""Signatures of workflow webhooks."""

import json

from flask_core.webhooks import verify

HEADER = "X-Webhook-Signature"


def signed_by(request, secret):
    """True if the request carries a signature made with the secret."""
    payload = request.get_json(silent=True) or {}
    body = json.dumps(payload, separators=(",", ":")).encode()
    return verify(body, request.headers.get(HEADER), secret)
