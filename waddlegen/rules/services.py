"""Rules on what leads to pods, and on what pods refer to."""

from __future__ import annotations

from collections.abc import Iterator

from waddlegen.facts.delivery import Delivery
from waddlegen.facts.manifests import (
    Manifest,
    Manifests,
    Pod,
    is_variable,
    kebab,
    selects,
    values_of,
)
from waddlegen.facts.yamldocs import Node
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule
from waddlegen.rules.pods import containers, has_bad_name

ERROR = Severity.ERROR


def chosen(manifests: Manifests, each: Manifest, selector: Node) -> tuple[Pod, ...]:
    """The pods, of all that can be seen, that a selector takes.

    A workload whose own selector is taken counts too: if its template's labels are
    wrong, that is the workload's fault and told there.
    """
    wanted = values_of(selector)
    return tuple(
        pod
        for pod in manifests.visible_pods
        if (wanted <= pod.label_values or wanted <= pod.selector_values)
        and (_same_namespace(each, pod.manifest) or pod.manifest in manifests.own)
    )


def _same_namespace(one: Manifest, other: Manifest) -> bool:
    """Whether two objects can be in one namespace."""
    return not one.namespace or not other.namespace or one.namespace == other.namespace


def _nearest(manifests: Manifests, selector: Node) -> str:
    """The labels that pods do have, for a hint."""
    for pod in manifests.pods:
        shown = ", ".join(
            f"{k}: {n.shown}" for k, n in list(pod.labels.keys.items())[:3]
        )
        if shown:
            return f"the pods of {pod.manifest.name} have {shown}"
    return "add the labels to the pod template"


@delivery_rule("WB853", severity=ERROR, topic="k8s", checklist="P4")
def dead_selector(module: Delivery) -> Iterator[Problem]:
    """The selector of a Service, policy, budget or monitor takes nothing that exists.

    The Service has no endpoints, so every call to the module fails; a policy or budget
    guards nobody. Write labels that the pod template has (for a ServiceMonitor: that
    the Service has).
    """
    manifests = module.manifests
    if not manifests.pods:
        return
    for each in manifests.of("Service", "PodDisruptionBudget", "NetworkPolicy"):
        path = {
            "Service": ("spec", "selector"),
            "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
            "NetworkPolicy": ("spec", "podSelector", "matchLabels"),
        }[each.kind]
        selector = each.root.at(*path)
        plain = all(node.kind == "scalar" for node in selector.keys.values())
        variable = any(is_variable(node.text) for node in selector.keys.values())
        if not selector.keys or not plain or variable or _is_foreign(module, each):
            continue
        if not chosen(manifests, each, selector):
            shown = ", ".join(f"{key}: {n.shown}" for key, n in selector.keys.items())
            message = f"no pod has the labels that {each.title} selects ({shown})"
            yield each.problem(selector, message, _nearest(manifests, selector))
    yield from _monitors(manifests)


def _is_foreign(module: Delivery, each: Manifest) -> bool:
    """Whether an object beside the module's is about pods that are made elsewhere.

    The Service of a database, say: no word of its name is the module's, and it is not
    the only one of its kind.
    """
    alone = sum(1 for _ in module.manifests.of(each.kind)) == 1
    names = {*module.names, *(m.name for m in module.manifests.workloads)}
    words = {word for name in names for word in kebab(name).split("-")}
    return not alone and not words & set(kebab(each.name).split("-"))


def _monitors(manifests: Manifests) -> Iterator[Problem]:
    """ServiceMonitors that find no Service."""
    services = [m for m in manifests.visible if m.kind == "Service"]
    for each in manifests.of("ServiceMonitor"):
        selector = each.spec.at("selector", "matchLabels")
        variable = any(is_variable(node.text) for node in selector.keys.values())
        if not selector.keys or not services or variable:
            continue
        if not any(selects(selector, service.labels) for service in services):
            message = f"no Service has the labels that {each.title} selects"
            hint = "it selects Services by their own labels, not pods"
            yield each.problem(selector, message, hint)


