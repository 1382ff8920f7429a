"""Executes a workflow's graph."""

import logging
import os
import threading
import time

import requests

from config import Config
from engine.expressions import ExpressionError
from engine.nodes import HANDLERS, NodeError
from engine.templating import TextError
from http_client import BlockedAddress

log = logging.getLogger("workflow.engine")

MAX_STEPS = int(os.environ.get("MAX_LOOP_ITERATIONS", "100"))

EXPECTED = (
    NodeError,
    ExpressionError,
    TextError,
    BlockedAddress,
    KeyError,
    requests.RequestException,
)


class Busy(RuntimeError):
    """MAX_CONCURRENT_WORKFLOWS are running."""


class Run:
    """One execution: graph, position, variables."""

    variables = {}

    def __init__(self, workflow, data):
        self.workflow = workflow
        self.community_id = workflow["community_id"]
        self.nodes = {n["id"]: n for n in workflow["nodes"]}
        self.path = []
        self.variables.update(data)

    def following(self, node_id, port):
        """Id of the node behind a port."""
        for link in self.workflow["connections"]:
            if link["from"] == node_id and link.get("port", "next") == port:
                return link["to"]
        return None

    def walk(self):
        """Go through the graph from the node `start`."""
        deadline = time.monotonic() + Config.TIMEOUT_SECONDS
        current = "start"
        while current is not None:
            if len(self.path) >= MAX_STEPS or time.monotonic() > deadline:
                raise NodeError("limit reached")
            node = self.nodes[current]
            self.path.append(current)
            port = HANDLERS[node["type"]](node, self)
            current = None if port is None else self.following(current, port)


class Engine:
    """Runs workflows, not more than a number at once."""

    def __init__(self, store, aaa):
        self.store = store
        self.aaa = aaa
        self._slots = threading.BoundedSemaphore(Config.MAX_CONCURRENT)

    def execute(self, workflow, source, data, user=None):
        """Run now; returns (execution id, status)."""
        if not self._slots.acquire(blocking=False):
            raise Busy()
        try:
            return self._execute(workflow, source, data, user)
        finally:
            self._slots.release()

    def _execute(self, workflow, source, data, user):
        """Run with a slot held."""
        execution_id = self.store.open_run(workflow["workflow_id"], source, data)
        run = Run(workflow, data)
        started = time.monotonic()
        status, error = "completed", None
        try:
            run.walk()
        except EXPECTED as exc:
            status, error = "failed", f"{type(exc).__name__}: {exc}"[:500]
            self.aaa.error("workflow.run", error, community=run.community_id)
        except Exception:
            log.exception("run %s crashed", execution_id)
            self.store.close_run(execution_id, "failed", run.path, {}, 0, "crash")
            raise
        ms = int((time.monotonic() - started) * 1000)
        self.store.close_run(execution_id, status, run.path, run.variables, ms, error)
        self.aaa.audit(
            "workflow.run",
            community=run.community_id,
            user=user or source,
            result="success" if status == "completed" else "failure",
            target=workflow["workflow_id"],
        )
        return execution_id, status


def problems(nodes, connections):
    """What is wrong with a graph, as a list of texts."""
    found = []
    ids = {n.get("id") for n in nodes}
    if "start" not in ids:
        found.append("no node `start`")
    found += [f"type of {n.get('id')}" for n in nodes if n.get("type") not in HANDLERS]
    for link in connections:
        if link.get("from") not in ids or link.get("to") not in ids:
            found.append("connection to nowhere")
    return found
