"""What a module needs from outside: libraries, and settings from the environment."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from waddlegen.facts.compose import services_of
from waddlegen.facts.delivery import Delivery, image_variables
from waddlegen.facts.python import Call, Class, Function, PythonFile
from waddlegen.facts.texts import normal, requirements
from waddlegen.facts.yamldocs import Node
from waddlegen.findings import Problem, Severity
from waddlegen.rules.logs import is_script
from waddlegen.rules.pods import main_containers
from waddlegen.rules.rule import rule
from waddlegen.source import EnvRead, ModuleSource

# Where the name that is imported is not that of the distribution.
DISTRIBUTIONS = {
    "yaml": ("pyyaml", "ruamel-yaml"),
    "jwt": ("pyjwt",),
    "jose": ("python-jose",),
    "dotenv": ("python-dotenv",),
    "PIL": ("pillow",),
    "cv2": ("opencv-python", "opencv-python-headless"),
    "bs4": ("beautifulsoup4",),
    "dateutil": ("python-dateutil",),
    "grpc": ("grpcio",),
    "grpc_tools": ("grpcio-tools",),
    "grpc_health": ("grpcio-health-checking",),
    "grpc_reflection": ("grpcio-reflection",),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
    "psycopg": ("psycopg", "psycopg-binary"),
    "google": ("google-*", "protobuf", "googleapis-common-protos"),
    "googleapiclient": ("google-api-python-client",),
    "google_auth_oauthlib": ("google-auth-oauthlib",),
    "sklearn": ("scikit-learn",),
    "Crypto": ("pycryptodome", "pycrypto"),
    "nacl": ("pynacl",),
    "argon2": ("argon2-cffi",),
    "OpenSSL": ("pyopenssl",),
    "serial": ("pyserial",),
    "magic": ("python-magic",),
    "attr": ("attrs",),
    "discord": ("discord-py", "py-cord", "nextcord"),
    "twitchio": ("twitchio",),
    "slack_sdk": ("slack-sdk",),
    "slack_bolt": ("slack-bolt",),
    "redis": ("redis", "redis-py-cluster"),
    "aioredis": ("aioredis",),
    "socketio": ("python-socketio",),
    "engineio": ("python-engineio",),
    "websocket": ("websocket-client",),
    "flask_cors": ("flask-cors",),
    "quart_cors": ("quart-cors",),
    "flask_limiter": ("flask-limiter",),
    "quart_rate_limiter": ("quart-rate-limiter",),
    "pythonjsonlogger": ("python-json-logger",),
    "prometheus_client": ("prometheus-client",),
    "pydantic_settings": ("pydantic-settings",),
    "sentence_transformers": ("sentence-transformers",),
    "qdrant_client": ("qdrant-client",),
    "mysqldb": ("mysqlclient",),
    "MySQLdb": ("mysqlclient",),
    "zmq": ("pyzmq",),
    "git": ("gitpython",),
    "github": ("pygithub",),
    "telegram": ("python-telegram-bot",),
    "multipart": ("python-multipart",),
    "markdown": ("markdown",),
    "Levenshtein": ("levenshtein", "python-levenshtein"),
    "fitz": ("pymupdf",),
    "docx": ("python-docx",),
    "pkg_resources": ("setuptools",),
    "setuptools": ("setuptools",),
    "itsdangerous": ("itsdangerous", "quart", "flask"),
    "werkzeug": ("werkzeug", "quart", "flask"),
    "jinja2": ("jinja2", "quart", "flask"),
    "markupsafe": ("markupsafe", "quart", "flask", "jinja2"),
    "click": ("click", "quart", "flask", "typer"),
    "blinker": ("blinker", "quart", "flask"),
    "hypercorn": ("hypercorn", "quart"),
    "starlette": ("starlette", "fastapi"),
    "botocore": ("botocore", "boto3"),
    "multidict": ("multidict", "aiohttp"),
    "yarl": ("yarl", "aiohttp"),
    "httpcore": ("httpcore", "httpx"),
    "pydantic_core": ("pydantic-core", "pydantic"),
    "cachetools": ("cachetools",),
    "authlib": ("authlib",),
    "pytz": ("pytz",),
    "irc": ("irc",),
    "obsws_python": ("obsws-python",),
    "asyncio_mqtt": ("asyncio-mqtt",),
    "mcstatus": ("mcstatus",),
    "ddgs": ("ddgs", "duckduckgo-search"),
    "duckduckgo_search": ("duckduckgo-search",),
}
_SHARED = frozenset(
    {"flask_core", "libs", "proto", "protos", "generated", "grpc_proto"}
)


@rule("WB821", severity=Severity.ERROR, topic="deps", checklist="P3")
def undeclared_dependency(module: ModuleSource) -> Iterator[Problem]:
    """A library is imported that no requirement names.

    The image builds and the module fails at its start, or works only because something else
    happens to bring the library. Add it to requirements.txt.

    Bad:
        import httpx        # requirements.txt: quart, aiohttp
    Good:
        httpx>=0.27,<1      # in requirements.txt
    """
    listed = module.requirements
    if listed is None:
        if module.python:
            yield module.problem(
                "requirements.txt", 1, "no file says what the module requires"
            )
        return
    names = {each.name for each in listed}
    shared = _core_requirements(module) if _uses_core(module) else set()
    local = _local(module)
    seen: set[str] = set()
    for file in module.python:
        for each in file.imports:
            top = each.module.partition(".")[0] or each.name
            if each.level or each.optional or each.typing or top in seen:
                continue
            if (
                not top
                or top in sys.stdlib_module_names
                or top in local
                or top in _SHARED
            ):
                continue
            seen.add(top)
            if _declared(top, names) or _declared(top, shared):
                continue
            yield module.problem(
                file,
                each.line,
                f"`{top}` is imported, and no requirement names it",
                hint=f"add {DISTRIBUTIONS.get(top, (normal(top),))[0]} to requirements.txt",
            )


def _declared(top: str, names: set[str]) -> bool:
    """Whether a requirement brings a library."""
    for candidate in DISTRIBUTIONS.get(top, (normal(top),)):
        if candidate.endswith("*"):
            if any(name.startswith(candidate[:-1]) for name in names):
                return True
        elif candidate in names or normal(top) in names:
            return True
    return any(
        name in {f"python-{normal(top)}", f"py{normal(top)}", f"{normal(top)}-py"}
        for name in names
    )


def _uses_core(module: ModuleSource) -> bool:
    """Whether the module imports flask_core, whose own requirements come along."""
    return module.imports("flask_core")


def _core_requirements(module: ModuleSource) -> set[str]:
    """What the repository's flask_core requires."""
    found: set[str] = set()
    for base in (module.repository, *list(module.folder.parents)[:5]):
        folder = base / "libs" / "flask_core"
        if folder.is_dir():
            for name in ("requirements.txt", "setup.py", "pyproject.toml"):
                path = folder / name
                if path.is_file():
                    text = path.read_text("utf-8", "replace")
                    if name == "requirements.txt":
                        listed = requirements(text, name)
                        found |= {each.name for each in listed}
                        continue
                    found |= {
                        normal(match)
                        for match in re.findall(
                            r"(?:^|[\[,(])\s*[\"']?([A-Za-z][\w.-]+)\s*"
                            r"(?:\[[^\]]*\])?\s*(?:[><=~!]|[\"'])",
                            text,
                            re.M,
                        )
                    }
            break
    return found


