"""Find in Kubernetes objects what their schemas miss and an API server would refuse.

Each check yields sentences; none at all is a pass. `test_manifests.py` proves each with a
mistake made on purpose.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

Object = dict[str, Any]
Objects = Mapping[str, Object]

_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}\w)?")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,253}")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_UNITS = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_UNITS |= {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_HANDLERS = {"httpGet", "tcpSocket", "exec", "grpc"}

_DURATION = {
    "type": "string",
    "pattern": r"^(0|(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?)$",
    "minLength": 1,
}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA = {
    "type": "object",
    "required": ["name", "namespace"],
    "properties": {"labels": _TEXTS},
}


def _custom(kind: str, spec: Object) -> Object:
    """The schema of a custom resource of the Prometheus operator."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": "monitoring.coreos.com/v1"},
            "kind": {"const": kind},
            "metadata": _METADATA,
            "spec": spec,
        },
    }


_RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["expr"],
    "oneOf": [{"required": ["alert"]}, {"required": ["record"]}],
    "properties": {
        "alert": {"type": "string", "pattern": r"^[A-Za-z]\w*$"},
        "record": {"type": "string", "pattern": r"^[A-Za-z_:][\w:]*$"},
        "expr": {"type": "string", "minLength": 1},
        "for": _DURATION,
        "labels": _TEXTS,
        "annotations": _TEXTS,
    },
}
# Derived by hand from the operator's definitions, as far as the templates use them.
CUSTOM_SCHEMAS = {
    "ServiceMonitor": _custom(
        "ServiceMonitor",
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["selector", "endpoints"],
            "properties": {
                "selector": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"matchLabels": _TEXTS},
                },
                "endpoints": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "port": {"type": "string"},
                            "path": {"type": "string", "pattern": "^/"},
                            "interval": _DURATION,
                            "scrapeTimeout": _DURATION,
                        },
                    },
                },
            },
        },
    ),
    "PrometheusRule": _custom(
        "PrometheusRule",
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["groups"],
            "properties": {
                "groups": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["name", "rules"],
                        "properties": {
                            "name": {"type": "string", "minLength": 1},
                            "rules": {"type": "array", "items": _RULE, "minItems": 1},
                        },
                    },
                },
            },
        },
    ),
    "Kustomization": {
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "resources"],
        "properties": {
            "apiVersion": {"const": "kustomize.config.k8s.io/v1beta1"},
            "kind": {"const": "Kustomization"},
            "resources": {"type": "array", "items": {"type": "string"}},
        },
    },
}


def problems(objects: Objects) -> list[str]:
    """Everything that is wrong with the objects of one module."""
    shapes = list(_custom_shapes(objects))
    return shapes or [
        *_names(objects),
        *_selectors(objects),
        *_pods(objects),
        *_restricted(objects),
        *_ports(objects),
        *_scaling(objects),
        *_references(objects),
    ]


def containers(objects: Objects) -> list[Object]:
    """The containers of the Deployment's pods, those that run first included."""
    pod = _pod(objects)
    return [*pod.get("initContainers", ()), *pod["containers"]]


def _pod(objects: Objects) -> Object:
    """The pod a Deployment makes."""
    pod: Object = objects["Deployment"]["spec"]["template"]["spec"]
    return pod


def quantity(text: object) -> float | None:
    """An amount of CPU or memory, or None for what is none."""
    found = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    return float(found[1]) * _UNITS.get(found[2], 1.0) if found else None


def _custom_shapes(objects: Objects) -> Iterator[str]:
    """Custom resources that their operator would not understand."""
    for kind, schema in CUSTOM_SCHEMAS.items():
        if kind in objects:
            for error in jsonschema.Draft202012Validator(schema).iter_errors(
                objects[kind]
            ):
                yield f"{kind}: {error.json_path}: {error.message}"


