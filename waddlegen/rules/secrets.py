"""Secrets that stand in the code, or that the code makes up when none is given."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import Assign, Call, Function, PythonFile, Value
from waddlegen.facts.secrets import NAMING_KEYS, is_drawn, is_key
from waddlegen.facts.words import is_name_not_value, is_placeholder, is_secret
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import EnvRead, ModuleSource

_PROVIDER = re.compile(
    r"^(?:AKIA|ASIA)[A-Z0-9]{16}$|^gh[pousr]_[A-Za-z0-9]{20,}|^github_pat_\w{20,}|"
    r"^xox[abprs]-[A-Za-z0-9-]{10,}|^sk-[A-Za-z0-9_-]{16,}|^(?:sk|rk|pk)_live_\w{10,}|"
    r"^AIza[\w-]{30,}|^eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+|^SG\.[\w-]{10,}\.[\w-]{10,}|"
    r"^glpat-[\w-]{15,}|^npm_\w{20,}|^dop_v1_\w{20,}|^oauth:[a-z0-9]{20,}|^ya29\.[\w-]{10,}"
)
_KEY_BLOCK = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*\S")
_HEADER_VALUE = re.compile(r"^(?:Basic|Bearer) ([A-Za-z0-9+/=._-]{8,})$")
_URL = re.compile(
    r"[a-z][a-z0-9+.-]*://([^/\s:@\"'{}\0]*):([^/\s@\"'{}\0]+)@[\w\[.-]", re.I
)


def _is_credential(text: str) -> bool:
    """Whether what follows `Basic` or `Bearer` is no word: `Basic Configuration`."""
    return (
        not is_placeholder(text)
        and re.search(r"\d|[+/=.]|[a-z][A-Z]", text) is not None
    )


@rule("WB401", severity=Severity.CRITICAL, topic="secret", checklist="CQ3")
def hardcoded_secret(module: ModuleSource) -> Iterator[Problem]:
    """A password, key or token is written into the code.

    Whoever can read the repository can use it, it is the same everywhere, and changing it
    means a release. Read it from the environment, without a default, and let the start fail
    when it is missing; then replace the secret, for the old one stays in the history.

    Bad:
        DB_PASSWORD = "postgres123"
    Good:
        DB_PASSWORD = os.environ["DB_PASSWORD"]
    """
    for file in module.python:
        # What an enumeration holds are words for kinds.
        seen = {
            each.line
            for made in file.classes
            if any(base.endswith(("Enum", "Choices")) for base in made.bases)
            for each in made.fields
        }
        for function in file.functions:
            for assign in (*function.assigns, *function.entries):
                if assign.line in seen:
                    continue
                if _is_hardcoded(assign.target, assign.value) and not assign.augmented:
                    seen.add(assign.line)
                    yield _assigned(module, file, assign)
            for parameter in function.parameters:
                if parameter.default and _is_hardcoded(
                    parameter.name, parameter.default
                ):
                    yield module.problem(
                        file,
                        function.line,
                        f"`{parameter.name}` has a secret as its default; take it from"
                        " the environment",
                    )
            for call in function.calls:
                for line in _passed(call) if call.keywords else ():
                    if line not in seen:
                        seen.add(line)
                        yield module.problem(
                            file,
                            line,
                            "a secret is written into this call",
                            call.column,
                        )
                key = _KEYED.get(call.last)
                written = key is not None and _is_written_key(file, call, key)
                if written or (call.last in _DECODES and _is_decoded_key(call)):
                    if call.line not in seen:
                        seen.add(call.line)
                        message = "the key that this call uses is written in the code"
                        yield module.problem(file, call.line, message, call.column)
        for literal in file.literals:
            if literal.line in seen:
                continue
            header = _HEADER_VALUE.match(literal.text)
            if (
                _PROVIDER.match(literal.text)
                or _KEY_BLOCK.search(literal.text)
                or (header and _is_credential(header[1]))
            ):
                yield module.problem(
                    file,
                    literal.line,
                    "this text has the form of a real credential",
                    literal.column,
                )


def _assigned(module: ModuleSource, file: PythonFile, assign: Assign) -> Problem:
    """A name that is given a secret."""
    name = assign.target.rpartition(".")[2]
    return module.problem(
        file,
        assign.line,
        f"`{name}` is a secret in the code; read it from the environment",
        assign.column,
    )


def _is_hardcoded(target: str, value: Value) -> bool:
    """Whether a name for secrets is given one."""
    if value.kind not in {"str", "bytes"} or len(value.text) < 3:
        return False
    name = _name(target)
    if is_placeholder(value.text):
        return False
    if not is_secret(name):
        return is_key(name) and is_drawn(value.text)
    return not is_name_not_value(name, value.text)


# Where each of these takes its key, by place; the names that the key may be given under.
_KEYED: dict[str, tuple[int, str]] = {
    "Fernet": (0, "key"),
    "AESGCM": (0, "key"),
    "ChaCha20Poly1305": (0, "key"),
    "SecretBox": (0, "key"),
    "URLSafeSerializer": (0, "secret_key"),
    "URLSafeTimedSerializer": (0, "secret_key"),
    "TimestampSigner": (0, "secret_key"),
    "new": (0, "key"),
    "encode": (1, "key"),
    "decode": (1, "key"),
}
# What signs with a key that nobody need keep: a digest of a key of a cache.
_OF_LIBRARY = {"new": ("hmac.new", "AES.new"), "encode": ("jwt.encode",)}
_OF_LIBRARY["decode"] = ("jwt.decode",)


_DECODES = frozenset({"fromhex", "unhexlify", "b64decode", "urlsafe_b64decode"})


def _is_decoded_key(call: Call) -> bool:
    """Whether bytes that are written in another form are kept under the name of a key."""
    name = call.target.rpartition(".")[2]
    value = call.argument(0, "s")
    if not name or value is None or value.kind not in {"str", "bytes"}:
        return False
    return (is_secret(name) or is_key(name)) and is_drawn(value.text)


def _is_written_key(file: PythonFile, call: Call, place: tuple[int, str]) -> bool:
    """Whether the key that something is signed or encrypted with stands in the code."""
    known = _OF_LIBRARY.get(call.last)
    if known and not call.name.endswith(known):
        return False
    value = call.argument(*place)
    if value is None or call.keywords.get(place[1]) is value:
        return False  # what is given by keyword is told by its name
    if value.kind == "name" or value.text.endswith(".encode"):
        name = value.text.removesuffix(".encode")
        constant = file.constants.get(name)
        named = is_secret(name) or is_key(name)
        if constant is None or named or constant.kind not in {"str", "bytes"}:
            return False
        value = constant
    if value.kind not in {"str", "bytes"} or is_placeholder(value.text):
        return False
    return call.last in {"encode", "decode"} or is_drawn(value.text)


def _name(target: str) -> str:
    """The name that counts: a key in brackets, else the last part."""
    match = re.search(r"\[([^\]]+)\]$", target)
    return match[1] if match else target.rpartition(".")[2]


def _passed(call: Call) -> Iterator[int]:
    """Secrets passed by keyword, as in `connect(password="hunter2")`."""
    if call.last in {
        "Field",
        "add_argument",
        "Column",
        "getenv",
        "mapped_column",
        "option",
        "StringField",
        "Parameter",
        "Option",
        "get",
        "Header",
    }:
        return
    for name, value in call.keywords.items():
        if _is_hardcoded(name, value):
            yield call.line


@rule("WB402", severity=Severity.CRITICAL, topic="secret", checklist="CQ3")
def secret_default(module: ModuleSource) -> Iterator[Problem]:
    """A secret that the environment does not give is made up by the code.

    The module then runs in production with a value that everybody can read. Leave the default
    out and fail at the start.

    Bad:
        SECRET_KEY = os.getenv("SECRET_KEY", "change-me-in-production")
    Good:
        SECRET_KEY = os.environ["SECRET_KEY"]
    """
    for read in module.env:
        default = read.default
        if (
            default is None
            or not default.strip()
            or read.kind in {"num", "bool", "none"}
        ):
            continue
        # Numbers, switches and lists with nothing in them.
        if re.fullmatch(r"[\d.]+|true|false|[\[\](){}\s,\"']+", default, re.I):
            continue
        secret = is_secret(read.name) or _is_drawn(read.name, default)
        secret = secret or (is_key(read.name) and is_drawn(default))
        if not (secret or _is_asked_for(module, read)):
            continue
        if read.kind not in {"str", "fstring", "concat"} or "://" in default:
            continue
        yield module.problem(
            read.file,
            read.line,
            f"{read.name} has a default that everybody knows; leave it out and fail at"
            " the start",
            read.column,
        )
    yield from _or_defaults(module)


_DRAWN = re.compile(r"(?i)(?<![a-z0-9])(?=[a-z]*\d[a-z]*\d)(?=\d*[a-z])[a-z0-9]{6,}")


def _is_drawn(name: str, default: str) -> bool:
    """Whether a key of any name has a default that somebody has drawn by lot."""
    kind = re.search(r"(_KEY|_SALT|_PEPPER|_SEED)$", name)
    plain = re.fullmatch(r"[\w+/=-]{8,}", default)
    drawn = kind and plain and not NAMING_KEYS.search(name)
    return bool(drawn and _DRAWN.search(default))


def _is_asked_for(module: ModuleSource, read: EnvRead) -> bool:
    """Whether a key of any name is compared with what a caller sends."""
    if not read.name.endswith("KEY"):
        return False
    kept = {
        assign.target.rpartition(".")[2]
        for function in read.file.functions
        for assign in function.assigns
        if assign.line == read.line
    }
    for _, function in module.functions():
        sides = [(c.left, c.right) for c in function.compares]
        sides += [
            (call.args[0], call.args[1])
            for call in function.calls
            if call.last == "compare_digest" and len(call.args) == 2
        ]
        for one, other in sides:
            names = {name.rpartition(".")[2] for name in (*one.names, *other.names)}
            if kept & names and (function.headers or "headers" in f"{names}"):
                return True
    return False


def _or_defaults(module: ModuleSource) -> Iterator[Problem]:
    """`os.getenv("SECRET") or "fallback"`, kept or given back; choices by `if` as well."""
    reads: dict[tuple[str, int], list[str]] = {}
    for read in module.env:
        if read.default is None:
            reads.setdefault((read.file.path, read.line), []).append(read.name)
    for file, function in module.functions():
        for assign in (*function.assigns, *function.choices):
            if assign.value.text not in {"BoolOp", "IfExp"} or not assign.fallback:
                continue
            name = _name(assign.target)
            names = [name, *reads.get((file.path, assign.line), ())]
            known = len(names) > 1 or _is_of_known(function, assign, reads, file)
            if known and _is_fallback(names, assign.fallback):
                message = f"`{name}` falls back to a secret in the code"
                yield module.problem(file, assign.line, message, assign.column)
        for told in function.returns:
            names = reads.get((file.path, told.line), [])
            if not names or told.value.text not in {"BoolOp", "IfExp"}:
                continue
            last = told.strings[-1] if told.strings else ""
            if last not in names and _is_fallback([function.name, *names], last):
                message = f"{names[0]} falls back to a secret in the code"
                yield module.problem(file, told.line, message)


def _is_of_known(
    function: Function,
    assign: Assign,
    reads: dict[tuple[str, int], list[str]],
    file: PythonFile,
) -> bool:
    """Whether what a name falls back from was read from the environment before."""
    before = {
        each.target
        for each in function.assigns
        if each.line < assign.line and (file.path, each.line) in reads
    }
    return bool(before & set(assign.value.names))


def _is_fallback(names: list[str], text: str) -> bool:
    """Whether a text that stands in for one of some names is a secret."""
    if is_placeholder(text) or text in {"True", "False"} or "://" in text:
        return False
    if any(is_secret(name) for name in names):
        return not re.fullmatch(r"[\d.]+", text)
    return any(is_key(name) for name in names) and is_drawn(text)


_EXAMPLES = frozenset({"pass", "password", "pwd", "secret"})


@rule("WB403", severity=Severity.CRITICAL, topic="secret", checklist="CQ3")
def url_credentials(module: ModuleSource) -> Iterator[Problem]:
    """An address holds a user's password.

    Addresses end up in logs, errors and images; a password in the default of DATABASE_URL is
    a password in the code. Put the address together from variables of the environment.

    Bad:
        DATABASE_URL = os.getenv("DATABASE_URL", "postgresql://waddlebot:password@db/waddlebot")
    Good:
        DATABASE_URL = os.environ["DATABASE_URL"]
    """
    for file in module.python:
        for literal in file.literals:
            match = _URL.search(literal.text)
            if match is None:
                continue
            password = match[2]
            # What is told in a sentence, or leads to `host`, is an example.
            told = " " in literal.text[: match.start()]
            told = told or literal.text[match.end() - 1 :].startswith("host")
            if told and password in _EXAMPLES:
                continue
            if is_placeholder(password) or password.startswith(("$", "%", "{", "<")):
                continue
            yield module.problem(
                file,
                literal.line,
                f"the address holds the password of `{match[1] or 'a user'}`",
                literal.column,
            )
