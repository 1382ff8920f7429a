"""Variables of the environment that code reads, by whichever way it gets at them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from waddlegen.facts.python import Call, Function, PythonFile, Value

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_READS = ("getenv", "environ.get")
_GETTERS = frozenset({"get", "setdefault", "pop"})
_SOURCES = re.compile(r"(^|\.)environ$")
_PARAMETERS = frozenset({"env", "environ", "environment", "env_vars", "envvars"})
_KNOWN = frozenset(
    "env env_str env_int env_bool get_env config getenv_int _env require_env _require "
    "required_env".split()
)
# Methods of the libraries environs and django-environ.
_TYPED = frozenset("str int bool float list json url path decimal timedelta".split())
_OF_REQUEST = re.compile(r"\b(request|req|conn|websocket|scope)\.environ\b")
# Mappings that are never the environment, whatever a helper is called.
_OTHERS = re.compile(r"headers|args|form|cookies|params|session|json|body|payload")


@dataclass(frozen=True, slots=True)
class EnvRead:
    """A variable of the environment that the code reads."""

    name: str
    default: str | None
    kind: str
    file: PythonFile
    line: int
    function: str = ""
    column: int = 1
    default_line: int = 0
    # The default as a text, also where a constant or a field of a class holds it.
    literal: str | None = None


@dataclass(frozen=True, slots=True)
class Helper:
    """A function that reads the variable whose name it is given.

    `place` is where the name stands among its arguments, `raises` whether it insists on one.
    """

    place: int = 0
    cls: str = ""
    raises: bool = False
    default: Value | None = None
    # What it puts before the name.
    prefix: str = ""


@dataclass(slots=True)
class Ways:
    """How one program gets at the environment."""

    helpers: dict[str, Helper] = field(default_factory=dict)
    # The names that stand for the environment by file and function; "" is all of a file.
    mappings: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    # All of these names, to see quickly that one is none of them.
    aliases: set[str] = field(default_factory=set)
    getters: dict[str, frozenset[str]] = field(default_factory=dict)
    objects: frozenset[str] = frozenset()
    # Whether some names are put together when the program runs.
    is_open: bool = False

    def is_environment(self, file: PythonFile, function: Function, name: str) -> bool:
        """Whether a name stands for the environment in a function."""
        if name.endswith("environ"):
            return _SOURCES.search(name) is not None
        return name in self.aliases and any(
            name in self.mappings.get((file.path, place), ())
            for place in ("", function.qualname)
        )

    @property
    def known(self) -> tuple[int, int]:
        """How much is known, to see whether another look has brought more."""
        return len(self.helpers), sum(map(len, self.mappings.values()))

    def note(self, path: str, place: str, names: Iterable[str]) -> None:
        """Take names for the environment in a function, or in all of a file."""
        found = frozenset(names)
        key = (path, place)
        self.mappings[key] = self.mappings.get(key, frozenset()) | found
        self.aliases |= found

    def reads(self, file: PythonFile, function: Function, call: Call) -> bool:
        """Whether a call reads a variable by its first argument."""
        getter = call.last in _GETTERS
        if getter or call.last.endswith("getenv"):
            if call.name.endswith((*_READS, "environ.setdefault")):
                return not _OF_REQUEST.search(call.name)
        if call.name in self.getters.get(file.path, ()):
            return True
        return getter and self.is_environment(file, function, call.receiver)


def variables_of(files: Sequence[PythonFile], ways: Ways) -> tuple[EnvRead, ...]:
    """Every variable the program reads, where and with which default."""
    found: list[EnvRead] = []
    for file in files:
        for function in file.functions:
            found += _reads(file, function, ways)
        found += _settings_fields(file)
    return tuple(found)


def ways_of(files: Sequence[PythonFile]) -> Ways:
    """How a program gets at the environment: its aliases, helpers and getters."""
    ways = Ways(objects=_objects(files))
    for file in files:
        _note_aliases(file, ways)
    for _ in range(3):  # a helper may call a helper, and be given what it reads from
        known = ways.known
        for file in files:
            for function in file.functions:
                _note_given(files, file, function, ways)
                _note_helper(file, function, ways)
        if known == ways.known:
            break
    ways.is_open = any(_is_open(file, ways) for file in files)
    return ways


def _objects(files: Sequence[PythonFile]) -> frozenset[str]:
    """The names that hold a reader of the library environs."""
    return frozenset(
        call.target
        for file in files
        if any(each.module in {"environs", "environ"} for each in file.imports)
        for call in file.calls
        if call.last == "Env" and call.target
    )


def _note_aliases(file: PythonFile, ways: Ways) -> None:
    """Other names of the environment, and of what reads it, in one file."""
    given = [each for each in file.imports if each.module == "os"]
    whole = {each.alias for each in given if each.name == "environ"}
    getters = {each.alias for each in given if each.name == "getenv"}
    for function in file.functions:
        own = {
            p.name
            for p in function.parameters
            if _is_environment(p.name)
            or (p.default is not None and _is_mapping(p.default, whole))
        }
        for assign in function.assigns:
            value = assign.value
            if value.kind == "name" and value.text.endswith(_READS):
                getters.add(assign.target)
            elif _is_mapping(value, own | whole):
                shared = function.name == "<module>" or assign.target.startswith(
                    ("self.", "cls.")
                )
                (whole if shared else own).add(assign.target)
        if own:
            ways.note(file.path, function.qualname, own)
    ways.note(file.path, "", whole)
    ways.getters[file.path] = frozenset(getters)


def _is_environment(name: str) -> bool:
    """Whether a parameter is the environment by its name."""
    return name.lstrip("_") in _PARAMETERS


def _is_mapping(value: Value, known: set[str]) -> bool:
    """Whether a value is the environment, or a copy of it."""
    if value.kind == "name":
        return bool(_SOURCES.search(value.text)) or value.text in known
    if value.text in {"IfExp", "BoolOp", "dict", "*"} or value.text.endswith(
        "environ.copy"
    ):
        return any(
            _SOURCES.search(name.removesuffix(".copy")) for name in value.names
        ) and not any(name.endswith(".get") for name in value.names)
    return False


def _note_given(
    files: Sequence[PythonFile], file: PythonFile, function: Function, ways: Ways
) -> None:
    """The parameters of other functions that are given the environment."""
    for call in function.calls:
        for place, value in enumerate(call.args):
            if value.kind == "name" and ways.is_environment(file, function, value.text):
                _note_parameter(files, call, place, ways)


def _note_parameter(
    files: Sequence[PythonFile], call: Call, place: int, ways: Ways
) -> None:
    """Take a parameter for the environment in every function of a name."""
    for file in files:
        for function in file.functions:
            if function.name != call.last:
                continue
            named = [p.name for p in function.parameters if p.kind == "positional"]
            own = named[1:] if named[:1] in (["self"], ["cls"]) else named
            if place < len(own):
                ways.note(file.path, function.qualname, [own[place]])


def _note_helper(file: PythonFile, function: Function, ways: Ways) -> None:
    """Keep a function that reads the variable whose name it is given."""
    if function.name.startswith("<") or function.name in ways.helpers:
        return
    named = [p for p in function.parameters if p.kind in {"positional", "keyword"}]
    own = [p for p in named if p.name not in {"self", "cls"}]
    places = {p.name: number for number, p in enumerate(own)}
    told = ((n, p) for n, p in _asked(file, function, ways) if n in places)
    asked, prefix = next(told, ("", ""))
    if not asked:
        return
    place = places[asked]
    rest = own[place + 1 :]
    default = rest[0].default if rest else None
    insists = bool(function.raises) or any(
        base == "os.environ" or base.endswith(".environ")
        for base, key, _ in function.keyed
        if key == f"\0{asked}"
    )
    ways.helpers[function.name] = Helper(place, function.cls, insists, default, prefix)


def _asked(
    file: PythonFile, function: Function, ways: Ways
) -> Iterator[tuple[str, str]]:
    """The names of parameters by which a function reads a variable, and what precedes."""
    for call in function.calls:
        if ways.reads(file, function, call) and call.args:
            asked = call.args[0]
            if asked.kind == "name":
                yield asked.text, ""
            elif asked.kind in {"fstring", "concat"} and len(asked.names) == 1:
                if re.fullmatch(r"[A-Z][A-Z0-9_]*_\{.*\}", asked.text):
                    yield asked.names[0], asked.text.partition("{")[0]
        helper = _helper(call, ways)
        if helper and helper.place < len(call.args):
            yield call.args[helper.place].text, helper.prefix
    for base, key, _ in function.keyed:
        if key.startswith("\0") and ways.is_environment(file, function, base):
            yield key[1:], ""


def _helper(call: Call, ways: Ways) -> Helper | None:
    """The helper that a call calls; methods of short names only on what has them."""
    found = ways.helpers.get(call.last)
    if found is None and call.last in _KNOWN:
        return Helper()
    if found is None:
        if not ways.objects:
            return None
        typed = call.last in _TYPED and call.receiver in ways.objects
        return Helper() if typed or call.name in ways.objects else None
    if found.cls and call.last in {"get", "text", *_TYPED}:
        receiver = call.receiver.rpartition(".")[2].strip("()")
        kin = {"self", "cls", found.cls.lower(), "env", "_env", "environ"}
        return found if receiver.lower() in kin else None
    return None if _OTHERS.search(call.receiver) else found


def _reads(file: PythonFile, function: Function, ways: Ways) -> Iterator[EnvRead]:
    """The variables that one function reads; what WSGI calls `environ` is the request."""
    if any(each.name == "start_response" for each in function.parameters):
        return
    for call in function.calls:
        if ways.reads(file, function, call):
            yield from _read(file, function, call, Helper())
        else:
            helper = _helper(call, ways)
            if helper is not None:
                yield from _read(file, function, call, helper)
    for name, line in function.environ:
        yield EnvRead(name, None, "required", file, line, function.qualname)
    for base, key, line in function.keyed:
        known = _NAME.fullmatch(key) and not base.endswith("environ")
        if known and ways.is_environment(file, function, base):
            yield EnvRead(key, None, "required", file, line, function.qualname)


def _read(
    file: PythonFile, function: Function, call: Call, helper: Helper
) -> Iterator[EnvRead]:
    """What one call reads: its variable, or each of those that a loop goes over."""
    asked = call.argument(helper.place, "name")
    if asked is None:
        return
    default = call.argument(helper.place + 1, "default") or helper.default
    kind = default.kind if default else ""
    text = None if default is None or kind == "none" else default.text
    if helper.raises and text is None:
        kind = "required"
    for name in _names(file, call, asked):
        yield EnvRead(
            f"{helper.prefix}{name}",
            text,
            kind,
            file,
            call.line,
            function.qualname,
            call.column,
            call.end_line,
            _literal(file, default),
        )


def _literal(file: PythonFile, default: Value | None) -> str | None:
    """The text of a default: its own, or that of the one constant it is made of."""
    if default is None or default.kind in {"str", "num", "bool"}:
        return default.text if default else None
    plain = {name for name in default.names if name not in {"str", "repr", "int"}}
    if len(plain) != 1 or default.kind not in {"name", "call"}:
        return None
    value = file.constants.get(plain.pop().rpartition(".")[2])
    return value.text if value and value.kind in {"str", "num", "bool"} else None


def _names(file: PythonFile, call: Call, asked: Value) -> Iterator[str]:
    """The variables that an argument stands for."""
    if asked.kind == "str":
        texts = [asked.text]
    elif asked.kind == "name" and asked.text in file.constants:
        value = file.constants[asked.text]
        texts = [value.text] if value.kind == "str" else []
    elif asked.kind == "name" and call.loop and call.loop.target == asked.text:
        over = file.constants.get(call.loop.over.text, call.loop.over)
        texts = over.text.split(",") if over.kind == "list" else []
    else:
        texts = []
    yield from (text for text in texts if _NAME.fullmatch(text))


def _is_open(file: PythonFile, ways: Ways) -> bool:
    """Whether a file reads variables whose names it puts together, or all there are."""
    for function in file.functions:
        own = {p.name for p in function.parameters}
        for call in function.calls:
            if call.last in {"from_prefixed_env", "from_envvar", "Dynaconf"}:
                return True
            if "env_prefix" in call.keywords or call.name.endswith("environ.items"):
                return True
            if ways.reads(file, function, call) and call.args:
                asked = call.args[0]
                loose = not own & {asked.text, *asked.names}
                loose = loose and not any(_names(file, call, asked))
                if loose and asked.kind != "str" and call.receiver not in own:
                    return True
        for base, key, _ in function.keyed:
            if base.endswith("environ") and key.startswith("\0") and key[1:] not in own:
                return True
    return False


def _settings_fields(file: PythonFile) -> Iterator[EnvRead]:
    """Fields of a pydantic-settings class, which are variables in capitals."""
    if not any("Settings" in base for made in file.classes for base in made.bases):
        return
    prefix = _prefix(file)
    aliases = _aliases(file)
    for made in file.classes:
        if not any("Settings" in base for base in made.bases):
            continue
        for each in made.fields:
            if not each.annotation or each.target.startswith(("model_config", "_")):
                continue
            literal = each.value.kind in {"str", "num", "bool"}
            text = each.value.text if literal else None
            plain = f"{prefix}{each.target}".upper()
            name = aliases.get((each.target, each.line), plain).upper()
            kind = each.value.kind
            yield EnvRead(name, text, kind, file, each.line, made.name, literal=text)


def _aliases(file: PythonFile) -> dict[tuple[str, int], str]:
    """The names that fields are given themselves, by field and line."""
    found: dict[tuple[str, int], str] = {}
    for call in file.calls:
        if call.last == "Field" and call.target:
            for key in ("validation_alias", "alias", "env"):
                given = call.keywords.get(key)
                if given is not None and given.kind == "str":
                    found.setdefault((call.target, call.line), given.text)
    return found


def _prefix(file: PythonFile) -> str:
    """What the settings of a file put before the names of their fields."""
    prefixes = {
        call.keywords["env_prefix"].text
        for call in file.calls
        if "env_prefix" in call.keywords and call.keywords["env_prefix"].kind == "str"
    }
    prefixes |= {
        each.value.text
        for each in file.module.assigns
        if each.target == "env_prefix" and each.value.kind == "str"
    }
    return prefixes.pop() if len(prefixes) == 1 else ""
