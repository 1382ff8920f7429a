"""Manifests, alerts and dashboard: accepted by Kubernetes, and in agreement with the spec."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from ruamel.yaml import YAML

from tests.helpers import build_tree
from tests.kubernetes_checks import CUSTOM_SCHEMAS, containers, problems
from tests.rendering import AWKWARD, CASES, Case, every_case, tool
from tests.test_filters import go_text
from waddlegen.filters import one_line
from waddlegen.spec import LATENCY_BUCKETS

KUBERNETES = "1.33.0"
MANY = next(case for case in CASES if case.spec.id == "everything")
Mistake = Callable[[dict[str, Any]], None]


@every_case
def test_manifests_fit_the_schemas_of_kubernetes(case: Case) -> None:
    """Each object is valid in strict mode: no unknown key, no wrong type."""
    found = case.objects
    assert {"Deployment", "Service", "ConfigMap", "ServiceAccount"} <= set(found)
    assert {"NetworkPolicy", "PodDisruptionBudget", *CUSTOM_SCHEMAS} <= set(found)
    for kind, document in found.items():
        if kind not in CUSTOM_SCHEMAS:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_the_schema_check_can_fail() -> None:
    """A number in a ConfigMap and an unknown key are found."""
    right = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    for wrong in ({"data": {"A": 1}}, {"dat": {}}):
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**right, **wrong}, KUBERNETES, strict=True)


@every_case
def test_the_objects_fit_each_other(case: Case) -> None:
    """What schemas miss: selectors, ports, volumes, amounts, and Pod Security."""
    assert [] == problems(case.objects)


def _pod(objects: dict[str, Any]) -> Any:
    """The pod of the Deployment."""
    return objects["Deployment"]["spec"]["template"]["spec"]


def _container(objects: dict[str, Any]) -> Any:
    """The module's own container."""
    return _pod(objects)["containers"][0]


def _of(kind: str, *keys: str | int, **values: Any) -> Mistake:
    """A mistake: keys of an object that get other values; None takes one away."""

    def make(objects: dict[str, Any]) -> None:
        place = objects[kind]
        for key in keys:
            place = place[key]
        for key, value in values.items():
            place[key] = value
            if value is None:
                del place[key]

    return make


def _in_container(*keys: str | int, **values: Any) -> Mistake:
    """A mistake in the module's own container."""
    path = ("spec", "template", "spec", "containers", 0, *keys)
    return _of("Deployment", *path, **values)


def _in_pod(*keys: str | int, **values: Any) -> Mistake:
    """A mistake in the pod."""
    return _of("Deployment", "spec", "template", "spec", *keys, **values)


