"""Kubernetes objects as rules ask for them: every value with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from waddlegen.facts.survey import Survey, folder_of, is_aside, is_inside
from waddlegen.facts.yamldocs import ABSENT, Duplicate, Node, Scalar, problem_at
from waddlegen.findings import Problem

WORKLOADS = frozenset(
    "Deployment StatefulSet DaemonSet ReplicaSet Job CronJob Pod".split()
)
# What a `kind` that ends in these stands for has no fields we know.
_TEMPLATES = {"CronJob": ("spec", "jobTemplate", "spec", "template"), "Pod": ()}
_PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902")
_GENERATORS = {"configMapGenerator": "ConfigMap", "secretGenerator": "Secret"}
_VARIABLE = re.compile(r"\$\{|\$\(|\{\{|<%|%\(|^\$[A-Z_]+$|^<[^>]+>$|^\$\w+\$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_REFERRED = frozenset({"ConfigMap", "Secret", "ServiceAccount"})
_NAMING_LABELS = (
    "module",
    "app",
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
)


@dataclass(frozen=True, eq=False)
class Container:
    """A container of a pod."""

    manifest: Manifest
    node: Node
    pod: Pod
    is_init: bool = False

    @property
    def name(self) -> str:
        """Its name, or a word for it."""
        return self.node["name"].text or "the container"

    @property
    def image(self) -> str:
        """The image it runs."""
        return self.node["image"].text or ""

    @property
    def is_sidecar(self) -> bool:
        """Whether it starts before the others and goes on beside them."""
        return self.is_init and self.node["restartPolicy"].text == "Always"

    @cached_property
    def ports(self) -> tuple[Node, ...]:
        """The entries of its `ports`."""
        return tuple(self.node["ports"])

    def setting(self, key: str) -> Node:
        """A field of its security context, or of the pod's where it has none."""
        own = self.node.at("securityContext", key)
        return own if own else self.pod.spec.at("securityContext", key)

    def problem(self, node: Node, message: str, hint: str = "") -> Problem:
        """What is wrong at a value, or at the container when there is no value."""
        return self.manifest.problem(node if node.line else self.node, message, hint)


@dataclass(frozen=True, eq=False)
class Pod:
    """A pod, or the template that a workload makes pods from."""

    manifest: Manifest
    spec: Node
    labels: Node
    notes: Node = ABSENT

    @cached_property
    def label_values(self) -> frozenset[tuple[str, Scalar]]:
        """The labels it is made with."""
        return values_of(self.labels)

    @cached_property
    def selector_values(self) -> frozenset[tuple[str, Scalar]]:
        """The labels by which its workload knows it."""
        return values_of(self.manifest.spec.at("selector", "matchLabels"))

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """The containers that run all the time."""
        return tuple(
            Container(self.manifest, node, self) for node in self.spec["containers"]
        )

    @cached_property
    def all_containers(self) -> tuple[Container, ...]:
        """Those that run before them included."""
        first = (
            Container(self.manifest, node, self, is_init=True)
            for node in self.spec["initContainers"]
        )
        return (*first, *self.containers)

    @cached_property
    def references(self) -> frozenset[tuple[str, str]]:
        """The kinds and names of what it takes its settings from."""
        found: set[tuple[str, str | None]] = set()
        found.add(("ServiceAccount", self.spec["serviceAccountName"].text))
        for volume in self.spec["volumes"]:
            found.add(("ConfigMap", volume.at("configMap", "name").text))
            found.add(("Secret", volume.at("secret", "secretName").text))
        for container in self.all_containers:
            for source in container.node["envFrom"]:
                found.add(("ConfigMap", source.at("configMapRef", "name").text))
                found.add(("Secret", source.at("secretRef", "name").text))
            for variable in container.node["env"]:
                origin = variable["valueFrom"]
                if origin:
                    found.add(("ConfigMap", origin.at("configMapKeyRef", "name").text))
                    found.add(("Secret", origin.at("secretKeyRef", "name").text))
        return frozenset((kind, name) for kind, name in found if name)

    @cached_property
    def port_names(self) -> frozenset[str]:
        """The names that a Service or a probe may use."""
        return frozenset(
            port["name"].text or ""
            for container in self.all_containers
            for port in container.ports
        ) - {""}

    @cached_property
    def port_numbers(self) -> frozenset[int]:
        """The ports that its containers list."""
        return frozenset(
            number
            for container in self.all_containers
            for port in container.ports
            if (number := port["containerPort"].integer) is not None
        )


