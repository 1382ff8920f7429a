"""What is not Python holds too: manifests, image, workflow, OpenAPI, dashboard, alerts."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from openapi_spec_validator import validate
from ruamel.yaml import YAML

from tests.helpers import ROOT, SPEC_FILES
from waddlegen import fleet, specfile
from waddlegen.context import fleet_context, module_context
from waddlegen.render import Renderer
from waddlegen.spec import LATENCY_BUCKETS, ModuleSpec
from waddlegen.templates import TemplateTree

MODULE = Renderer(TemplateTree(ROOT / "templates" / "module"))
FLEET = Renderer(TemplateTree(ROOT / "templates" / "fleet"))
KUBERNETES = "1.33.0"
CUSTOM = {"ServiceMonitor", "PrometheusRule", "Kustomization"}

every_spec = pytest.mark.parametrize("path", SPEC_FILES, ids=lambda path: path.stem)


@cache
def spec_of(path: Path) -> ModuleSpec:
    """The spec of a file."""
    return specfile.load(path)


@cache
def rendered(path: Path) -> dict[str, str]:
    """The files of a module, by path."""
    context = module_context(spec_of(path), fleet.seeds_beside(path))
    return {str(name): text for name, text in MODULE.render(context).items()}


def documents(path: Path) -> dict[str, dict[str, Any]]:
    """The Kubernetes objects of a module, by kind."""
    loaded = [
        YAML(typ="safe").load(text)
        for name, text in rendered(path).items()
        if name.startswith("k8s/")
    ]
    return {document["kind"]: document for document in loaded}


def tool(name: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of this environment; a missing one is a failure."""
    program = Path(sys.executable).with_name(name)
    assert program.exists(), f"{name} is not installed"
    return subprocess.run([str(program), *words], capture_output=True, text=True)


@every_spec
def test_manifests_fit_the_schemas_of_kubernetes(path: Path) -> None:
    """Each object is valid in strict mode: no unknown key, no wrong type."""
    found = documents(path)
    assert {"Deployment", "Service", "ConfigMap", "ServiceAccount"} <= set(found)
    assert {"NetworkPolicy", "PodDisruptionBudget"} | CUSTOM <= set(found)
    for kind, document in found.items():
        if kind not in CUSTOM:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_the_schema_check_can_fail() -> None:
    """A number in a ConfigMap and an unknown key are found."""
    right = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    for wrong in ({"data": {"A": 1}}, {"dat": {}}):
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**right, **wrong}, KUBERNETES, strict=True)