@delivery_rule("WB860", severity=ERROR, topic="k8s", checklist="P4")
def dangling_port(module: Delivery) -> Iterator[Problem]:
    """A Service or monitor leads to a port that nobody has.

    A `targetPort` that is a name must be the name of a port of the container; a number
    must be one that the container listens to. Calls fail with "connection refused"
    otherwise. Use the container port's name: it survives a change of its number.
    """
    manifests = module.manifests
    for each in manifests.of("Service"):
        selector = each.spec["selector"]
        pods = chosen(manifests, each, selector) if selector.keys else ()
        # Without a list of ports, or with several kinds of pods, nothing is sure.
        known = [pod for pod in pods if pod.port_numbers]
        if not known or len(known) != len(pods) or any(map(has_bad_name, known)):
            continue
        names = frozenset().union(*(pod.port_names for pod in known))
        numbers = frozenset().union(*(pod.port_numbers for pod in known))
        for port in each.spec["ports"]:
            target = port["targetPort"] if port["targetPort"] else port["port"]
            yield from _target(each, target, names, numbers)
    for each in manifests.of("ServiceMonitor"):
        yield from _monitored_ports(manifests, each)


def _target(
    each: Manifest, target: Node, names: frozenset[str], numbers: frozenset[int]
) -> Iterator[Problem]:
    """One target of a Service."""
    text, number = target.text, target.integer
    if text is not None and (is_variable(text) or text.isdigit() or text in names):
        return
    if number is not None and (number in numbers or not 1 <= number <= 65535):
        return
    if any(not 1 <= known <= 65535 for known in numbers):
        return
    if text is None and number is None:
        return
    shown = ", ".join([*sorted(names), *map(str, sorted(numbers))])
    message = f"{each.title} leads to port {target.shown}, which no container has"
    yield each.problem(target, message, f"the containers' ports are {shown}")


def _monitored_ports(manifests: Manifests, each: Manifest) -> Iterator[Problem]:
    """The ports that a ServiceMonitor asks."""
    selector = each.spec.at("selector", "matchLabels")
    services = [
        m
        for m in manifests.visible
        if m.kind == "Service" and selector.keys and selects(selector, m.labels)
    ]
    names = {p["name"].text for service in services for p in service.spec["ports"]}
    for endpoint in each.spec["endpoints"]:
        name = endpoint["port"].text
        if services and name and name not in names and not is_variable(name):
            message = f"{each.title} asks the port `{name}`, which the Service lacks"
            shown = ", ".join(sorted(filter(None, names))) or "without names"
            yield each.problem(endpoint["port"], message, f"its ports are {shown}")


@delivery_rule("WB867", severity=ERROR, topic="k8s", checklist="P4")
def unknown_reference(module: Delivery) -> Iterator[Problem]:
    """A container takes its settings from a ConfigMap, or a key, that is not there.

    It stays in CreateContainerConfigError. Only what the repository shows is compared:
    Secrets are often made elsewhere, and so may ConfigMaps be where the module has
    none. Correct the name, add the key, or say `optional: true`.
    """
    manifests = module.manifests
    has_maps = any(True for _ in manifests.of("ConfigMap")) and not _has_charted_maps(
        module
    )
    for each in containers(module):
        for source in each.node["envFrom"]:
            reference = source["configMapRef"]
            yield from _reference(
                module, each.manifest, "ConfigMap", reference, has_maps
            )
        for variable in each.node["env"]:
            origin = variable["valueFrom"]
            for kind, key in (
                ("ConfigMap", "configMapKeyRef"),
                ("Secret", "secretKeyRef"),
            ):
                known = has_maps and kind == "ConfigMap"
                yield from _reference(module, each.manifest, kind, origin[key], known)
    for pod in manifests.pods:
        for volume in pod.spec["volumes"]:
            reference = volume["configMap"]
            yield from _reference(
                module, pod.manifest, "ConfigMap", reference, has_maps
            )


def _has_charted_maps(module: Delivery) -> bool:
    """Whether a Helm chart makes ConfigMaps, whose names cannot be seen."""
    return any(
        b"kind: ConfigMap" in module.survey.content(path)
        for path in module.survey.charted
    )


