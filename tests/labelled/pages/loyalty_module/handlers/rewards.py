"""Routes about the reward shop."""

from flask import Blueprint, g, jsonify, request

import db
from security import require_key as guarded
from services import notifier, points_service
from utils.forms import json_body, user_id
from utils.log import audit

bp = Blueprint("rewards", __name__)

SORTS = {"cost": "cost", "name": "lower(name)", "new": "created_at DESC"}


@bp.get("/")
@guarded("trigger")
def catalogue():
    """List what can be bought."""
    order = SORTS.get(request.args.get("sort"), "cost")
    rows = db.fetch_all(
        "SELECT id, name, cost, stock FROM loyalty_rewards"
        f" WHERE community_id = %s ORDER BY {order}",
        (g.community_id,),
    )
    return jsonify(rewards=rows)


@bp.post("/<int:reward_id>/redeem")
@guarded()
def redeem(reward_id):
    """Spend points on a reward."""
    user = user_id(json_body("user_id")["user_id"])
    reward = db.fetch_one(
        "SELECT id, name, cost, stock, endpoint, sku FROM loyalty_rewards"
        " WHERE community_id = %s AND id = %s",
        (g.community_id, reward_id),
    )
    if reward is None:
        return jsonify(error="not_found", status=404), 404
    with db.cursor() as cur:
        cur.execute(
            "UPDATE loyalty_balances SET points = points - %s"
            " WHERE community_id = %s AND user_id = %s AND points >= %s",
            (reward["cost"], g.community_id, user, reward["cost"]),
        )
        if cur.rowcount == 0:
            return jsonify(error="insufficient_points", status=400), 400
        cur.execute(
            "INSERT INTO loyalty_orders (community_id, reward_id, user_id, cost)"
            " VALUES (%s, %s, %s, %s) RETURNING id",
            (g.community_id, reward_id, user, reward["cost"]),
        )
        order = cur.fetchone()["id"]
    number = None
    if reward["endpoint"]:
        number = notifier.order_item(reward["endpoint"], reward["sku"], user)
    audit(g.community_id, user, "redeem", reward=reward_id, order=order)
    notifier.announce(g.community_id, f"{user} bought {reward['name']}")
    return jsonify(success=True, order=order, shop_order=number)


@bp.post("/orders/<int:order_id>/refund")
def refund(order_id):
    """Take an order back and return the points."""
    order = db.fetch_one(
        "UPDATE loyalty_orders SET refunded_at = now()"
        " WHERE id = %s AND refunded_at IS NULL"
        " RETURNING community_id, user_id, cost",
        (order_id,),
    )
    if order is None:
        return jsonify(error="not_found", status=404), 404
    total = points_service.credit(
        order["community_id"], order["user_id"], order["cost"], "refund"
    )
    audit(order["community_id"], order["user_id"], "refund", order=order_id)
    return jsonify(success=True, points=total)
