"""Rules on pods: containers that an API server refuses, or that could never start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from waddlegen.facts.delivery import Delivery
from waddlegen.facts.manifests import (
    Container,
    Manifest,
    Pod,
    image_name,
    is_variable,
    kebab,
)
from waddlegen.facts.yamldocs import Node
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule

ERROR, WARNING = Severity.ERROR, Severity.WARNING

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
_QUANTITY = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])|[eE]([+-]?\d{1,3}))?"
)
_UNITS = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    **{f"{u}i": Fraction(1024**n) for n, u in enumerate("KMGTPE", start=1)},
}


def quantity(node: Node) -> Fraction | None:
    """An amount of CPU, memory or storage; none for what is no amount."""
    if isinstance(node.value, bool) or node.is_null:
        return None
    text = node.text if node.text is not None else str(node.value)
    found = _QUANTITY.fullmatch(text)
    if not found:
        return None
    power = Fraction(10) ** int(found[3]) if found[3] else Fraction(1)
    return Fraction(found[1]) * _UNITS.get(found[2], Fraction(1)) * power


def containers(module: Delivery) -> Iterator[Container]:
    """Every container of the module's pods."""
    for pod in module.manifests.pods:
        yield from pod.all_containers


def is_port(node: Node) -> bool:
    """Whether a value is a port's number."""
    return node.integer is not None and 1 <= node.integer <= 65535


@delivery_rule("WB854", severity=ERROR, topic="k8s", checklist="P4")
def request_above_limit(module: Delivery) -> Iterator[Problem]:
    """A container requests more than its limit allows.

    The API server refuses the pod template's pods, and the rollout hangs. `500m` is
    half a CPU, `1` is 1000m; `512Mi` is memory, `512m` is half a byte. Raise the limit
    or lower the request.
    """
    for each in containers(module):
        requests, limits = each.node.at("resources", "requests"), each.node.at(
            "resources", "limits"
        )
        for name, request in requests.keys.items():
            asked, allowed = quantity(request), quantity(limits[name])
            if asked is not None and allowed is not None and asked > allowed:
                message = (
                    f"{each.name} requests {request.shown} of {name} and may use "
                    f"{limits[name].shown}"
                )
                yield each.problem(request, message, "raise the limit to the request")


def _quantities(each: Manifest) -> Iterator[tuple[str, Node]]:
    """The amounts of an object, by the resource they are of."""
    pod = each.pod
    for container in pod.all_containers if pod else ():
        for key in ("requests", "limits"):
            yield from container.node.at("resources", key).keys.items()
    for volume in pod.spec["volumes"] if pod else ():
        limit = volume.at("emptyDir", "sizeLimit")
        if limit:
            yield "sizeLimit", limit
    if each.kind == "PersistentVolumeClaim":
        yield from each.spec.at("resources", "requests").keys.items()
    for claim in each.spec["volumeClaimTemplates"]:
        yield from claim.at("spec", "resources", "requests").keys.items()
    for metric in each.spec["metrics"]:
        value = metric.at("resource", "target", "averageValue")
        if value:
            yield "averageValue", value


@delivery_rule("WB855", severity=ERROR, topic="k8s", checklist="P4")
def bad_quantity(module: Delivery) -> Iterator[Problem]:
    """An amount of CPU, memory or storage is not one that Kubernetes reads.

    `256MB`, `0.5 CPU` and `512mb` are refused; `512m` of memory is read, as half a
    byte, and no container starts with that. Write `256Mi`, `500m`, `1Gi`.
    """
    for each in module.manifests.own:
        for name, node in _quantities(each):
            if node.is_null or is_variable(node.text) or node.kind != "scalar":
                continue
            amount = quantity(node)
            hint = "write it like 250m (CPU) or 256Mi (memory)"
            if amount is None:
                yield each.problem(node, f"{node.shown} is no amount of {name}", hint)
            elif amount < 0:
                yield each.problem(node, f"{name} is negative", hint)
            elif name in ("memory", "sizeLimit") and 0 < amount < 1024:
                message = f"{node.shown} of {name} is less than a kilobyte"
                yield each.problem(node, message, "memory is written like 256Mi")


