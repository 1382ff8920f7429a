"""The rules on Docker, Kubernetes, Compose, workflows and monitoring, by cases."""

import importlib
import pkgutil
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import waddlegen.rules
from tests.helpers import CACHES
from waddlegen.facts.delivery import Delivery
from waddlegen.facts.dockerfile import read_dockerfile
from waddlegen.facts.survey import survey
from waddlegen.facts.yamldocs import read_documents
from waddlegen.rules.delivered import DELIVERY_RULES
from waddlegen.rules.rule import RULES
from waddlegen.source import ModuleSource

CASES = Path(__file__).parent / "rules"
GENERATED = Path(__file__).parent.parent / "generated"
MODULES = sorted(path.parent.name for path in GENERATED.glob("*/Dockerfile"))

for each in pkgutil.iter_modules(waddlegen.rules.__path__):
    importlib.import_module(f"waddlegen.rules.{each.name}")

Case = dict[str, object]


def cases(kind: str) -> Iterator[object]:
    """Every case of one kind, with the rule's code."""
    for code in sorted(DELIVERY_RULES):
        path = CASES / f"{code}.yaml"
        table = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
        for case in table.get(kind, ()):
            yield pytest.param(code, case, id=f"{code}-{case['why']}")


def build(folder: Path, files: dict[str, str]) -> None:
    """Write a tree of files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def found(code: str, repository: Path, folder: str = "") -> list[str]:
    """What one rule says of a module, as `path:line`."""
    module = Delivery(survey(repository), folder)
    problems = list(DELIVERY_RULES[code](module))
    assert all(problem.message for problem in problems)
    return sorted(f"{problem.path}:{problem.line}" for problem in problems)


def all_found(repository: Path, folder: str = "") -> set[tuple[str, str]]:
    """What all rules say of a module: codes and places."""
    module = Delivery(survey(repository), folder)
    return {
        (code, f"{problem.path}:{problem.line}")
        for code, check in DELIVERY_RULES.items()
        for problem in check(module)
    }


@pytest.mark.parametrize(("code", "case"), cases("bad"))
def test_a_bad_case_is_found(code: str, case: Case, tmp_path: Path) -> None:
    """The rule speaks up, at each of the lines and nowhere else."""
    build(tmp_path, case["files"])  # type: ignore[arg-type]

    assert sorted(case["found"]) == found(  # type: ignore[call-overload]
        code, tmp_path, str(case.get("module", ""))
    )


@pytest.mark.parametrize(("code", "case"), cases("ok"))
def test_an_innocent_case_is_passed(code: str, case: Case, tmp_path: Path) -> None:
    """The rule says nothing."""
    build(tmp_path, case["files"])  # type: ignore[arg-type]

    assert [] == found(code, tmp_path, str(case.get("module", "")))


@pytest.mark.parametrize("code", sorted(DELIVERY_RULES))
def test_every_rule_is_proved(code: str) -> None:
    """Three cases that it finds, three that it leaves alone."""
    table = yaml.safe_load((CASES / f"{code}.yaml").read_text("utf-8"))

    assert code == table["code"]
    assert min(len(table["bad"]), len(table["ok"])) >= 3


@pytest.mark.parametrize("name", MODULES)
def test_what_we_generate_has_no_finding(name: str) -> None:
    """The templates and the rules mean the same."""

    assert set() == all_found(GENERATED, name)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_s_source_leads_to_the_same(name: str) -> None:
    """The registered rules take a module's source."""
    source = ModuleSource(GENERATED, GENERATED / name)

    assert GENERATED == source.delivery.survey.root
    assert name == source.delivery.folder
    assert DELIVERY_RULES.keys() <= RULES.keys()