@dataclass(frozen=True, eq=False)
class Manifest:
    """One object of a file."""

    path: str
    root: Node

    @cached_property
    def kind(self) -> str:
        """What it is."""
        return self.root["kind"].text or ""

    @cached_property
    def api_version(self) -> str:
        """The version of its kind."""
        return self.root["apiVersion"].text or ""

    @cached_property
    def name(self) -> str:
        """Its name."""
        return self.root.at("metadata", "name").text or ""

    @cached_property
    def namespace(self) -> str:
        """The namespace it says, "" when it leaves that to whoever applies it."""
        return self.root.at("metadata", "namespace").text or ""

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{self.kind} {self.name}".strip()

    @property
    def labels(self) -> Node:
        """Its labels."""
        return self.root.at("metadata", "labels")

    @property
    def spec(self) -> Node:
        """What it asks for."""
        return self.root["spec"]

    @cached_property
    def pod(self) -> Pod | None:
        """The pod that a workload makes."""
        if self.kind not in WORKLOADS:
            return None
        path = _TEMPLATES.get(self.kind, ("spec", "template"))
        template = self.root.at(*path)
        if not template["spec"].is_mapping:
            return None
        meta = template["metadata"]
        return Pod(self, template["spec"], meta["labels"], meta["annotations"])

    @cached_property
    def mappings(self) -> tuple[Node, ...]:
        """Every mapping in it that has keys, each once."""
        return tuple(node for node in self.root.walk() if node.keys)

    def problem(self, node: Node, message: str, hint: str = "") -> Problem:
        """What is wrong at a value, or at the object when there is no value."""
        return problem_at(self.path, node, self.root, message, hint)


@dataclass(frozen=True)
class BrokenFile:
    """A manifest's file that is not read, or has a key twice."""

    path: str
    line: int
    column: int
    reason: str


@dataclass(frozen=True)
class Visible:
    """The objects of a repository that its modules may refer to."""

    objects: tuple[Manifest, ...] = ()

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """The pods of all workloads."""
        return tuple(each.pod for each in self.objects if each.pod)

    @cached_property
    def by_name(self) -> dict[tuple[str, str], Manifest]:
        """Every object by kind and name; the first of those that share them."""
        return {(each.kind, each.name): each for each in reversed(self.objects)}


@dataclass(frozen=True)
class Manifests:
    """The objects of one module, and all of the repository they may refer to."""

    own: tuple[Manifest, ...] = ()
    all: Visible = field(default_factory=Visible)
    broken: tuple[BrokenFile, ...] = ()
    duplicates: tuple[tuple[str, Duplicate], ...] = ()
    skipped: tuple[BrokenFile, ...] = ()
    generated: frozenset[tuple[str, str]] = frozenset()
    prefixed: bool = False

    def of(self, *kinds: str) -> Iterator[Manifest]:
        """The module's objects of some kinds."""
        return (each for each in self.own if each.kind in kinds)

    @cached_property
    def workloads(self) -> tuple[Manifest, ...]:
        """The module's objects that make pods."""
        return tuple(each for each in self.own if each.kind in WORKLOADS)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """The pods of the module's workloads."""
        return tuple(each.pod for each in self.workloads if each.pod)

    @property
    def visible(self) -> tuple[Manifest, ...]:
        """Every object that can be seen."""
        return self.all.objects

    @property
    def visible_pods(self) -> tuple[Pod, ...]:
        """The pods of every workload that can be seen."""
        return self.all.pods

    def find(self, kind: str, name: str) -> Manifest | None:
        """An object anywhere in the repository."""
        return self.all.by_name.get((kind, name))


def is_variable(text: str | None) -> bool:
    """Whether something is put in for this text before it is applied."""
    return text is not None and _VARIABLE.search(text) is not None