@delivery_rule("WB858", severity=ERROR, topic="k8s", checklist="P4")
def missing_volume(module: Delivery) -> Iterator[Problem]:
    """A container mounts a volume that its pod does not have, or two at one path.

    The API server refuses the object. Add the volume to `volumes`, correct the name, or
    give each mount a path of its own.
    """
    for pod in module.manifests.pods:
        claims = pod.manifest.spec["volumeClaimTemplates"]
        volumes = [volume["name"].text for volume in pod.spec["volumes"]]
        yield from _twice(pod, [v["name"] for v in pod.spec["volumes"]], "volumes")
        known = {*volumes, *(claim.at("metadata", "name").text for claim in claims)}
        for each in pod.all_containers:
            mounts = list(each.node["volumeMounts"])
            for mount in mounts:
                name = mount["name"].text
                if name and name not in known and not is_variable(name):
                    message = f"{each.name} mounts `{name}`, which is no volume"
                    hint = f"add a volume called {name}, or correct the name"
                    yield each.problem(mount["name"], message, hint)
            yield from _same_paths(each, mounts)


def _twice(pod: Pod, names: list[Node], what: str) -> Iterator[Problem]:
    """Names that stand for two things."""
    seen: set[str] = set()
    for node in names:
        text = node.text or ""
        if text and text in seen:
            message = f"two {what} are called {text}"
            yield pod.manifest.problem(node, message, "rename one, or remove it")
        seen.add(text)


def _same_paths(each: Container, mounts: list[Node]) -> Iterator[Problem]:
    """Mounts that hide one another."""
    seen: set[str] = set()
    for mount in mounts:
        path = mount["mountPath"].text
        if path is None:
            continue
        if path in seen:
            message = f"{each.name} mounts two volumes at {path}"
            yield each.problem(mount["mountPath"], message, "give one another path")
        seen.add(path)


@delivery_rule("WB859", severity=ERROR, topic="k8s", checklist="P4")
def illegal_port(module: Delivery) -> Iterator[Problem]:
    """A port is out of range, has an illegal name, or stands twice.

    Ports go from 1 to 65535. A name has at most 15 characters (small letters, digits,
    `-`) and at least one letter. A Service with several ports must name each. The API
    server refuses anything else.
    """
    for pod in module.manifests.pods:
        yield from _twice(pod, _port_names(pod), "ports")
        for each in pod.all_containers:
            for port in each.ports:
                yield from _port(pod.manifest, port, "containerPort")
            yield from _same_ports(pod.manifest, each.ports, "containerPort")
            for probe in PROBES:
                for handler in HANDLERS:
                    yield from _number(pod.manifest, each.node.at(probe, handler))
    for service in module.manifests.of("Service"):
        ports = tuple(service.spec["ports"])
        for port in ports:
            yield from _port(service, port, "port")
            target = port["targetPort"]
            if target.integer is not None and not is_port(target):
                yield _out_of_range(service, target)
            if len(ports) > 1 and port["name"].is_null:
                message = "each port of a Service with several needs a name"
                yield service.problem(port, message, "add `name: http`")
        yield from _same_ports(service, ports, "port")
        yield from _same_names(service, ports)


def _port_names(pod: Pod) -> list[Node]:
    """The names of a pod's ports."""
    return [p["name"] for c in pod.containers for p in c.ports if p["name"]]


def _port(each: Manifest, port: Node, key: str) -> Iterator[Problem]:
    """One port of a container or of a Service."""
    for field in (key, "hostPort", "nodePort"):
        node = port[field]
        if node.integer is not None and not is_port(node):
            yield _out_of_range(each, node)
    name = port["name"].text
    if name is None or is_variable(name):
        return
    # A Service's port may be as long as a label.
    longest = 15 if key == "containerPort" else 63
    pattern = (
        _PORT_NAME if longest == 15 else re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
    )
    if len(name) > longest:
        message = f"the port's name {name} has {len(name)} characters"
        yield each.problem(port["name"], message, f"{longest} are allowed: shorten it")
    elif not pattern.fullmatch(name):
        hint = "small letters, digits and `-`, with at least one letter"
        yield each.problem(port["name"], f"`{name}` is no name of a port", hint)


