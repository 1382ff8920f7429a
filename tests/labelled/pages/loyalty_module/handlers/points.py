"""Routes about balances."""

import hashlib
import threading
from datetime import date

import yaml
from flask import Blueprint, current_app, g, jsonify, request

from security import require_key as guarded
from services import points_service
from utils.forms import BadInput, json_body, page_size, positive, user_id
from utils.log import audit

bp = Blueprint("points", __name__)

_claims = {}
_claims_lock = threading.Lock()


def _tiers():
    with open(current_app.config["TIERS_FILE"], encoding="utf-8") as handle:
        return yaml.safe_load(handle)


@bp.get("/<user>")
@guarded("trigger")
def show(user):
    """Return the balance of one user."""
    user = user_id(user)
    return jsonify(user_id=user, points=points_service.balance_of(g.community_id, user))


@bp.get("/leaderboard")
@guarded("trigger")
def leaderboard():
    """Return the ranking of the community."""
    sort = request.args.get("sort", "points")
    rows = points_service.leaderboard(g.community_id, sort, page_size())
    rows = points_service.label_tiers(rows, _tiers())
    answer = jsonify(rows=rows)
    digest = hashlib.md5(answer.get_data(), usedforsecurity=False)
    answer.set_etag(digest.hexdigest())
    return answer.make_conditional(request)


@bp.post("/grant")
@guarded("core")
def grant():
    """Credit points to a user."""
    body = json_body("user_id", "amount")
    user = user_id(body["user_id"])
    amount = positive(body["amount"])
    total = points_service.credit(
        g.community_id, user, amount, str(body.get("reason", "grant"))[:80]
    )
    audit(g.community_id, user, "grant", amount=amount)
    return jsonify(success=True, points=total)


@bp.post("/transfer")
@guarded()
def transfer():
    """Give points from one user to another."""
    body = json_body("sender", "receiver", "amount")
    sender, receiver = user_id(body["sender"]), user_id(body["receiver"])
    if sender == receiver:
        raise BadInput("sender and receiver are the same")
    amount = int(body["amount"])
    if not points_service.move(g.community_id, sender, receiver, amount):
        return jsonify(error="insufficient_points", status=400), 400
    audit(g.community_id, sender, "transfer", to=receiver, amount=amount)
    return jsonify(success=True)


@bp.post("/daily")
@guarded()
def daily():
    """Let a user collect the daily bonus."""
    user = user_id(json_body("user_id")["user_id"])
    key = (g.community_id, user)
    today = date.today()
    with _claims_lock:
        if _claims.get(key) == today:
            return jsonify(error="already_claimed", status=400), 400
        _claims[key] = today
    total = points_service.credit(g.community_id, user, 50, "daily")
    audit(g.community_id, user, "daily")
    return jsonify(success=True, points=total)


@bp.get("/<user>/ledger")
@guarded()
def ledger(user):
    """Return the recent movements of a user."""
    since = request.args.get("since", "1970-01-01")
    try:
        rows = points_service.ledger(g.community_id, user_id(user), since, page_size())
    except ValueError as exc:
        raise BadInput(f"since: {exc}") from exc
    return jsonify(rows=rows)
