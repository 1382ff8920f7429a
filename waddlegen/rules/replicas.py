"""Rules on what the code does and the number or the health of its pods does not allow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.manifests import kustomizations, objects_of, patched_files
from waddlegen.facts.python import Function, PythonFile
from waddlegen.findings import Problem, Severity
from waddlegen.rules.kubernetes import SERVERS
from waddlegen.rules.pods import main_containers
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_CHAT = re.compile(
    r"irc(-ws)?\.chat\.twitch\.tv|\birc\.[\w.-]+:66\d\d|gateway\.discord\.gg"
)
_CONNECTS = frozenset(
    "connect open_connection ws_connect create_connection websocket_connect".split()
)
_BOTS = frozenset({"Bot", "Client", "AutoShardedBot", "SingleServerIRCBot"})
_ELECTS = re.compile(r"leader|elect|lease|advisory|singleton|shard", re.I)
_SEEN = re.compile(
    r"(^|[._])_*(seen|dedup\w*|processed|handled|delivered|recent|known|last)"
    r"(_(ids?|events?|messages?|deliveries|nonces?|hashes))?$"
)
_MEMORY = frozenset({"set", "dict", "OrderedDict", "TTLCache", "LRUCache", "deque"})


@rule("WB881", severity=Severity.ERROR, topic="k8s", checklist="P4")
def replicated_singleton(module: ModuleSource) -> Iterator[Problem]:
    """A module that must be alone runs in several replicas.

    Each replica of a chat bot reads every message, so each is answered several times; and what
    one replica remembers of deliveries it has seen, another does not know. Run one replica
    (`replicas: 1`, `strategy: {type: Recreate}`), elect a leader, or share the memory in Redis.

    Bad:
        replicas: 3        # and the code holds a connection to irc.chat.twitch.tv
    Good:
        replicas: 1
    """
    places = list(_several(module))
    reason = _why_alone(module) if places else ""
    if reason:
        for place, count in places:
            message = f"{count} replicas, and {reason}"
            hint = "run one, elect a leader, or share what is remembered"
            yield Problem(place.path, place.line, message, place.column, hint)


def _several(module: ModuleSource) -> Iterator[tuple[Problem, int]]:
    """Where manifests, patches and kustomize give the module more than one replica."""
    survey = module.delivery.survey
    own = {each.name for each in module.delivery.manifests.of("Deployment")}
    listed = list(module.delivery.manifests.of("Deployment"))
    for path in patched_files(survey):
        listed += [each for each in objects_of(survey, path) if each.name in own]
    for each in listed:
        node = each.spec["replicas"]
        if (node.integer or 0) > 1:
            yield each.problem(node, ""), node.integer or 0
    for path, root in kustomizations(survey):
        for entry in root["replicas"]:
            count = entry["count"]
            if entry["name"].text in own and (count.integer or 0) > 1:
                place = Problem(path, max(1, count.line), "", max(1, count.column))
                yield place, count.integer or 0


def _why_alone(module: ModuleSource) -> str:
    """Why two of a module are one too many; "" when they are not."""
    functions = list(module.functions())
    if any(
        _ELECTS.search(f.name) or any(_ELECTS.search(c.last) for c in f.calls)
        for _, f in functions
    ):
        return ""
    for file in module.python:
        if _is_bot(module, file):
            return f"each would answer in the chat ({file.path})"
    if any(
        "nx" in call.keywords or call.last == "setnx" for _, _, call in module.calls()
    ):
        return ""
    for file, function in functions:
        name = _remembered(module, file, function)
        if name:
            return f"`{name}` in {file.path} is known to one of them alone"
    return ""


def _is_bot(module: ModuleSource, file: PythonFile) -> bool:
    """Whether a file holds a connection to a chat."""
    texts = [each.text for each in file.literals]
    texts += [value.text for value in file.constants.values() if value.kind == "str"]
    chat = any(_CHAT.search(text) for text in texts)
    modules = {each.module.partition(".")[0] for each in file.imports}
    for call in file.calls:
        said = any(_CHAT.search(value.text) for value in call.args)
        if call.last in _CONNECTS and (
            said or chat or _goes_to_chat(module, call.args)
        ):
            return True
        if call.last in _BOTS and modules & {"discord", "twitchio", "irc", "nextcord"}:
            return True
    bases = {base for made in file.classes for base in made.bases}
    return bool(modules & {"discord", "twitchio", "irc", "nextcord"}) and any(
        base.rpartition(".")[2] in _BOTS for base in bases
    )


def _goes_to_chat(module: ModuleSource, values: tuple[object, ...]) -> bool:
    """Whether one of some values is a constant of the module that leads to a chat."""
    names = {getattr(value, "text", "").rpartition(".")[2] for value in values}
    return any(
        file.constants[name].kind == "str" and _CHAT.search(file.constants[name].text)
        for file in module.python
        for name in names & file.constants.keys()
    )


def _remembered(module: ModuleSource, file: PythonFile, function: Function) -> str:
    """The name by which a part of a webhook keeps what it has seen in its own memory."""
    if not any(route.is_webhook for route in module.routes):
        return ""
    for assign in function.assigns:
        shared = function.name == "<module>" or assign.target.startswith("self.")
        made = assign.value.kind == "call" and assign.value.text.rpartition(".")[2]
        made = made or (assign.value.kind == "dict" and "dict")
        if shared and made in _MEMORY and _SEEN.search(assign.target):
            told = assign.target.rpartition(".")[2]
            if any(_fills(other, told) for _, other in module.functions()):
                return told
    return ""


def _fills(function: Function, name: str) -> bool:
    """Whether a function puts what it was given under a name's memory."""
    added = any(
        call.last in {"add", "append", "setdefault"}
        and call.receiver.rpartition(".")[2] == name
        for call in function.calls
    )
    return added or any(
        re.search(rf"\b{name}\[", each.target) for each in function.assigns
    )


