"""Rules on autoscalers, disruption budgets and network policies."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from waddlegen.facts.delivery import Delivery
from waddlegen.facts.manifests import Manifest, is_variable, kebab, selects
from waddlegen.facts.yamldocs import Node
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule
from waddlegen.rules.services import chosen

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def _target(module: Delivery, each: Manifest) -> Manifest | None:
    """The workload that an autoscaler scales; a name that is none is taken as meant."""
    reference = each.spec["scaleTargetRef"]
    kind, name = reference["kind"].text, reference["name"].text or ""
    return next(
        (
            m
            for m in module.manifests.visible
            if m.kind == kind and kebab(m.name) == kebab(name)
        ),
        None,
    )


@delivery_rule("WB861", severity=ERROR, topic="k8s", checklist="P4")
def contradictory_autoscaler(module: Delivery) -> Iterator[Problem]:
    """An autoscaler has its least above its most, scales nothing, or cannot measure.

    `minReplicas` is at most `maxReplicas`. The target is a Deployment or StatefulSet by
    its kind and name. A share of CPU or memory (`averageUtilization`) is a share of the
    request, so each container needs one.
    """
    for each in module.manifests.of("HorizontalPodAutoscaler"):
        least, most = each.spec["minReplicas"], each.spec["maxReplicas"]
        lowest = 1 if least.integer is None else least.integer
        if most.integer is not None and lowest > most.integer:
            message = f"minReplicas {lowest} is above maxReplicas {most.integer}"
            yield each.problem(least or most, message, f"set maxReplicas to {lowest}")
        elif least.integer is not None and least.integer < 0:
            yield each.problem(least, "minReplicas is negative", "set it to 1 or more")
        target = _target(module, each)
        name = each.spec.at("scaleTargetRef", "name")
        if target is None:
            known = [m for m in module.manifests.workloads if m.kind != "Pod"]
            if known and name.text and not is_variable(name.text):
                kind = each.spec.at("scaleTargetRef", "kind").shown
                message = f"there is no {kind} {name.text} to scale"
                hint = f"the module has {', '.join(m.title for m in known[:3])}"
                yield each.problem(name, message, hint)
        else:
            yield from _measured(each, target)


def _measured(each: Manifest, target: Manifest) -> Iterator[Problem]:
    """Metrics that need a request where the containers have none."""
    for metric in each.spec["metrics"]:
        resource = metric["resource"]
        name = resource["name"].text
        if resource.at("target", "type").text != "Utilization" or not name:
            continue
        for container in target.pod.containers if target.pod else ():
            resources = container.node["resources"]
            given = name in resources["requests"] or name in resources["limits"]
            if not given and resources.is_mapping:
                message = (
                    f"{container.name} requests no {name}, so it has no share of it"
                )
                hint = f"add `resources.requests.{name}` to the container"
                yield each.problem(resource["name"], message, hint)


@delivery_rule("WB877", severity=WARNING, topic="k8s", checklist="P4")
def replicas_beside_autoscaler(module: Delivery) -> Iterator[Problem]:
    """A Deployment says `replicas` while an autoscaler sets them.

    Every `kubectl apply` undoes the scaling: under load, pods are taken away. Remove
    `replicas`; the autoscaler's `minReplicas` says how many there are at least.
    """
    for each in module.manifests.of("HorizontalPodAutoscaler"):
        target = _target(module, each)
        if target and not target.spec["replicas"].is_null:
            message = f"{each.title} scales it, so each apply would undo the scaling"
            yield target.problem(
                target.spec.mark("replicas"), message, "remove `replicas`"
            )


_SHARE = re.compile(r"(\d{1,3})%")


@delivery_rule("WB862", severity=ERROR, topic="k8s", checklist="P4")
def contradictory_disruption_budget(module: Delivery) -> Iterator[Problem]:
    """A disruption budget has both of its numbers, none, or allows no disruption ever.

    `minAvailable` and `maxUnavailable` exclude each other. `maxUnavailable: 0`,
    `minAvailable: 100%`, or as many as there are replicas, blocks every drain of a
    node: the cluster cannot be upgraded. `maxUnavailable: 1` is what nearly everybody
    means.
    """
    for each in module.manifests.of("PodDisruptionBudget"):
        least, most = each.spec["minAvailable"], each.spec["maxUnavailable"]
        if not least.is_null and not most.is_null:
            message = "minAvailable and maxUnavailable exclude each other"
            node = each.spec.mark("maxUnavailable")
            yield each.problem(node, message, "keep `maxUnavailable: 1`")
        elif least.is_null and most.is_null:
            if each.spec.is_mapping and not _resembles(each.spec):
                message = "it says neither minAvailable nor maxUnavailable"
                yield each.problem(each.spec, message, "add `maxUnavailable: 1`")
        else:
            yield from _never(module, each, least, most)


def _resembles(spec: Node) -> bool:
    """Whether one of the numbers is there under a misspelt name."""
    known = {"selector", "unhealthyPodEvictionPolicy", "minAvailable", "maxUnavailable"}
    return bool(set(spec.keys) - known)


def _never(
    module: Delivery, each: Manifest, least: Node, most: Node
) -> Iterator[Problem]:
    """Numbers that allow no pod to be taken away, or are none."""
    hint = "write `maxUnavailable: 1`"
    for node in (least, most):
        text = node.text
        if text is not None and not _SHARE.fullmatch(text) and not is_variable(text):
            message = f"`{node.shown}` is neither a number nor a percentage"
            yield each.problem(node, message, hint)
    if most.value in (0, "0%") and not isinstance(most.value, bool):
        yield each.problem(most, "it allows no pod to be away, ever", hint)
    if least.text == "100%":
        yield each.problem(least, "it wants every pod there, always", hint)
    number = least.integer
    replicas = _fewest(module, each)
    if number is not None and replicas is not None and number >= replicas > 0:
        message = f"it wants {number} pods there, and there may be only {replicas}"
        yield each.problem(least, message, hint)


def _fewest(module: Delivery, each: Manifest) -> int | None:
    """The fewest pods there may be of those that a budget guards."""
    labels = each.spec.at("selector", "matchLabels")
    guarded = [m for m in module.manifests.workloads if m.pod and labels.keys]
    guarded = [m for m in guarded if m.pod and selects(labels, m.pod.labels)]
    if len(guarded) != 1:
        return None
    for scaler in module.manifests.of("HorizontalPodAutoscaler"):
        if _target(module, scaler) is guarded[0]:
            return scaler.spec["minReplicas"].integer or 1
    replicas = guarded[0].spec["replicas"]
    return 1 if replicas.is_null else replicas.integer


@delivery_rule("WB866", severity=ERROR, topic="k8s", checklist="P4")
def bad_network_policy(module: Delivery) -> Iterator[Problem]:
    """A network policy has an illegal port or peer, or shuts the module's own port.

    Ports are numbers from 1 to 65535 or names of container ports, protocols `TCP`,
    `UDP` and `SCTP` in capitals; `endPort` needs a number at least as low. The port is
    the pod's, not the Service's: a policy that lets only others in makes the module
    unreachable.
    """
    for each in module.manifests.of("NetworkPolicy"):
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in each.spec[direction]:
                for port in rule["ports"]:
                    yield from _policy_port(each, port)
                for peer in rule[peers]:
                    yield from _peer(each, peer)
        for node in each.spec["policyTypes"]:
            if node.text not in ("Ingress", "Egress", None):
                message = f"`{node.shown}` is no type of a policy"
                yield each.problem(node, message, "write Ingress or Egress")
        yield from _untold(each)
        yield from _shut(module, each)


def _policy_port(each: Manifest, port: Node) -> Iterator[Problem]:
    """One port of a policy."""
    node, end, protocol = port["port"], port["endPort"], port["protocol"]
    number, text = node.integer, node.text
    if number is not None and not 1 <= number <= 65535:
        message = f"{node.shown} is no port"
        yield each.problem(node, message, "ports go from 1 to 65535")
    if text is not None and not is_variable(text):
        if text.isdigit():
            message = f"the port is text, so a port of the name {text} is meant"
            yield each.problem(node, message, f"write {text} without quotes")
        elif len(text) > 15 or not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", text):
            message = f"`{node.shown}` is no name of a port"
            yield each.problem(node, message, "at most 15 small letters, digits, `-`")
    if protocol.text is not None and protocol.text not in ("TCP", "UDP", "SCTP"):
        message = f"`{protocol.shown}` is no protocol"
        yield each.problem(protocol, message, "write TCP, UDP or SCTP")
    if end.integer is not None:
        if number is None:
            message = "`endPort` needs a `port` that is a number"
            yield each.problem(end, message, "add the first port as a number")
        elif not number <= end.integer <= 65535:
            message = f"endPort {end.shown} is not between {number} and 65535"
            yield each.problem(end, message, "write the last port of the range")


def _peer(each: Manifest, peer: Node) -> Iterator[Problem]:
    """One peer of a policy."""
    block = peer["ipBlock"]
    if not block.is_mapping:
        return
    if "podSelector" in peer or "namespaceSelector" in peer:
        message = "`ipBlock` stands beside a selector"
        yield each.problem(peer.mark("ipBlock"), message, "make it a peer of its own")
    network = _network(block["cidr"])
    for node in (block["cidr"], *block["except"]):
        if node.text and not is_variable(node.text) and _network(node) is None:
            message = f"`{node.shown}` is no network"
            yield each.problem(node, message, "write it like 10.0.0.0/8")
    for node in block["except"]:
        inner = _network(node)
        inside = (
            isinstance(inner, ipaddress.IPv4Network)
            and isinstance(network, ipaddress.IPv4Network)
            and not inner.subnet_of(network)
        )
        if inside:
            message = f"{node.shown} is not inside {block['cidr'].shown}"
            yield each.problem(node, message, "except a part of the network")


def _network(node: Node) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A network in CIDR notation."""
    try:
        return ipaddress.ip_network(node.text or "", strict=False)
    except ValueError:
        return None


