"""Rules on workloads and what all objects have: names, labels, selectors, rollouts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.delivery import Delivery
from waddlegen.facts.manifests import Container, Manifest, is_variable
from waddlegen.facts.yamldocs import Node
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule
from waddlegen.rules.pods import containers

ERROR, WARNING = Severity.ERROR, Severity.WARNING

_LABEL_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(
    r"((?=[^/]{1,253}/)[a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?"
    r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
_DATA_KEY = re.compile(r"(?!\.\.)[A-Za-z0-9_.-]{1,253}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_.-][\w.-]*")
# Kinds whose names may hold what others' may not, and those that are no objects.
_FREE = frozenset(
    "Role RoleBinding ClusterRole ClusterRoleBinding Kustomization Chart Config".split()
)


@delivery_rule("WB852", severity=ERROR, topic="k8s", checklist="P4")
def selector_mismatch(module: Delivery) -> Iterator[Problem]:
    """The selector of a workload does not select the pods of its own template.

    The API server refuses it. Every label under `matchLabels` must stand under the
    template's `labels`, with the same value; only the template may have more.
    """
    for each in module.manifests.of(
        "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"
    ):
        selector, pod = each.spec["selector"], each.pod
        if pod is None:
            continue
        if not selector.is_mapping:
            if "apps/v1" == each.api_version:
                message = f"{each.title} has no selector"
                hint = "add `selector: {matchLabels: …}` with labels of the template"
                yield each.problem(each.spec or each.root, message, hint)
            continue
        labels = pod.labels
        for key, wanted in selector["matchLabels"].keys.items():
            if wanted.kind == "scalar" and labels[key].value != wanted.value:
                found = f"`{labels[key].shown}`" if key in labels else "no such label"
                message = f"it selects {key}: {wanted.shown}, the template has {found}"
                hint = "give the template's labels and the selector the same value"
                place = _culprit(module, key, wanted, labels)
                yield each.problem(place, message, hint)
        if not selector["matchLabels"].keys and not selector["matchExpressions"].items:
            if not set(selector.keys) - {"matchLabels", "matchExpressions"}:
                message = "an empty selector selects nothing"
                yield each.problem(selector, message, "add `matchLabels:`")
        yield from _expressions(each, selector, labels)


def _culprit(module: Delivery, key: str, wanted: Node, labels: Node) -> Node:
    """The label rather than the selector, when other selectors agree with that one."""
    votes = 0
    for other in module.manifests.of("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for path in (("selector",), ("selector", "matchLabels"), ("podSelector",)):
            chosen = other.spec.at(*path)
            chosen = chosen["matchLabels"] if path == ("podSelector",) else chosen
            if key in chosen and chosen[key].kind == "scalar":
                votes += chosen[key].value == wanted.value
                votes -= key in labels and chosen[key].value == labels[key].value
    found = labels[key] if key in labels else labels
    return found if votes > 0 and found else wanted


def _expressions(each: Manifest, selector: Node, labels: Node) -> Iterator[Problem]:
    """Expressions that the template's labels do not fulfil."""
    for wanted in selector["matchExpressions"]:
        key = wanted["key"].text or ""
        values = {value.text for value in wanted["values"]}
        found = labels[key].text if key in labels else None
        operator = wanted["operator"].text
        misses = {
            "In": found not in values,
            "NotIn": found is not None and found in values,
            "Exists": key not in labels,
            "DoesNotExist": key in labels,
        }.get(operator or "", operator is not None and not is_variable(operator))
        if misses:
            message = f"the template's labels do not fulfil `{key} {operator}`"
            hint = "change the expression, or the template's labels"
            yield each.problem(wanted, message, hint)


def _names(each: Manifest) -> Iterator[tuple[Node, re.Pattern[str], str]]:
    """The names an object gives, and the form that each must have."""
    form = _SERVICE_NAME if each.kind == "Service" else _SUBDOMAIN
    form = _LABEL_NAME if each.kind == "Namespace" else form
    if each.kind not in _FREE:
        yield each.root.at("metadata", "name"), form, "name"
    yield each.root.at("metadata", "namespace"), _LABEL_NAME, "namespace"
    if each.pod:
        for container in each.pod.all_containers:
            yield container.node["name"], _LABEL_NAME, "container's name"
        for volume in each.pod.spec["volumes"]:
            yield volume["name"], _LABEL_NAME, "volume's name"
        account = each.pod.spec["serviceAccountName"]
        yield account, _SUBDOMAIN, "service account's name"