def values_of(labels: Node) -> frozenset[tuple[str, Scalar]]:
    """The keys and values of labels, or of a selector."""
    return frozenset((key, node.value) for key, node in labels.keys.items())


def selects(selector: Node, labels: Node) -> bool:
    """Whether `matchLabels`, or a Service's selector, takes something with labels."""
    return values_of(selector) <= values_of(labels)


def references(pods: Iterable[Pod]) -> frozenset[tuple[str, str]]:
    """The kinds and names of what pods take their settings from."""
    return frozenset(each for pod in pods for each in pod.references)


def kebab(name: str) -> str:
    """A name as images and objects spell it."""
    return _BETWEEN.sub("-", name.lower()).strip("-")


_BETWEEN = re.compile(r"[^a-z0-9]+")


def image_name(image: str) -> str:
    """The last part of an image's path, without tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def objects_of(survey: Survey, path: str) -> tuple[Manifest, ...]:
    """The Kubernetes objects of a file; a List is what it lists."""
    return survey.once((objects_of, path), lambda: _objects_of(survey, path))


def _objects_of(survey: Survey, path: str) -> tuple[Manifest, ...]:
    """The same, looked for."""
    content = survey.content(path)
    if b"apiVersion" not in content or b"kind" not in content:
        return ()
    found: list[Manifest] = []
    waiting = list(survey.documents(path).roots)
    while waiting:
        root = waiting.pop(0)
        kind = root["kind"].text
        if not kind or root["apiVersion"].text is None:
            continue
        if kind.endswith("List") and root["items"].is_list:
            waiting = [*root["items"], *waiting]
        else:
            found.append(Manifest(path, root))
    return tuple(found)


def module_manifests(
    survey: Survey, folder: str, names: frozenset[str], homes: tuple[str, ...]
) -> Manifests:
    """The objects that belong to a module: by folder, name, image or label."""
    patches, generated, prefixed = survey.once(_kustomized, lambda: _kustomized(survey))
    asides = survey.once(is_aside, lambda: frozenset(filter(is_aside, survey.yaml)))
    left_out = patches | {p for p in asides if is_aside(_below(p, folder))}
    objects, visible = survey.once(
        (module_manifests, left_out), lambda: _visible(survey, left_out)
    )
    others = {h for h in homes if h and h != folder and not is_inside(folder, h)}
    alone = not others
    own: list[Manifest] = []
    outside: list[Manifest] = []
    for each in visible.objects:
        if survey.home_of(each.path) in others:
            continue
        if is_inside(each.path, folder) or alone:
            own.append(each)
        else:
            outside.append(each)
    own += _matching(outside, names)
    near = {
        path
        for path in objects
        if (alone or is_inside(path, folder))
        and (_is_manifest(path) or survey.in_chart(path))
        and survey.home_of(path) not in others
    }
    paths = near | {each.path for each in own}
    found = _with_faults(survey, paths, own, visible, generated, prefixed)
    shared = _in_values(survey, names, frozenset(paths))
    return replace(found, duplicates=(*found.duplicates, *shared))


def _visible(
    survey: Survey, left_out: frozenset[str]
) -> tuple[tuple[str, ...], Visible]:
    """The files that may hold objects, and the objects that they hold."""
    paths = tuple(path for path in survey.yaml if path not in left_out)
    found = (each for path in paths for each in objects_of(survey, path))
    return paths, Visible(tuple(found))


def _below(path: str, folder: str) -> str:
    """A path as seen from a folder that it is in."""
    return path[len(folder) + 1 :] if folder and is_inside(path, folder) else path


def _with_faults(
    survey: Survey,
    paths: set[str],
    own: list[Manifest],
    visible: Visible,
    generated: frozenset[tuple[str, str]],
    prefixed: bool,
) -> Manifests:
    """Add what is wrong with the files themselves."""
    broken: list[BrokenFile] = []
    skipped: list[BrokenFile] = []
    duplicates: list[tuple[str, Duplicate]] = []
    for path in sorted(paths):
        documents = survey.documents(path)
        duplicates += [(path, each) for each in documents.duplicates]
        if documents.unread:
            place, reason = documents.unread.mark, documents.unread.reason
            file = BrokenFile(path, place.line, place.column, reason)
            chart = survey.in_chart(path) and not path.endswith("/values.yaml")
            told = documents.unread.is_error and not chart
            (broken if told else skipped).append(file)
    return Manifests(
        tuple(own),
        visible,
        tuple(broken),
        tuple(duplicates),
        tuple(skipped),
        generated,
        prefixed,
    )


def _in_values(
    survey: Survey, names: frozenset[str], known: frozenset[str]
) -> Iterator[tuple[str, Duplicate]]:
    """Keys given twice in the part of a shared chart's values that is a module's."""
    for path in survey.charted:
        values = path.rpartition("/")[2].startswith("values")
        if values and path not in known:
            for each in survey.documents(path).duplicates:
                parts = (*each.path, each.key)
                if {kebab(_CAMEL.sub("-", part)) for part in parts} & names:
                    yield path, each


def _is_manifest(path: str) -> bool:
    """Whether a file lies where manifests do."""
    parts = set(path.split("/")[:-1])
    return bool(parts & {"k8s", "kubernetes", "deploy", "manifests", "helm", "charts"})


def _kustomized(
    survey: Survey,
) -> tuple[frozenset[str], frozenset[tuple[str, str]], bool]:
    """Files that are patches, objects that kustomize makes, whether it renames any."""
    patches: set[str] = set()
    generated: set[tuple[str, str]] = set()
    prefixed = False
    for path, root in kustomizations(survey):
        prefixed |= bool(root["namePrefix"] or root["nameSuffix"])
        for key in _PATCHES:
            for patch in root[key]:
                name = patch.text or patch["path"].text
                if name:
                    patches.add(_joined(folder_of(path), name))
        for key, kind in _GENERATORS.items():
            generated |= {(kind, each["name"].text or "") for each in root[key]}
    return frozenset(patches), frozenset(generated), prefixed


@dataclass(frozen=True)
class Literal:
    """One `key=value` of a generator of kustomize."""

    path: str
    kind: str
    name: str
    key: str
    value: str
    node: Node


def literals_of(survey: Survey) -> tuple[Literal, ...]:
    """What generators of kustomize hold as it is written."""
    return survey.once(literals_of, lambda: tuple(_literals_of(survey)))


def kustomizations(survey: Survey) -> tuple[tuple[str, Node], ...]:
    """The files of kustomize."""
    return survey.once(kustomizations, lambda: tuple(_kustomizations(survey)))


def _kustomizations(survey: Survey) -> Iterator[tuple[str, Node]]:
    """The same, looked for."""
    for path in survey.yaml:
        if path.rpartition("/")[2] in ("kustomization.yaml", "kustomization.yml"):
            for root in survey.documents(path).roots:
                yield path, root


def patched_files(survey: Survey) -> tuple[str, ...]:
    """The files that kustomize takes for patches."""
    patches, _, _ = survey.once(_kustomized, lambda: _kustomized(survey))
    return tuple(sorted(patches & set(survey.yaml)))


def _literals_of(survey: Survey) -> Iterator[Literal]:
    """The same, looked for."""
    for path, root in kustomizations(survey):
        for generator, kind in _GENERATORS.items():
            for each in root[generator]:
                name = each["name"].text or ""
                for node in each["literals"]:
                    key, _, value = (node.text or "").partition("=")
                    yield Literal(path, kind, name, key, value.strip("\"'"), node)


@dataclass(frozen=True)
class Patch:
    """A setting that kustomize puts into an object: the object's name, and where it stands."""

    path: str
    target: str
    key: str
    value: str
    line: int


