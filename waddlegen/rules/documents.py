"""What a reader needs: the README, the API, the variables, an example."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.manifests import kebab
from waddlegen.facts.python import PythonFile
from waddlegen.facts.texts import env_names
from waddlegen.facts.words import is_placeholder, is_secret, is_word_of
from waddlegen.findings import Problem, Severity, Verdict
from waddlegen.measures import documented, readme_setup
from waddlegen.rules.dependencies import is_mentioned, is_unread, resembles
from waddlegen.rules.logs import is_script
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
    yield from _called_in_vain(module)
    yield from _specified_in_vain(module)
    if len(missing) == 1 and len(every_route) > 1:
        route = missing[0]
        message = f"`{route.label}` is documented nowhere"
        yield module.problem(route.file, route.line, message)
    elif missing:
        every = len(every_route)
        rest = f" and {len(missing) - 1} of {every} more" if len(missing) > 1 else ""
        message = f"`{missing[0].label}` is documented nowhere{rest}"
        path, line = _section(module, *_ABOUT_ROUTES)
        yield Problem(path, line, message)


_ABOUT_ROUTES = (
    re.compile(r"(?im)^#+.*\b(api|routes?|endpoints?|http)\b"),
    re.compile(r"(?m)^.*\b(GET|POST|PUT|DELETE)\b.*/\w"),
)
_ABOUT_VARIABLES = (
    re.compile(r"(?im)^#+.*\b(env\w*|config\w*|settings?|variables?)\b"),
    re.compile(r"(?m)^.*`[A-Z]+_[A-Z_]+`"),
    re.compile(r"(?m)^.*\b[A-Z]+_[A-Z_]+\b"),
)


def _section(module: ModuleSource, *patterns: re.Pattern[str]) -> tuple[str, int]:
    """Where the documents first speak of something; the start of the README otherwise."""
    for pattern in patterns:
        for path, text in module.documents:
            found = pattern.search(text)
            if found and path.endswith(".md"):
                return path, text.count("\n", 0, found.start()) + 1
    return module.path("README.md"), 1


_ENDPOINT = re.compile(
    r"\b(GET|POST|PUT|PATCH|DELETE)\b[`*|\s]{1,6}(/[a-z][^\s`|)\"',;]*)"
)


# What flask_core, the framework or a proxy serves.
_EVERYWHERE = frozenset("health healthz ready readyz live livez metrics static".split())


def _documented_in_vain(module: ModuleSource) -> Iterator[Problem]:
    """Routes that the README names and the module does not have."""
    if not module.routes or module.uses_create_app:
        return
    known = {
        (method, shape_of(route.path))
        for route in module.routes
        for method in route.methods
    }
    prefixes = {"/".join(path.split("/")[:4]) for _, path in known}
    for place, text in module.documents:
        if not place.endswith(".md"):
            continue
        listed: list[tuple[int, str, str, bool]] = []
        for number, line in enumerate(text.splitlines(), 1):
            for method, path in _ENDPOINT.findall(line):
                if path.strip("/") in _EVERYWHERE:
                    continue
                if "://" not in line or path in line.split("://")[0]:
                    shape = shape_of(path.split("?")[0].rstrip(".,:;"))
                    found = (method, shape) in known
                    listed.append((number, f"{method} {path}", shape, found))
        # A list of which most exists here is about this module, and not about those it calls.
        known_here = sum(found for *_, found in listed)
        own = known_here * 2 > len(listed)
        few = known_here and len(listed) - known_here < 3
        for number, label, shape, found in listed:
            near = few and "/".join(shape.split("/")[:4]) in prefixes
            if not found and (own or near):
                yield Problem(place, number, f"`{label}` does not exist in the module")


_CALLED = re.compile(
    r"https?://(localhost|127\.0\.0\.1|0\.0\.0\.0|[a-z][\w-]*)(?::(\d{2,5}))?"
    r"(/[\w.~%/<>{}:$-]+)"
)
_METHOD = re.compile(r"(?:-X|--request)[ =]?[\"']?([A-Z]+)|\bhttp +([A-Z]{3,6}) ")


def _called_in_vain(module: ModuleSource) -> Iterator[Problem]:
    """Addresses of the module, in the examples of documents, that it does not serve."""
    if not module.routes or module.uses_create_app:
        return
    port = module.delivery.port
    hosts = module.delivery.handles
    shapes: dict[str, set[str]] = {}
    for route in module.routes:
        pattern = re.sub(r"<[^>]*>", "[^/]+", route.path.rstrip("/"))
        shapes.setdefault(pattern, set()).update(route.methods)
    first = {"/".join(path.split("/")[:3]) for path in shapes}
    for place, text in module.documents:
        if not place.endswith(".md"):
            continue
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            if "://" not in line:
                continue
            for host, said, path in _CALLED.findall(line):
                own = (
                    said == str(port.number) if port and said else kebab(host) in hosts
                )
                plain = path.rstrip("/.,:;)")
                if not own or plain.strip("/") in _EVERYWHERE:
                    continue
                if "/".join(plain.split("/")[:3]) not in first:
                    continue
                known = [shapes[each] for each in shapes if re.fullmatch(each, plain)]
                if not known:
                    message = f"the module does not serve `{plain}`"
                    yield Problem(place, number, message)
                    continue
                method = _METHOD.search(
                    f"{lines[number - 2] if number > 1 else ''}{line}"
                )
                asked = (method[1] or method[2]) if method and "curl" in line else ""
                if asked and not any(asked in each for each in known):
                    message = f"`{plain}` does not take {asked}"
                    yield Problem(place, number, message)


_OPENAPI_PATH = re.compile(r"^(\s+)[\"']?(/[\w{}/.~-]*)[\"']?:\s*(#.*)?$")


def _specified_in_vain(module: ModuleSource) -> Iterator[Problem]:
    """Paths of an OpenAPI file that the module does not have."""
    if not module.routes or module.uses_create_app:
        return
    known = {shape_of(route.path) for route in module.routes}
    for place, text in module.documents:
        if not place.endswith((".yaml", ".yml")) or "openapi:" not in text:
            continue
        base = re.search(
            r"(?m)^\s+- url:\s*[\"']?(?:https?://[^/\s\"']+)?(/[\w/.-]*)", text
        )
        prefix = base[1].rstrip("/") if base else ""
        indent = ""
        listed: list[tuple[int, str, bool]] = []
        for number, line in enumerate(text.splitlines(), 1):
            found = _OPENAPI_PATH.match(line)
            if found and (not indent or found[1] == indent):
                indent = found[1]
                shapes = {shape_of(found[2]), shape_of(prefix + found[2])}
                served = found[2].strip("/") in _EVERYWHERE or bool(shapes & known)
                listed.append((number, found[2], served))
        if sum(served for *_, served in listed) * 2 > len(listed):
            for number, path, served in listed:
                if not served:
                    message = f"the module does not serve `{path}`"
                    yield Problem(place, number, message)


def shape_of(path: str) -> str:
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
    if not module.documents and module.shares_example and module.env_example:
        said = module.env_example[1]
    reads = [
        read
        for read in module.env
        if read.name not in _FOREIGN and not read.name.startswith("PYTHON")
    ]
    missing = list(
        dict.fromkeys(read.name for read in reads if not is_word_of(read.name, said))
    )
    if len(missing) == 1 and len({read.name for read in reads}) > 1:
        read = next(read for read in reads if read.name == missing[0])
        message = f"{read.name} is documented nowhere"
        yield module.problem(read.file, read.line, message, topic="env")
    elif missing:
        listed = ", ".join(missing[:6]) + (", …" if len(missing) > 6 else "")
        message = f"documented nowhere: {listed} ({len(missing)} in all)"
        path, line = _section(module, *_ABOUT_VARIABLES)
        yield Problem(path, line, message)


_QUOTED = re.compile(r"`(?:export )?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`")
_NOTHING = re.compile(
    r"(?i)|none|null|empty|unset|required|yes.*required|secret|generated|n/a|[-–—]+|\.\.\.|"
    r"not set|must be set|no default|nothing|optional|<.*>|random|auto(matic)?"
)


@rule("WB706", severity=Severity.WARNING, topic="docs", checklist="D3")
def wrong_variable_documented(module: ModuleSource) -> Iterator[Problem]:
    """A document names a variable that the code does not read, or another default.

    Whoever sets it changes nothing, and whoever trusts the default is surprised. Write the
    name and the default that the code has.

    Bad:
        | `CACHE_TTL` | 600 | seconds |        # os.getenv("CACHE_TTL_SECONDS", "300")
    Good:
        | `CACHE_TTL_SECONDS` | 300 | seconds |
    """
    if not module.env:
        return
    for place, text in module.documents:
        if place.endswith(".md"):
            yield from _unread_variables(module, place, text)
            yield from _other_defaults(module, place, text)
    yield from _misnamed_examples(module)


def _misnamed_examples(module: ModuleSource) -> Iterator[Problem]:
    """The variables of the example that the code reads under another name."""
    if module.env_example is None or module.environment.is_open:
        return
    path, text = module.env_example
    if module.shares_example:
        return
    known = env_names(text)
    missing = sorted({each.name for each in module.env} - known.keys())
    for name, (_, line) in known.items():
        meant = next((each for each in missing if resembles(name, each)), "")
        if meant and not is_mentioned(module, name):
            if not _is_interpolated(module, name):
                message = f"nothing reads {name}; the code reads {meant}"
                yield Problem(path, line, message, topic="env")


def _unread_variables(module: ModuleSource, place: str, text: str) -> Iterator[Problem]:
    """The variables of a document that nothing reads."""
    if module.environment.is_open:
        return
    read = {each.name for each in module.env}
    unsaid = {name for name in read if not is_word_of(name, text)}
    heading = ""
    for number, line in enumerate(text.splitlines(), 1):
        heading = line if line.startswith("#") else heading
        for name in _QUOTED.findall(line) if "`" in line else ():
            if name in read or is_mentioned(module, name):
                continue
            meant = next((each for each in sorted(unsaid) if resembles(name, each)), "")
            if not meant and name.endswith("_PORT") and re.search("listen|port", line):
                meant = "MODULE_PORT" if "MODULE_PORT" in unsaid else ""
            if meant:
                message = f"nothing reads {name}; the code reads {meant}"
                yield Problem(place, number, message)
            elif not (line.lstrip().startswith("|") and is_unread(module, name)):
                continue
            elif _ABOUT_VARIABLES[0].search(heading):
                if not _is_interpolated(module, name):
                    yield Problem(place, number, f"nothing of the module reads {name}")


def _is_interpolated(module: ModuleSource, name: str) -> bool:
    """Whether a Compose file of the repository puts a variable in."""
    survey = module.delivery.survey
    return any(
        f"{{{name}" in survey.text(path)
        for path in {each.path for each in module.delivery.compose}
    )


def _other_defaults(module: ModuleSource, place: str, text: str) -> Iterator[Problem]:
    """The defaults of a document that are not those of the code."""
    known: dict[str, set[str]] = {}
    for read in module.env:
        if read.literal is not None and not is_script(read.file):
            known.setdefault(read.name, set()).add(read.literal)
    for number, name, said in _said_defaults(text):
        plain = said.strip("`\"' *")
        defaults = known.get(name)
        if not defaults or _NOTHING.fullmatch(plain) or is_secret(name):
            continue
        if not any(_is_same(plain, each) for each in defaults):
            told = ", ".join(sorted(defaults)) or "empty"
            message = f"the default of {name} is {told} in the code, not {plain}"
            yield Problem(place, number, message)


_IN_BRACKETS = re.compile(
    r"`?\b([A-Z]+_[A-Z0-9_]+)\b`? \((?:default:? )?`?(\d[\d_.]*)`?(?: \w+)?\)"
)
_DEFAULT = re.compile(r"(?i)\bdefault")


def _said_defaults(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, variable and default, wherever a document says them: in tables, in brackets."""
    column = 0
    for number, line in enumerate(text.splitlines(), 1):
        for name, value in _IN_BRACKETS.findall(line) if " (" in line else ():
            yield number, name, value
        if not line.lstrip().startswith("|"):
            column = 0
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if "default" in line.lower():
            heads = [n for n, cell in enumerate(cells) if _DEFAULT.search(cell)]
        else:
            heads = []
        if heads and not re.search(r"[A-Z]_[A-Z]", cells[0]):
            column = heads[0]
        elif 0 < column < len(cells):
            names = re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", cells[0])
            values = [cells[column]]
            if len(names) > 1:
                values = [part.strip() for part in cells[column].split(",")]
            if len(names) == len(values):
                for name, value in zip(names, values, strict=True):
                    yield number, name, value


