"""Rules on the shape of Kubernetes objects: what an API server could not even read."""

from __future__ import annotations

from collections.abc import Iterator

from waddlegen.facts.delivery import Delivery
from waddlegen.facts.kubernetes_fields import Misfit, resembles, table
from waddlegen.facts.manifests import Manifest, is_variable
from waddlegen.facts.yamldocs import Node
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule

ERROR = Severity.ERROR


def _misfits(module: Delivery, sort: str) -> Iterator[tuple[Manifest, Misfit]]:
    """What does not fit in the module's objects, of one sort."""
    return ((each, misfit) for each, misfit in module.misfits if misfit.sort == sort)


@delivery_rule("WB842", severity=ERROR, topic="k8s", checklist="P4")
def malformed_manifest(module: Delivery) -> Iterator[Problem]:
    """A manifest is not YAML, has a key twice, or lacks a field that it must have.

    Of a key that stands twice, parsers keep the last and say nothing, so half of what
    the file says is lost; a missing field is refused by the API server, at deployment.
    Mend the line, keep one of the two keys, add the field.
    """
    for file in module.manifests.broken:
        hint = "mend the file, then check it again"
        yield Problem(file.path, file.line, file.reason, file.column, hint)
    for path, twice in module.manifests.duplicates:
        message = f"`{twice.key}` is given twice, first on line {twice.first.line}"
        hint = "only the last counts: keep one of the two"
        yield Problem(path, twice.mark.line, message, twice.mark.column, hint)
    for each, misfit in _misfits(module, "missing"):
        if not misfit.path.endswith(".selector"):
            yield each.problem(misfit.node, misfit.message, misfit.hint)
    for each in module.manifests.own:
        builtin = each.kind in table().versions
        if builtin and not each.name and not each.root.at("metadata", "generateName"):
            yield each.problem(each.root, f"{each.kind} has no name", "add `name:`")


@delivery_rule("WB869", severity=ERROR, topic="k8s", checklist="P4")
def wrong_type(module: Delivery) -> Iterator[Problem]:
    """A value of a manifest has a type that its field does not take.

    The values of environment variables, ConfigMaps, labels and annotations are text:
    `8005`, `true` and `yes` without quotes are not, and the API server refuses the
    whole object. `command` and `args` are lists of texts. Put the value in quotes, or
    take them away where a number is wanted.
    """
    for each, misfit in _misfits(module, "type"):
        # What a label may hold is told by the rule on labels.
        if ".labels." not in misfit.path and "matchLabels" not in misfit.path:
            yield each.problem(misfit.node, misfit.message, misfit.hint)


@delivery_rule("WB873", severity=ERROR, topic="k8s", checklist="P4")
def unknown_field(module: Delivery) -> Iterator[Problem]:
    """A manifest has a field that its kind does not know, most often a misspelt one.

    `kubectl apply` may drop it with a warning: the probe, the limit or the policy that
    was meant does not exist then. Correct the spelling, or move the field to where it
    belongs.
    """
    for each, misfit in _misfits(module, "unknown"):
        if not misfit.path.rpartition(".")[2].startswith("x-"):
            yield each.problem(misfit.node, misfit.message, misfit.hint)


# Versions that are gone, and kinds that exist under another group with the same name.
_ELSEWHERE = frozenset({"Service", "Ingress", "Event", "Workload", "Role"})


@delivery_rule("WB872", severity=ERROR, topic="k8s", checklist="P4")
def wrong_api_version(module: Delivery) -> Iterator[Problem]:
    """The apiVersion of a manifest has no such kind, or has it no longer.

    An API server answers `no matches for kind`: `extensions/v1beta1`, `apps/v1beta1`,
    `policy/v1beta1` and `autoscaling/v2beta2` are gone. Write the version that has it.
    """
    groups = {
        version.partition("/")[0] for v in table().versions.values() for version in v
    }
    gone = {"extensions"}
    for each in module.manifests.own:
        versions = table().versions.get(each.kind)
        written, node = each.api_version, each.root["apiVersion"]
        if is_variable(written):
            continue
        group = written.partition("/")[0] if "/" in written else ""
        ours = "/" not in written or group in groups | gone
        if versions is None:
            close = resembles(each.kind, tuple(table().versions))
            if close and ours and written in table().versions[close]:
                message = f"{written} has no kind {each.kind}"
                yield each.problem(each.root["kind"], message, f"write `{close}`")
        elif written not in versions and (ours or each.kind not in _ELSEWHERE):
            if ours or "k8s.io" in group:
                message = f"{written} has no kind {each.kind}"
                wanted = next((v for v in versions if "beta" not in v), versions[0])
                yield each.problem(node, message, f"write `{wanted}`")