def _names(objects: Objects) -> Iterator[str]:
    """Names, labels and keys that Kubernetes does not take."""
    namespaces = set()
    for kind, each in objects.items():
        if kind == "Kustomization":
            continue
        metadata = each["metadata"]
        namespaces.add(metadata.get("namespace"))
        for text in (metadata["name"], metadata.get("namespace")):
            if not isinstance(text, str) or not _NAME.fullmatch(text):
                yield f"{kind}: {text!r} is no name"
        yield from _labels(kind, metadata.get("labels", {}))
    if len(namespaces) != 1:
        yield f"the objects lie in several namespaces: {namespaces}"
    yield from _labels(
        "pod", objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    )
    for key in objects["ConfigMap"]["data"]:
        if not _KEY.fullmatch(key):
            yield f"ConfigMap: {key!r} is no key"


def _labels(where: str, labels: Object) -> Iterator[str]:
    """Labels of a form that is refused."""
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            yield f"{where}: {key!r} is no label"
        if not isinstance(value, str) or not _LABEL.fullmatch(value):
            yield f"{where}: {value!r} is no value of the label {key}"


def _selectors(objects: Objects) -> Iterator[str]:
    """Selectors that miss the module's pods, or would have to change."""
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = {
        "Deployment": objects["Deployment"]["spec"]["selector"]["matchLabels"],
        "Service": objects["Service"]["spec"]["selector"],
        "PodDisruptionBudget": objects["PodDisruptionBudget"]["spec"]["selector"][
            "matchLabels"
        ],
        "NetworkPolicy": objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    }
    for spread in _pod(objects).get("topologySpreadConstraints", ()):
        selectors["topologySpreadConstraints"] = spread["labelSelector"]["matchLabels"]
    for kind, selector in selectors.items():
        if not selector or not selector.items() <= labels.items():
            yield f"{kind}: {selector} does not select the pods"
        if any("version" in key for key in selector):
            yield f"{kind}: a selector cannot change, so it names no version"
    monitored = objects["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
    if not monitored.items() <= objects["Service"]["metadata"]["labels"].items():
        yield "ServiceMonitor: it does not select the Service"


def _pods(objects: Objects) -> Iterator[str]:
    """Containers that could not start."""
    pod = _pod(objects)
    volumes = [volume["name"] for volume in pod.get("volumes", ())]
    if len(volumes) != len(set(volumes)):
        yield "two volumes have one name"
    for each in containers(objects):
        name = each["name"]
        if not _NAME.fullmatch(name):
            yield f"{name!r} is no container's name"
        for mount in each.get("volumeMounts", ()):
            if mount["name"] not in volumes:
                yield f"{name}: {mount['name']} is no volume"
        variables = [variable["name"] for variable in each.get("env", ())]
        if len(variables) != len(set(variables)):
            yield f"{name}: a variable is given twice"
        for variable in each.get("env", ()):
            if "$(" in str(variable.get("value", "")):
                yield f"{name}: {variable['name']} would be expanded"
        yield from _resources(name, each.get("resources", {}))
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if len(_HANDLERS & set(each.get(probe, {"exec": {}}))) != 1:
                yield f"{name}: {probe} needs exactly one handler"
        if ":" not in each["image"] or each["image"].endswith(":latest"):
            yield f"{name}: {each['image']} is not pinned"


def _resources(name: str, resources: Object) -> Iterator[str]:
    """Amounts that are missing, malformed, or above their limit."""
    for kind in ("cpu", "memory"):
        request = quantity(resources.get("requests", {}).get(kind))
        limit = quantity(resources.get("limits", {}).get(kind))
        if request is None or limit is None:
            yield f"{name}: {kind} needs a request and a limit"
        elif request > limit:
            yield f"{name}: more {kind} is requested than allowed"


def _restricted(objects: Objects) -> Iterator[str]:
    """What Pod Security "restricted" refuses."""
    pod = _pod(objects)
    shared = pod.get("securityContext", {})
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield f"pod: {key} is not allowed"
    for volume in pod.get("volumes", ()):
        if not {"emptyDir", "configMap", "secret", "projected"} & set(volume):
            yield f"pod: the volume {volume['name']} is of a kind that is not allowed"
    if pod.get("automountServiceAccountToken") is not False:
        yield "pod: the service account's token is mounted"
    for each in containers(objects):
        context = {**shared, **each.get("securityContext", {})}
        name = each["name"]
        if context.get("privileged"):
            yield f"{name}: privileged"
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: privileges may be escalated"
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{name}: it may run as root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name}: there is no seccomp profile"
        if context.get("capabilities", {}).get("drop") != ["ALL"]:
            yield f"{name}: capabilities are not dropped"
        if context.get("capabilities", {}).get("add"):
            yield f"{name}: capabilities are added"
        if context.get("readOnlyRootFilesystem") is not True:
            yield f"{name}: the root file system can be written"