MISTAKES: list[tuple[str, Mistake]] = [
    ("Service: .* does not select", _of("Service", "spec", selector={"app": "other"})),
    (
        "Deployment: .* does not sel",
        _of("Deployment", "spec", "selector", matchLabels={}),
    ),
    (
        "names no version",
        _of(
            "PodDisruptionBudget",
            "spec",
            "selector",
            matchLabels={"app.kubernetes.io/version": "1.2.3-rc.1"},
        ),
    ),
    (
        "more cpu is requested",
        _in_container("resources", "requests", cpu="4"),
    ),
    ("cpu needs a request", _in_container("resources", "limits", cpu="many")),
    ("memory needs a request", _in_container("resources", "limits", memory=None)),
    ("no port's name", _in_container("ports", 0, name="http-of-the-module")),
    ("no port's name", _of("Service", "spec", "ports", 0, name="HTTP")),
    (
        "the least is above",
        _of("HorizontalPodAutoscaler", "spec", minReplicas=9),
    ),
    ("undo the scaling", _of("Deployment", "spec", replicas=3)),
    (
        "there is no other",
        _of("HorizontalPodAutoscaler", "spec", "scaleTargetRef", name="other"),
    ),
    ("is no volume", _in_pod(volumes=[{"name": "tmp", "emptyDir": {}}])),
    (
        "no value of the label",
        _of("Deployment", "metadata", "labels", module="everything!"),
    ),
    ("no label", _of("Service", "metadata", "labels", **{"-a": "b"})),
    ("is no name", _of("Deployment", "metadata", name="every_thing")),
    ("several namespaces", _of("Service", "metadata", namespace="other")),
    ("80050 is no port", _of("Service", "spec", "ports", 0, port=80050)),
    (
        "nobody may call",
        _of("NetworkPolicy", "spec", "ingress", 0, ports=[{"port": 1}]),
    ),
    ("is no port", _of("NetworkPolicy", "spec", "egress", 0, ports=[{"port": 0}])),
    ("give one of", _of("PodDisruptionBudget", "spec", minAvailable=1)),
    ("ever be drained", _of("PodDisruptionBudget", "spec", maxUnavailable=0)),
    ("exactly one handler", _in_container("livenessProbe", exec={"command": ["a"]})),
    ("nobody listens to", _in_container("readinessProbe", "httpGet", port="web")),
    (
        "a rollout could never",
        _of("Deployment", "spec", "strategy", "rollingUpdate", maxSurge=0),
    ),
    ("privileged", _in_container("securityContext", privileged=True)),
    ("may run as root", _in_container("securityContext", runAsUser=0)),
    ("escalated", _in_container("securityContext", allowPrivilegeEscalation=None)),
    ("not dropped", _in_container("securityContext", capabilities={})),
    (
        "are added",
        _in_container("securityContext", "capabilities", add=["NET_ADMIN"]),
    ),
    ("can be written", _in_container("securityContext", readOnlyRootFilesystem=False)),
    ("no seccomp profile", _in_pod("securityContext", seccompProfile=None)),
    ("hostNetwork", _in_pod(hostNetwork=True)),
    ("not allowed", _in_pod("volumes", 0, emptyDir=None, hostPath={"path": "/"})),
    ("token is mounted", _in_pod(automountServiceAccountToken=None)),
    ("its service account", _in_pod(serviceAccountName="other")),
    ("no ConfigMap other", _in_container("envFrom", 0, "configMapRef", name="other")),
    ("no key of a Secret", _in_container("env", 0, "valueFrom", secretKeyRef={})),
    ("given twice", _in_container("env", 1, name="ROUTER_API_KEY")),
    ("would be expanded", _in_container("env", 0, value="$(HOME)")),
    ("is not pinned", _in_container(image="everything:latest")),
    ("no port of the con", _of("Service", "spec", "ports", 0, targetPort="web")),
    (
        "no port of the Service",
        _of("ServiceMonitor", "spec", "endpoints", 0, port="web"),
    ),
    ("interval", _of("ServiceMonitor", "spec", "endpoints", 0, interval="30 sec")),
    ("selector", _of("ServiceMonitor", "spec", selector=None)),
    (
        "not select the Service",
        _of("ServiceMonitor", "spec", "selector", matchLabels={"app": "other"}),
    ),
    (
        "for",
        _of("PrometheusRule", "spec", "groups", 1, "rules", 0, **{"for": "5 minutes"}),
    ),
    ("valid", _of("PrometheusRule", "spec", "groups", 1, "rules", 0, alert=None)),
]


@pytest.mark.parametrize(("message", "mistake"), MISTAKES)
def test_a_mistake_is_found(message: str, mistake: Mistake) -> None:
    """Each thing that schemas miss is found when it is done wrong."""
    objects = copy.deepcopy(MANY.objects)

    mistake(objects)
    found = problems(objects)

    assert any(re.search(message, each) for each in found), found


@every_case
def test_labels_are_those_of_the_standard(case: Case) -> None:
    """`app` and `module` as the standard has them, and Kubernetes' own beside them."""
    deployment = case.objects["Deployment"]
    pod = deployment["spec"]["template"]["metadata"]["labels"]

    assert deployment["metadata"]["labels"]["app"] == "waddlebot"
    assert deployment["metadata"]["labels"]["module"] == case.spec.id
    assert deployment["spec"]["selector"] == {"matchLabels": {"app": case.spec.id}}
    assert pod["app"] == case.spec.id
    assert pod["app.kubernetes.io/name"] == case.spec.kubernetes_name
    assert pod["app.kubernetes.io/version"] == case.spec.version
    for each in containers(case.objects):
        assert each["image"] == f"{case.spec.image}:v{case.spec.version}"