def _local(module: ModuleSource) -> set[str]:
    """Names that are files or folders of the module or the repository."""
    found: set[str] = {module.name}
    for inside in module.files:
        parts = inside.split("/")
        if inside.endswith(".py"):
            found.add(parts[-1].removesuffix(".py"))
            found.update(parts[:-1])
    for base in (module.repository, module.folder.parent, module.repository / "libs"):
        try:
            found.update(name.removesuffix(".py") for name in os.listdir(base))
        except OSError:
            continue
    return found


# Servers, drivers and plugins that are started or loaded, never imported.
_NEVER_IMPORTED = re.compile(
    r"hypercorn|uvicorn|gunicorn|uvloop|httptools|psycopg|asyncpg|hiredis|greenlet|cryptography|"
    r"aiosqlite|pymysql|gevent|setuptools|wheel|pip|protobuf|grpcio|typing-extensions|certifi|"
    r"email-validator|python-multipart|pytest|black|flake8|mypy|isort|werkzeug|pytz|tzdata|"
    r"dnspython|brotli|ujson|orjson|alembic|pydantic|types-|flask-core|quart|async-timeout"
)


@rule("WB822", severity=Severity.INFO, topic="deps", checklist=None, optional=True)
def unused_dependency(module: ModuleSource) -> Iterator[Problem]:
    """A requirement that nothing imports.

    It makes the image larger and needs updates for nothing. Remove it.

    Bad:
        numpy==2.0      # never imported
    Good:
        only what is imported
    """
    # What flask_core imports is required by each module, which brings it into the image.
    shared = module.core[1] if module.imports("flask_core") else ()
    used = {
        each.module.partition(".")[0]
        for file in (*module.every_python, *shared)
        for each in file.imports
    }
    provided = {normal(top) for top in used}
    for top in used:
        provided |= set(DISTRIBUTIONS.get(top, ()))
    for each in module.requirements or ():
        if each.name not in provided and not _NEVER_IMPORTED.match(each.name):
            if each.bounds != "local":
                yield module.problem(
                    each.path, each.line, f"nothing imports {each.name}"
                )


_DEV = re.compile(
    r"^(pytest|black|flake8|mypy|isort|pylint|coverage|ruff|tox|pre-commit|bandit|ipython)"
)