_LOAD = re.compile(
    r"psutil|cpu_percent|virtual_memory|getloadavg|disk_usage|cpu_count|loadavg"
)


@rule("WB882", severity=Severity.ERROR, topic="k8s", checklist=None)
def liveness_of_the_node(module: ModuleSource) -> Iterator[Problem]:
    """Liveness asks a path whose answer depends on how busy the node is.

    Under load each pod is restarted, which makes the load larger. Ask a path that tells of the
    process alone.

    Bad:
        livenessProbe: {httpGet: {path: /healthz}}     # answers 503 above 95 % of CPU
    Good:
        livenessProbe: {httpGet: {path: /health}}
    """
    own = {route.path.rstrip("/") for route in module.routes}
    for pod in module.delivery.manifests.pods:
        if pod.manifest.kind not in SERVERS:
            continue
        for container in main_containers(module.delivery, pod):
            node = container.node.at("livenessProbe", "httpGet", "path")
            path = (node.text or "").rstrip("/")
            if not path or path in own or not module.imports("flask_core"):
                continue
            place = _loaded(module, path)
            if place:
                message = f"{path} answers 503 when the node is busy ({place})"
                yield container.problem(node, message, "ask what tells of the process")


def _loaded(module: ModuleSource, path: str) -> str:
    """Where flask_core answers a path by the load of its node; "" when it does not."""
    views = module.once_for_all(_load_views, lambda: dict(_load_views(module)))
    return views.get(path, "")


def _load_views(module: ModuleSource) -> Iterator[tuple[str, str]]:
    """The paths that flask_core answers by the load of its node, and where; the first last."""
    for file in reversed(module.core[1]):
        for function in reversed(file.functions):
            paths = [c.args[0].text.rstrip("/") for c in function.decorators if c.args]
            if paths and _tells_load(file, function):
                yield from ((path, f"{file.path}:{function.line}") for path in paths)


def _tells_load(file: PythonFile, function: Function) -> bool:
    """Whether a view, or what it calls in its file, asks for the load; and answers 503."""
    called = {call.last for call in function.calls}
    near = [function, *(each for each in file.functions if each.name in called)]
    asks = any(_LOAD.search(call.name) for each in near for call in each.calls)
    statuses = {status for each in near for status in each.statuses}
    statuses |= {s for each in near for a in each.assigns for s in a.value.statuses}
    return asks and 503 in statuses