# What a field takes where that is a short list of words.
_WORDS: dict[str, tuple[str, ...]] = {
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "protocol": ("TCP", "UDP", "SCTP"),
    "scheme": ("HTTP", "HTTPS"),
    "terminationMessagePolicy": ("File", "FallbackToLogsOnError"),
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
    "concurrencyPolicy": ("Allow", "Forbid", "Replace"),
    "sessionAffinity": ("None", "ClientIP"),
    "pathType": ("Exact", "Prefix", "ImplementationSpecific"),
    "podManagementPolicy": ("OrderedReady", "Parallel"),
    "unhealthyPodEvictionPolicy": ("IfHealthyBudget", "AlwaysAllow"),
    "externalTrafficPolicy": ("Cluster", "Local"),
    "internalTrafficPolicy": ("Cluster", "Local"),
}
_TYPES = {
    "Service": ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    "Deployment": ("RollingUpdate", "Recreate"),
    "StatefulSet": ("RollingUpdate", "OnDelete"),
    "DaemonSet": ("RollingUpdate", "OnDelete"),
}


@delivery_rule("WB880", severity=ERROR, topic="k8s", checklist="P4")
def illegal_value(module: Delivery) -> Iterator[Problem]:
    """A field that takes one of a few words has another one.

    Capitals count: `imagePullPolicy: ifNotPresent`, `protocol: tcp` and `type: Cluster`
    are refused by the API server. A Deployment's pods restart `Always`, a Job's `Never`
    or `OnFailure`. Write one of the words that the message names.
    """
    for each in module.manifests.own:
        if f"{each.kind} {each.api_version}" not in table().kinds:
            continue
        for node in each.mappings:
            for key in node.keys.keys() & _WORDS.keys():
                # The ports of a NetworkPolicy have a rule of their own.
                if key != "protocol" or each.kind != "NetworkPolicy":
                    yield from _word(each, node[key], key, _WORDS[key])
        strategy = (
            each.spec["type"] if each.kind == "Service" else each.spec["strategy"]
        )
        if each.kind in ("StatefulSet", "DaemonSet"):
            strategy = each.spec["updateStrategy"]
        found = strategy if each.kind == "Service" else strategy["type"]
        yield from _word(each, found, "type", _TYPES.get(each.kind, ()))
        yield from _restart_policy(each)


def _word(
    each: Manifest, node: Node, key: str, words: tuple[str, ...]
) -> Iterator[Problem]:
    """Compare one value with the words it may be."""
    text = node.text
    if words and text is not None and text not in words and not is_variable(text):
        message = f"`{key}` cannot be `{node.shown}`"
        yield each.problem(node, message, f"write one of {', '.join(words)}")


def _restart_policy(each: Manifest) -> Iterator[Problem]:
    """Whether a workload's pods may restart as they are told to."""
    if each.pod is None:
        return
    node = each.pod.spec["restartPolicy"]
    if each.kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        yield from _word(each, node, "restartPolicy", ("Always",))
    elif each.kind in ("Job", "CronJob"):
        yield from _word(each, node, "restartPolicy", ("Never", "OnFailure"))
        if node.is_null and "restartPolicy" not in each.pod.spec:
            message = f"the pods of a {each.kind} need a `restartPolicy`"
            yield each.problem(each.pod.spec, message, "add `restartPolicy: Never`")
    else:
        words = ("Always", "Never", "OnFailure")
        yield from _word(each, node, "restartPolicy", words)