@rule("WB823", severity=Severity.WARNING, topic="deps", checklist=None)
def unbounded_requirement(module: ModuleSource) -> Iterator[Problem]:
    """A requirement has no bounds, or only a developer needs it.

    The next build may get another version than this one. Give bounds or a hash; keep what
    tests and linters need in requirements-dev.txt.

    Bad:
        quart
        pytest
    Good:
        quart>=0.20,<0.24
    """
    pinned = {
        each.path
        for each in module.requirements or ()
        if _is_mostly_pinned(module, each.path)
    }
    for each in module.requirements or ():
        if each.bounds == "local" or each.path == "pyproject.toml":
            continue
        if _DEV.match(each.name):
            yield module.problem(
                each.path,
                each.line,
                f"{each.name} is for developers; the image needs it not",
            )
        elif not each.bounds:
            yield module.problem(each.path, each.line, f"{each.name} has no bounds")
        elif each.path in pinned and re.fullmatch(r">=?\s*[\w.]+", each.bounds):
            message = f"{each.name} is not pinned as the others are"
            yield module.problem(each.path, each.line, message)


def _is_mostly_pinned(module: ModuleSource, path: str) -> bool:
    """Whether most requirements of a file are of one version each."""
    listed = [
        each
        for each in module.requirements or ()
        if each.path == path and each.bounds != "local"
    ]
    exact = [each for each in listed if each.bounds.startswith("==")]
    return len(exact) >= 3 and len(exact) * 3 >= len(listed) * 2


# Where a library got what is imported of it, and where it lost it.
_SINCE = {
    ("redis.asyncio", ""): ("redis", (4, 2), None),
    ("redis", "asyncio"): ("redis", (4, 2), None),
    ("sqlalchemy.ext.asyncio", ""): ("sqlalchemy", (1, 4), None),
    ("pydantic", "field_validator"): ("pydantic", (2, 0), None),
    ("pydantic", "model_validator"): ("pydantic", (2, 0), None),
    ("pydantic", "ConfigDict"): ("pydantic", (2, 0), None),
    ("pydantic", "TypeAdapter"): ("pydantic", (2, 0), None),
    ("pydantic", "BaseSettings"): ("pydantic", None, (2, 0)),
    ("flask", "Markup"): ("flask", None, (3, 0)),
    ("flask.json", "JSONEncoder"): ("flask", None, (2, 3)),
    ("werkzeug.urls", "url_quote"): ("werkzeug", None, (3, 0)),
    ("jinja2", "escape"): ("jinja2", None, (3, 1)),
    ("jinja2", "Markup"): ("jinja2", None, (3, 1)),
}


@rule("WB825", severity=Severity.ERROR, topic="deps", checklist="P3")
def wrong_version(module: ModuleSource) -> Iterator[Problem]:
    """A library is pinned to a version that does not have what is imported of it.

    The module fails at its start, in the image and nowhere else. Pin a version that has it.

    Bad:
        import redis.asyncio        # requirements.txt: redis==3.5.3
    Good:
        redis==5.0.8                # redis.asyncio came with 4.2
    """
    listed = {each.name: each for each in module.requirements or ()}
    told: set[str] = set()
    for file in module.python:
        for each in file.imports:
            key = (each.module, each.name)
            known = _SINCE.get(key) or _SINCE.get((each.module, ""))
            requirement = listed.get(known[0]) if known else None
            if known is None or requirement is None or each.optional or each.typing:
                continue
            if requirement.name not in told and _lacks(requirement.bounds, *known[1:]):
                told.add(requirement.name)
                message = f"{requirement.raw} does not have {each.origin}"
                hint = f"it is imported in {file.path}:{each.line}"
                yield module.problem(
                    requirement.path, requirement.line, message, hint=hint
                )


Version = tuple[int, ...]


def _lacks(bounds: str, since: Version | None, until: Version | None) -> bool:
    """Whether every version that bounds allow is too old, or too new."""
    highest: list[tuple[Version, bool]] = []
    lowest: list[Version] = []
    for sign, text in re.findall(r"(==|<=|<|>=|>|~=)\s*(\d+(?:\.\d+)*)", bounds):
        version = tuple(int(part) for part in text.split("."))
        if sign in {"==", "<=", "<"}:
            highest.append((version, sign == "<"))
        elif sign == "~=":
            highest.append(((*version[:-2], version[-2] + 1), True))
        if sign in {"==", ">=", ">", "~="}:
            lowest.append(version)
    if since and any(top < since or (open_ and top <= since) for top, open_ in highest):
        return True
    return bool(until and any(bottom >= until for bottom in lowest))


_ADDRESS = re.compile(
    r"^(https?|redis|postgres(ql)?|amqp|grpc|ws|mongodb)://"
    r"(localhost|127\.0\.0\.1|0\.0\.0\.0|10(\.\d+){3}|192\.168\.\d+\.\d+|"
    r"172\.(1[6-9]|2\d|3[01])\.\d+\.\d+|[a-z][a-z0-9-]*(\.[a-z0-9-]+)*\.svc[a-z.]*|[a-z][a-z0-9-]*)(:\d+)?(/|$)"
)
_SERVERS = frozenset({"run", "run_task", "serve", "add_insecure_port"})