def _untold(each: Manifest) -> Iterator[Problem]:
    """Rules of a direction that `policyTypes` leaves out."""
    types = {node.text for node in each.spec["policyTypes"]}
    if not types:
        return
    for key, name in (("ingress", "Ingress"), ("egress", "Egress")):
        if each.spec[key].items and name not in types:
            message = f"policyTypes lacks {name}, so these rules are not looked at"
            yield each.problem(each.spec.mark(key), message, f"add {name}")


def _shut(module: Delivery, each: Manifest) -> Iterator[Problem]:
    """Policies that let nobody reach a port of the pods they guard."""
    rules = list(each.spec["ingress"])
    labels = each.spec.at("podSelector", "matchLabels")
    if not rules or not labels.keys or any(not rule["ports"].items for rule in rules):
        return
    ports = [port for rule in rules for port in rule["ports"]]
    legal = all((p["port"].integer or 1) <= 65535 for p in ports)
    pods = chosen(module.manifests, each, labels)
    own = {m.name for m in module.manifests.workloads}
    for pod in pods:
        open_ports = any(
            (p["port"].integer in pod.port_numbers)
            or (p["port"].text or "") in pod.port_names
            or p["port"].is_null
            or is_variable(p["port"].text)
            or (p["port"].text or "").isdigit()
            or _in_range(p, pod.port_numbers)
            for p in ports
        )
        known = all(number <= 65535 for number in pod.port_numbers)
        listed = pod.port_numbers and pod.manifest.name in own
        if listed and known and legal and not open_ports:
            numbers = ", ".join(map(str, sorted(pod.port_numbers)))
            message = f"it lets nobody reach {pod.manifest.name}, on {numbers}"
            hint = f"allow the port {numbers}; it is the pod's, not the Service's"
            yield each.problem(ports[0]["port"], message, hint)


def _in_range(port: Node, numbers: frozenset[int]) -> bool:
    """Whether a range of ports has one of some numbers."""
    first, last = port["port"].integer, port["endPort"].integer
    if first is None or last is None:
        return False
    return any(first <= number <= last for number in numbers)