def has_bad_name(pod: Pod) -> bool:
    """Whether a port has an illegal name, so that asking for it is no fault."""
    return not all(_PORT_NAME.fullmatch(name) for name in pod.port_names)


def _number(each: Manifest, handler: Node) -> Iterator[Problem]:
    """The port of a probe."""
    node = handler["port"]
    if node.integer is not None and not is_port(node):
        yield _out_of_range(each, node)


def _out_of_range(each: Manifest, node: Node) -> Problem:
    """Say that a port cannot be."""
    message = f"{node.shown} is no port"
    return each.problem(node, message, "ports go from 1 to 65535")


def _same_ports(each: Manifest, ports: tuple[Node, ...], key: str) -> Iterator[Problem]:
    """Numbers that one container or Service lists twice."""
    seen: set[tuple[int, str]] = set()
    for port in ports:
        number = port[key].integer
        if number is None:
            continue
        found = (number, port["protocol"].text or "TCP")
        if found in seen:
            message = f"port {number} is listed twice"
            yield each.problem(port[key], message, "remove one of the two")
        seen.add(found)


def _same_names(each: Manifest, ports: tuple[Node, ...]) -> Iterator[Problem]:
    """Names that a Service gives to two of its ports."""
    seen: set[str] = set()
    for port in ports:
        name = port["name"].text
        if name and name in seen:
            message = f"two ports are called {name}"
            yield each.problem(port["name"], message, "rename one")
        seen.add(name or "")


@delivery_rule("WB863", severity=ERROR, topic="k8s", checklist="P2")
def bad_probe(module: Delivery) -> Iterator[Problem]:
    """A probe has two handlers or none, a number it may not have, or no such port.

    A probe asks in one way: `httpGet`, `tcpSocket`, `exec` or `grpc`. For liveness and
    start-up `successThreshold` is 1. A port's name must be one that the container has.
    """
    for each in containers(module):
        for name in PROBES:
            probe = each.node[name]
            if not probe.is_mapping:
                continue
            given = [handler for handler in HANDLERS if not probe[handler].is_null]
            if len(given) > 1:
                message = f"{name} of {each.name} asks in {len(given)} ways"
                hint = f"keep one of {' and '.join(given)}"
                yield each.problem(probe.mark(given[1]), message, hint)
            elif not given and not _is_misspelt(probe):
                message = f"{name} of {each.name} asks nothing"
                yield each.problem(probe, message, "add `httpGet: {path: /health}`")
            yield from _thresholds(each, name, probe)
            yield from _probed_port(each, name, probe)


def _is_misspelt(probe: Node) -> bool:
    """Whether the handler is there under another name; the rule on fields tells."""
    lowered = {key.lower() for key in probe.keys}
    known = {"initialdelayseconds", "periodseconds", "timeoutseconds"}
    known |= {"failurethreshold", "successthreshold", "terminationgraceperiodseconds"}
    return bool(lowered - known - {handler.lower() for handler in HANDLERS}) or bool(
        lowered & {handler.lower() for handler in HANDLERS}
    )


def _thresholds(each: Container, name: str, probe: Node) -> Iterator[Problem]:
    """The numbers of one probe."""
    threshold = probe["successThreshold"]
    if name != "readinessProbe" and threshold.integer not in (None, 1):
        message = f"`successThreshold` of a {name} must be 1"
        yield each.problem(threshold, message, "remove it")
    for key in ("periodSeconds", "timeoutSeconds", "failureThreshold"):
        if probe[key].integer is not None and (probe[key].integer or 0) < 1:
            yield each.problem(probe[key], f"`{key}` must be at least 1", "raise it")
    if (probe["initialDelaySeconds"].integer or 0) < 0:
        node = probe["initialDelaySeconds"]
        yield each.problem(node, "`initialDelaySeconds` is negative", "raise it")


def _probed_port(each: Container, name: str, probe: Node) -> Iterator[Problem]:
    """The port that a probe asks, by its name."""
    own = {port["name"].text for port in each.ports}
    if has_bad_name(each.pod):
        return
    for handler in ("httpGet", "tcpSocket"):
        node = probe.at(handler, "port")
        said = node.text
        if said is None or said.isdigit() or said in own or is_variable(said):
            continue
        message = (
            f"{name} of {each.name} asks the port `{said}`, which it does not have"
        )
        names = ", ".join(sorted(filter(None, own)))
        hint = f"its ports are called {names}" if names else "name the port"
        yield each.problem(node, message, hint)


