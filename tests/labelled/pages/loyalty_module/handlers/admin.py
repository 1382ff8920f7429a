"""Routes for community staff."""

from flask import Blueprint, g, jsonify

import db
from security import authorise
from services import points_service
from utils.forms import json_body, positive, user_id
from utils.log import audit

bp = Blueprint("loyalty_admin", __name__)


@bp.before_request
def staff_only():
    """Every route below needs an admin key."""
    return authorise("admin")


@bp.get("/teams/<int:team_id>")
def team(team_id):
    """Show a team with its points."""
    return jsonify(members=points_service.team_report(g.community_id, team_id))


@bp.delete("/balances/<user>")
def wipe(user):
    """Set a user back to nothing."""
    user = user_id(user)
    with db.cursor() as cur:
        cur.execute(
            "DELETE FROM loyalty_balances WHERE community_id = %s AND user_id = %s",
            (g.community_id, user),
        )
        gone = cur.rowcount
    audit(g.community_id, user, "wipe", rows=gone)
    return jsonify(success=True, removed=gone)


@bp.post("/rewards")
def add_reward():
    """Put a new reward on the shelf."""
    body = json_body("name", "cost")
    name, cost = str(body["name"])[:120], positive(body["cost"])
    row = db.fetch_one(
        "INSERT INTO loyalty_rewards (community_id, name, cost)"
        " VALUES (%s, %s, %s) RETURNING id",
        (g.community_id, name, cost),
    )
    audit(g.community_id, g.role, "add_reward", reward=row["id"])
    return jsonify(success=True, id=row["id"])