DEPLOYMENT, SERVICE = "deployment.yaml", "service.yaml"
# The file, what stands there, what is put there, and the one rule that tells.
SEEDED = {
    "selector and labels differ": (
        DEPLOYMENT,
        "    matchLabels: {app: ai-interaction}\n  template",
        "    matchLabels: {app: ai-interactions}\n  template",
        "WB852",
    ),
    "request above limit": (
        DEPLOYMENT,
        'limits:\n              cpu: "500m"',
        'limits:\n              cpu: "50m"',
        "WB854",
    ),
    "bad quantity": (DEPLOYMENT, 'memory: "256Mi"', 'memory: "256MB"', "WB855"),
    "port name too long": (
        DEPLOYMENT,
        "- name: http\n",
        "- name: http-of-the-module\n",
        "WB859",
    ),
    "port name too long, everywhere": (
        DEPLOYMENT,
        "name: http\n",
        "name: http-of-the-module\n",
        "WB859",
    ),
    "least above most": ("hpa.yaml", "minReplicas: 2", "minReplicas: 20", "WB861"),
    "mount of a missing volume": (
        DEPLOYMENT,
        "{name: tmp, mountPath",
        "{name: temp, mountPath",
        "WB858",
    ),
    "volume taken away": (
        DEPLOYMENT,
        "        - name: tmp\n          emptyDir: {sizeLimit: 64Mi}\n",
        "",
        "WB858",
    ),
    "bad label value": (
        SERVICE,
        "  labels:\n    app: waddlebot",
        "  labels:\n    app: waddle bot!",
        "WB857",
    ),
    "underscore in a name": (
        SERVICE,
        "  name: action-ai\n",
        "  name: action_ai\n",
        "WB856",
    ),
    "underscore in the Deployment's name": (
        DEPLOYMENT,
        "metadata:\n  name: action-ai\n",
        "metadata:\n  name: action_ai\n",
        "WB856",
    ),
    "number in a ConfigMap": (
        "configmap.yaml",
        'MODULE_PORT: "8005"',
        "MODULE_PORT: 8005",
        "WB869",
    ),
    "unknown field": (DEPLOYMENT, "readinessProbe:", "readynessProbe:", "WB873"),
    "unknown field of the spec": (
        DEPLOYMENT,
        "revisionHistoryLimit: 5",
        "revisionHistory: 5",
        "WB873",
    ),
    "misspelt limits": (DEPLOYMENT, " limits:", " limit:", "WB873"),
    "port out of range": (
        DEPLOYMENT,
        "containerPort: 8005",
        "containerPort: 80050",
        "WB859",
    ),
    "Service's port out of range": (SERVICE, "port: 8005", "port: 80050", "WB859"),
    "policy's port": (
        "networkpolicy.yaml",
        "{port: 8005, protocol",
        "{port: 80050, protocol",
        "WB866",
    ),
    "policy's other port": ("networkpolicy.yaml", "port: 8005", "port: 8006", "WB866"),
    "policy's protocol": (
        "networkpolicy.yaml",
        "protocol: UDP",
        "protocol: udp",
        "WB866",
    ),
    "budget with both": (
        "pdb.yaml",
        "  maxUnavailable: 1",
        "  minAvailable: 1\n  maxUnavailable: 1",
        "WB862",
    ),
    "two handlers": (
        DEPLOYMENT,
        "          readinessProbe:\n",
        "          readinessProbe:\n            tcpSocket: {port: http}\n",
        "WB863",
    ),
    "rollout that cannot begin": (DEPLOYMENT, "maxSurge: 1", "maxSurge: 0", "WB864"),
    "privileged without escalation": (
        DEPLOYMENT,
        "            allowPrivilegeEscalation: false\n",
        "            allowPrivilegeEscalation: false\n            privileged: true\n",
        "WB865",
    ),
    "no such target port": (SERVICE, "targetPort: http", "targetPort: web", "WB860"),
    "Service selects nothing": (
        SERVICE,
        "selector: {app: ai-interaction}",
        "selector: {app: action-ai}",
        "WB853",
    ),
    "template's labels changed": (
        DEPLOYMENT,
        "      labels:\n        app: ai-interaction",
        "      labels:\n        app: ai",
        "WB852",
    ),
    "key twice": (
        SERVICE,
        "  type: ClusterIP\n",
        "  type: X\n  type: ClusterIP\n",
        "WB842",
    ),
    "not YAML": (SERVICE, "  type: ClusterIP\n", "  type: [ClusterIP\n", "WB842"),
    "no liveness": (DEPLOYMENT, "path: /health", "path: /", "WB843"),
    "no limits": (
        DEPLOYMENT,
        "            limits:\n"
        '              cpu: "500m"\n              memory: "512Mi"\n',
        "",
        "WB844",
    ),
    "writable root": (
        DEPLOYMENT,
        "            readOnlyRootFilesystem: true\n",
        "",
        "WB845",
    ),
    "logs unwritable": (
        DEPLOYMENT,
        "            - {name: logs, mountPath: /var/log/waddlebotlog}\n",
        "",
        "WB846",
    ),
    "another user": (DEPLOYMENT, "runAsUser: 1000", "runAsUser: 2000", "WB847"),
    "latest": (DEPLOYMENT, "ai-interaction:v0.2.0", "ai-interaction:latest", "WB848"),
    "plain secret": (
        "configmap.yaml",
        '  MODULE_PORT: "8005"',
        '  MODULE_PORT: "8005"\n  JWT_SECRET: "hunter2hunter2"',
        "WB849",
    ),
    "number as a variable's value": (
        DEPLOYMENT,
        "          env:\n",
        "          env:\n            - {name: WORKERS, value: 4}\n",
        "WB869",
    ),
    "no such ConfigMap": (
        DEPLOYMENT,
        "configMapRef:\n                name: action-ai",
        "configMapRef:\n                name: action-a1",
        "WB867",
    ),
    "killed too soon": (
        DEPLOYMENT,
        "terminationGracePeriodSeconds: 55",
        "terminationGracePeriodSeconds: 20",
        "WB870",
    ),
    "autoscaler without its Deployment": (
        "hpa.yaml",
        "kind: Deployment\n    name: action-ai",
        "kind: Deployment\n    name: action-chat",
        "WB861",
    ),
    "wrong version": (
        DEPLOYMENT,
        "apiVersion: apps/v1",
        "apiVersion: apps/v1beta1",
        "WB872",
    ),
    "another namespace": (
        SERVICE,
        "namespace: waddlebot",
        "namespace: default",
        "WB874",
    ),
    "image of root": ("Dockerfile", "USER 1000\n", "", "WB803"),
    "image of another base": ("Dockerfile", "python:3.13", "python:3.12", "WB802"),
    "no health check": ("Dockerfile", "HEALTHCHECK --", "# HEALTHCHECK --", "WB804"),
    "health check of another path": ("Dockerfile", "'/health'", "'/'", "WB804"),
    "pip keeps its downloads": ("Dockerfile", "--no-cache-dir ", "", "WB805"),
    "shell form": ("Dockerfile", 'CMD ["sh", "-c", "exec', "CMD python #", "WB807"),
    "another port": ("Dockerfile", "EXPOSE ${MODULE_PORT}", "EXPOSE 80", "WB808"),
    "secret in the image": (
        "Dockerfile",
        "WORKDIR /app\n",
        "WORKDIR /app\nENV JWT_SECRET=hunter2hunter2\n",
        "WB404",
    ),
    "unknown instruction": ("Dockerfile", "WORKDIR", "WORKDIRECTORY", "WB801"),
    "alert cannot be read": (
        "prometheusrule.yaml",
        'absent(up{job="action-ai"} == 1)',
        'absent(up{job="action-ai"} == 1',
        "WB912",
    ),
}


