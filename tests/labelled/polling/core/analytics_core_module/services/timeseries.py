"""The time series: storing, rolling up, reading back."""

import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any, Iterable, Optional

from flask_core import AAALogger, get_logger
from models.schemas import BUCKETS, EventIn
from utils.cache import TTLCache, fingerprint
from utils.metrics import INGESTED, LAST_ROLLUP, ROLLUP_SECONDS

logger = get_logger(__name__)
aaa = AAALogger("analytics.timeseries")

SERIES_COLUMNS = "timestamp_bucket, metric_type, metric_subtype, value"

# what the dashboard may group by, and the column it stands for
BREAKDOWNS = {
    "type": "metric_type",
    "subtype": "metric_subtype",
    "bucket": "timestamp_bucket",
}

_INSERT = (
    "INSERT INTO analytics_metrics_timeseries"
    " (community_id, metric_type, metric_subtype, bucket_size, timestamp_bucket, value, metadata)"
    " VALUES (%s, %s, %s, 'raw', %s, %s, %s)"
)

_ROLLUP = (
    "INSERT INTO analytics_metrics_timeseries"
    " (community_id, metric_type, metric_subtype, bucket_size, timestamp_bucket, value, metadata)"
    " SELECT community_id, metric_type, metric_subtype, %s,"
    " date_trunc(%s, timestamp_bucket), SUM(value), '{}'"
    " FROM analytics_metrics_timeseries WHERE bucket_size = 'raw'"
    " AND timestamp_bucket >= date_trunc(%s, now() - interval '1 day')"
    " GROUP BY 1, 2, 3, 5"
    " ON CONFLICT (community_id, metric_type, metric_subtype, bucket_size, timestamp_bucket)"
    " DO UPDATE SET value = EXCLUDED.value"
)


def _utc_now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(timezone.utc)


class TimeSeriesService:
    """Reads and writes of analytics_metrics_timeseries."""

    def __init__(self, dal: Any) -> None:
        """Keep the database."""
        self._dal = dal
        self._cache = TTLCache(ttl=60)

    async def store(self, events: Iterable[EventIn]) -> int:
        """Store events as they came; the roll-up folds them later."""
        rows = []
        for event in events:
            metadata = json.dumps({"user_id": event.user_id} if event.user_id else {})
            rows.append(
                (
                    event.community_id,
                    event.metric_type,
                    event.metric_subtype,
                    event.at or _utc_now(),
                    event.value,
                    metadata,
                )
            )
        stored = await self._dal.executemany(_INSERT, rows)
        for row in rows:
            INGESTED.labels(row[1]).inc()
        return stored

    async def rollup(self, only: Optional[str] = None) -> int:
        """Fold the last day's raw events into hours, days and weeks."""
        buckets = [only] if only else list(BUCKETS)
        began = time.perf_counter()
        for bucket in buckets:
            await self._dal.executesql(_ROLLUP, [bucket, bucket, bucket])
        ROLLUP_SECONDS.observe(time.perf_counter() - began)
        LAST_ROLLUP.set_to_current_time()
        return len(buckets)

    async def basic(self, community_id: int, days: int) -> dict[str, Any]:
        """Return the totals the dashboard opens with."""
        key = fingerprint("basic", days)
        hit = self._cache.get(key)
        if hit is not None:
            return hit
        rows = await self._dal.executesql(
            "SELECT metric_type, SUM(value) AS total, MAX(value) AS peak"
            " FROM analytics_metrics_timeseries"
            " WHERE community_id = %s AND bucket_size = 'day' AND timestamp_bucket >= %s"
            " GROUP BY metric_type",
            [community_id, _utc_now() - timedelta(days=days)],
            as_dict=True,
        )
        totals = {
            row["metric_type"]: {"total": float(row["total"]), "peak": float(row["peak"])}
            for row in rows
        }
        self._cache.put(key, totals)
        return totals

    async def series(
        self,
        community_id: int,
        metric_type: str,
        bucket: str,
        days: int,
        order_by: str = "timestamp_bucket ASC",
        limit: int = 500,
    ) -> list[dict[str, Any]]:
        """Return one metric's points."""
        rows = await self._dal.executesql(
            f"SELECT {SERIES_COLUMNS} FROM analytics_metrics_timeseries"
            " WHERE community_id = %s AND metric_type = %s AND bucket_size = %s"
            " AND timestamp_bucket >= %s"
            f" ORDER BY {order_by} LIMIT %s",
            [community_id, metric_type, bucket, _utc_now() - timedelta(days=days), limit],
            as_dict=True,
        )
        return [{**row, "timestamp_bucket": row["timestamp_bucket"].isoformat()} for row in rows]

    async def breakdown(self, community_id: int, by: str, days: int) -> list[dict[str, Any]]:
        """Return sums by one of the known columns."""
        column = BREAKDOWNS[by]
        key = fingerprint("breakdown", community_id, by, days)
        hit = self._cache.get(key)
        if hit is None:
            rows = await self._dal.executesql(
                f"SELECT {column} AS subject, SUM(value) AS total"
                " FROM analytics_metrics_timeseries"
                " WHERE community_id = %s AND bucket_size = 'day' AND timestamp_bucket >= %s"
                f" GROUP BY {column} ORDER BY 2 DESC LIMIT 100",
                [community_id, _utc_now() - timedelta(days=days)],
                as_dict=True,
            )
            hit = [{"subject": str(r["subject"]), "total": float(r["total"])} for r in rows]
            self._cache.put(key, hit)
        return hit

    async def prune(self, days: int) -> int:
        """Delete raw events older than so many days, in every community."""
        dal = self._dal.raw
        dal._adapter.reconnect()
        try:
            dal.executesql(
                "DELETE FROM analytics_metrics_timeseries"
                " WHERE bucket_size = 'raw' AND timestamp_bucket < %s",
                placeholders=[_utc_now() - timedelta(days=days)],
            )
            removed = dal._adapter.cursor.rowcount
            dal.commit()
        except Exception as exc:
            dal.rollback()
            aaa.error("prune", exc)
            raise
        logger.info("pruned %d raw rows older than %d days", removed, days)
        return removed

    async def lag_seconds(self) -> float:
        """Return the age of the newest raw event."""
        rows = await self._dal.executesql(
            "SELECT EXTRACT(EPOCH FROM now() - MAX(timestamp_bucket))"
            " FROM analytics_metrics_timeseries WHERE bucket_size = 'raw'"
        )
        return float(rows[0][0] or 0)