def _is_same(said: str, default: str) -> bool:
    """Whether two ways to write a default mean one, as far as that can be told."""
    if said.casefold().rstrip("/") == default.casefold().rstrip("/"):
        return True
    one, two = _number(said), _number(default)
    if one is not None and two is not None:
        return one == two
    words = {"1": "true", "yes": "true", "on": "true"}
    words |= {"0": "false", "no": "false", "off": "false"}
    if words.get(said.lower(), said.lower()) == words.get(default.lower(), default):
        return True
    # What is told in words, counted in another unit or left to the code is no default.
    return not (default and re.fullmatch(r"[\w.:/-]+", said)) or (one is None) != (
        two is None
    )


def _number(text: str) -> float | None:
    """A number as people write it, or None."""
    try:
        return float(text.replace("_", "").replace(",", ""))
    except ValueError:
        return None


# What the commands of the pattern below have in common, to leave other lines early.
_COMMANDS = (".py", ".sh", ".sql", "cp ", ".txt")
_SERVERS = ("hypercorn", "uvicorn", "gunicorn")
_STARTED = re.compile(
    r"\bpython3?(?:\.\d+)? +(?:-u +)?([\w./-]+\.py)\b|"
    r"\b(?:bash|sh) +([\w./-]+\.sh)\b|(?:^|[`\s])(\./[\w./-]+\.sh)\b|"
    r"\bpsql\b[^\n`]* -f +([\w./-]+\.sql)\b|"
    r"\bcp +(?:-\w+ +)?([\w./-]*(?:example|sample|template|dist)[\w./-]*)|"
    r"(?:\s-r +|--requirement[ =])([\w./-]+\.txt)\b"
)
_APPLICATION = re.compile(
    r"\b(?:hypercorn|uvicorn|gunicorn)\b[^\n`]*?[ '\"]([a-z_][\w.]*):(?:app|create_app|application)\b"
)