def patched_settings(survey: Survey) -> tuple[Patch, ...]:
    """The names and values that patches give to what they change."""
    return survey.once(patched_settings, lambda: tuple(_patched_settings(survey)))


def _patched_settings(survey: Survey) -> Iterator[Patch]:
    """The same, looked for: in files of their own, and in the kustomization itself."""
    for path, root in kustomizations(survey):
        for key in _PATCHES:
            for patch in root[key]:
                target = patch.at("target", "name").text or ""
                inline = patch["patch"] if patch.is_mapping else patch
                name = patch.text or patch["path"].text or ""
                if inline.text and "\n" in inline.text:
                    yield from _written_settings(path, inline, target)
                elif name:
                    file = _joined(folder_of(path), name)
                    yield from _settings_of(survey, file, target)


_NAMED = re.compile(r"(?:^|[\s{-])name:\s*[\"']?([\w.-]+)")
_GIVEN = re.compile(r"(?:^|[\s{,-])value:\s*([\"']?)([^\s{}\"'#,][^{}\"'#,\n]*)\1")


def _written_settings(path: str, node: Node, target: str) -> Iterator[Patch]:
    """The pairs of `name` and `value` in a text that a kustomization holds."""
    named, at = "", 0
    for number, line in enumerate((node.text or "").splitlines(), node.line + 1):
        found = _NAMED.search(line)
        if found:
            target = target or found[1]
            named, at = found[1], number
        given = _GIVEN.search(line)
        if given and named and number - at < 3:
            yield Patch(path, target, named, given[2].strip(), number)