@rule("WB831", severity=Severity.ERROR, topic="env", checklist="P5")
def fixed_address(module: ModuleSource) -> Iterator[Problem]:
    """An address or a port is fixed in the code.

    The module then runs in one environment only. Read it from the environment; a default is
    welcome.

    Bad:
        ROUTER_URL = "http://router:8000"
    Good:
        ROUTER_URL = os.getenv("ROUTER_URL", "http://router:8000")
    """
    for file in module.python:
        addresses = [each for each in file.literals if _ADDRESS.match(each.text)]
        named = _named_defaults(file) if addresses else []
        for number, function in enumerate(file.functions):
            here = [each for each in addresses if each.function == number]
            defaults = _default_lines(function) + named if here else []
            for literal in here:
                if function.name == "<main>" or is_script(file):
                    continue
                if any(first <= literal.line <= last for first, last in defaults):
                    continue
                if _is_settings_field(module, file, literal.line) or _is_parameter(
                    file, literal.text
                ):
                    continue
                if re.match(r"https?://(www|schemas|example)", literal.text):
                    continue
                if _lists_origins(function, literal.line):
                    continue
                yield module.problem(
                    file,
                    literal.line,
                    f"`{literal.text.split(chr(0))[0][:60]}` is fixed here; read it from the"
                    " environment",
                    literal.column,
                )
            for call in function.calls:
                port = call.keywords.get("port")
                if call.last in _SERVERS and port is not None and port.kind == "num":
                    yield module.problem(
                        file,
                        call.line,
                        f"the port {port.text} is fixed here",
                        call.column,
                    )


def _lists_origins(function: Function, line: int) -> bool:
    """Whether a line says which sites may call: an allow-list, not an address to call."""
    targets = [a.target for a in function.assigns if a.line <= line <= a.line + 8]
    calls = [c.name for c in function.calls if c.line <= line <= c.end_line]
    return any(re.search(r"origin|cors", name, re.I) for name in (*targets, *calls))


def _named_defaults(file: PythonFile) -> list[tuple[int, int]]:
    """Lines of constants that are what a variable of the environment is when it is not set."""
    given = {
        value.text
        for call in file.calls
        if call.last in {"getenv", "get"} and re.search(r"environ|getenv", call.name)
        for value in (*call.args[1:], *call.keywords.values())
        if value.kind == "name"
    }
    for function in file.functions:
        for assign in function.assigns:
            names = assign.value.names
            if assign.value.text == "BoolOp" and any(
                name.endswith(("getenv", "environ.get")) for name in names
            ):
                given |= set(names)
    return [(a.line, a.line) for a in file.module.assigns if a.target in given]


def _default_lines(function: Function) -> list[tuple[int, int]]:
    """Lines on which the environment is read, and defaults stand."""
    found = []
    for call in function.calls:
        if call.last in {
            "getenv",
            "get",
            "setdefault",
            "Field",
            "pop",
            "env",
            "config",
            "get_env",
        }:
            found.append((call.line, call.end_line))
    for assign in function.assigns:
        if assign.fallback:
            found.append((assign.line, assign.line))
    return found


def _is_settings_field(module: ModuleSource, file: PythonFile, line: int) -> bool:
    """Whether a line is a field that a settings class reads, or that somebody else gives."""
    for made in file.classes:
        kinds = " ".join((*made.bases, *made.decorators))
        field = next((each for each in made.fields if each.line == line), None)
        if field is None or not re.search(r"Settings|BaseModel|dataclass", kinds):
            continue
        return "dataclass" not in kinds or _is_given(module, made, field.target)
    return False


def _is_given(module: ModuleSource, made: Class, field: str) -> bool:
    """Whether something makes an object of a dataclass with a value for a field."""
    names = {made.name, "cls", "replace"}
    for name in names:
        for _, call in module.calls_by_name.get(name, ()):
            if field in call.keywords or call.double_star or call.star:
                return True
            if name == made.name and len(call.args) > len(made.fields) // 2:
                return True
    asked = {f"cls.{field}", f"{made.name}.{field}"}
    return any(asked & function.names for _, function in module.functions())


def _is_parameter(file: PythonFile, text: str) -> bool:
    """Whether a text is a default of a parameter."""
    return any(
        p.default is not None and p.default.text == text
        for function in file.functions
        for p in function.parameters
    )


_STANDARD = (
    ("MODULE_NAME",),
    ("MODULE_VERSION",),
    ("MODULE_PORT", "PORT", "REST_PORT"),
    (
        "DB_HOST",
        "DATABASE_URL",
        "DATABASE_URI",
        "DB_URL",
        "DATABASE_HOST",
        "POSTGRES_HOST",
    ),
    ("REDIS_HOST", "REDIS_URL"),
    ("ROUTER_URL", "ROUTER_API_URL", "CORE_API_URL"),
    ("ROUTER_API_KEY", "SERVICE_API_KEY"),
    ("API_KEY_SECRET", "SECRET_KEY", "MODULE_SECRET_KEY"),
    ("JWT_SECRET", "JWT_SECRET_KEY", "SECRET_KEY"),
    ("LOG_LEVEL",),
)


