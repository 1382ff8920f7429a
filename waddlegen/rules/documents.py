"""What a reader needs: the README, the API, the variables, an example."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import PythonFile
from waddlegen.facts.texts import env_names
from waddlegen.facts.words import is_placeholder, is_secret
from waddlegen.findings import Problem, Severity, Verdict
from waddlegen.measures import documented, readme_setup
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

# Read by libraries and tools, or set by the platform: no part of a module's own settings.
_FOREIGN = frozenset(
    "PATH HOME USER HOSTNAME PYTHONPATH TZ LANG PWD TMPDIR PORT CI DEBUG KUBERNETES_SERVICE_HOST "
    "PYTEST_CURRENT_TEST POD_NAME POD_IP NODE_NAME".split()
)


@rule("WB701", severity=Severity.WARNING, topic="docs", checklist="D1")
def no_setup_in_readme(module: ModuleSource) -> Iterator[Problem]:
    """The module has no README that says how to set it up.

    Write what it is for, how to install, configure and run it, with commands to copy.

    Bad:
        no README.md
    Good:
        ## Setup
            pip install -r requirements.txt
    """
    if not module.python:
        return
    verdict, proofs = readme_setup(module, ())
    if verdict is Verdict.PASS:
        return
    if module.readme is None:
        elsewhere = f"; what there is stands in {proofs[0].path}" if proofs else ""
        yield module.problem("README.md", 1, f"there is no README{elsewhere}")
    else:
        yield module.problem(
            "README.md", 1, "the README does not say, with commands, how to set it up"
        )


@rule("WB702", severity=Severity.WARNING, topic="docs", checklist="D2")
def undocumented_route(module: ModuleSource) -> Iterator[Problem]:
    """Routes that no document names.

    Whoever calls the module has to read its code. List each route in the README or in
    openapi.yaml.

    Bad:
        a README without the routes
    Good:
        | POST | `/api/v1/quotes` | adds a quote |
    """
    every_route = [route for route in module.routes if not route.websocket]
    missing = [route for route in every_route if not documented(module, route)]
    yield from _documented_in_vain(module)
    if missing and len(missing) < len(every_route):
        for route in missing:
            yield module.problem(
                route.file, route.line, f"`{route.label}` is documented nowhere"
            )
    elif missing:
        every = len(every_route)
        rest = f" and {len(missing) - 1} of {every} more" if len(missing) > 1 else ""
        message = f"`{missing[0].label}` is documented nowhere{rest}"
        yield module.problem("README.md", 1, message)


_ENDPOINT = re.compile(
    r"\b(GET|POST|PUT|PATCH|DELETE)\b[`*|\s]{1,6}(/(?:api|webhook)[^\s`|)\"']*)"
)


def _documented_in_vain(module: ModuleSource) -> Iterator[Problem]:
    """Routes that the README names and the module does not have."""
    if not module.routes or module.uses_create_app:
        return
    known = {
        (method, _shape(route.path))
        for route in module.routes
        for method in route.methods
    }
    prefixes = {"/".join(path.split("/")[:4]) for _, path in known}
    for place, text in module.documents:
        if not place.endswith(".md") or not place.startswith(module.relative):
            continue
        listed: list[tuple[int, str, str, bool]] = []
        for number, line in enumerate(text.splitlines(), 1):
            for method, path in _ENDPOINT.findall(line):
                if "://" not in line or path in line.split("://")[0]:
                    shape = _shape(path.split("?")[0].rstrip(".,:;"))
                    found = (method, shape) in known
                    listed.append((number, f"{method} {path}", shape, found))
        # A list of which most exists here is about this module, and not about those it calls.
        own = sum(found for *_, found in listed) * 2 > len(listed)
        for number, label, shape, found in listed:
            if not found and (own or "/".join(shape.split("/")[:4]) in prefixes):
                yield Problem(place, number, f"`{label}` does not exist in the module")


def _shape(path: str) -> str:
    """A path with its parameters unnamed."""
    return re.sub(r"<[^>]*>|\{[^}]*\}|:\w+|\$\w+", "{}", path).rstrip("/")


@rule("WB703", severity=Severity.WARNING, topic="docs", checklist="D3")
def undocumented_variable(module: ModuleSource) -> Iterator[Problem]:
    """Variables of the environment that no document names.

    Whoever runs the module has to find them in the code. List each with its default and what
    it decides.

    Bad:
        a README without FEATURE_X, which the code reads
    Good:
        | `FEATURE_X` | `false` | whether … |
    """
    said = "\n".join(text for _, text in module.documents)
    reads = [read for read in module.env if read.name not in _FOREIGN]
    missing = list(
        dict.fromkeys(
            read.name for read in reads if not re.search(rf"\b{read.name}\b", said)
        )
    )
    if missing and len(missing) < len({read.name for read in reads}):
        for name in missing:
            read = next(read for read in reads if read.name == name)
            yield module.problem(read.file, read.line, f"{name} is documented nowhere")
    elif missing:
        listed = ", ".join(missing[:6]) + (", …" if len(missing) > 6 else "")
        message = f"documented nowhere: {listed} ({len(missing)} in all)"
        yield module.problem("README.md", 1, message)


@rule("WB704", severity=Severity.WARNING, topic="env", checklist="D4")
def no_environment_example(module: ModuleSource) -> Iterator[Problem]:
    """There is no .env.example that holds every variable.

    Copying one file should be enough to start. Secrets stay empty in it.

    Bad:
        no .env.example
    Good:
        DB_PASSWORD=
        LOG_LEVEL=INFO
    """
    if not module.env:
        return
    example = module.env_example
    if example is None:
        yield module.problem(
            ".env.example", 1, "there is no example of the environment"
        )
        return
    path, text = example
    known = env_names(text)
    names = {read.name for read in module.env} - _FOREIGN
    missing = sorted(names - set(known))
    if missing:
        listed = ", ".join(missing[:6]) + (", …" if len(missing) > 6 else "")
        yield module.problem(path, 1, f"missing here: {listed} ({len(missing)} in all)")
    for name, (value, line) in known.items():
        plain = value.strip("\"' ")
        if is_secret(name) and plain and not is_placeholder(plain):
            if re.search(
                r"change|your|example|secret|password|<|\$|\.\.\.|xxx", plain, re.I
            ):
                continue
            if len(plain) > 7 and re.search(r"\d", plain) and not plain.isdigit():
                yield module.problem(
                    path, line, f"{name} holds what may be a real secret"
                )


@rule("WB705", severity=Severity.INFO, topic="docs", checklist="D4", optional=True)
def example_nobody_reads(module: ModuleSource) -> Iterator[Problem]:
    """The example of the environment names variables that nothing reads.

    Whoever sets them wonders why nothing changes. Remove them.

    Bad:
        OLD_FLAG=true
    Good:
        only variables of the code
    """
    example = module.env_example
    if example is None or not module.env:
        return
    path, text = example
    names = {read.name for read in module.env} | _read_by_core(module)
    said = "".join(
        module.read(f) or ""
        for f in module.files
        if f.endswith((".py", ".sh", "Dockerfile"))
    )
    for name, (_, line) in env_names(text).items():
        if name not in names and not re.search(rf"\b{name}\b", said):
            yield module.problem(path, line, f"nothing reads {name}")


def _read_by_core(module: ModuleSource) -> set[str]:
    """The variables that settings of flask_core are named for, their prefixes before them."""
    names: set[str] = set()
    for file in module.core[1]:
        prefixes = {"", *_prefixes(file)}
        for made in file.classes:
            if any("Settings" in base for base in made.bases):
                fields = (
                    each.target.upper() for each in made.fields if each.annotation
                )
                names |= {f"{prefix}{name}" for name in fields for prefix in prefixes}
        for function in file.functions:
            names |= {name for name, _ in function.environ}
            names |= {v.text for call in function.calls for v in call.args}
    return names


def _prefixes(file: PythonFile) -> Iterator[str]:
    """What settings of a file put before the names of their fields."""
    for call in file.calls:
        prefix = call.keywords.get("env_prefix")
        if prefix is not None and prefix.kind == "str":
            yield prefix.text.upper()