def _settings_of(survey: Survey, path: str, target: str) -> Iterator[Patch]:
    """The settings in a file that is a patch."""
    if path not in survey.yaml:
        return
    for root in survey.documents(path).roots:
        name = root.at("metadata", "name").text or target
        for each in root.walk():
            key, value = each["name"].text, each["value"]
            if key and value.text:
                yield Patch(path, name, key, value.text, value.line)
        for part in ("data", "stringData"):
            if root["kind"].text == "ConfigMap" or part == "stringData":
                for key, value in root[part].keys.items():
                    yield Patch(path, name, key, value.text or "", value.line)


def _joined(folder: str, name: str) -> str:
    """A path relative to a folder."""
    parts = folder.split("/") if folder else []
    for part in name.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", "", ".."):
            parts.append(part)
    return "/".join(parts)


def _matching(outside: list[Manifest], names: frozenset[str]) -> Iterator[Manifest]:
    """The objects outside a module's folder that are its own nevertheless."""
    workloads = [m for m in outside if m.pod]
    mine = [m for m in workloads if _is_named(m, names)]
    folders = {
        folder_of(m.path)
        for m in mine
        if all(w in mine for w in workloads if folder_of(w.path) == folder_of(m.path))
    }
    files = {
        m.path for m in mine if all(w in mine for w in workloads if w.path == m.path)
    }
    known = names | {m.name for m in mine}
    for each in outside:
        near = each.path in files or folder_of(each.path) in folders
        if each in mine or (not each.pod and (near or _refers(each, mine, known))):
            yield each


def _is_named(manifest: Manifest, names: frozenset[str]) -> bool:
    """Whether a workload is called like the module, in one of the ways there are."""
    pod = manifest.pod
    if kebab(manifest.name) in names:
        return True
    labels = [manifest.labels, pod.labels if pod else ABSENT]
    said = {kebab(each[key].text or "") for each in labels for key in _NAMING_LABELS}
    images = (
        {kebab(image_name(each.image)) for each in pod.containers} if pod else set()
    )
    return bool((said | images) & names)


def _refers(each: Manifest, mine: list[Manifest], names: frozenset[str]) -> bool:
    """Whether an object is about one of the module's workloads."""
    if kebab(each.name) in names or each.name in names:
        return True
    spec = each.spec
    if each.kind == "HorizontalPodAutoscaler":
        return spec.at("scaleTargetRef", "name").text in {m.name for m in mine}
    if each.kind in _REFERRED:
        return (each.kind, each.name) in references([m.pod for m in mine if m.pod])
    selector = {
        "Service": spec["selector"],
        "PodDisruptionBudget": spec.at("selector", "matchLabels"),
        "NetworkPolicy": spec.at("podSelector", "matchLabels"),
    }.get(each.kind, ABSENT)
    pods = [m.pod for m in mine if m.pod]
    return bool(selector.keys) and any(selects(selector, pod.labels) for pod in pods)