@delivery_rule("WB865", severity=ERROR, topic="k8s", checklist="P4")
def privileged_without_escalation(module: Delivery) -> Iterator[Problem]:
    """A container is privileged, and its privileges may not be escalated.

    The two exclude each other, as does the capability SYS_ADMIN: the API server refuses
    the object. A module needs neither; remove `privileged`.
    """
    for each in containers(module):
        context = each.node["securityContext"]
        if context["allowPrivilegeEscalation"].value is not False:
            continue
        if context["privileged"].value is True:
            message = f"{each.name} is privileged and may not escalate its privileges"
            yield each.problem(context["privileged"], message, "remove `privileged`")
        for added in context.at("capabilities", "add"):
            if added.text in ("SYS_ADMIN", "CAP_SYS_ADMIN"):
                message = f"{each.name} has SYS_ADMIN and may not escalate"
                yield each.problem(added, message, "remove the capability")


@delivery_rule("WB868", severity=ERROR, topic="k8s", checklist="P4")
def duplicate_name(module: Delivery) -> Iterator[Problem]:
    """Two containers of a pod, or two variables of a container, have one name.

    Containers with one name are refused; of two variables the last counts, and which
    one that is nobody sees. Rename one or remove it.
    """
    for pod in module.manifests.pods:
        names = [each.node["name"] for each in pod.all_containers]
        yield from _twice(pod, names, "containers")
        for each in pod.all_containers:
            variables = [variable["name"] for variable in each.node["env"]]
            yield from _twice(pod, variables, f"variables of {each.name}")


def _seconds_of_sleep(hook: Node) -> int:
    """How long a preStop hook waits, as far as it says so."""
    seconds = hook.at("sleep", "seconds").integer or 0
    words = " ".join(item.shown for item in hook.at("exec", "command"))
    found = re.search(r"\bsleep\s+(\d+)", words)
    return seconds + (int(found[1]) if found else 0)


_GRACEFUL = re.compile(
    r"--(?:timeout-graceful-shutdown|graceful-timeout|shutdown-timeout)[=\s\"',]+(\d+)"
)


@delivery_rule("WB870", severity=WARNING, topic="k8s", checklist="P4")
def short_grace_period(module: Delivery) -> Iterator[Problem]:
    """A pod is killed before it has finished what it is told to finish.

    `terminationGracePeriodSeconds` (30 without one) counts from the start of `preStop`.
    It must be longer than the hook's sleep and the server's graceful timeout together,
    or requests in flight are cut off.
    """
    file = module.dockerfile
    final = file.final if file else None
    commands = " ".join(
        each.text
        for each in (file.inherited(final) if file and final else ())
        if each.keyword in ("CMD", "ENTRYPOINT")
    )
    for pod in module.manifests.pods:
        node = pod.spec["terminationGracePeriodSeconds"]
        grace = 30 if node.integer is None else node.integer
        for each in pod.containers:
            hook = each.node.at("lifecycle", "preStop")
            own = " ".join(
                item.shown for key in ("command", "args") for item in each.node[key]
            )
            found = _GRACEFUL.search(own or commands)
            served = int(found[1]) if found and _is_own(module, each) else 0
            needed = _seconds_of_sleep(hook) + served
            if needed > grace or (needed == grace and _seconds_of_sleep(hook)):
                message = f"{each.name} needs {needed} s to stop, and has {grace} s"
                hint = f"set terminationGracePeriodSeconds to {needed + 10}"
                yield each.problem(node or hook or each.node, message, hint)


def _is_own(module: Delivery, each: Container) -> bool:
    """Whether a container runs the module, not something beside it."""
    return each in main_containers(module, each.pod)


def main_containers(module: Delivery, pod: Pod) -> tuple[Container, ...]:
    """The containers of a pod that run the module's image; else the first."""
    own = tuple(c for c in pod.containers if kebab(image_name(c.image)) in module.names)
    return own or pod.containers[:1]
