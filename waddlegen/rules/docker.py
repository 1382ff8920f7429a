"""Rules on Dockerfiles: the image a module is built into."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from waddlegen.facts.delivery import Delivery
from waddlegen.facts.dockerfile import Dockerfile, Instruction, Stage
from waddlegen.facts.survey import folder_of, is_inside
from waddlegen.facts.workflows import Build
from waddlegen.facts.yamldocs import problem_at
from waddlegen.findings import Problem, Severity
from waddlegen.rules.delivered import delivery_rule

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

_NON_ROOT = re.compile(r"nonroot|rootless|unprivileged|^cgr\.dev/|/bitnami/|^bitnami/")
_PYTHON = re.compile(r"(^|/)python$")


def _problem(file: Dockerfile, line: int, message: str, hint: str = "") -> Problem:
    """What is wrong at a line of the file."""
    return Problem(file.path, line, message, hint=hint)


def _final(module: Delivery) -> tuple[Dockerfile, Stage] | None:
    """The file and the stage that becomes the image."""
    file = module.dockerfile
    return (file, file.final) if file and file.final else None


def _image(stage: Stage) -> tuple[str, str, bool]:
    """An image's name, its tag, and whether a digest pins it."""
    name, _, digest = stage.image.partition("@")
    last = name.rpartition("/")[2]
    tag = last.partition(":")[2]
    return name.removesuffix(f":{tag}") if tag else name, tag, bool(digest)


@delivery_rule("WB801", severity=ERROR, topic="docker", checklist="P1")
def missing_dockerfile(module: Delivery) -> Iterator[Problem]:
    """The module has no Dockerfile, or one that Docker cannot read.

    It cannot be deployed. Add a Dockerfile to its folder (`waddlegen new` renders one),
    or mend the line: an unknown instruction, a heredoc without its end, no FROM.
    """
    file = module.dockerfile
    if file is None:
        built = any(each.dockerfile for each in module.compose)
        if not built:
            place = module.within("Dockerfile")
            hint = "add a Dockerfile to the module's folder"
            yield Problem(place, 1, "the module has no Dockerfile", hint=hint)
        return
    for fault in file.faults:
        yield _problem(file, fault.line, fault.message, "mend the line")


@delivery_rule("WB802", severity=WARNING, topic="docker", checklist="P1")
def wrong_base(module: Delivery) -> Iterator[Problem]:
    """An image is not based on python:3.13-slim, or on no fixed version.

    All modules share one base: one download, one set of patches, one Python. An image
    without a tag, or `latest`, is another one tomorrow. Write `FROM python:3.13-slim`,
    with a digest if you like.
    """
    file = module.dockerfile
    if file is None:
        return
    names: set[str] = set()
    for stage in file.stages:
        name, tag, has_digest = _image(stage)
        inner = stage.image.lower() in names
        names.add((stage.name or "").lower())
        if inner or name == "scratch" or "$" in stage.image or not name:
            continue
        line = stage.source.line
        if not has_digest and tag in ("", "latest"):
            message = f"{stage.image} is not a fixed version"
            hint = "write python:3.13-slim" if _PYTHON.search(name) else "add a tag"
            yield _problem(file, line, message, hint)
        elif _PYTHON.search(name) and tag and not _is_standard(tag):
            message = f"the base is {stage.image}, the standard's is python:3.13-slim"
            yield _problem(file, line, message, "write FROM python:3.13-slim")


def _is_standard(tag: str) -> bool:
    """Whether a tag is of the Python that the standard names, in its small variant."""
    return re.fullmatch(r"3\.13(\.\d+)?-slim(-\w+)?", tag) is not None


@delivery_rule("WB803", severity=ERROR, topic="docker", checklist="P1")
def root_user(module: Delivery) -> Iterator[Problem]:
    """The image runs as root.

    Whoever breaks out of the program is root in the container, and Kubernetes refuses
    the pod under `runAsNonRoot`. Creating a user is not enough: the last stage must say
    `USER 1000` after the last instruction that needs root.
    """
    found = _final(module)
    if found is None:
        return
    file, stage = found
    chain = file.inherited(stage)
    last = next((i for i in reversed(chain) if i.keyword == "USER"), None)
    if last is None:
        base = file.parents(stage)[0].image
        if _NON_ROOT.search(base) or _drops_privileges(chain) or "$" in base:
            return
        message = "there is no USER, so the image runs as root"
        started = [i for i in chain if i.keyword in ("CMD", "ENTRYPOINT")]
        line = started[-1].line if started else stage.source.line
        yield _problem(file, line, message, "add `USER 1000` before CMD")
        return
    user = stage.expand(last.text).strip("\"'").partition(":")[0]
    if user in ("root", "0", "") and not _drops_privileges(chain):
        yield _problem(file, last.line, "the image runs as root", "write `USER 1000`")