@rule("WB832", severity=Severity.WARNING, topic="env", checklist=None)
def standard_variable_missing(module: ModuleSource) -> Iterator[Problem]:
    """Variables that every module must support are not read.

    Operators set the same names for each module: MODULE_NAME, MODULE_VERSION, MODULE_PORT,
    DB_*, REDIS_*, ROUTER_URL, ROUTER_API_KEY, API_KEY_SECRET, JWT_SECRET, LOG_LEVEL.

    Bad:
        PORT = 8005
    Good:
        MODULE_PORT = int(os.getenv("MODULE_PORT", "8005"))
    """
    if not module.is_service or module.uses_create_app:
        return
    names = {read.name for read in module.env}
    missing = [known[0] for known in _STANDARD if not names & set(known)]
    if missing:
        first: EnvRead | None = module.env[0] if module.env else None
        where = first.file if first else (module.entry or "config.py")
        yield module.problem(where, 1, f"not read: {', '.join(missing)}")


def is_server_call(call: Call) -> bool:
    """Whether a call starts a server."""
    return call.last in _SERVERS


@rule("WB833", severity=Severity.ERROR, topic="env", checklist="P5")
def variable_nobody_provides(module: ModuleSource) -> Iterator[Problem]:
    """The manifests do not give a variable that the code cannot do without.

    The module then fails at its start, or runs on the default that was meant for a developer's
    machine. Give it in the manifest, secrets by secretKeyRef.

    Bad:
        DATABASE_URL = os.environ["DATABASE_URL"]     # in no manifest
    Good:
        - name: DATABASE_URL
          valueFrom: {secretKeyRef: {name: db, key: url}}
    """
    given = _given(module)
    if given is None:
        return
    needed = {read.name for read in module.env if _is_needed(module, read)}
    needed -= _in_addresses(module, given)
    meant = {read for _, read, _ in _misnamed(module)}
    for name in sorted(needed - given - meant):
        place = _variables_place(module)
        if place is not None:
            message = f"no manifest of the module provides {name}, which the code needs"
            yield replace(place, message=message)


def _in_addresses(module: ModuleSource, given: set[str]) -> set[str]:
    """The parts of an address that are read for want of the address, when that is given."""
    names = {read.name for read in module.env}
    whole = given & names
    found: set[str] = set()
    for parts, addresses in (
        (r"(DB|DATABASE|POSTGRES|PG)_?\w+", _DATABASES),
        (r"REDIS_\w+", frozenset({"REDIS_URL", "REDIS_URI"})),
    ):
        if whole & addresses:
            found |= {name for name in names if re.fullmatch(parts, name)} - addresses
    return found


_DATABASES = frozenset({"DATABASE_URL", "DATABASE_URI", "DB_URL", "DB_URI", "DB_DSN"})
_LOCAL = re.compile(r"localhost|127\.0\.0\.1")


def _is_needed(module: ModuleSource, read: EnvRead) -> bool:
    """Whether the module does not run, or not where it should, without a variable."""
    if is_script(read.file):
        return False
    if read.kind == "required" and read.default is None:
        return True
    if read.name in _DATABASES and not read.literal and read.kind != "name":
        names = {each.name for each in module.env}
        return not any(name.endswith("_HOST") and "REDIS" not in name for name in names)
    return bool(read.kind != "name" and _LOCAL.search(read.default or ""))


def _variables_place(module: ModuleSource) -> Problem | None:
    """Where a manifest says what the module's container gets."""
    for pod in module.delivery.manifests.pods:
        for container in main_containers(module.delivery, pod):
            for key in ("envFrom", "env"):
                for node in container.node[key]:
                    return container.problem(node, "")
            return container.problem(container.node, "")
    return None


def _given(module: ModuleSource) -> set[str] | None:
    """The variables that containers get; None when not all of them can be seen."""
    manifests = module.delivery.manifests
    if not manifests.pods or manifests.skipped or manifests.generated:
        return None
    given = set(image_variables(module.delivery.dockerfile))
    for pod in manifests.pods:
        for container in pod.containers:
            given |= {each["name"].text or "" for each in container.node["env"]}
            for source in container.node["envFrom"]:
                for kind in ("ConfigMap", "Secret"):
                    reference = source[f"{kind[0].lower()}{kind[1:]}Ref"]
                    if not reference:
                        continue
                    found = manifests.find(kind, reference["name"].text or "")
                    if found is None:
                        return None
                    for part in ("data", "stringData"):
                        given |= set(found.root[part].keys)
    return given