@pytest.mark.parametrize("name", SEEDED)
def test_a_seeded_mistake_is_found_by_one_rule(name: str, tmp_path: Path) -> None:
    """What an API server refuses is told once, and by the rule that is meant."""
    file, before, after, code = SEEDED[name]
    shutil.copytree(
        GENERATED / "ai_interaction", tmp_path / "ai_interaction", ignore=CACHES
    )
    shutil.copytree(GENERATED / ".github", tmp_path / ".github", ignore=CACHES)
    place = "ai_interaction/" + ("" if file == "Dockerfile" else "k8s/") + file
    path = tmp_path / place
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")

    told = all_found(tmp_path, "ai_interaction")

    assert {code} == {each for each, _ in told}
    assert {place} == {where.rpartition(":")[0] for _, where in told}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"k{i}: &k{i} [{', '.join([f'*{before}'] * 9)}]\n"
    for i, before in enumerate(["a", *(f"k{n}" for n in range(12))])
)
HOSTILE = {
    "nothing": b"",
    "bytes": b"\xff\xfe\x00\x01" * 100,
    "NUL": b"apiVersion: v1\nkind: \x00\n",
    "bomb": b"apiVersion: v1\nkind: Pod\n" + BOMB.encode(),
    "lists in lists": b"[" * 100_000,
    "mappings in mappings": b"kind: {apiVersion: " * 50_000,
    "a recursive anchor": b"apiVersion: v1\nkind: &a Pod\nspec: &b {x: *b}\n",
    "an unknown tag": b"!!python/object:os.system x\n",
    "scalars where mappings are due": b"apiVersion: apps/v1\nkind: Deployment\n"
    b"metadata: 1\nspec:\n  template:\n"
    b"    spec: {containers: [1, null, [x]], volumes: x}\n",
    "lists where mappings are due": b"apiVersion: apps/v1\nkind: Deployment\n"
    b"metadata: [x]\nspec: [1]\n---\n"
    b"apiVersion: v1\nkind: Service\nspec: {ports: [1]}\n",
    "a list of nothing": b"apiVersion: v1\nkind: List\nitems: [null, 1, {}, [x]]\n",
    "huge numbers": b"apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
    b"spec: {ports: [{port: " + b"9" * 300 + b", nodePort: .inf}]}\n",
    "a mapping as a key": b"? {a: b}\n: c\n? [x]\n: d\n",
}
KINDS = """Deployment StatefulSet DaemonSet Job CronJob Pod Service ConfigMap Secret
    HorizontalPodAutoscaler PodDisruptionBudget NetworkPolicy Ingress PrometheusRule
    ServiceMonitor Kustomization PersistentVolumeClaim""".split()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_stop_nothing(name: str, tmp_path: Path) -> None:
    """Whatever the bytes, in whichever file, every rule ends."""
    names = "k8s/a.yaml Dockerfile docker-compose.yml .github/workflows/a.yml slo.yaml"
    for each in (*names.split(), "SLO.md", "config.py", "k8s/kustomization.yaml"):
        path = tmp_path / each
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(HOSTILE[name])

    started = time.perf_counter()
    all_found(tmp_path)

    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value", ["1", "[1]", "null", "{a: [1]}", "text", "[{}]", "[null]"]
)
def test_any_value_may_stand_anywhere(kind: str, value: str, tmp_path: Path) -> None:
    """A field of another type is a finding or nothing, never an exception."""
    path = GENERATED / "ai_interaction/k8s"
    roots = [
        root
        for file in sorted(path.glob("*.yaml"))
        for root in yaml.safe_load_all(file.read_text("utf-8"))
    ]
    root = next(
        (r for r in roots if r["kind"] == kind), {"kind": kind, "apiVersion": "v1"}
    )
    replaced = [yaml.safe_dump(each) for each in _spoilt(root, yaml.safe_load(value))]
    others = [yaml.safe_dump(r) for r in roots if r["kind"] != kind]
    build(tmp_path, {"k8s/all.yaml": "---\n".join([*replaced[:40], *others])})

    all_found(tmp_path)