@every_spec
def test_objects_find_each_other(path: Path) -> None:
    """Selectors match labels, ports are named, mounts have volumes, files are listed."""
    spec, found = spec_of(path), documents(path)
    deployment = found["Deployment"]["spec"]
    template = deployment["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    selectors = [
        deployment["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    volumes = {volume["name"] for volume in pod["volumes"]}
    container = pod["containers"][0]

    for selector in selectors:
        assert selector.items() <= labels.items()
        assert "app.kubernetes.io/version" not in selector
    for each in (*pod["containers"], *pod.get("initContainers", ())):
        assert {mount["name"] for mount in each["volumeMounts"]} == volumes
        assert each["image"] == f"{spec.image}:v{spec.version}"
    assert container["ports"] == [
        {"name": "http", "containerPort": spec.port, "protocol": "TCP"}
    ]
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == "http"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "http"
        assert container[probe]["httpGet"]["path"] == "/health"
    listed = set(found["Kustomization"]["resources"])
    made = {n.removeprefix("k8s/") for n in rendered(path) if n.startswith("k8s/")}
    assert listed == made - {"kustomization.yaml"}


@every_spec
def test_pods_are_restricted(path: Path) -> None:
    """What Pod Security "restricted" asks for, and a root file system nobody writes to."""
    pod = documents(path)["Deployment"]["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    for each in (*pod["containers"], *pod.get("initContainers", ())):
        context = each["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["runAsNonRoot"] is True and context["runAsUser"] == 1000
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert set(each["resources"]) == {"requests", "limits"}
    assert all("hostPath" not in volume for volume in pod["volumes"])


@every_spec
def test_secrets_come_from_secrets_alone(path: Path) -> None:
    """Each secret is a secretKeyRef; no ConfigMap holds one; all variables arrive."""
    spec, found = spec_of(path), documents(path)
    container = found["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    references = {each["name"]: each["valueFrom"] for each in container["env"]}
    secret = {each.name for each in spec.environment if each.secret}
    plain = {e.name for e in spec.environment if not e.secret and e.value is not None}

    assert set(references) == secret
    assert all(set(value) == {"secretKeyRef"} for value in references.values())
    assert set(found["ConfigMap"]["data"]) == plain
    for variable in spec.plain_variables:
        assert found["ConfigMap"]["data"][variable.name] == variable.text


@every_spec
def test_replicas_follow_the_spec(path: Path) -> None:
    """A singleton is one replica that is replaced; others scale, or keep their number."""
    spec, found = spec_of(path), documents(path)
    deployment = found["Deployment"]["spec"]
    scales = spec.deployment.autoscaling is not None and not spec.singleton

    assert ("HorizontalPodAutoscaler" in found) == scales
    assert ("replicas" in deployment) != scales
    if spec.singleton:
        assert (deployment["replicas"], deployment["strategy"]["type"]) == (
            1,
            "Recreate",
        )
    grace = deployment["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > spec.deployment.drain_seconds + 5


@every_spec
def test_alerts_name_metrics_that_exist(path: Path) -> None:
    """Each expression uses the module's own metrics, and its runbook is in the README."""
    from flask_core.metrics import BUCKETS, Metrics

    text = Metrics("m", "1").text().decode()
    exposed = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    exposed |= {f"{name}_bucket" for name in exposed} | {
        f"{name}_count" for name in exposed
    }
    rules = documents(path)["PrometheusRule"]["spec"]["groups"]
    readme = rendered(path)["README.md"].lower()
    alerts = [rule for group in rules for rule in group["rules"] if "alert" in rule]

    assert len(alerts) >= 4
    for group in rules:
        for rule in group["rules"]:
            used = set(re.findall(r"\bwaddlebot_\w+", rule["expr"]))
            assert used <= exposed, used - exposed
            assert rule["expr"].count("(") == rule["expr"].count(")")
    for alert in alerts:
        assert {"summary", "runbook_url"} <= set(alert["annotations"])
        assert alert["labels"]["severity"] in ("critical", "warning")
        anchor = alert["annotations"]["runbook_url"].split("#")[1]
        assert f"### {anchor.replace('-', ' ')}" in readme
    assert BUCKETS == LATENCY_BUCKETS


@every_spec
def test_the_description_is_openapi(path: Path) -> None:
    """openapi.yaml is valid 3.1, and describes exactly the routes of the spec."""
    document = YAML(typ="safe").load(rendered(path)["openapi.yaml"])
    context = module_context(spec_of(path))["module"]
    described = {
        (method.upper(), url)
        for url, item in document["paths"].items()
        for method in item
    }
    wanted = {
        (e["method"], e["path"])
        for e in context["endpoints"]
        if e["method"] != "WEBSOCKET"
    }
    hooks = {("POST", h["path"]) for f in context["features"] for h in f["webhooks"]}

    validate(document)
    assert wanted | hooks <= described
    built_in = {url for _, url in described - wanted - hooks}
    assert {"/health", "/healthz", "/metrics", "/docs"} <= built_in


@every_spec
def test_the_dockerfile_passes_hadolint(path: Path, tmp_path: Path) -> None:
    """No finding at all, and what the platform asks for is there."""
    text = rendered(path)["Dockerfile"]
    (tmp_path / "Dockerfile").write_text(text)

    done = tool("hadolint", str(tmp_path / "Dockerfile"))

    assert (0, "") == (done.returncode, done.stdout)
    assert "FROM python:3.13-slim\n" in text
    assert "\nUSER 1000\n" in text
    assert text.index("requirements.txt") < text.index("COPY libs/flask_core")
    assert f"ARG MODULE_PORT={spec_of(path).port}\n" in text
    assert "EXPOSE ${MODULE_PORT}\n" in text
    health = re.search(r"HEALTHCHECK [^\n]*\\\n +CMD (\[.*\])", text)
    assert health and json.loads(health[1])[0] == "python"
    assert json.loads(text[text.rindex("CMD ") + 4 :])[0] == "sh"


def test_hadolint_can_fail(tmp_path: Path) -> None:
    """A Dockerfile with a known sin is found out."""
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp\n")

    assert tool("hadolint", str(tmp_path / "Dockerfile")).returncode != 0


@every_spec
def test_the_workflow_is_safe_and_valid(path: Path, tmp_path: Path) -> None:
    """zizmor finds nothing, and the schema of GitHub's workflows fits."""
    for name, text in FLEET.render(fleet_context([spec_of(path)])).items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        schema = ("--builtin-schema", "vendor.github-workflows", str(target))

        assert 0 == tool("check-jsonschema", *schema).returncode
    audit = tool("zizmor", "--offline", str(tmp_path / ".github"))
    assert 0 == audit.returncode, audit.stdout


def test_zizmor_can_fail(tmp_path: Path) -> None:
    """A workflow that runs what a title says is found out."""
    workflow = tmp_path / ".github" / "workflows" / "x.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(
        "on: issues\njobs:\n  x:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - run: echo ${{ github.event.issue.title }}\n"
    )

    assert tool("zizmor", "--offline", str(tmp_path / ".github")).returncode != 0


@every_spec
def test_yaml_is_tidy(path: Path, tmp_path: Path) -> None:
    """yamllint finds no error: no duplicate key, no stray indentation."""
    files = {n: t for n, t in rendered(path).items() if n.endswith((".yaml", ".yml"))}
    for name, text in files.items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    rules = "{extends: relaxed, rules: {line-length: disable, key-duplicates: enable}}"

    done = tool("yamllint", "--strict", "-d", rules, str(tmp_path))

    assert files and 0 == done.returncode, done.stdout


@every_spec
def test_the_examples_name_every_variable(path: Path) -> None:
    """.env.example and the README list exactly what the module reads, without a secret."""
    text = rendered(path)[".env.example"]
    names = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", text, re.M)
    spec = spec_of(path)

    assert names == [variable.name for variable in spec.environment]
    for variable in spec.environment:
        assert f"| `{variable.name}` |" in rendered(path)["README.md"]
        if variable.secret:
            assert re.search(rf"^(# )?{variable.name}=$", text, re.M)


@every_spec
def test_the_dashboard_shows_the_module(path: Path) -> None:
    """grafana.json is JSON, and each panel asks for this module."""
    dashboard = json.loads(rendered(path)["dashboards/grafana.json"])

    assert dashboard["panels"]
    for panel in dashboard["panels"]:
        assert f'job="{spec_of(path).kubernetes_name}"' in panel["targets"][0]["expr"]