def _drops_privileges(chain: tuple[Instruction, ...]) -> bool:
    """Whether the entry point is one that changes the user itself."""
    return any(
        re.search(r"\b(gosu|su-exec|setpriv|s6-setuidgid)\b", each.script)
        for each in chain
        if each.keyword in ("RUN", "ENTRYPOINT", "CMD", "COPY")
    )


_URL = re.compile(r"https?://")
_TOOL = re.compile(r"(?:^|[\s;&|(\[\"'])(curl|wget)\b")
_FAILS = re.compile(r"\bcurl\b.*?(?:\s-[a-zA-Z]*f[a-zA-Z]*\b|\s--fail)")
_CHECKED = re.compile(
    r"raise_for_status|status_code|\.status\b|\.ok\b|is_success|getcode|assert"
)


@delivery_rule("WB804", severity=ERROR, topic="docker", checklist="P2")
def missing_healthcheck(module: Delivery) -> Iterator[Problem]:
    """The image has no HEALTHCHECK, or one that cannot tell a sick module.

    It must ask /health, with a tool that the image has (slim images have neither curl
    nor wget), and fail when the answer is an error: `requests.get(…)` alone passes on
    503, as does `curl` without `-f`. `urllib.request.urlopen` is always there and
    fails.
    """
    found = _final(module)
    if found is None:
        return
    file, stage = found
    chain = file.inherited(stage)
    check = next((i for i in reversed(chain) if i.keyword == "HEALTHCHECK"), None)
    hint = (
        'CMD python -c "import urllib.request as u; '
        "u.urlopen('http://localhost:…/health')\""
    )
    if check is None:
        message = "there is no HEALTHCHECK"
        line = stage.source.line
        yield _problem(file, line, message, f"add `HEALTHCHECK {hint}`")
        return
    problem = _of_healthcheck(module, file, stage, check)
    if problem:
        yield _problem(file, check.line, problem, hint)


def _of_healthcheck(
    module: Delivery, file: Dockerfile, stage: Stage, check: Instruction
) -> str:
    """What is wrong with a health check; "" for nothing."""
    text = " ".join(check.words) if check.words else check.text
    text = re.sub(r"^CMD\s+", "", text, flags=re.IGNORECASE)
    if text.upper() == "NONE":
        return "HEALTHCHECK NONE switches the check off"
    if text.strip() in ("true", "exit 0", ":", "/bin/true"):
        return "the health check always passes"
    tool = _TOOL.search(text)
    if tool and not _has_tool(file, stage, tool[1]):
        return f"the image has no {tool[1]}, so the health check always fails"
    if not _URL.search(text):
        return ""
    if not re.search(r"/(health|ready|live|status|api/v\d+/health)", text):
        return "the health check does not ask /health"
    if tool and tool[1] == "curl" and not _FAILS.search(text):
        if not re.search(r"http_code|\|\s*(grep|jq)", text):
            return "curl without -f passes when the module answers 503"
    return _of_library(module, text)


def _of_library(module: Delivery, text: str) -> str:
    """What is wrong with a check that uses a library of Python's."""
    library = re.search(r"\bimport\s+(?:\w+\s*,\s*)*(requests|httpx)\b", text)
    if not library:
        return ""
    if module.requirements and library[1] not in module.requirements.lower():
        return f"{library[1]} is not among the requirements, so the check always fails"
    if not _CHECKED.search(text):
        return f"{library[1]}.get(…) passes when the module answers 503"
    return ""