@rule("WB834", severity=Severity.WARNING, topic="env", checklist="P5")
def variable_given_in_vain(module: ModuleSource) -> Iterator[Problem]:
    """A manifest or Compose file sets a variable under another name than the code reads.

    The code goes on with its default, or with nothing, and nobody sees why. Write the name
    that is read.

    Bad:
        environment: {GITHUB_SECRET: "${GITHUB_SECRET}"}     # the code reads WEBHOOK_SECRET
    Good:
        environment: {WEBHOOK_SECRET: "${WEBHOOK_SECRET}"}
    """
    everywhere = {name for places in _given_together(module) for name, _ in places}
    told: set[str] = set()
    for name, meant, place in _misnamed(module):
        message = f"nothing reads {name}; the code reads {meant}"
        yield replace(place, message=message)
        if meant not in everywhere and meant not in told:
            told.add(meant)
            read = next(each for each in module.env if each.name == meant)
            message = f"nothing sets {meant}; what is set is {name}"
            yield module.problem(read.file, read.line, message, read.column)


def _misnamed(module: ModuleSource) -> Sequence[tuple[str, str, Problem]]:
    """Variables that are set and not read, beside one alike that is read and not set."""
    return module.once("misnamed", lambda: list(_find_misnamed(module)))


def _find_misnamed(module: ModuleSource) -> Iterator[tuple[str, str, Problem]]:
    """The same, looked for."""
    if not module.env:
        return
    for places in _given_together(module):
        missing = {read.name for read in module.env} - {name for name, _ in places}
        for name, place in places:
            alike = [each for each in sorted(missing) if resembles(name, each)]
            if place.line and alike and not is_mentioned(module, name):
                yield name, alike[0], place


_NO = frozenset({"false", "0", "no", "off", "n", "f"})
_YES = frozenset({"true", "1", "yes", "on", "y", "t"})
_FLAG = re.compile(
    r"^(ENABLE|DISABLE|USE|ALLOW|REQUIRE|SKIP|IS|HAS|VERIFY|FORCE)_|"
    r"(^|_)(ENABLED|DISABLED|DEBUG|REQUIRED|ALLOWED|VERBOSE|STRICT|DRY_RUN|READ_?ONLY)$"
)
_RAW = ("getenv", "environ.get")
_HOLDERS = re.compile(
    r"(^|\W|_)(self|cls|config|settings?|cfg|conf|env|options)$|config$"
)


@rule("WB836", severity=Severity.ERROR, topic="env", checklist="P5")
def text_taken_for_truth(module: ModuleSource) -> Iterator[Problem]:
    """A variable of the environment is asked whether it is true, and not what it says.

    It is a text, and every text but the empty one is true: `false` and `0` switch on what
    they are to switch off. Compare it: `os.getenv("X", "false").lower() == "true"`.

    Bad:
        ENABLE_SYNC = bool(os.getenv("ENABLE_SYNC", "false"))
    Good:
        ENABLE_SYNC = os.getenv("ENABLE_SYNC", "false").lower() in ("1", "true", "yes")
    """
    told: set[tuple[str, int]] = set()
    for read, line, column in _truths(module):
        if (read.file.path, line) not in told and _is_switch(read):
            told.add((read.file.path, line))
            message = f"{read.name} is a text: `false` and `0` are true as well"
            yield module.problem(read.file, line, message, column)


def _is_switch(read: EnvRead) -> bool:
    """Whether a variable is one that says yes or no, as its default or its name has it."""
    default = (read.literal or read.default or "").lower()
    return default in _NO | _YES or (not default and bool(_FLAG.search(read.name)))


def _truths(module: ModuleSource) -> Iterator[tuple[EnvRead, int, int]]:
    """Where a variable as it was read is asked for its truth: at once, or where it is kept."""
    reads: dict[tuple[str, int], EnvRead] = {}
    places: dict[tuple[str, int, int], EnvRead] = {}
    for read in module.env:
        reads.setdefault((read.file.path, read.line), read)
        places[read.file.path, read.line, read.column] = read
    for file, function in module.functions() if reads else ():
        for call in function.calls:
            at = places.get((file.path, call.line, call.column))
            if at is not None and call.use in {"tested", "bool"}:
                if call.last in {"getenv", "get"}:
                    yield at, call.line, call.column
            inner = call.args[0] if call.last == "bool" and call.args else None
            if inner is not None and inner.kind == "subscript":
                at = reads.get((file.path, call.line))
                if at is not None and _is_raw(inner.kind, inner.text):
                    yield at, call.line, call.column
    kept = dict(_kept(module, reads))
    # What is a truth value unless it is set is a text as soon as it is.
    yield from ((at, at.line, at.column) for at in kept.values() if at.kind == "bool")
    for file, function in module.functions() if kept else ():
        for name in function.truths:
            holder, _, last = name.rpartition(".")
            at = kept.get(last)
            if at is None:
                continue
            if at.file is file if not holder else _HOLDERS.search(holder.lower()):
                yield at, at.line, at.column