@rule("WB707", severity=Severity.WARNING, topic="docs", checklist="D1")
def missing_file_documented(module: ModuleSource) -> Iterator[Problem]:
    """A command of the README names a file that is not there.

    The first thing a reader tries fails. Write the file's real name.

    Bad:
        python main.py        # the module has app.py
    Good:
        python app.py
    """
    text = module.readme
    if text is None or not module.python:
        return
    for number, line in enumerate(text.splitlines(), 1):
        starts = any(word in line for word in _COMMANDS)
        serves = any(word in line for word in _SERVERS)
        if not (starts or serves):
            continue
        line = re.sub(r"^\s*[$#>%] ", "", line)
        if "$" in line or "<" in line or "{" in line:
            continue
        for found in _STARTED.findall(line) if starts else ():
            name = next(part for part in found if part)
            if not _is_there(module, name):
                yield module.problem("README.md", number, f"there is no {name}")
        for dotted in _APPLICATION.findall(line) if serves else ():
            name = dotted.replace(".", "/")
            if not (_is_there(module, f"{name}.py") or _is_there(module, name)):
                message = f"there is no {name}.py to take the application from"
                yield module.problem("README.md", number, message)


def _is_there(module: ModuleSource, name: str) -> bool:
    """Whether some file of the module, or of the repository, may be meant by a path."""
    plain = re.sub(r"^(\.{1,2}/)+", "", name).strip("/")
    if name.startswith(("/", "~")) or not plain:
        return True
    own = any(
        f"/{each}".endswith(f"/{plain}") or each.startswith(f"{plain}/")
        for each in module.files
    )
    return own or any(
        (base / plain).exists()
        for base in (module.repository, *list(module.folder.parents)[:4])
    )


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
    if module.shares_example:
        # What has a default stands where it is read; the example is of all modules.
        names = {read.name for read in module.env if not read.literal} - _FOREIGN
        names -= {"DATABASE_URL", "DATABASE_URI", "REDIS_URL"}
    missing = sorted(names - set(known))
    if missing:
        listed = ", ".join(missing[:6]) + (", …" if len(missing) > 6 else "")
        yield Problem(path, 1, f"missing here: {listed} ({len(missing)} in all)")
    for name, (value, line) in known.items():
        plain = value.strip("\"' ")
        if is_secret(name) and plain and not is_placeholder(plain):
            if re.search(
                r"change|your|example|secret|password|<|\$|\.\.\.|xxx", plain, re.I
            ):
                continue
            if len(plain) > 7 and re.search(r"\d", plain) and not plain.isdigit():
                yield Problem(path, line, f"{name} holds what may be a real secret")


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
    if example is None or not module.env or module.shares_example:
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
            yield Problem(path, line, f"nothing reads {name}")


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
