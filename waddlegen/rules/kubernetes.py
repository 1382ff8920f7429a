"""Rules on what the standard asks of a module's manifests: probes, limits, security."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.delivery import Delivery, image_variables
from waddlegen.facts.dockerfile import Dockerfile
from waddlegen.facts.kubernetes_fields import resembles, table
from waddlegen.facts.manifests import Container, Manifest, Pod, is_variable
from waddlegen.facts.secrets import (
    has_url_credentials,
    holds_secret,
    is_secret_name,
)
from waddlegen.facts.yamldocs import Node, problem_at
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule
from waddlegen.rules.pods import containers, main_containers
from waddlegen.rules.services import chosen

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

SERVERS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
# Kinds of other projects that make pods as a Deployment does.
_LIKE_DEPLOYMENTS = frozenset({"Rollout", "Application", "ScaledObject", "HelmRelease"})
_HEALTH = re.compile(r"(?i)health|ready|live|status|ping")


def is_said(node: Node, key: str, type_name: str) -> bool:
    """Whether a mapping has a key, or one that was meant to be it.

    What is misspelt is told by the rule on fields, once.
    """
    if key in node:
        return True
    known = {field.removesuffix("!") for field in table().types[type_name]}
    unknown = (given for given in node.keys if given not in known)
    return any(resembles(given, (key,)) for given in unknown)


def _servers(module: Delivery) -> Iterator[tuple[Pod, Container]]:
    """The containers that run the module as a service."""
    for pod in module.manifests.pods:
        if pod.manifest.kind in SERVERS:
            for each in main_containers(module, pod):
                yield pod, each


@delivery_rule("WB841", severity=ERROR, topic="k8s", checklist="P4")
def missing_manifest(module: Delivery) -> Iterator[Problem]:
    """The module has no Deployment, or no Service that leads to it.

    Nobody can deploy it but by hand. Add `k8s/deployment.yaml` and `k8s/service.yaml`
    to its folder; a Helm chart that names the module counts too.
    """
    manifests = module.manifests
    kinds = {each.kind for each in manifests.own}
    if manifests.broken or kinds & _LIKE_DEPLOYMENTS or _is_charted(module):
        return
    place = module.dockerfile_path or module.within("k8s")
    if not manifests.workloads:
        message = "there is no Deployment for the module"
        yield Problem(place, 1, message, hint="add k8s/deployment.yaml")
        return
    servers = [pod for pod, each in _servers(module) if each.ports]
    if not servers:
        return
    # A Service whose selector is wrong is there; its own rule tells what is wrong.
    if "Service" in kinds:
        return
    services = [m for m in manifests.visible if m.kind == "Service"]
    leads = any(
        pod in chosen(manifests, m, m.spec["selector"])
        for m in services
        if m.spec["selector"].keys
        for pod in servers
    )
    if not leads:
        each = servers[0].manifest
        message = f"no Service leads to {each.title}"
        yield each.problem(each.root, message, "add k8s/service.yaml")


def _is_charted(module: Delivery) -> bool:
    """Whether a Helm chart deploys the module, as far as its texts tell."""
    for path in module.survey.charted:
        text = module.survey.text(path)
        if any(name in text for name in module.names):
            return True
    return False


@delivery_rule("WB843", severity=ERROR, topic="k8s", checklist="P2")
def missing_probe(module: Delivery) -> Iterator[Problem]:
    """A container has no liveness or readiness probe that asks /health on its port.

    Kubernetes sends requests to a module that is not ready, and does not restart one
    that hangs. Add both, with `httpGet` on `/health`; a port's name is fine.
    """
    for pod, each in _servers(module):
        for name in ("livenessProbe", "readinessProbe"):
            probe = each.node[name]
            if not is_said(each.node, name, "Container"):
                message = f"{each.name} has no {name}"
                hint = "add `httpGet: {path: /health, port: http}`"
                yield each.problem(each.node, message, hint)
            elif probe["httpGet"].is_mapping:
                yield from _asked(pod, each, name, probe["httpGet"])
            elif probe["tcpSocket"].is_mapping:
                message = f"{name} of {each.name} only opens a connection"
                hint = "ask /health with `httpGet`"
                yield each.problem(probe.mark("tcpSocket"), message, hint)


def _asked(pod: Pod, each: Container, name: str, handler: Node) -> Iterator[Problem]:
    """What one probe asks."""
    path, port = handler["path"], handler["port"]
    if not path.is_null and not is_variable(path.text):
        if not _HEALTH.search(path.shown):
            message = f"{name} of {each.name} asks {path.shown}, not /health"
            yield each.problem(path, message, "write `path: /health`")
    elif path.is_null and is_said(handler, "path", "HTTPGetAction") is False:
        message = f"{name} of {each.name} asks `/`, not /health"
        yield each.problem(handler, message, "add `path: /health`")
    number = port.integer
    if number is None and (port.text or "").isdigit():
        number = int(port.text or "0")
    legal = all(1 <= known <= 65535 for known in pod.port_numbers)
    if number is not None and 1 <= number <= 65535 and pod.port_numbers and legal:
        if number not in pod.port_numbers:
            message = (
                f"{name} of {each.name} asks port {number}, which it does not list"
            )
            hint = f"its ports are {', '.join(map(str, sorted(pod.port_numbers)))}"
            yield each.problem(port, message, hint)


@delivery_rule("WB844", severity=ERROR, topic="k8s", checklist="P4")
def missing_resources(module: Delivery) -> Iterator[Problem]:
    """A container does not say how much CPU and memory it requests and may use.

    Without requests the scheduler packs nodes too full; without limits one module
    starves its neighbours. The standard's are 100m and 256Mi, up to 500m and 512Mi.
    """
    if any(m.kind == "LimitRange" for m in module.manifests.visible):
        return
    for each in containers(module):
        resources = each.node["resources"]
        if not is_said(each.node, "resources", "Container"):
            message = f"{each.name} has no requests and limits"
            hint = "add `resources` with requests and limits for cpu and memory"
            yield each.problem(each.node, message, hint)
            continue
        if not resources.is_mapping:
            continue
        missing = list(_missing_amounts(resources))
        if missing:
            message = f"{each.name} lacks {', '.join(missing)}"
            yield each.problem(resources, message, f"add `resources.{missing[0]}`")


def _missing_amounts(resources: Node) -> Iterator[str]:
    """The amounts that are not given; a limit is a request too where there is none."""
    for part in ("requests", "limits"):
        if part not in resources and is_said(resources, part, "ResourceRequirements"):
            continue
        for name in ("cpu", "memory"):
            limited = part == "requests" and name in resources["limits"]
            if resources.at(part, name).is_null and not limited:
                yield f"{part}.{name}"


@delivery_rule("WB845", severity=ERROR, topic="k8s", checklist="P4")
def missing_security_context(module: Delivery) -> Iterator[Problem]:
    """A container may write its root file system, run as root, or keep capabilities.

    Whoever breaks into it can then change the program or the node. Set
    `readOnlyRootFilesystem`, `runAsNonRoot`, `runAsUser: 1000` and
    `capabilities: {drop: [ALL]}`; the second and third may stand at the pod.
    """
    for each in containers(module):
        context = each.node["securityContext"]
        known = "SecurityContext"
        wrong: list[tuple[str, Node]] = []
        if context["readOnlyRootFilesystem"].value is not True:
            if (
                not is_said(context, "readOnlyRootFilesystem", known)
                or context["readOnlyRootFilesystem"]
            ):
                node = context["readOnlyRootFilesystem"]
                wrong.append(("readOnlyRootFilesystem: true", node))
        if each.setting("runAsNonRoot").value is not True:
            node = each.setting("runAsNonRoot")
            if node or not is_said(context, "runAsNonRoot", known):
                wrong.append(("runAsNonRoot: true", node))
        user = each.setting("runAsUser")
        if user.integer == 0 or (
            user.is_null and not is_said(context, "runAsUser", known)
        ):
            wrong.append(("runAsUser: 1000", user))
        dropped = {item.shown.upper() for item in context.at("capabilities", "drop")}
        if "ALL" not in dropped and not _drops(context):
            wrong.append(("capabilities: {drop: [ALL]}", context["capabilities"]))
        wrong = [(text, node) for text, node in wrong if not is_variable(node.text)]
        if wrong:
            shown = ", ".join(text for text, _ in wrong)
            place = next((node for _, node in wrong if node), context or each.node)
            message = f"the security context of {each.name} lacks {shown}"
            yield each.problem(place, message, "add it to `securityContext`")
    for chart in module.charts:
        for key, node in chart.values:
            empty = node.is_mapping and not node.keys or node.is_null
            if _CONTEXT.fullmatch(key) and empty and chart.asks_for(key):
                message = f"{key} is empty, so the containers have no security context"
                hint = "write readOnlyRootFilesystem, runAsNonRoot, capabilities"
                yield problem_at(chart.values_path, node, node, message, hint)


# That of the pod has no field for what a container may do.
_CONTEXT = re.compile(r"(?i)(container)?securityContext")


def _drops(context: Node) -> bool:
    """Whether capabilities are dropped under a misspelt name."""
    if not is_said(context, "capabilities", "SecurityContext"):
        return False
    inner = context["capabilities"]
    return "capabilities" not in context or (
        "drop" not in inner and is_said(inner, "drop", "Capabilities")
    )


def _settings(module: Delivery, each: Container) -> dict[str, tuple[str, Node]]:
    """The variables that a container gets, as far as their values can be seen."""
    found: dict[str, tuple[str, Node]] = {
        name: (value, Node())
        for name, value in image_variables(module.dockerfile).items()
    }
    for source in each.node["envFrom"]:
        name = source.at("configMapRef", "name").text or ""
        config = module.manifests.find("ConfigMap", name)
        if config:
            for key, node in config.root["data"].keys.items():
                found[key] = (node.shown, node)
    for variable in each.node["env"]:
        name = variable["name"].text or ""
        origin = variable.at("valueFrom", "configMapKeyRef")
        config = module.manifests.find("ConfigMap", origin["name"].text or "")
        if "value" in variable:
            found[name] = (variable["value"].shown, variable["value"])
        elif config:
            node = config.root["data"][origin["key"].text or ""]
            found[name] = (node.shown, node)
        else:
            found.pop(name, None)
    return found


_WRITABLE = frozenset(
    {"emptyDir", "persistentVolumeClaim", "ephemeral", "hostPath", "nfs"}
)
_LOG_DIR = re.compile(r"/var/log/[A-Za-z0-9._-]+")
_LOG_NAMES = re.compile(r"(LOG|LOGS)_(DIR|DIRECTORY|PATH|FOLDER)|(DATA|CACHE)_DIR")


@delivery_rule("WB846", severity=ERROR, topic="k8s", checklist="L4")
def unwritable_path(module: Delivery) -> Iterator[Problem]:
    """The root file system is read-only, and a folder that is written is part of it.

    The rotating log file under /var/log fails, and the module does not start. Mount an
    `emptyDir` at each folder that the module is told to write to.
    """
    for each in _read_only(module):
        for folder in sorted(set(_written(module, each)) - {"/tmp"}):
            if not _is_writable(each, folder):
                message = f"{each.name} cannot write to {folder}"
                hint = f"mount an emptyDir at {folder}"
                node = each.node.at("securityContext", "readOnlyRootFilesystem")
                yield each.problem(node, message, hint)


@delivery_rule("WB883", severity=WARNING, topic="k8s")
def no_temporary_folder(module: Delivery) -> Iterator[Problem]:
    """The root file system is read-only, and there is no /tmp to write to.

    Uploads and whatever a library puts aside for a moment fail when they come. Mount an
    `emptyDir` at /tmp.
    """
    for each in _read_only(module):
        if not _is_writable(each, "/tmp"):
            message = f"{each.name} cannot write to /tmp"
            node = each.node["volumeMounts"] or each.node
            yield each.problem(node, message, "mount an emptyDir at /tmp")


def _read_only(module: Delivery) -> Iterator[Container]:
    """The containers whose root file system cannot be written."""
    for _, each in _servers(module):
        if each.node.at("securityContext", "readOnlyRootFilesystem").value is True:
            yield each


def _written(module: Delivery, each: Container) -> Iterator[str]:
    """The folders that a module is told to write to."""
    for name, (value, _) in _settings(module, each).items():
        if _LOG_NAMES.fullmatch(name) and value.startswith("/") and len(value) > 1:
            yield value.rstrip("/")
    file = module.dockerfile
    for instruction in file.inherited(file.final) if file and file.final else ():
        if instruction.keyword == "RUN" and re.search(
            r"\b(mkdir|install -d|chown)\b", instruction.script
        ):
            yield from _LOG_DIR.findall(instruction.script)


def _is_writable(each: Container, folder: str) -> bool:
    """Whether a volume that can be written covers a folder."""
    volumes = {v["name"].text: v for v in each.pod.spec["volumes"]}
    claims = each.manifest.spec["volumeClaimTemplates"]
    claimed = {claim.at("metadata", "name").text for claim in claims}
    for mount in each.node["volumeMounts"]:
        path = (mount["mountPath"].text or "?").rstrip("/")
        name = mount["name"].text
        if not (f"{folder}/".startswith(f"{path}/")) or mount["readOnly"].value is True:
            continue
        kinds = set(volumes[name].keys) - {"name"} if name in volumes else set()
        # A volume that is missing is told by a rule of its own.
        if not kinds or kinds & _WRITABLE or name in claimed or "csi" in kinds:
            return True
    return False


_ADDED_USER = re.compile(
    r"\b(?:useradd|adduser)\b[^&;|\n]*?(?:-u|--uid)[\s=]+(\d+)[^&;|\n]*?"
)


def _image_uid(file: Dockerfile) -> tuple[int | None, str]:
    """The number of the user that an image runs as, and what USER says."""
    if file.final is None:
        return None, ""
    user = ""
    numbers: dict[str, int] = {}
    for each in file.inherited(file.final):
        if each.keyword == "USER":
            user = file.final.expand(each.text).partition(":")[0].strip("\"'")
        elif each.keyword == "RUN":
            for command in re.split(r"&&|;|\n", file.final.expand(each.script)):
                found = _ADDED_USER.search(command)
                words = command.split()
                if found and words:
                    numbers.update({word: int(found[1]) for word in words})
    if user.isdigit():
        return int(user), user
    return numbers.get(user), user


@delivery_rule("WB847", severity=ERROR, topic="k8s", checklist="P4")
def uid_mismatch(module: Delivery) -> Iterator[Problem]:
    """The pod runs as another user than the image was made for.

    Its folders belong to the image's user, so logs and data cannot be written. And
    where the image says a user by name, `runAsNonRoot` without a `runAsUser` is
    refused: the kubelet cannot tell that it is not root. Give both the same number.
    """
    file = module.dockerfile
    if file is None:
        return
    number, user = _image_uid(file)
    for _, each in _servers(module):
        node = each.setting("runAsUser")
        wanted = node.integer
        if wanted and number and wanted != number:
            message = f"{each.name} runs as {wanted}, the image's user is {number}"
            hint = f"write {number} here, or change USER in {file.path}"
            yield each.problem(node, message, hint)
        named = user and not user.isdigit() and user != "root" and "$" not in user
        if node.is_null and named and each.setting("runAsNonRoot").value is True:
            message = f"runAsNonRoot cannot be told of the image's user `{user}`"
            hint = "add `runAsUser: 1000`, or write USER as a number"
            yield each.problem(each.setting("runAsNonRoot"), message, hint)


@delivery_rule("WB848", severity=WARNING, topic="k8s", checklist="P4")
def unpinned_image(module: Delivery) -> Iterator[Problem]:
    """An image has no tag, or `latest`.

    Two pods of one Deployment may then run different code, and a rollback brings back
    the same. Write the module's version, or a digest.
    """
    for each in containers(module):
        node = each.node["image"]
        image = node.text
        if not image or is_variable(image) or "@sha256:" in image:
            continue
        tag = image.rpartition("/")[2].partition(":")[2]
        if not tag or tag == "latest":
            told = "has no tag" if not tag else "is not pinned"
            message = f"the image {image} {told}"
            yield each.problem(node, message, "write a version, like `:v0.2.0`")


@delivery_rule("WB849", severity=ERROR, topic="secret", checklist="CQ3")
def secret_in_manifest(module: Delivery) -> Iterator[Problem]:
    """A secret stands in a manifest as a plain value.

    Whoever can read the repository, or the object, has it. Take it from a Secret that
    is made elsewhere, with `valueFrom: {secretKeyRef: …}` or `envFrom: secretRef`.
    """
    hint = "take it from a Secret: `valueFrom: {secretKeyRef: {name: …, key: …}}`"
    for each in containers(module):
        for variable in each.node["env"]:
            name, node = variable["name"].text or "", variable["value"]
            if _is_secret(name, node):
                message = f"{name} of {each.name} is written here as a plain value"
                yield each.problem(node, message, hint)
    for chart in module.charts:
        for path, line, name in chart.plain_variables():
            if is_secret_name(name):
                message = f"{name} is given as a plain value of the chart"
                yield Problem(path, line, message, 1, hint, "k8s")
    for config in module.manifests.of("ConfigMap"):
        for key, node in config.root["data"].keys.items():
            if _is_secret(key, node):
                message = f"{key} is a secret in a ConfigMap"
                yield config.problem(node, message, "move it to a Secret")


def _is_secret(name: str, node: Node) -> bool:
    """Whether a setting holds a secret itself."""
    text = node.text or ""
    named = holds_secret(name, text) and "\n" not in text
    return named or has_url_credentials(text)


@delivery_rule("WB850", severity=WARNING, topic="k8s", checklist="P4")
def missing_labels(module: Delivery) -> Iterator[Problem]:
    """A workload lacks the labels that say which module it is.

    Dashboards, policies and `kubectl get -l module=…` find the module by `app` and
    `module`, or by `app.kubernetes.io/name`. Add them to the workload and its template.
    """
    for each in module.manifests.workloads:
        if each.pod is None or each.kind == "Pod":
            continue
        known = {
            "app",
            "module",
            "app.kubernetes.io/name",
            "app.kubernetes.io/instance",
        }
        if not known & set(each.labels.keys):
            message = f"{each.title} has no label that names the module"
            place = each.labels or each.root["metadata"]
            yield each.problem(place, message, "add `app: waddlebot` and `module: …`")


@delivery_rule("WB851", severity=INFO, topic="k8s", checklist="P4")
def single_replica(module: Delivery) -> Iterator[Problem]:
    """A module has one replica, or several that a drained node may take away at once.

    An update of the node is an outage. Run two or three (`replicas: 3`, or an
    autoscaler), and add a PodDisruptionBudget with `maxUnavailable: 1`. A module that
    must be alone says so with `strategy: {type: Recreate}`.
    """
    for each in module.manifests.of("Deployment"):
        pod = each.pod
        if pod is None or each.spec.at("strategy", "type").text == "Recreate":
            continue
        scaled = any(
            _is_about(scaler, each)
            for scaler in module.manifests.of("HorizontalPodAutoscaler", "ScaledObject")
        )
        own = tuple(module.manifests.of("PodDisruptionBudget"))
        everybodys = (
            m for m in module.manifests.visible if m.kind == "PodDisruptionBudget"
        )
        # Most often one of its own does.
        budgets = (*own, *everybodys)
        guarded = any(
            pod in chosen(module.manifests, b, b.spec.at("selector", "matchLabels"))
            for b in budgets
        )
        replicas = each.spec["replicas"]
        if not scaled and (replicas.is_null or replicas.integer == 1) and not guarded:
            message = f"{each.title} has one replica"
            place = replicas or each.spec
            yield each.problem(place, message, "set `replicas: 3`")
        elif not guarded and not own:
            message = f"no PodDisruptionBudget guards {each.title}"
            yield each.problem(each.root, message, "add one with `maxUnavailable: 1`")


def _is_about(scaler: Manifest, each: Manifest) -> bool:
    """Whether an autoscaler scales a workload."""
    return scaler.spec.at("scaleTargetRef", "name").text == each.name
