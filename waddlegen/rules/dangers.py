"""Calls that hand control to whoever writes the input."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import Call, Function, PythonFile, Value
from waddlegen.facts.words import is_secret
from waddlegen.findings import Problem, Severity
from waddlegen.rules.markup import json_in_pages, raw_markup, sent_markup
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource


@rule("WB443", severity=Severity.ERROR, topic="dangerous-call", checklist=None)
def dangerous_call(module: ModuleSource) -> Iterator[Problem]:
    """A call runs what it is given, or believes whoever answers.

    eval, exec, pickle, yaml.load, a shell, TLS without verification, a weak hash for a secret,
    a token that is not verified. Each has a safe form.

    Bad:
        yaml.load(text)
    Good:
        yaml.safe_load(text)
    """
    for file, function, call in module.calls():
        message = _danger(module, file, function, call)
        if message:
            yield module.problem(file, call.line, message, call.column)
    yield from _templates(module)


def _templates(module: ModuleSource) -> Iterator[Problem]:
    """Jinja templates that somebody wrote, outside a sandbox."""
    made = [
        (file, call)
        for name in ("Environment", "Template")
        for file, call in _calls_of(module, name)
        if module.code.origin(file, call.name).startswith("jinja2.")
    ]
    texts = [
        (file, function, call)
        for file, function, call in module.calls()
        if call.last == "from_string" and call.args
    ]
    for file, call in made:
        if call.last == "Template":
            function = _around(file, call)
            if call.args and _is_written_elsewhere(module, function, call.args[0]):
                yield _unboxed(module, file, call)
            continue
        target = call.target.rpartition(".")[2]
        used = [
            (other, each)
            for other, function, each in texts
            if target
            and each.receiver.rpartition(".")[2] == target
            and _is_written_elsewhere(module, function, each.args[0])
        ]
        if used:
            yield _unboxed(module, file, call)
        for other, each in used:
            if other is not file or abs(each.line - call.line) > 2:
                yield _unboxed(module, other, each)


def _calls_of(module: ModuleSource, name: str) -> Iterator[tuple[PythonFile, Call]]:
    """The calls of a name, with their files."""
    if not module.calls_by_name.get(name):
        return
    for file, _, call in module.calls():
        if call.last == name:
            yield file, call


def _around(file: PythonFile, call: Call) -> Function:
    """The function that a call stands in."""
    return next(f for f in file.functions if any(c is call for c in f.calls))


def _unboxed(module: ModuleSource, file: PythonFile, call: Call) -> Problem:
    """What is said of a template that may do anything."""
    message = (
        "whoever writes the template can run code here; use jinja2.sandbox's"
        " SandboxedEnvironment"
    )
    return module.problem(file, call.line, message, call.column, topic="validation")


_TAKES = frozenset("get get() str strip decode loads".split())


def _is_written_elsewhere(
    module: ModuleSource, function: Function, text: Value, depth: int = 3
) -> bool:
    """Whether a text is not the program's own, as far as its callers show."""
    if text.kind in {"str", "none"} or not text.names:
        return False
    if text.kind in {"call", "await"} and text.text.rpartition(".")[2] not in _TAKES:
        return False
    if any(re.search(r"read_text|\.read$|open$|^Path", name) for name in text.names):
        return False
    if text.names[0].rpartition(".")[2].lstrip("_").isupper():
        return False
    given = [a.value for a in function.assigns if a.target == text.text]
    if given:
        return any(
            _is_written_elsewhere(module, function, each, depth - 1) for each in given
        )
    places = [p.name for p in function.parameters if p.name not in {"self", "cls"}]
    if text.text not in places or not depth:
        return True
    callers = [
        (caller, call.argument(places.index(text.text), text.text))
        for caller, call in module.calls_by_name.get(function.name, ())
        if caller is not function
    ]
    return not callers or any(
        value is None or _is_written_elsewhere(module, caller, value, depth - 1)
        for caller, value in callers
    )


def _is_false(call: Call, name: str) -> bool:
    """Whether a keyword is switched off."""
    value = call.keywords.get(name)
    return value is not None and value.kind == "bool" and value.text == "False"


def _is_true(call: Call, name: str) -> bool:
    """Whether a keyword is switched on."""
    value = call.keywords.get(name)
    return value is not None and value.kind == "bool" and value.text == "True"


