"""Webhooks from payment providers."""

from flask import Blueprint, current_app, jsonify, request

from security import body_is_signed as trusted
from services import notifier, points_service
from utils.forms import json_body, positive, user_id
from utils.log import audit, auth_event, log

bp = Blueprint("hooks", __name__)

POINTS_PER_EURO = 100


@bp.before_request
def check_signature():
    """Refuse any hook whose body is not signed."""
    secret_env = current_app.config["KOFI_SECRET_ENV"]
    if not trusted(request.get_data(), request.headers.get("X-Signature"), secret_env):
        auth_event("AUTH", "-", "kofi", request.endpoint, "denied")
        return jsonify(error="invalid_signature", status=401), 401
    return None


@bp.post("/kofi/<int:community>")
def kofi(community):
    """Turn a Ko-fi donation into points."""
    log.info("SYSTEM action=kofi headers=%s", dict(request.headers))
    body = json_body("user_id", "amount_cents")
    user = user_id(body["user_id"])
    cents = positive(body["amount_cents"])
    total = points_service.credit(
        community, user, cents * POINTS_PER_EURO // 100, "kofi"
    )
    audit(community, user, "kofi", cents=cents)
    notifier.announce(community, f"{user} supported us, thank you!")
    return jsonify(success=True, points=total)