def _spoilt(root: object, value: object) -> Iterator[object]:
    """Copies of an object, each with another of its parts replaced."""
    if isinstance(root, dict):
        for key in root:
            if key not in ("kind", "apiVersion"):
                yield {**root, key: value}
                for inner in _spoilt(root[key], value):
                    yield {**root, key: inner}
    elif isinstance(root, list) and root:
        yield [value, *root[1:]]
        for inner in _spoilt(root[0], value):
            yield [inner, *root[1:]]


def test_much_yaml_is_read_within_seconds() -> None:
    """Five megabytes are no reason to wait."""
    text = (GENERATED / "ai_interaction/k8s/deployment.yaml").read_text("utf-8")
    many = "\n---\n".join([text] * (5_000_000 // len(text)))

    started = time.perf_counter()
    documents = read_documents(many)

    assert len(documents.roots) > 500
    assert time.perf_counter() - started < 15


def test_keys_and_values_know_their_places() -> None:
    """Lines and columns count from one."""
    root = read_documents("a:\n  - b: 1\n    on: 'yes'\n").roots[0]
    item = root["a"].items[0]

    assert (2, 8, 1) == (item["b"].line, item["b"].column, item["b"].value)
    assert (3, 5, "yes") == (
        item.mark("on").line,
        item.mark("on").column,
        item["on"].text,
    )


def test_a_helm_template_is_skipped_with_a_reason() -> None:
    """It is no YAML before it is rendered."""
    for text in (
        "a: {{ .Values.x }}\n",
        "{{- if x }}\na: 1\n{{- end }}\n",
        "a: {{ x }}",
    ):
        unread = read_documents(text).unread

        assert unread and not unread.is_error and "Helm" in unread.reason


def test_annotations_with_braces_are_no_template() -> None:
    """Alerts have `{{ $labels.x }}` in their texts."""
    documents = read_documents('a: "{{ $labels.pod }} is down"\nb: |\n  {{ $value }}\n')

    assert (None, 1) == (documents.unread, len(documents.roots))


def test_a_dockerfile_is_read_as_buildkit_reads_it() -> None:
    """Directives, continued lines with comments, heredocs, stages and variables."""
    file = read_dockerfile(
        "# escape=`\nARG V=3.13\nFROM python:${V}-slim AS build\n"
        "RUN a && `\n# why\n\n  b\nRUN <<EOF\nUSER 0\nEOF\n"
        'FROM build\nENV A=1 B="x y"\nUSER ${U:-1000}\nCMD ["python", "$A"]\n'
    )
    final = file.final

    assert final and file.faults == ()
    assert ("python:3.13-slim", "build") == (file.stages[0].image, file.stages[0].name)
    assert [4, 8] == [each.line for each in file.stages[0].of("RUN")]
    assert {"A": "1", "B": "x y"} == final.variables
    assert "1000" == final.expand(next(final.of("USER")).text)
    assert ("python", "$A") == next(final.of("CMD")).words