def _ports(objects: Objects) -> Iterator[str]:
    """Ports out of range, and names nobody listens to."""
    container = _pod(objects)["containers"][0]
    names = {port["name"]: port["containerPort"] for port in container["ports"]}
    numbers = list(names.values())
    for port in objects["Service"]["spec"]["ports"]:
        numbers.append(port["port"])
        if port["targetPort"] not in names:
            yield f"Service: {port['targetPort']} is no port of the container"
    offered = {port["name"] for port in objects["Service"]["spec"]["ports"]}
    for endpoint in objects["ServiceMonitor"]["spec"]["endpoints"]:
        if endpoint["port"] not in offered:
            yield f"ServiceMonitor: {endpoint['port']} is no port of the Service"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if container[probe].get("httpGet", {}).get("port", "http") not in names:
            yield f"{probe}: it asks a port nobody listens to"
    policy = objects["NetworkPolicy"]["spec"]
    inward = [p["port"] for rule in policy["ingress"] for p in rule.get("ports", ())]
    if not set(names.values()) & set(inward):
        yield "NetworkPolicy: nobody may call the module"
    numbers += inward
    numbers += [p["port"] for rule in policy["egress"] for p in rule.get("ports", ())]
    for number in numbers:
        if not isinstance(number, int) or not 1 <= number <= 65535:
            yield f"{number!r} is no port"
    for name in (*names, *offered):
        if not _PORT_NAME.fullmatch(name):
            yield f"{name!r} is no port's name"


def _scaling(objects: Objects) -> Iterator[str]:
    """Numbers of replicas that contradict each other."""
    deployment = objects["Deployment"]["spec"]
    rolling = deployment.get("strategy", {}).get("rollingUpdate", {})
    if rolling and rolling.get("maxSurge") == 0 == rolling.get("maxUnavailable"):
        yield "Deployment: a rollout could never begin"
    if "HorizontalPodAutoscaler" in objects:
        scaler = objects["HorizontalPodAutoscaler"]["spec"]
        if scaler["minReplicas"] > scaler["maxReplicas"]:
            yield "HorizontalPodAutoscaler: the least is above the most"
        if "replicas" in deployment:
            yield "Deployment: every apply would undo the scaling"
        target = scaler["scaleTargetRef"]
        if target["name"] != objects["Deployment"]["metadata"]["name"]:
            yield f"HorizontalPodAutoscaler: there is no {target['name']}"
    budget = objects["PodDisruptionBudget"]["spec"]
    if len({"minAvailable", "maxUnavailable"} & set(budget)) != 1:
        yield "PodDisruptionBudget: give one of minAvailable and maxUnavailable"
    elif budget.get("maxUnavailable") in (0, "0%"):
        yield "PodDisruptionBudget: no node could ever be drained"


def _references(objects: Objects) -> Iterator[str]:
    """Objects that are referred to and not there."""
    pod = _pod(objects)
    if pod.get("serviceAccountName") != objects["ServiceAccount"]["metadata"]["name"]:
        yield "pod: its service account is not there"
    for each in containers(objects):
        for source in each.get("envFrom", ()):
            name = source["configMapRef"]["name"]
            if name != objects["ConfigMap"]["metadata"]["name"]:
                yield f"{each['name']}: there is no ConfigMap {name}"
        for variable in each.get("env", ()):
            key = variable.get("valueFrom", {}).get("secretKeyRef", {}).get("key")
            if "value" not in variable and not _KEY.fullmatch(key or ""):
                yield f"{each['name']}: {key!r} is no key of a Secret"