# What is dangerous by its bare name, whatever it is told by keyword.
_DANGERS = ("eval", "exec", "_create_unverified_context")


def _danger(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> str:
    """What is dangerous about a call; nothing when it is safe."""
    name, last = call.name, call.last
    if not call.keywords and "." not in name and not name.endswith(_DANGERS):
        return ""
    constant = bool(call.args) and call.args[0].kind in {"str", "num", "none"}
    if name in {"eval", "exec"} and not constant:
        return f"`{name}` runs whatever it is given; parse the value instead"
    if name in {
        "pickle.loads",
        "pickle.load",
        "cPickle.loads",
        "dill.loads",
        "marshal.loads",
    }:
        return "loading a pickle runs code of whoever wrote it; use JSON"
    if name == "yaml.load" and _loads_anything(file, call):
        return "yaml.load makes any object; use yaml.safe_load"
    if _is_true(call, "shell") and not constant:
        return "a shell runs this text; pass a list of words without shell=True"
    if name == "os.system" and not constant:
        return "a shell runs this text; use subprocess.run with a list of words"
    if _is_false(call, "verify") and last in {
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "request",
        "Client",
        "AsyncClient",
    }:
        return "TLS is not verified here"
    if (_is_false(call, "ssl") or _is_false(call, "verify_ssl")) and (
        "aiohttp" in name
        or last in {"TCPConnector", "get", "post", "put", "delete", "request"}
    ):
        return "TLS is not verified here"
    if name.endswith("_create_unverified_context"):
        return "TLS is not verified here"
    if last == "decode" and "jwt" in name:
        accepted = call.keywords.get("algorithms")
        if accepted is not None and "none" in accepted.text.lower().split(","):
            return "the algorithm `none` lets anybody write a token"
        chosen = call.keywords.get("options")
        if chosen is not None and "verify_exp" in chosen.text.split(","):
            if not _reads_dates_alone(function):
                return "a token is believed after its end"
        texts = {v.text for v in call.keywords.values()}
        if "verify_signature" in " ".join(texts) and re.search(r"jwt", name):
            options = call.keywords.get("options")
            if (
                options is not None
                and "verify_signature" in options.text
                and call.keywords.get("algorithms") is None
                and not _reads_dates_alone(function)
            ):
                return "the token is read without its signature being verified"
        if _is_false(call, "verify"):
            return "the token is read without its signature being verified"
    if name in {"hashlib.md5", "hashlib.sha1"} and not _is_false(
        call, "usedforsecurity"
    ):
        words = " ".join(
            (*(n for v in call.args for n in v.names), function.name, call.target)
        )
        if any(is_secret(n) for v in call.args for n in v.names) or re.search(
            r"passw|secret|hash_(key|token)|signature", words
        ):
            return f"{name} is too weak for a secret; use hashlib.sha256 or a password hash"
    if (
        name.startswith("random.")
        and "SystemRandom" not in name
        and last
        in {
            "choice",
            "randint",
            "choices",
            "random",
            "randrange",
            "getrandbits",
        }
    ):
        if is_secret(call.target) or re.search(
            r"token|secret|password|api_key|verification_code|otp", function.name
        ):
            return "random is predictable; use secrets"
    return ""


def _reads_dates_alone(function: Function) -> bool:
    """Whether a function answers with when a token ends, and with nothing else of it."""
    said = {text for each in function.returns for text in each.strings}
    return bool(said) and said <= {"exp", "iat", "nbf"}


def _loads_anything(file: PythonFile, call: Call) -> bool:
    """Whether a YAML document may make any object: without a loader, or with a full one."""
    loader = call.argument(1, "Loader")
    if loader is None:
        return True
    bases = [
        base for made in file.classes if made.name == loader.text for base in made.bases
    ]
    names = [each.rpartition(".")[2] for each in (loader.text, *bases)]
    return any(re.fullmatch(r"C?(Full|Unsafe)?Loader", name) for name in names)


@rule("WB442", severity=Severity.ERROR, topic="xss", checklist="S5")
def markup_from_input(module: ModuleSource) -> Iterator[Problem]:
    """A page shows what somebody sent as if the program had written it.

    A visitor's browser then runs it. Render a template, which escapes, or escape the value.

    Bad:
        return f"<h1>{request.args.get('name')}</h1>"
    Good:
        return await render_template("page.html", name=name)
    """
    views = {(route.file.path, route.number) for route in module.routes}
    told: set[tuple[str, int]] = set()
    for file in module.python:
        for number, function in enumerate(file.functions):
            undone = {
                c.line for c in function.calls if c.name.endswith("Markup().unescape")
            }
            for call in function.calls:
                if call.last == "Markup" and call.line in undone:
                    continue
                if call.last in {"Markup", "render_template_string"} and call.args:
                    if call.args[0].kind not in {"str"} and call.args[0].names:
                        if not call.args[0].text.isupper() and not _escapes(call):
                            yield module.problem(
                                file,
                                call.line,
                                "this text is taken for safe markup",
                                call.column,
                            )
            if (file.path, number) not in views:
                continue
            for each in function.returns:
                html = any(
                    re.search(r"<(html|h\d|p|div|script|body|span)\b", s, re.I)
                    for s in each.strings
                )
                if (
                    html
                    and each.value.kind
                    in {"fstring", "concat", "format", "list", "call"}
                    and each.value.names
                ):
                    if not any(
                        "escape" in module.code.origin(file, name)
                        for name in each.value.names
                    ):
                        names = [
                            n
                            for n in each.value.names
                            if n not in {"Response", "jsonify"}
                        ]
                        if names and _makes_markup(module, file, names[0]):
                            continue
                        if (
                            names
                            and "{}" in each.value.text
                            or each.value.kind == "fstring"
                        ):
                            told.add((module.path(file.path), each.line))
                            yield module.problem(
                                file,
                                each.line,
                                f"`{names[0]}` becomes part of the page unescaped",
                            )
    yield from _unescaped_templates(module)
    yield from json_in_pages(module)
    for problem in (*sent_markup(module), *raw_markup(module)):
        if (problem.path, problem.line) not in told:
            yield problem
    for inside in module.files:
        if (
            inside.endswith((".html", ".jinja", ".j2", ".jinja2"))
            and "templates" in inside
        ):
            text = module.read(inside) or ""
            for lineno, line in enumerate(text.splitlines(), 1):
                line = _WRITTEN.sub("", line)
                names = re.findall(r"\{\{-?\s*([\w.]+)\s*\|\s*safe\b", line)
                ours = names and all(_is_own_markup(module, name) for name in names)
                if re.search(r"\|\s*safe\b", line) and ours:
                    continue
                if re.search(r"\|\s*safe\b", line) or "autoescape false" in line:
                    yield module.problem(inside, lineno, "this value is not escaped")


_ESCAPED = (".html", ".htm", ".xml", ".xhtml", ".svg")
_RENDERS = frozenset({"render_template", "stream_template"})


def _unescaped_templates(module: ModuleSource) -> Iterator[Problem]:
    """Pages from templates whose name does not tell Flask to escape what they show."""
    if any(
        "autoescape" in f"{assign.target} {assign.value.text}"
        for _, function in module.functions()
        for assign in function.assigns
    ):
        return
    for file, _, call in module.calls():
        if call.last not in _RENDERS or not call.args or call.args[0].kind != "str":
            continue
        name = call.args[0].text
        if not name.endswith((".jinja", ".jinja2", ".j2", ".tpl", ".tmpl")):
            continue
        if _shows_values(module, name):
            message = (
                f"Flask escapes in {', '.join(_ESCAPED)} alone, and not in {name}; rename"
                " it"
            )
            yield module.problem(file, call.line, message, call.column)


def _shows_values(module: ModuleSource, name: str) -> bool:
    """Whether a template is a page that shows what it is given as it is."""
    for inside in module.files:
        if inside.endswith(f"templates/{name}"):
            text = module.read(inside) or ""
            shown = re.findall(r"\{\{(.*?)\}\}", text)
            raw = [
                each
                for each in shown
                if not re.search(r"\|\s*(e|escape|tojson)\b", each)
            ]
            page = re.search(
                r"<(html|body|div|p|table|tr|ul|li|h\d|a|span)\b", text, re.I
            )
            return bool(raw and page) and "autoescape true" not in text
    return False


# A text of the template itself, a file that it names, a field that a form library writes, or
# JSON, whose `<` is written otherwise.
_WRITTEN = re.compile(
    r"\{\{-?\s*\w*\(?\s*('[^']*'|\"[^\"]*\")\s*\)?\s*\|\s*safe\b|\|\s*tojson\s*\|\s*safe\b"
    r"|\bfield\([^()]*\)\s*\|\s*safe\b"
)


def _is_own_markup(module: ModuleSource, name: str) -> bool:
    """Whether a template is given a constant of the program under a name, everywhere."""
    given = [
        call.keywords[name]
        for _, _, call in module.calls()
        if call.last == "render_template" and name in call.keywords
    ]
    return bool(given) and all(
        v.kind == "str" or v.text.rpartition(".")[2].lstrip("_").isupper()
        for v in given
    )


def _makes_markup(module: ModuleSource, file: PythonFile, name: str) -> bool:
    """Whether a name is a function of the module that makes HTML, and is judged itself."""
    return any(
        "<" in text
        for other, number in module.code.resolve(file, name)[:1]
        for each in other.functions[number].returns
        for text in each.strings
    )


def _escapes(call: Call) -> bool:
    """Whether what becomes markup was escaped, cleaned or rendered on the way."""
    return any(
        re.search(r"escape|clean|saniti|render_template|\.render$", name)
        for name in call.args[0].names
    )


@rule("WB445", severity=Severity.WARNING, topic="cors", checklist=None)
def cors_for_everybody(module: ModuleSource) -> Iterator[Problem]:
    """Any site may call the module with its visitors' credentials.

    Name the sites that may.

    Bad:
        cors(app, allow_origin="*", allow_credentials=True)
    Good:
        cors(app, allow_origin=Config.ALLOWED_ORIGINS, allow_credentials=True)
    """
    for file, function in module.functions():
        line = _reflects_origin(function)
        if line:
            message = "whichever site asks is allowed, with its visitors' credentials"
            yield module.problem(file, line, message)
    for file, function, call in module.calls():
        if call.last.lower() in {"cors", "corsmiddleware", "route_cors"}:
            values = {name: value for name, value in call.keywords.items()}
            star = any(
                "origin" in name
                and value.text in {"*"}
                or (
                    "origin" in name
                    and value.kind == "list"
                    and "*" in value.text.split(",")
                )
                for name, value in values.items()
            )
            credentials = any(
                "credentials" in name and v.text == "True" for name, v in values.items()
            )
            if star and credentials:
                yield module.problem(
                    file,
                    call.line,
                    "any site may use its visitors' credentials here",
                    call.column,
                )


def _reflects_origin(function: Function) -> int:
    """The line on which whoever asks is allowed, with credentials; 0 for none.

    A function that compares the origin with anything is believed to know which it allows.
    """
    headers = {
        each.target.rpartition("[")[2].rstrip("]"): each for each in function.assigns
    }
    allowed = headers.get("Access-Control-Allow-Origin")
    credentials = headers.get("Access-Control-Allow-Credentials")
    if allowed is None or credentials is None or not allowed.value.names:
        return 0
    names = set(allowed.value.names)
    sent = any(
        a.target in names and "headers" in " ".join((a.value.text, *a.value.names))
        for a in function.assigns
    ) or any("headers" in name for name in names)
    known = function.tested - names - {"request", "response"}
    return allowed.line if sent and not known else 0


@rule("WB446", severity=Severity.ERROR, topic="debug", checklist=None)
def debug_in_production(module: ModuleSource) -> Iterator[Problem]:
    """The module runs in debug mode unless somebody switches it off.

    The debugger runs code of whoever reaches it, and errors show their source. Switch it on
    where you need it, by the environment.

    Bad:
        app.run(debug=True)
    Good:
        app.run(debug=os.getenv("DEBUG", "false") == "true")
    """
    for file, function, call in module.calls():
        if call.last in {"run", "run_task"} and _is_true(call, "debug"):
            if call.receiver not in {"asyncio", "subprocess"}:
                yield module.problem(
                    file, call.line, "debug mode is always on", call.column
                )
    for read in module.env:
        if (
            re.fullmatch(r"(\w+_)?DEBUG(_MODE)?", read.name)
            and read.default is not None
        ):
            if read.default.lower() in {"true", "1", "yes", "on"}:
                yield module.problem(
                    read.file,
                    read.line,
                    f"{read.name} is on unless somebody switches it off",
                )


@rule("WB448", severity=Severity.ERROR, topic="validation", checklist=None)
def path_from_input(module: ModuleSource) -> Iterator[Problem]:
    """A file, or an address, is chosen by the caller.

    `../../etc/passwd`, or the address of a service inside the cluster. Look the name up in what
    the program knows.

    Bad:
        open(f"media/{request.args['file']}")
    Good:
        send_from_directory("media", secure_filename(name))
    """
    yield from _file_names(module)
    yield from _addresses(module)
    sinks = {"open", "send_file", "FileResponse", "remove", "unlink", "rmtree"}
    for route in module.routes:
        function = route.function
        sent = {
            a.target
            for a in function.assigns
            if re.search(
                r"request\.(args|form|values|files)",
                f"{a.value.text} {' '.join(a.value.names)}",
            )
        }
        sent |= {
            p.name for p in function.parameters if f"<path:{p.name}>" in route.path
        }
        for call in function.calls:
            if call.last not in sinks or not call.args:
                continue
            names = {n.partition(".")[0] for n in call.args[0].names} | set(
                call.args[0].names
            )
            direct = any(n.startswith("request.") for n in call.args[0].names)
            safe = any(
                "secure_filename" in n or "basename" in n for n in call.args[0].names
            )
            if (
                (names & sent or direct)
                and not safe
                and not _cleaned(function, names & sent)
            ):
                yield module.problem(
                    route.file,
                    call.line,
                    f"the caller chooses what `{call.name}` opens",
                    call.column,
                )


_CLIENT = re.compile(
    r"(^|\.)_?(requests|httpx|aiohttp|urllib\.request|http|\w*client|\w*session)$"
)
_ADDRESS = re.compile(
    r"url|uri|link|href|endpoint|host|addr|callback|hook|target|src", re.IGNORECASE
)
_RESOLVES = re.compile(r"^(realpath|resolve|commonpath|is_relative_to|safe_join)$")
_FETCHES = frozenset("get post put patch delete head request stream urlopen".split())
_JUDGES = re.compile(
    r"urlparse|urlsplit|valid|allow|safe|check|startswith|resolve|host"
)


def _addresses(module: ModuleSource) -> Iterator[Problem]:
    """Addresses that a view takes from the caller and asks as they are."""
    for route in module.routes:
        function = route.function
        bodies = {each.name for each in function.bodies if each.name}
        sent = {
            each.target
            for each in function.assigns
            if re.search(r"request\.(args|form|values)", f"{each.value.text}")
            or each.value.text.partition(".")[0] in bodies
            or each.value.text.partition("[")[0] in bodies
        }
        if any(_JUDGES.search(call.last) for call in function.calls):
            continue
        for call in function.calls:
            if call.last not in _FETCHES or not _CLIENT.search(call.receiver):
                continue
            place = 1 if call.last in {"request", "stream"} else 0
            url = call.argument(place, "url")
            if url is not None and url.text in sent and _ADDRESS.search(url.text):
                message = f"the caller chooses what `{call.name}` asks"
                yield module.problem(route.file, call.line, message, call.column)


def _file_names(module: ModuleSource) -> Iterator[Problem]:
    """Paths made of the name that a caller gave its file, here or one function away."""
    for file, function in module.functions():
        places = [p.name for p in function.parameters if p.name not in {"self", "cls"}]
        for call in function.calls:
            if call.name not in {"os.path.join", "open", "aiofiles.open", "Path"}:
                continue
            names = {n for value in call.args for n in value.names}
            sent = {n for n in names if n.endswith(".filename")}
            asked = {f"{call.name}().suffix", f"{call.name}().stem"} & function.names
            safe = asked or any(
                "secure_filename" in n or "basename" in n for n in names
            )
            judged = any(_RESOLVES.search(each.last) for each in function.calls)
            if sent and not (safe or judged):
                if not _cleaned(function, sent):
                    message = f"`{min(sent)}` is the name that the caller gave the file"
                    yield module.problem(file, call.line, message, call.column)
            given = names & set(places)
            if not given or _cleaned(function, given):
                continue
            for caller, other in module.calls_by_name.get(function.name, ()):
                for name in sorted(given):
                    value = other.argument(places.index(name), name)
                    theirs = value is not None and value.text.endswith(".filename")
                    if theirs and not _cleaned(caller, {value.text if value else ""}):
                        message = f"`{name}` is the name that the caller gave the file"
                        yield module.problem(file, call.line, message, call.column)


def _cleaned(function: Function, names: set[str]) -> bool:
    """Whether a name went through something that cleans it."""
    return any(
        a.target in names
        and re.search(r"secure_filename|basename|safe_join", " ".join(a.value.names))
        for a in function.assigns
    )