def _has_tool(file: Dockerfile, stage: Stage, tool: str) -> bool:
    """Whether the image has curl or wget in the end."""
    base = file.parents(stage)[0].image
    small = "slim" in base or "distroless" in base
    # Alpine's busybox has wget; the large images of Debian have both.
    has = not small and (tool == "wget" or "alpine" not in base)
    for each in file.inherited(stage):
        if each.keyword == "COPY" and re.search(rf"/{tool}\b", each.text):
            has = True
        if each.keyword != "RUN":
            continue
        for command in re.split(r"&&|;|\n|\|\|", each.script):
            named = re.search(rf"(?<![\w-]){tool}(?![\w-])", command)
            if named and re.search(r"\b(apt|apt-get|apk|dnf|microdnf|yum)\b", command):
                has = not re.search(r"\b(remove|purge|autoremove|del|erase)\b", command)
    return has


_PIP = re.compile(r"\b(?<!uv )pip3?(?:\.\d+)?\s+install\b")


@delivery_rule("WB805", severity=WARNING, topic="docker", checklist="P1")
def pip_cache(module: Delivery) -> Iterator[Problem]:
    """pip keeps what it downloads in a layer of the image.

    The image is larger by every wheel, for nothing. Add `--no-cache-dir`, or set
    `PIP_NO_CACHE_DIR=1`; a cache mount of BuildKit keeps them outside the image.
    """
    found = _final(module)
    if found is None:
        return
    file, stage = found
    if any("PIP_NO_CACHE_DIR" in i.text for i in file.inherited(stage)):
        return
    for each in file.inherited(stage):
        if each.keyword != "RUN" or "cache" in each.flags.get("mount", ""):
            continue
        if re.search(r"pip3? cache purge|rm -rf\s[^&|;]*\.cache", each.script):
            continue
        for command in re.finditer(r"[^&|;]+", each.text):
            pip = _PIP.search(command[0])
            if pip and "--no-cache-dir" not in command[0]:
                line = each.line_of(command.start() + pip.start())
                message = "pip install keeps its downloads in the image"
                yield _problem(file, line, message, "add --no-cache-dir")


@delivery_rule("WB806", severity=INFO, topic="docker", checklist="P1")
def source_before_requirements(module: Delivery) -> Iterator[Problem]:
    """The module's source is copied before its requirements are installed.

    Every change of a line of code installs everything anew. Copy requirements.txt
    alone, install, then copy the rest.
    """
    file = module.dockerfile
    for stage in file.stages if file else ():
        whole: Instruction | None = None
        for each in stage.instructions:
            if each.keyword in ("COPY", "ADD") and "from" not in each.flags:
                sources = [word.rstrip("/") for word in each.text.split()[:-1]]
                if {".", "./", "", module.folder or "."} & set(sources):
                    whole = whole or each
            elif each.keyword == "RUN" and whole and file:
                if re.search(r"pip3? install[^&|;]*(-r|--requirement)\b", each.script):
                    message = "all of the source is copied before pip install"
                    hint = "copy requirements.txt first, the source after pip install"
                    yield _problem(file, whole.line, message, hint)
                    break


_LOOPBACK = re.compile(r"(?:--host|--bind|-b|-h)[\s=,\"']+(?:127\.0\.0\.1|localhost)\b")


@delivery_rule("WB807", severity=WARNING, topic="docker", checklist="P1")
def shell_command(module: Delivery) -> Iterator[Problem]:
    """The image starts through a shell, cannot be reached, or starts nothing.

    In shell form the shell is process 1 and SIGTERM never reaches the module: no drain,
    and a kill after the grace period. Write `CMD ["python", …]`, or, where the port is
    a variable, `CMD ["sh", "-c", "exec python … $MODULE_PORT"]`: the list form replaces
    no variables itself. A server on 127.0.0.1 answers nobody outside the container.
    """
    found = _final(module)
    if found is None:
        return
    file, stage = found
    chain = file.inherited(stage)
    last = {i.keyword: i for i in chain if i.keyword in ("CMD", "ENTRYPOINT")}
    if not last and module.is_python and _PYTHON.search(_image(stage)[0]):
        message = "there is neither CMD nor ENTRYPOINT"
        hint = 'add `CMD ["python", "-m", "uvicorn", "main:app", …]`'
        yield _problem(file, stage.source.line, message, hint)
    for each in last.values():
        words = each.words
        if words is None:
            if not re.match(r"(exec|\S*(tini|dumb-init))\s", each.text.strip()):
                message = f"{each.keyword} is in shell form, so SIGTERM does not arrive"
                hint = f'write {each.keyword} ["…", "…"]'
                yield _problem(file, each.line, message, hint)
        elif not re.search(r"(^|/)(sh|bash|ash|dash|env)$", words[0] if words else ""):
            variable = next((w for w in words if re.search(r"\$\{?[A-Z]", w)), None)
            shell = any(re.fullmatch(r"(.*/)?(ba|a|da)?sh", w) for w in words)
            if variable and not shell:
                message = f"the list form does not replace {variable}"
                hint = 'write ["sh", "-c", "exec …"]'
                yield _problem(file, each.line, message, hint)
        if _LOOPBACK.search(" ".join(words) if words else each.text):
            message = "the server listens on the container's loopback alone"
            yield _problem(file, each.line, message, "bind 0.0.0.0")