@delivery_rule("WB856", severity=ERROR, topic="k8s", checklist="P4")
def illegal_name(module: Delivery) -> Iterator[Problem]:
    """A name is of a form that Kubernetes refuses.

    Names are small letters, digits and `-`, and begin and end with a letter or digit;
    containers, volumes and Services have at most 63 characters. `ai_interaction` and
    `AI-Chat` are no names. Keys of ConfigMaps and Secrets take letters, digits, `-`,
    `_` and `.`.
    """
    for each in module.manifests.own:
        for node, form, what in _names(each):
            text = node.text
            if text is None or is_variable(text) or form.fullmatch(text):
                continue
            proposal = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63]
            message = f"`{node.shown}` is no {what}"
            yield each.problem(
                node, message, f"write `{proposal.strip('-') or 'name'}`"
            )
        if each.kind in ("ConfigMap", "Secret"):
            for part in ("data", "stringData", "binaryData"):
                for key in each.root[part].keys:
                    if not _DATA_KEY.fullmatch(key) and not is_variable(key):
                        message = f"`{key}` is no key of a {each.kind}"
                        hint = "letters, digits, `-`, `_` and `.`"
                        yield each.problem(each.root[part].mark(key), message, hint)
    for container in containers(module):
        for variable in container.node["env"]:
            name = variable["name"].text
            if name and not _VARIABLE_NAME.fullmatch(name) and not is_variable(name):
                message = f"`{name}` is no name of a variable"
                hint = "letters, digits and `_`"
                yield container.problem(variable["name"], message, hint)


@delivery_rule("WB857", severity=ERROR, topic="k8s", checklist="P4")
def illegal_label(module: Delivery) -> Iterator[Problem]:
    """A label has a key or a value of a form that Kubernetes refuses.

    A value has at most 63 letters, digits, `-`, `_` and `.`, begins and ends with a
    letter or digit, and is text: `version: 1.0` and `enabled: true` need quotes. A
    blank, a colon or a slash belongs into an annotation.
    """
    for each in module.manifests.own:
        for labels in _label_maps(each):
            for key, node in labels.keys.items():
                if not _LABEL_KEY.fullmatch(key) and not is_variable(key):
                    message = f"`{key}` is no key of a label"
                    hint = "at most 63 characters, a prefix before one `/`"
                    yield each.problem(labels.mark(key), message, hint)
                yield from _label_value(each, key, node)


def _label_maps(each: Manifest) -> Iterator[Node]:
    """Every mapping of labels that an object has."""
    yield each.labels
    yield from (n["matchLabels"] for n in each.mappings if "matchLabels" in n)
    if each.pod and each.kind != "Pod":
        yield each.pod.labels
    if each.kind == "Service":
        yield each.spec["selector"]
    if each.pod:
        yield each.pod.spec["nodeSelector"]


def _label_value(each: Manifest, key: str, node: Node) -> Iterator[Problem]:
    """One value of a label."""
    text = node.text
    if text is not None and _LABEL_VALUE.fullmatch(text):
        return
    if node.is_null or is_variable(text):
        return
    if text is None:
        message = f"the label {key} is {node.shown}, which is no text"
        spelled = node.spelling if node.kind == "scalar" and node.spelling else "text"
        yield each.problem(node, message, f'put it in quotes: "{spelled}"')
    else:
        message = f"`{node.shown}` is no value of a label"
        hint = "at most 63 letters, digits, `-`, `_`, `.`; else use an annotation"
        yield each.problem(node, message, hint)


def _is_zero(node: Node) -> bool:
    """Whether a number or a percentage is none at all."""
    return node.value in (0, "0", "0%") and not isinstance(node.value, bool)


_PERCENTAGE = re.compile(r"\d{1,3}%")


@delivery_rule("WB864", severity=ERROR, topic="k8s", checklist="P4")
def stuck_rollout(module: Delivery) -> Iterator[Problem]:
    """A rolling update may neither add a pod nor take one away.

    `maxSurge` and `maxUnavailable` both zero is refused: no rollout could ever begin.
    `rollingUpdate` beside `type: Recreate` is refused as well. Allow one more
    (`maxSurge: 1`), so that none is missing.
    """
    for each in module.manifests.of("Deployment", "DaemonSet"):
        key = "strategy" if each.kind == "Deployment" else "updateStrategy"
        strategy = each.spec[key]
        rolling = strategy["rollingUpdate"]
        surge, missing = rolling["maxSurge"], rolling["maxUnavailable"]
        for node in (surge, missing):
            text = node.text
            wrong = text is not None and not _PERCENTAGE.fullmatch(text)
            if wrong and not is_variable(text) or (node.integer or 0) < 0:
                message = f"`{node.shown}` is neither a number nor a percentage"
                yield each.problem(node, message, "write 1, or 25%")
        # A DaemonSet adds none unless it says so.
        no_surge = _is_zero(surge) or (each.kind == "DaemonSet" and surge.is_null)
        if no_surge and _is_zero(missing):
            message = "maxSurge and maxUnavailable are both zero"
            node = surge if surge else missing
            yield each.problem(node, message, "set `maxSurge: 1`")
        if strategy["type"].text in ("Recreate", "OnDelete") and not rolling.is_null:
            message = f"`rollingUpdate` stands beside `type: {strategy['type'].text}`"
            yield each.problem(strategy.mark("rollingUpdate"), message, "remove one")


