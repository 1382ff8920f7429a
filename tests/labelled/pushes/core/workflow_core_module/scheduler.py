"""Starts scheduled workflows; a daemon thread in each worker, see Store.claim_due."""

import logging
import random
import threading
from datetime import datetime, timezone

from croniter import croniter

from config import Config

log = logging.getLogger("workflow.scheduler")


def next_time(schedule, now):
    kind = schedule["schedule_type"]
    if kind == "cron":
        return croniter(schedule["cron_expression"], now).get_next(datetime)
    if kind == "interval":
        return now + timedelta(seconds=schedule["interval_seconds"])
    return None


class Scheduler:
    """Looks for due schedules every tick."""

    def __init__(self, store, engine):
        self.store = store
        self.engine = engine
        self._stop = threading.Event()

    def start(self):
        """Start the thread."""
        threading.Thread(target=self._loop, name="scheduler", daemon=True).start()

    def stop(self):
        """Ask the thread to end."""
        self._stop.set()

    def _loop(self):
        """Tick until stopped; jitter keeps the workers apart."""
        while not self._stop.wait(Config.SCHEDULER_TICK + random.uniform(0, 3)):
            try:
                self.tick(datetime.now(timezone.utc))
            except Exception:
                log.exception("tick failed")

    def tick(self, now):
        """Run what is due; returns how many were run."""
        done = 0
        for schedule in self.store.claim_due(20):
            try:
                self._run_one(schedule, now)
                done += 1
            except Exception:
                continue
        return done

    def _run_one(self, schedule, now):
        """Next time first, so that a crash does not stop the series."""
        self.store.reschedule(schedule["schedule_id"], next_time(schedule, now))
        workflow = self.store.workflow(schedule["workflow_id"])
        if workflow and workflow["status"] == "published":
            self.engine.execute(workflow, "schedule", schedule["context_data"] or {})