@delivery_rule("WB809", severity=WARNING, topic="docker", checklist="P1")
def missing_dockerignore(module: Delivery) -> Iterator[Problem]:
    """The image copies whole folders, and no .dockerignore keeps anything out.

    `.env`, `.git` and caches end up in the image, secrets with them. Put a
    .dockerignore into the build's context, or `Dockerfile.dockerignore` beside the
    Dockerfile.
    """
    file = module.dockerfile
    if file is None:
        return
    whole = next(
        (
            each
            for stage in file.stages
            for each in stage.of("COPY", "ADD")
            if "from" not in each.flags
            and {".", "./", "*"}
            & set(each.text.split()[:-1] or (each.words or ())[:-1])
        ),
        None,
    )
    folder = folder_of(file.path)
    ignored = any(
        path == f"{file.path}.dockerignore"
        or (path.endswith(".dockerignore") and is_inside(folder, folder_of(path)))
        for path in module.survey.dockerignores
    )
    if whole and not ignored:
        message = "everything is copied, and there is no .dockerignore"
        yield _problem(
            file, whole.line, message, "add one with .git, .env, __pycache__"
        )


@delivery_rule("WB811", severity=INFO, topic="docker", checklist="P1")
def apt_leftovers(module: Delivery) -> Iterator[Problem]:
    """apt-get installs more than is asked for, or leaves its lists in the image.

    Both make the image larger and give scanners more to find. Write
    `apt-get install -y --no-install-recommends … && rm -rf /var/lib/apt/lists/*` in one
    RUN: a later one cannot make an earlier layer smaller.
    """
    found = _final(module)
    if found is None:
        return
    file, stage = found
    for each in file.inherited(stage):
        if each.keyword != "RUN":
            continue
        install = re.search(r"\bapt(-get)?\s+([^&|;]*\s)?install\b[^&|;]*", each.script)
        if not install or "cache" in each.flags.get("mount", ""):
            continue
        missing: list[str] = []
        if "--no-install-recommends" not in each.script:
            if "APT::Install-Recommends" not in each.script:
                missing.append("--no-install-recommends")
        if "/var/lib/apt/lists" not in each.script:
            missing.append("rm -rf /var/lib/apt/lists/*")
        if missing:
            line = each.line_of(install.start())
            message = f"apt-get install without {' and '.join(missing)}"
            yield _problem(file, line, message, f"add {missing[0]}")


@delivery_rule("WB812", severity=WARNING, topic="docker", checklist="P1")
def unbuilt_image(module: Delivery) -> Iterator[Problem]:
    """No workflow builds this Dockerfile, or one builds it at a path that is not there.

    A Dockerfile that nobody builds breaks unseen. Add a job with `docker build -f` (or
    docker/build-push-action with `file:`) at the Dockerfile's real path; a matrix, a
    reusable workflow and `docker compose build` count.
    """
    file = module.dockerfile
    if file is None or not any(file.stages):
        return
    builds = [build for workflow in module.workflows for build in workflow.builds]
    if any(build.dockerfile == file.path for build in builds):
        return
    if any(_may_build(module, build) for build in builds) or _is_composed(module):
        return
    stale = next((b for b in builds if _is_stale(module, b)), None)
    hint = f"build {file.path} in a workflow"
    if stale:
        message = f"it builds {stale.dockerfile}, which is not there"
        yield Problem(stale.path, stale.line, message, stale.column, hint)
    else:
        yield _problem(file, 1, "no workflow builds this Dockerfile", hint)