def _reference(
    module: Delivery, each: Manifest, kind: str, reference: Node, is_complete: bool
) -> Iterator[Problem]:
    """One reference to a ConfigMap or a Secret."""
    manifests, name = module.manifests, reference["name"].text
    if not name or is_variable(name) or reference["optional"].value is True:
        return
    if (kind, name) in manifests.generated or manifests.prefixed:
        return
    found = manifests.find(kind, name)
    if found is None:
        if is_complete:
            message = f"there is no {kind} {name}"
            names = sorted(m.name for m in manifests.of(kind))
            hint = f"the module has {', '.join(names)}"
            yield each.problem(reference["name"], message, hint)
        return
    key = reference["key"].text
    keys = {
        k
        for part in ("data", "stringData", "binaryData")
        for k in found.root[part].keys
    }
    if key and keys and key not in keys and not is_variable(key):
        message = f"the {kind} {name} has no key `{key}`"
        hint = f"its keys are {', '.join(sorted(keys)[:8])}"
        yield each.problem(reference["key"], message, hint)


@delivery_rule("WB874", severity=ERROR, topic="k8s", checklist="P4")
def scattered_namespaces(module: Delivery) -> Iterator[Problem]:
    """The objects of a module say different namespaces and do not find one another.

    A Service selects pods of its own namespace only, and a pod reads ConfigMaps and
    Secrets of its own. Write one namespace everywhere, or leave it to `kubectl -n`.
    """
    homes = {w.namespace for w in module.manifests.workloads if w.namespace}
    if len(homes) != 1:
        return
    home = homes.pop()
    kinds = (
        "Service ConfigMap Secret HorizontalPodAutoscaler PodDisruptionBudget Ingress"
    )
    names = {name for w in module.manifests.workloads for name in (w.name,)}
    for each in module.manifests.of(*kinds.split(), "NetworkPolicy", "ServiceAccount"):
        elsewhere = each.namespace and each.namespace != home
        if elsewhere and not is_variable(each.namespace):
            # One object of many namespaces is a copy, as are those of another stage.
            twin = any(
                other.kind == each.kind
                and other.name == each.name
                and other.namespace == home
                for other in module.manifests.own
            )
            if not twin and (each.name in names or each.kind != "NetworkPolicy"):
                node = each.root.at("metadata", "namespace")
                message = f"{each.title} lies in {each.namespace}, its pods in {home}"
                yield each.problem(node, message, f"write `namespace: {home}`")


def _backends(each: Manifest) -> Iterator[tuple[Node, Node]]:
    """The names and ports of the Services that an Ingress leads to."""
    found = [each.spec["defaultBackend"]]
    for rule in each.spec["rules"]:
        found += [path["backend"] for path in rule.at("http", "paths")]
    for backend in found:
        yield backend.at("service", "name"), backend.at("service", "port")


@delivery_rule("WB876", severity=ERROR, topic="k8s", checklist="P4")
def dangling_backend(module: Delivery) -> Iterator[Problem]:
    """An Ingress leads to a Service, or to a port of it, that is not there.

    Every request is answered 503. Compared only with Services that the repository
    shows, in the Ingress's namespace. Correct the name, or the port's name or number.
    """
    manifests = module.manifests
    services = {m.name: m for m in manifests.visible if m.kind == "Service"}
    if not services or manifests.prefixed:
        return
    for each in manifests.of("Ingress"):
        for name, port in _backends(each):
            if name.text is None or is_variable(name.text):
                continue
            service = services.get(name.text)
            if service is None:
                message = f"there is no Service {name.text}"
                known = ", ".join(sorted(services)[:5])
                yield each.problem(name, message, f"the Services are {known}")
                continue
            names = {p["name"].text for p in service.spec["ports"]}
            numbers = {p["port"].integer for p in service.spec["ports"]}
            said, number = port["name"], port["number"]
            wrong = (said.text and said.text not in names) or (
                number.integer is not None and number.integer not in numbers
            )
            if wrong:
                node = said if said else number
                message = f"the Service {name.text} has no port {node.shown}"
                shown = [*filter(None, names), *map(str, filter(None, numbers))]
                yield each.problem(node, message, f"it has {', '.join(shown)}")