def _is_raw(kind: str, text: str) -> bool:
    """Whether an expression is a variable of the environment as it is."""
    if kind == "subscript":
        return "environ[" in text
    return kind == "call" and text.endswith(_RAW)


def _kept(
    module: ModuleSource, reads: dict[tuple[str, int], EnvRead]
) -> Iterator[tuple[str, EnvRead]]:
    """The settings that hold a variable as it was read, by their names; given once alone."""
    count: dict[str, int] = {}
    found: dict[str, EnvRead] = {}
    for file, function in module.functions():
        for assign in function.assigns:
            name = assign.target.rpartition(".")[2]
            count[name] = count.get(name, 0) + 1
            read = reads.get((file.path, assign.line))
            if read is not None and _is_raw(assign.value.kind, assign.value.text):
                found[name] = read
    yield from ((name, read) for name, read in found.items() if count[name] == 1)


@rule("WB835", severity=Severity.WARNING, topic="env")
def variable_nobody_reads(module: ModuleSource) -> Iterator[Problem]:
    """A manifest or Compose file sets a variable of the module that nothing reads.

    Whoever sets it believes that it changes something. Remove it, or read it.

    Bad:
        environment: {OLLAMA_URL: "http://llm:11434"}     # the code reads AI_HOST
    Good:
        environment: {AI_HOST: "http://llm:11434"}
    """
    if not module.env or module.environment.is_open:
        return
    told = {name for name, _, _ in _misnamed(module)}
    for places in _given_together(module):
        for name, place in places:
            if place.line and name not in told and is_unread(module, name):
                yield replace(place, message=f"nothing of the module reads {name}")


# What a platform, an interpreter, a server or a library reads by itself.
_FOREIGN = re.compile(
    r"(PYTHON|PIP|UV|GUNICORN|UVICORN|HYPERCORN|QUART|FLASK|LD|LC|MALLOC|SSL|OTEL|SENTRY|AWS|"
    r"AZURE|GOOGLE|GCLOUD|GRPC|HF|TRANSFORMERS|PG|DD|NEW_RELIC|KUBERNETES|POD|NODE|GIT|OPENAI|"
    r"ANTHROPIC|PROMETHEUS|CURL|REQUESTS|NPM|JAVA|VAULT|HOST|CONTAINER|OMP|TZ|LANG|LANGUAGE|"
    r"TMP|TMPDIR|TEMP|HOME|PATH|USER|DEBUG|CI|WEB_CONCURRENCY|PORT|POSTGRES|MODULE|LOG|DB|"
    r"DATABASE|REDIS|ROUTER|API_KEY_SECRET|API_KEYS|SERVICE_API|JWT_SECRET|SECRET_KEY|ENV|"
    r"ENVIRONMENT|RELEASE|VERSION)(_.*)?|.*_PROXY"
)


def is_unread(module: ModuleSource, name: str) -> bool:
    """Whether a variable is one of the module's alone, and nothing reads it."""
    if not re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", name):
        return False
    return not _FOREIGN.fullmatch(name) and not is_mentioned(module, name)


def _given_together(module: ModuleSource) -> Sequence[list[tuple[str, Problem]]]:
    """The variables that one way to start the module gives: Compose, or a manifest.

    What comes from elsewhere, as a ConfigMap or an anchor that modules share, has no line.
    """
    return module.once(_given_together, lambda: tuple(_each_given_together(module)))


def _each_given_together(
    module: ModuleSource,
) -> Iterator[list[tuple[str, Problem]]]:
    """As above, one after the other."""
    delivery = module.delivery
    survey = delivery.survey
    everything = survey.once(services_of, lambda: tuple(services_of(survey)))
    for service in delivery.compose:
        if service.node["env_file"] or service.node["extends"]["file"]:
            continue
        shared = {
            each.node.line
            for other in everything
            if other.path == service.path and not service.is_made_of(other)
            for each in other.settings
        }
        places = [(s.name, service.problem(s.node, "")) for s in service.settings]
        yield [
            (name, replace(place, line=0) if place.line in shared else place)
            for name, place in places
        ]
    for pod in delivery.manifests.pods:
        for container in main_containers(delivery, pod):
            places = [
                (node["name"].text or "", container.problem(node["name"], ""))
                for node in container.node["env"]
            ]
            for source in container.node["envFrom"]:
                places += _configured(delivery, source)
            if places:
                yield places


def _configured(delivery: Delivery, source: Node) -> Iterator[tuple[str, Problem]]:
    """What an entry of `envFrom` brings; with a place where it is for one workload."""
    for kind in ("ConfigMap", "Secret"):
        name = source.at(f"{kind[0].lower()}{kind[1:]}Ref", "name").text or ""
        found = delivery.manifests.find(kind, name)
        if found is None:
            continue
        users = [
            pod
            for pod in delivery.manifests.visible_pods
            if (kind, name) in pod.references
        ]
        for part in ("data", "stringData"):
            for key, node in found.root[part].keys.items():
                alone = len(users) == 1 and kind == "ConfigMap"
                place = found.problem(node, "")
                yield key, place if alone else replace(place, line=0)


