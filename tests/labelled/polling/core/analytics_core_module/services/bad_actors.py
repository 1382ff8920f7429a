"""Alerts on single accounts."""

import json
from typing import Any

from models.schemas import AlertIn

_LIST = (
    "SELECT id, platform, platform_user_id, hub_user_id, alert_type, severity,"
    " confidence_score, status FROM analytics_bad_actor_alerts"
    " WHERE community_id = %s AND status = %s ORDER BY confidence_score DESC LIMIT %s"
)

STATUSES = ("open", "dismissed", "confirmed")
_SEVERITIES = ((0.9, "critical"), (0.7, "high"), (0.4, "medium"))


def severity_of(confidence: float) -> str:
    """Name how bad it is."""
    return next((name for floor, name in _SEVERITIES if confidence >= floor), "low")


class BadActorService:
    """Reads and writes of analytics_bad_actor_alerts."""

    def __init__(self, dal: Any) -> None:
        """Keep the database."""
        self._dal = dal

    async def report(self, alert: AlertIn) -> int:
        """Store an alert and return its id."""
        rows = await self._dal.executesql(
            "INSERT INTO analytics_bad_actor_alerts"
            " (community_id, platform, platform_user_id, hub_user_id, alert_type, severity,"
            " confidence_score, detection_signals, status)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'open') RETURNING id",
            [
                alert.community_id,
                alert.platform,
                alert.platform_user_id,
                alert.hub_user_id,
                alert.alert_type,
                severity_of(alert.confidence_score),
                alert.confidence_score,
                json.dumps({"source": "internal"}),
            ],
        )
        return rows[0][0]

    async def suspected(self, community_id: int, status: str, limit: int) -> list[dict[str, Any]]:
        """List a community's alerts, with the names its members know."""
        alerts = await self._dal.executesql(_LIST, [community_id, status, limit], as_dict=True)
        return [await self._described(community_id, dict(alert)) for alert in alerts]

    async def _described(self, community_id: int, alert: dict[str, Any]) -> dict[str, Any]:
        """Add the member's name and standing to an alert."""
        alert["confidence_score"] = float(alert["confidence_score"])
        alert["display_name"] = alert["platform_user_id"]
        if alert["hub_user_id"] is not None:
            member = await self._dal.executesql(
                "SELECT display_name, role FROM community_members"
                " WHERE community_id = %s AND hub_user_id = %s",
                [community_id, alert["hub_user_id"]],
                as_dict=True,
            )
            if member:
                alert.update(member[0])
        return alert