@every_case
def test_probes_tell_life_from_readiness(case: Case) -> None:
    """All three ask /health; only those that may kill send the header for liveness."""
    container = _container(case.objects)
    header = [{"name": "X-Health-Probe", "value": "liveness"}]
    asked = {
        probe: container[probe]["httpGet"].get("httpHeaders")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert asked == {
        "startupProbe": header,
        "livenessProbe": header,
        "readinessProbe": None,
    }
    for probe in asked:
        assert container[probe]["httpGet"]["path"] == "/health"
        assert container[probe]["httpGet"]["port"] == "http"
    assert container["ports"][0]["containerPort"] == case.spec.port


@every_case
def test_what_must_be_written_can_be(case: Case) -> None:
    """The log folder and /tmp are empty volumes above a file system nobody writes to."""
    volumes = {v["name"]: set(v) - {"name"} for v in _pod(case.objects)["volumes"]}

    for each in containers(case.objects):
        mounts = {mount["mountPath"]: mount["name"] for mount in each["volumeMounts"]}
        assert {"/tmp", "/var/log/waddlebotlog"} == set(mounts)
        assert {frozenset({"emptyDir"})} == {
            frozenset(volumes[name]) for name in mounts.values()
        }


@every_case
def test_secrets_come_from_secrets_alone(case: Case) -> None:
    """Each secret is a secretKeyRef; no ConfigMap holds one; all variables arrive."""
    spec, found = case.spec, case.objects
    secret = {each.name for each in spec.environment if each.secret}
    optional = {e.name for e in spec.environment if e.secret and not e.required}
    plain = {e.name for e in spec.environment if not e.secret and e.value is not None}

    for container in containers(found):
        references = {each["name"]: each["valueFrom"] for each in container["env"]}
        assert set(references) == secret
        for name, value in references.items():
            assert set(value) == {"secretKeyRef"}
            wanted = f"{spec.kubernetes_name}-secrets"
            where = "db-credentials" if name == "DB_PASSWORD" else wanted
            assert value["secretKeyRef"]["name"] == where
            assert value["secretKeyRef"].get("optional", False) == (name in optional)
    assert set(found["ConfigMap"]["data"]) == plain
    for variable in spec.plain_variables:
        assert found["ConfigMap"]["data"][variable.name] == variable.text


@every_case
def test_replicas_follow_the_spec(case: Case) -> None:
    """A singleton is one replica that is replaced; others scale, or keep their number."""
    spec, found = case.spec, case.objects
    deployment = found["Deployment"]["spec"]
    scales = spec.deployment.autoscaling is not None and not spec.singleton

    assert ("HorizontalPodAutoscaler" in found) == scales
    assert ("replicas" in deployment) != scales
    if spec.singleton:
        assert (deployment["replicas"], deployment["strategy"]) == (
            1,
            {"type": "Recreate"},
        )
    grace = deployment["template"]["spec"]["terminationGracePeriodSeconds"]
    delay = int(found["ConfigMap"]["data"]["DRAIN_DELAY"])
    assert grace > spec.deployment.drain_seconds + delay


@every_case
def test_the_network_is_as_narrow_as_the_spec(case: Case) -> None:
    """In from the platform; out to names, modules, and the ports of what is called."""
    spec, policy = case.spec, case.objects["NetworkPolicy"]["spec"]
    sources = policy["ingress"][0]["from"]
    namespaces = {
        source["namespaceSelector"]
        .get("matchLabels", {})
        .get("kubernetes.io/metadata.name")
        for source in sources
        if "namespaceSelector" in source
    }
    open_ports = {
        (port["protocol"], port["port"])
        for rule in policy["egress"]
        if "to" not in rule
        for port in rule["ports"]
    }
    wanted = {("UDP", 53), ("TCP", 53)}
    wanted |= {("TCP", 5432)} if spec.uses_postgres else set()
    wanted |= {("TCP", 6379)} if spec.uses_redis else set()

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "monitoring" in namespaces
    assert ("ingress-nginx" in namespaces) == spec.is_called_from_outside
    assert wanted <= open_ports
    assert bool(open_ports - wanted) == bool(spec.external_apis)


def test_ports_of_apis_come_from_their_urls() -> None:
    """A URL's own port, its scheme's, and 443 where the environment alone knows."""
    assert (443, 11434) == AWKWARD.outside_ports
    assert 80 not in MANY.spec.outside_ports
    assert (443, 4318, 5432, 6379, 8080) == MANY.spec.outside_ports


@every_case
def test_kustomize_lists_every_file(case: Case) -> None:
    """`kubectl apply -k` applies what is there, and nothing else."""
    made = {n.removeprefix("k8s/") for n in case.files if n.startswith("k8s/")}

    assert set(case.objects["Kustomization"]["resources"]) == made - {
        "kustomization.yaml"
    }


def _expressions(case: Case) -> list[str]:
    """The PromQL of the rules and of the dashboard."""
    groups = case.objects["PrometheusRule"]["spec"]["groups"]
    panels = json.loads(case.files["dashboards/grafana.json"])["panels"]
    rules = [rule["expr"] for group in groups for rule in group["rules"]]
    return rules + [t["expr"] for panel in panels for t in panel["targets"]]


@every_case
def test_expressions_name_what_the_module_exposes(case: Case) -> None:
    """Each metric and each label exists, brackets are closed, and buckets are real."""
    from flask_core.metrics import BUCKETS, Metrics

    metrics = Metrics("m", "1")
    metrics.observe("GET", "/", 200, 0.1)
    metrics.events.labels("e", "dead_letter").inc()
    metrics.dependency.labels("redis").set(1)
    samples = re.findall(r"^(\w+)(?:{(.*?)})? ", metrics.text().decode(), re.M)
    exposed = {name: set(re.findall(r'(\w+)="', labels)) for name, labels in samples}
    exposed |= {"up": set()}

    for expression in _expressions(case):
        text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
        for opening, closing in ("()", "[]", "{}"):
            assert text.count(opening) == text.count(closing)
        used = re.findall(r"(?<![:\w])(waddlebot_\w+|up)\b(?:{([^}]*)})?", text)
        recorded = re.findall(r"waddlebot:error_ratio:(\w+)", text)
        assert used or recorded
        for name, matchers in used:
            assert name in exposed, expression
            labels = set(re.findall(r"(\w+)(?:=|!)", matchers)) - {"job"}
            assert labels <= exposed[name], expression
            assert f'job="{case.spec.kubernetes_name}"' in expression
        for bound in re.findall(r'\ble="([^"]*)"', expression):
            assert float(bound) in BUCKETS and bound == str(float(bound))
    assert BUCKETS == LATENCY_BUCKETS


@every_case
def test_alerts_say_what_to_do(case: Case) -> None:
    """Each has a severity, a summary, an owner, and a runbook the README holds."""
    groups = case.objects["PrometheusRule"]["spec"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    records = {rule["record"] for rule in rules if "record" in rule}
    alerts = [rule for rule in rules if "alert" in rule]
    readme = case.files["README.md"]
    headings = {
        line.lstrip("# ").lower().replace(" ", "-")
        for line in readme.splitlines()
        if line.startswith("#")
    }

    assert len(alerts) == len({alert["alert"] for alert in alerts}) >= 7
    for alert in alerts:
        assert {"summary", "owner", "runbook_url"} == set(alert["annotations"])
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert alert["labels"]["module"] == case.spec.id
        assert alert["annotations"]["runbook_url"].split("#")[1] in headings
        assert one_line(case.spec.owner) == go_text(alert["annotations"]["owner"])
        assert f"| {alert['alert']} |" in readme
        used = set(re.findall(r"waddlebot:error_ratio:\w+", alert["expr"]))
        assert used <= records


@every_case
def test_an_error_budget_is_watched_over_two_windows_each(case: Case) -> None:
    """A long window says that it matters, a short one that it still goes on."""
    rules = case.objects["PrometheusRule"]["spec"]["groups"][0]["rules"]
    budget = 1 - case.spec.slo.availability_percent / 100
    wanted = {
        "WaddlebotErrorBudgetFast": (["1h", "5m"], min(14.4 * budget, 0.99)),
        "WaddlebotErrorBudgetSlow": (["6h", "30m"], min(6 * budget, 0.99)),
        "WaddlebotErrorBudgetSpent": (["3d", "6h"], budget),
    }

    by_name = {rule["alert"]: rule for rule in rules if "alert" in rule}
    for name, (windows, share) in wanted.items():
        expression = by_name[name]["expr"]
        found = [float(each) for each in re.findall(r"> (\S+)", expression)]
        assert windows == re.findall(r"ratio:(\w+)", expression)
        assert [pytest.approx(share)] * 2 == found


@every_case
def test_probes_are_no_requests(case: Case) -> None:
    """Neither the promise nor the dashboard counts /health, nor 501 as an error."""
    for expression in _expressions(case):
        if "waddlebot_http_request" in expression and "in_flight" not in expression:
            assert 'route!~"/healthz?|/metrics"' in expression
        if "5.." in expression:
            assert 'status!="501"' in expression


@every_case
def test_yaml_is_tidy(case: Case, tmp_path: Path) -> None:
    """yamllint finds nothing: no duplicate key, no stray indentation or blank."""
    files = {n: t for n, t in case.files.items() if n.endswith((".yaml", ".yml"))}
    build_tree(tmp_path, files)
    rules = "{extends: relaxed, rules: {line-length: disable, key-duplicates: enable}}"

    done = tool("yamllint", "--strict", "-d", rules, tmp_path)

    assert files and 0 == done.returncode, done.stdout


@every_case
def test_both_generations_of_yaml_read_the_same(case: Case) -> None:
    """Kubernetes reads YAML 1.1, editors 1.2; no name and no text differs."""
    for name, text in {**case.files, **case.fleet}.items():
        if name.endswith((".yaml", ".yml")):
            new = YAML(typ="safe").load(text)
            old = yaml.safe_load(text)
            # In YAML 1.1 the key `on` of a workflow is true; GitHub reads 1.2.
            if name.endswith(".yml"):
                old["on"] = old.pop(True)
            assert new == old, name


@every_case
def test_the_examples_name_every_variable(case: Case) -> None:
    """.env.example and the README list exactly what the module reads, without a secret."""
    text, spec = case.files[".env.example"], case.spec
    names = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", text, re.M)

    assert names == [variable.name for variable in spec.environment]
    for variable in spec.environment:
        assert f"| `{variable.name}` |" in case.files["README.md"]
        if variable.secret:
            assert re.search(rf"^(# )?{variable.name}=$", text, re.M)


@every_case
def test_the_example_is_read_as_the_defaults(case: Case) -> None:
    """What python-dotenv reads are the spec's own values; what is optional is unset."""
    import io

    import dotenv

    read = dotenv.dotenv_values(stream=io.StringIO(case.files[".env.example"]))

    for variable in case.spec.environment:
        if variable.secret or variable.value is None:
            assert (variable.name in read) == variable.required
            assert not read.get(variable.name)
        else:
            assert read[variable.name] == variable.text


@every_case
def test_the_dashboard_shows_the_module(case: Case) -> None:
    """grafana.json is JSON with an id Grafana takes, and each panel asks for this module."""
    dashboard = json.loads(case.files["dashboards/grafana.json"])

    assert dashboard["panels"] and len(dashboard["uid"]) <= 40
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert f'job="{case.spec.kubernetes_name}"' in panel["targets"][0]["expr"]


@every_case
def test_the_readme_is_honest(case: Case) -> None:
    """Every endpoint is listed, and each that waits for hand-written code is named."""
    readme = case.files["README.md"]
    _, _, by_hand = readme.partition("### Written by hand")
    open_features = {feature["id"] for feature in case.module["unseeded"]["services"]}

    for endpoint in case.module["endpoints"]:
        assert f"| {endpoint['method']} | `{endpoint['path']}` |" in readme
        if endpoint["unfinished"] and endpoint["kind"] != "alias":
            line = f"| `{endpoint['method']} {endpoint['path']}` |"
            assert (line in by_hand) == (endpoint["feature"]["id"] in open_features)


@every_case
def test_every_file_says_where_it_comes_from(case: Case) -> None:
    """The first line names the spec and the template; JSON has no comments."""
    for name, text in case.files.items():
        seeded = name.startswith(("services/", "tests/test_")) or name.endswith("mako")
        if seeded or name.endswith((".json", ".py")):
            continue
        first = text.split("\n", 1)[0]
        assert f"Rendered by waddlegen from module_specs/{case.spec.id}.yaml" in first
        assert f"templates/module/{name}" in first, name