_ALIKE = (
    {"URL", "URI", "DSN", "ENDPOINT", "ADDRESS", "ADDR"},
    {"KEY", "TOKEN", "SECRET"},
    {"SECONDS", "INTERVAL", "TTL", "TIMEOUT", "PERIOD", "MINUTES", "MS"},
    {"DIR", "PATH", "FOLDER", "DIRECTORY", "FILE"},
    {"USER", "USERNAME", "LOGIN"},
    {"PASS", "PASSWORD", "PWD", "PASSWD"},
    {"MIN", "MINIMUM", "FLOOR", "LOWEST"},
    {"MAX", "MAXIMUM", "LIMIT", "CEILING", "CAP"},
    {"DB", "DATABASE"},
    {"ENABLE", "ENABLED", "ON"},
)
# Words of a name by which nothing is recognised.
_LOOSE = ({"KEY", "TOKEN", "SECRET"}, {"DIR", "PATH", "FOLDER", "DIRECTORY", "FILE"})


def resembles(name: str, other: str) -> bool:
    """Whether one of two names is the other with a word more, less, misspelt or alike."""
    one, two = name.split("_"), other.split("_")
    shared = set(one) & set(two)
    if name == other or not shared:
        return False
    apart = sorted(set(one) ^ set(two))
    if set(one) <= set(two) or set(two) <= set(one):
        return len(shared) > 1 and len(apart) == 1
    if len(apart) != 2 or len(one) != len(two):
        return False
    kin = next((group for group in _ALIKE if set(apart) <= group), None)
    if kin is not None:
        return len(shared) > 1 or kin not in _LOOSE
    if len(shared) > 1 and _is_short_for(*sorted(apart, key=len)):
        return True
    close = bool(difflib.get_close_matches(apart[0], apart[1:], cutoff=0.75))
    if apart[0][0] == apart[1][0] and close:
        return len(shared) > 1 or len(one) == 2
    # TWITCH_EVENTSUB_SECRET is TWITCH_WEBHOOK_SECRET: it is of the same, and of one kind.
    return len(one) > 2 and one[0] == two[0] and one[-1] == two[-1]


def _is_short_for(short: str, long: str) -> bool:
    """Whether a word is another one's beginning, or some of its letters in their order."""
    if len(short) < 2 or len(short) * 2 > len(long) or short[0] != long[0]:
        return False
    letters = iter(long)
    return all(letter in letters for letter in short)


def is_mentioned(module: ModuleSource, name: str) -> bool:
    """Whether anything of the module, or of flask_core, has a variable's name."""
    known = _core_names(module)
    starts = {name[: at + 1] for at, letter in enumerate(name) if letter == "_"}
    if name in known or starts & known:
        return True
    said = _said(module)
    # Settings are fields in small letters.
    return re.search(rf"(?i)\b{name}\b", said) is not None or any(
        re.search(rf"\b{start}[\"'{{%]", said) for start in starts
    )


def _core_names(module: ModuleSource) -> frozenset[str]:
    """The texts that flask_core may read variables by."""
    return module.once_for_all(
        _core_names,
        lambda: frozenset(name for file in module.core[1] for name in _environ(file)),
    )


def _said(module: ModuleSource) -> str:
    """All texts of the module in which a variable may be read."""
    ends = (".py", ".sh", ".toml", ".ini", ".cfg", "Dockerfile", "Makefile", "Procfile")

    def work() -> str:
        """The same, read once."""
        files = (inside for inside in module.files if inside.endswith(ends))
        texts = [module.read(inside) or "" for inside in files]
        started = [
            node.shown if node.kind == "scalar" else " ".join(i.shown for i in node)
            for node in _commands(module)
        ]
        return "\n".join((*texts, *started))

    return module.once(_said, work)


def _commands(module: ModuleSource) -> Iterator[Node]:
    """How manifests and Compose start the module."""
    for pod in module.delivery.manifests.pods:
        for container in pod.containers:
            yield from (container.node["command"], container.node["args"])
    for service in module.delivery.compose:
        yield from (service.node["command"], service.node["entrypoint"])


def _environ(file: PythonFile) -> Iterator[str]:
    """The texts that a file of flask_core may read variables by."""
    for function in file.functions:
        yield from (name for name, _ in function.environ)
        for call in function.calls:
            yield from (value.text for value in call.args if value.kind == "str")
        # The beginnings of names that are put together: f"API_KEY_{role}".
        values = [each.value for each in function.assigns]
        values += [value for call in function.calls for value in call.args]
        for value in values:
            if value.kind in {"fstring", "concat", "format"}:
                yield value.text.partition("{")[0]
    for made in file.classes:
        if any("Settings" in base for base in made.bases):
            yield from (each.target.upper() for each in made.fields if each.annotation)
