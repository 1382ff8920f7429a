"""Bot scores: how much of a community's audience looks automated."""

import asyncio
import json
from typing import Any, Iterator, Mapping, Sequence

from config import Config
from flask_core import AAALogger, get_logger
from services.settings_store import SettingsStore
from utils.metrics import BOT_SCORE_ERRORS

logger = get_logger(__name__)
aaa = AAALogger("analytics.bot_score")

WEIGHTS = {"burst": 0.35, "uniformity": 0.25, "newcomers": 0.25, "alerts": 0.15}
GRADES = ((80, "F"), (60, "D"), (40, "C"), (20, "B"), (0, "A"))
SIZES = ((5000, "large"), (500, "medium"), (0, "small"))

_FEATURES = (
    "SELECT community_id,"
    " MAX(value) FILTER (WHERE metric_type = 'messages') AS peak,"
    " AVG(value) FILTER (WHERE metric_type = 'messages') AS mean,"
    " STDDEV_POP(value) FILTER (WHERE metric_type = 'messages') AS spread,"
    " SUM(value) FILTER (WHERE metric_type = 'new_members') AS newcomers,"
    " MAX(value) FILTER (WHERE metric_type = 'active_users') AS audience"
    " FROM analytics_metrics_timeseries"
    " WHERE community_id = ANY(%s) AND bucket_size = 'hour'"
    " AND timestamp_bucket >= now() - interval '7 days'"
    " GROUP BY community_id"
)

_STORE = (
    "INSERT INTO analytics_bot_scores"
    " (community_id, overall_score, grade, size_category, component_scores, component_weights,"
    " calculated_at, next_recalculation)"
    " VALUES (%s, %s, %s, %s, %s, %s, now(), now() + make_interval(secs => %s))"
    " ON CONFLICT (community_id) DO UPDATE SET overall_score = EXCLUDED.overall_score,"
    " grade = EXCLUDED.grade, size_category = EXCLUDED.size_category,"
    " component_scores = EXCLUDED.component_scores,"
    " component_weights = EXCLUDED.component_weights,"
    " calculated_at = EXCLUDED.calculated_at,"
    " next_recalculation = EXCLUDED.next_recalculation"
)


def _ratio(part: Any, whole: Any) -> float:
    """Divide, with nothing over nothing being nothing."""
    part, whole = float(part or 0), float(whole or 0)
    return part / whole if whole else 0.0


def _bounded(value: float) -> float:
    """Hold a component within 0 to 100."""
    return max(0.0, min(100.0, value))


def components(features: Mapping[str, Any], alerts: int) -> dict[str, float]:
    """Turn a community's week into the four components."""
    mean = float(features["mean"] or 0)
    variation = _ratio(features["spread"], mean) if mean else 1.0
    return {
        "burst": _bounded(_ratio(features["peak"], mean) * 10 - 10),
        "uniformity": _bounded(100 - variation * 100),
        "newcomers": _bounded(_ratio(features["newcomers"], features["audience"]) * 100),
        "alerts": _bounded(alerts * 5.0),
    }


def overall(parts: Mapping[str, float]) -> float:
    """Weigh the components together."""
    return round(sum(WEIGHTS[name] * parts[name] for name in WEIGHTS), 2)


def _step(table: Sequence[tuple[int, str]], value: float) -> str:
    """Find the first step the value reaches."""
    return next((name for floor, name in table if value >= floor), table[-1][1])


def grade_of(score: float) -> str:
    """Give the score's letter."""
    return _step(GRADES, score)


def _chunks(items: Sequence[int], size: int) -> Iterator[list[int]]:
    """Cut a list into pieces."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


class BotScoreService:
    """Calculation and reading of analytics_bot_scores."""

    def __init__(self, dal: Any, settings: SettingsStore) -> None:
        """Keep the database and the settings."""
        self._dal = dal
        self._settings = settings

    async def latest(self, community_id: int) -> dict[str, Any] | None:
        """Return the last stored score."""
        rows = await self._dal.executesql(
            "SELECT overall_score, grade, size_category, component_scores, calculated_at"
            " FROM analytics_bot_scores WHERE community_id = %s",
            [community_id],
            as_dict=True,
        )
        if not rows:
            return None
        row = dict(rows[0])
        row["overall_score"] = float(row["overall_score"])
        row["calculated_at"] = row["calculated_at"].isoformat()
        return row

    async def calculate_due(self) -> int:
        """Score every community whose time has come; returns how many were scored."""
        rows = await self._dal.executesql(
            "SELECT c.id FROM communities c"
            " LEFT JOIN analytics_bot_scores s ON s.community_id = c.id"
            " WHERE c.is_active AND (s.community_id IS NULL OR s.next_recalculation <= now())"
            " ORDER BY c.id"
        )
        due = [row[0] for row in rows]
        slots = asyncio.Semaphore(Config.BOT_SCORE_CONCURRENCY)

        async def _held(batch: list[int]) -> int:
            """Score one batch when a slot is free."""
            async with slots:
                return await self.calculate(batch)

        batches = _chunks(due, Config.BOT_SCORE_BATCH_SIZE)
        return sum(await asyncio.gather(*(_held(batch) for batch in batches)))

    async def calculate(self, community_ids: Sequence[int]) -> int:
        """Score the given communities with three statements for all of them."""
        thresholds = await self._settings.thresholds(community_ids)
        wanted = list(thresholds)
        if not wanted:
            return 0
        alerts = dict(
            await self._dal.executesql(
                "SELECT community_id, COUNT(*) FROM analytics_bad_actor_alerts"
                " WHERE community_id = ANY(%s) AND status = 'open' GROUP BY community_id",
                [wanted],
            )
        )
        features = await self._dal.executesql(_FEATURES, [wanted], as_dict=True)
        results = []
        for row in features:
            community_id = row["community_id"]
            try:
                parts = components(row, alerts.get(community_id, 0))
                score = overall(parts)
                results.append(
                    (
                        community_id,
                        score,
                        grade_of(score),
                        _step(SIZES, float(row["audience"] or 0)),
                        json.dumps(parts),
                        json.dumps(WEIGHTS),
                        Config.BOT_SCORE_INTERVAL,
                    )
                )
            except (ArithmeticError, ValueError) as exc:
                BOT_SCORE_ERRORS.inc()
                aaa.error("bot_score", exc, community=community_id, batch=len(wanted))
                continue
            if score >= thresholds[community_id]:
                logger.warning("community %d scores %.1f, over its threshold", community_id, score)
        return await self._dal.executemany(_STORE, results)