@delivery_rule("WB878", severity=WARNING, topic="k8s", checklist="P4")
def changing_selector(module: Delivery) -> Iterator[Problem]:
    """The selector of a workload names a label that changes from release to release.

    A selector cannot be changed once the workload exists, so the first new version is
    refused. Leave version, date and commit to the template's labels.
    """
    for each in module.manifests.of("Deployment", "StatefulSet", "DaemonSet"):
        labels = each.spec.at("selector", "matchLabels")
        for key, node in labels.keys.items():
            last = key.rpartition("/")[2]
            changes = last in ("version", "commit", "sha", "release-date", "chart")
            # Two tracks of one module are told apart by words, which stay.
            if changes and re.search(r"\d+\.\d+|[0-9a-f]{7,}", node.shown):
                message = f"the selector names {key}, and selectors cannot change"
                yield each.problem(labels.mark(key), message, "remove it from here")


_FIELD = re.compile(r"(\*|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/\d+)?")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_WORDS = re.compile(r"(?i)jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|"
                    r"sun|mon|tue|wed|thu|fri|sat")  # fmt: skip
_MACROS = re.compile(
    r"@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every .+"
)


def _is_schedule(text: str) -> bool:
    """Whether a text is a schedule that a CronJob takes."""
    if _MACROS.fullmatch(text.strip()):
        return True
    fields = text.split()
    return len(fields) == 5 and all(
        _is_field(part, low, high)
        for field, (low, high) in zip(fields, _RANGES, strict=True)
        for part in field.split(",")
    )


def _is_field(part: str, low: int, high: int) -> bool:
    """Whether one part of a schedule is in its range."""
    if part == "?":
        return True
    if not _FIELD.fullmatch(part):
        return False
    span, _, step = part.partition("/")
    if step and int(step) == 0:
        return False
    ends = [] if span == "*" else span.split("-")
    if any(not end.isdigit() and not _WORDS.fullmatch(end) for end in ends):
        return False
    numbers = [int(end) for end in ends if end.isdigit()]
    ordered = len(numbers) < 2 or numbers[0] <= numbers[1]
    return ordered and all(low <= number <= high for number in numbers)


@delivery_rule("WB875", severity=ERROR, topic="k8s", checklist="P4")
def bad_schedule(module: Delivery) -> Iterator[Problem]:
    """The schedule of a CronJob is none.

    It has five fields: minute, hour, day of month, month, day of week. Six fields,
    names of months in other languages and numbers out of range are refused. A time zone
    is set with `timeZone`.
    """
    for each in module.manifests.of("CronJob"):
        node = each.spec["schedule"]
        text = node.text
        if text is not None and not is_variable(text) and not _is_schedule(text):
            message = f"`{node.shown}` is no schedule"
            yield each.problem(node, message, 'write five fields, like "*/5 * * * *"')


_ALLOWED_VOLUMES = frozenset(
    "configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim "
    "projected secret name".split()
)


@delivery_rule("WB871", severity=WARNING, topic="k8s", checklist="P4")
def not_restricted(module: Delivery) -> Iterator[Problem]:
    """A pod would be refused in a namespace with Pod Security "restricted".

    No host network, process or IPC namespace, host path or host port; no privileged
    container, no added capability but NET_BIND_SERVICE, no privilege escalation, and a
    seccomp profile (`RuntimeDefault`) for the pod or each container.
    """
    for pod in module.manifests.pods:
        each = pod.manifest
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec[key].value is True:
                yield each.problem(pod.spec[key], f"{key} is not allowed", "remove it")
        for volume in pod.spec["volumes"]:
            for key in sorted(set(volume.keys) - _ALLOWED_VOLUMES):
                if key in ("hostPath", "nfs", "iscsi", "rbd", "glusterfs", "cephfs"):
                    message = f"a volume of the kind {key} is not allowed"
                    hint = "use emptyDir, or a PersistentVolumeClaim"
                    yield each.problem(volume.mark(key), message, hint)
    for container in containers(module):
        yield from _container_restrictions(container)


def _container_restrictions(container: Container) -> Iterator[Problem]:
    """What one container may not have, or must have."""
    node, name = container.node, container.name
    context = node["securityContext"]
    escalation = context["allowPrivilegeEscalation"]
    privileged = context["privileged"]
    if privileged.value is True and escalation.value is not False:
        yield container.problem(privileged, f"{name} is privileged", "remove it")
    elif escalation.value is not False and not is_variable(escalation.text):
        message = f"{name} may escalate its privileges"
        hint = "set `allowPrivilegeEscalation: false`"
        place = escalation or (node.mark("securityContext") if context else node)
        yield container.problem(place, message, hint)
    for added in context.at("capabilities", "add"):
        refused = added.text not in ("NET_BIND_SERVICE", None)
        if refused and not (added.text == "SYS_ADMIN" and escalation.value is False):
            message = f"{name} has the capability {added.text} added"
            yield container.problem(added, message, "remove it")
    for port in container.ports:
        if (port["hostPort"].integer or 0) > 0:
            message = f"{name} takes the port {port['hostPort'].shown} of its host"
            yield container.problem(port["hostPort"], message, "remove `hostPort`")
    profile = container.setting("seccompProfile")
    if profile["type"].text not in ("RuntimeDefault", "Localhost"):
        message = f"{name} has no seccomp profile"
        hint = "add `seccompProfile: {type: RuntimeDefault}` to the pod"
        place = profile["type"] or (node.mark("securityContext") if context else node)
        yield container.problem(place, message, hint)