@delivery_rule("WB814", severity=ERROR, topic="docker", checklist="P2")
def failing_compose_healthcheck(module: Delivery) -> Iterator[Problem]:
    """The health check of a Compose file can never pass, or never fail.

    It replaces that of the image: it needs a tool that the image has (slim images have
    neither curl nor wget), and the port that the module listens to inside its container.
    """
    found = _final(module)
    for service in module.compose if found else ():
        node = service.node.at("healthcheck", "test")
        words = [item.shown for item in node] if node.is_list else [node.text or ""]
        text = " ".join(words).removeprefix("CMD-SHELL").removeprefix("CMD").strip()
        tool = _TOOL.search(text)
        place = next(iter(node), node)
        if found and tool and not _has_tool(*found, tool[1]):
            message = f"the image has no {tool[1]}, so the health check always fails"
            yield service.problem(place, message, "ask with python")
            continue
        ports = {number for number, _ in service.container_ports}
        asked = re.findall(r"(?:localhost|127\.0\.0\.1):(\d{2,5})\b", text)
        if ports and asked and not {int(port) for port in asked} & ports:
            message = f"the health check asks port {asked[0]}, which it does not offer"
            hint = f"inside the container it is {', '.join(map(str, sorted(ports)))}"
            yield service.problem(place, message, hint)


_LINTERS = r"(?:black|flake8|mypy|ruff|pylint|isort|bandit|pyright)"
_FORGIVEN = re.compile(
    rf"(?:^|[;&|]|run:|[|]\s|-\s)\s*(?:python3? -m )?{_LINTERS}\b[^#\n]*"
    r"\|\|\s*(?:true\b|:|exit 0|echo\b)"
)
_CHECKS = re.compile(rf"(?m)(?:^|[;&|])\s*(?:python3? -m )?(?:{_LINTERS}|pytest)\b")


@delivery_rule("WB813", severity=WARNING, topic="lint", checklist="CQ1")
def silenced_linter(module: Delivery) -> Iterator[Problem]:
    """A workflow runs a linter, or the tests, and goes on whatever comes out.

    What is never red is never read. Drop `|| true` and `continue-on-error`; what cannot be
    mended now is told to the linter, line by line, with a reason.
    """
    name = (module.folder or module.base_name).rpartition("/")[2]
    for workflow in module.workflows:
        if name not in workflow.text:
            continue
        for number, line in enumerate(workflow.text.splitlines(), 1):
            if _FORGIVEN.search(line) and "exit 1" not in line:
                message = "a linter that finds something does not fail this step"
                yield Problem(workflow.path, number, message, hint="drop `||`")
        yield from _continued(module, workflow.path)


def _continued(module: Delivery, path: str) -> Iterator[Problem]:
    """Steps that check something and may fail."""
    for root in module.survey.documents(path).roots:
        for job in root["jobs"].keys.values():
            for step in job["steps"]:
                node = step["continue-on-error"]
                if node.value is True and _CHECKS.search(step["run"].text or ""):
                    message = "what this step finds does not fail the job"
                    hint = "drop `continue-on-error`"
                    yield problem_at(path, node, node, message, hint)


def _may_build(module: Delivery, build: Build) -> bool:
    """Whether a build whose path has variables may be the module's."""
    path = module.dockerfile_path or ""
    if "$" not in build.dockerfile:
        return False
    pattern = re.sub(r"\$\{\{.*?\}\}|\$\{?\w+\}?", "*", build.dockerfile)
    if not fnmatchcase(path, pattern) and pattern.strip("*/") not in ("", "Dockerfile"):
        return False
    folder = module.folder or module.base_name
    told = re.compile(rf"(?<![\w-]){re.escape(folder)}(?![\w-])")
    return any(told.search(workflow.text) for workflow in module.workflows)


def _is_composed(module: Delivery) -> bool:
    """Whether a workflow builds every service of a Compose file that has the module."""
    built = any(each.dockerfile == module.dockerfile_path for each in module.compose)
    command = re.compile(
        r"docker[- ]compose\b[^\n]*\b(build|up[^\n]*--build)\b|docker/bake-action"
    )
    return built and any(command.search(w.text) for w in module.workflows)


def _is_stale(module: Delivery, build: Build) -> bool:
    """Whether a build is about the module, and its Dockerfile is not there."""
    if "$" in build.dockerfile or build.dockerfile in module.survey.dockerfiles:
        return False
    parts = {
        part.lower().replace("_", "-") for part in build.dockerfile.split("/")[:-1]
    }
    named = build.path.rpartition("/")[2].rpartition(".")[0].replace("_", "-")
    return bool(parts & module.names) or named.removeprefix("build-") in module.names
