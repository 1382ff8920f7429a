"""Balances, transfers and rankings."""

from dateutil import parser as dates

import db
from utils.log import log


def balance_of(community, user):
    """Return the points a user holds in a community."""
    row = db.fetch_one(
        "SELECT points FROM loyalty_balances WHERE community_id = %s AND user_id = %s",
        (community, user),
    )
    return row["points"] if row else 0


def credit(community, user, amount, reason):
    """Add points to a user and write the ledger entry in one transaction."""
    with db.cursor() as cur:
        cur.execute(
            "INSERT INTO loyalty_balances (community_id, user_id, points)"
            " VALUES (%s, %s, %s) ON CONFLICT (community_id, user_id)"
            " DO UPDATE SET points = loyalty_balances.points + EXCLUDED.points"
            " RETURNING points",
            (community, user, amount),
        )
        total = cur.fetchone()["points"]
        cur.execute(
            "INSERT INTO loyalty_ledger (community_id, user_id, delta, reason)"
            " VALUES (%s, %s, %s, %s)",
            (community, user, amount, reason),
        )
    log.info("SYSTEM action=credit user=%s tokens=%d", user, total)
    return total


def move(community, sender, receiver, amount):
    """Move points between two users; False when the sender is short."""
    with db.cursor() as cur:
        cur.execute(
            "UPDATE loyalty_balances SET points = points - %s"
            " WHERE community_id = %s AND user_id = %s AND points >= %s",
            (amount, community, sender, amount),
        )
        if cur.rowcount == 0:
            return False
        cur.execute(
            "INSERT INTO loyalty_balances (community_id, user_id, points)"
            " VALUES (%s, %s, %s) ON CONFLICT (community_id, user_id)"
            " DO UPDATE SET points = loyalty_balances.points + EXCLUDED.points",
            (community, receiver, amount),
        )
    return True


def leaderboard(community, sort, limit):
    """Return the best users of a community."""
    columns = "user_id, points, lifetime_points, last_seen"
    query = "SELECT " + columns + " FROM loyalty_balances WHERE community_id = %s"
    query += " ORDER BY " + sort + " DESC LIMIT %s"
    return db.fetch_all(query, (community, limit))


def balances_for(community, users):
    """Return a dict of user to points for a handful of users."""
    if not users:
        return {}
    marks = ", ".join(["%s"] * len(users))
    rows = db.fetch_all(
        f"SELECT user_id, points FROM loyalty_balances"
        f" WHERE community_id = %s AND user_id IN ({marks})",
        (community, *users),
    )
    return {row["user_id"]: row["points"] for row in rows}


def team_report(community, team_id):
    """Return every member of a team with the points each one holds."""
    members = db.fetch_all(
        "SELECT user_id, joined_at FROM loyalty_team_members"
        " WHERE community_id = %s AND team_id = %s",
        (community, team_id),
    )
    report = []
    for member in members:
        points = balance_of(community, member["user_id"])
        report.append({"user_id": member["user_id"], "points": points})
    return report


def ledger(community, user, since, limit):
    """Return ledger lines of a user, newest first."""
    start = dates.isoparse(since)
    return db.fetch_all(
        "SELECT delta, reason, created_at FROM loyalty_ledger"
        " WHERE community_id = %s AND user_id = %s AND created_at >= %s"
        " ORDER BY created_at DESC LIMIT %s",
        (community, user, start, limit),
    )


def label_tiers(rows, tiers):
    """Attach the tier name to each leaderboard row."""
    by_floor = sorted(tiers.items(), key=lambda kv: kv[1])
    known = {}
    for row in rows:
        name = known.get(row["points"])
        if name is None:
            for tier, floor in by_floor:
                if row["points"] >= floor:
                    name = tier
            known[row["points"]] = name
        row["tier"] = name
    return rows
