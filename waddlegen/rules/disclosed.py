"""What a value gives away when it is written out whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from waddlegen.facts.kinds import Kind
from waddlegen.facts.python import Call, Function, PythonFile, Value
from waddlegen.facts.words import is_one_time, is_secret, words
from waddlegen.source import ModuleSource

MASKS = re.compile(
    r"mask|redact|hash|len$|bool$|sanitiz|obfusc|hide|fingerprint|type$|isinstance|truncate|"
    r"safe|shorten|scrub|(?<!ac)count|digest|public",
    re.I,
)
# Functions, and methods, that write out everything there is.
_SHOWS = frozenset("repr str dict vars asdict pformat dumps format list".split())
_DUMPS = frozenset(
    "model_dump dict to_dict _asdict model_dump_json json items copy".split()
)
_SHOWN = re.compile(r"\b(dataclass|define|frozen|attrs|s)$")
_MODELS = frozenset("BaseModel BaseSettings NamedTuple".split())


def given_away(
    module: ModuleSource, file: PythonFile, function: Function, call: Call, value: Value
) -> str:
    """The name of what holds a secret and is written out whole; "" when nothing does."""
    if value.kind == "call" and _tells(module, file, value.text):
        return value.text
    for name, dumped in wholes(module, file, call, value):
        if MASKS.search(name.rpartition(".")[2]):
            continue
        kind = module.kinds.likely(file, function, name)
        if kind is not None and shown_secret(module, kind, dumped):
            return name
        if _is_row_with_secret(function, name) or _is_granted(function, name):
            return name
        for assign in function.assigns:
            if assign.target == name and assign.value.kind == "call":
                if _tells(module, file, assign.value.text):
                    return name
    return ""


def opens_something(
    module: ModuleSource, file: PythonFile, function: Function, name: str
) -> bool:
    """Whether a plain `key` or `code` is a credential: of it, only the hash is looked up."""
    if "." in name or not _OPENS & set(words(name)[-1:]):
        return False
    return _is_looked_up_by_hash(module, file, function, name, 2)


_OPENS = frozenset("key code pin secret token slug".split())


def _is_looked_up_by_hash(
    module: ModuleSource, file: PythonFile, function: Function, name: str, depth: int
) -> bool:
    """Whether a function asks the database for the hash of what it is given, or one below."""
    hashed = any(
        _HASHES.search(call.last)
        and any(
            each == name or each.startswith(f"{name}.")
            for value in call.args
            for each in value.names
        )
        for call in function.calls
    )
    if hashed and any(_BY_CREDENTIAL.search(each.text) for each in function.sql):
        return True
    for call in function.calls if depth else ():
        given = [n for n, value in enumerate(call.args) if value.text == name]
        found = module.kinds.method(file, function, call.name)
        below = [(found[0].file, found[1])] if found else []
        below = below or [
            (other, other.functions[number])
            for other, number in module.code.resolve(file, call.name)[:2]
        ]
        for other, helper in below if given else ():
            places = [
                p.name for p in helper.parameters if p.name not in {"self", "cls"}
            ]
            for place in given:
                if place < len(places) and _is_looked_up_by_hash(
                    module, other, helper, places[place], depth - 1
                ):
                    return True
    return False


_HASHES = re.compile(r"(^|_)(digest|digest_of|hash|hash_of|hashed|sha\d+|fingerprint)")
_BY_CREDENTIAL = re.compile(
    r"\bWHERE\b.*\b\w*(token|key|secret|code|digest|hash)\w*\s*=", re.I | re.S
)


def written_before(function: Function, values: Iterable[Value]) -> Iterator[Call]:
    """The texts that names were given before they were handed on, as if handed on themselves."""
    for value in values:
        if value.kind != "name" or "." in value.text:
            continue
        for assign in function.assigns:
            if assign.target == value.text and assign.value.kind in _TEXTS:
                made = Call("", assign.line, assign.column, (assign.value,))
                made.end_line = assign.line
                yield made


_TEXTS = frozenset({"fstring", "format", "concat"})


def text_of(module: ModuleSource, file: PythonFile, call: Call) -> str:
    """A call as it is written."""
    return " ".join(
        module.line_of(module.path(file.path), number)
        for number in range(call.line, call.end_line + 1)
    )


def wholes(
    module: ModuleSource, file: PythonFile, call: Call, value: Value
) -> Iterator[tuple[str, bool]]:
    """The names that a value shows whole, and whether their fields are dumped."""
    if value.kind == "name":
        base, _, last = value.text.rpartition(".")
        yield (base, True) if last == "__dict__" else (value.text, False)
    elif value.kind == "call" and value.names:
        receiver, _, last = value.text.rpartition(".")
        if last in _DUMPS and receiver and "()" not in receiver:
            yield receiver, True
        elif last in _SHOWS and len(value.names) > 1 and f"{last}()" not in value.names:
            yield value.names[1], last in {"vars", "asdict"}
    elif value.kind in {"fstring", "format", "concat"}:
        text = text_of(module, file, call)
        for name in value.names:
            if re.search(
                rf"{{{re.escape(name)}\s*=?(![rs])?}}|%\s*\(?{re.escape(name)}\b(?![.\[(])",
                text,
            ):
                yield name, False


def shown_secret(module: ModuleSource, kind: Kind, dumped: bool = False) -> str:
    """The secret field that the text of an object shows; "" when none does."""
    if not dumped:
        if {"__repr__", "__str__"} & set(kind.methods):
            return ""
        bases = {base.rpartition(".")[2] for base in kind.cls.bases}
        if not (bases & _MODELS or any(map(_SHOWN.search, kind.cls.decorators))):
            return ""
    hidden = {
        call.target
        for function in kind.file.functions[:1]
        for call in function.calls
        if call.last in {"field", "Field", "ib"} and "repr" in call.keywords
        if call.keywords["repr"].text == "False" and not dumped
    }
    for each in kind.cls.fields:
        if not each.annotation or each.annotation in {"bool", "int", "ClassVar[]"}:
            continue
        if "Secret" in each.annotation or each.target in hidden:
            continue
        if is_secret(each.target):
            return each.target
    return ""


def _is_row_with_secret(function: Function, name: str) -> bool:
    """Whether a secret is taken out of a mapping, so that the whole of it holds one."""
    if "." in name or name in {"request", "self"}:
        return False
    keys = {
        each.rpartition("[")[2].rstrip("]")
        for each in function.subscripted
        if each.startswith(f"{name}[")
    }
    keys |= {
        call.args[0].text
        for call in function.calls
        if call.name == f"{name}.get" and call.args and call.args[0].kind == "str"
    }
    gone = {
        call.args[0].text
        for call in function.calls
        if call.name == f"{name}.pop" and call.args
    }
    gone |= {
        a.target.rpartition("[")[2].rstrip("]")
        for a in function.assigns
        if a.target.startswith(f"{name}[")
    }
    return any(is_secret(key) or is_one_time(key) for key in keys - gone)


def _is_granted(function: Function, name: str) -> bool:
    """Whether a name is the whole answer to a request for a grant of OAuth."""
    if any("grant_type" in c.keywords and c.target == name for c in function.calls):
        return True
    asks = any(each.target == "grant_type" for each in function.entries) or any(
        call.last == "post" and call.args and _TOKENS.search(call.args[0].text)
        for call in function.calls
    )
    return asks and any(
        each.target == name and each.value.text.removesuffix("()").endswith(".json")
        for each in function.assigns
    )


# An address that hands out tokens: a path, or a constant that is so called.
_TOKENS = re.compile(r"/(oauth2?/)?(access_)?token/?$|(^|[._])TOKEN_(URL|ENDPOINT)$")


def _tells(module: ModuleSource, file: PythonFile, name: str) -> bool:
    """Whether a function of the module returns secrets by their names."""
    if MASKS.search(name.rpartition(".")[2]):
        return False
    receiver, _, last = name.rpartition(".")
    found = [
        (other, other.functions[number])
        for other, number in module.code.functions.get(last, ())
    ]
    if receiver:
        found = [each for each in found if each[1].cls]
        named = [each for each in found if each[1].cls == receiver.rpartition(".")[2]]
        if not named and last in _COMMON:
            return False
        found = named or found
    elif any(other is file for other, _ in found):
        found = [each for each in found if each[0] is file]
    return bool(found) and all(_returns_secrets(module, *each) for each in found)


# Methods that everything has.
_COMMON = frozenset("get pop copy items values read load one first find fetch".split())


def _returns_secrets(
    module: ModuleSource, file: PythonFile, function: Function
) -> bool:
    """Whether a function returns a mapping with secrets in it, or all fields of its class."""
    if function.is_async or any(MASKS.search(call.last) for call in function.calls):
        return False
    for each in function.returns:
        if any("*" in text or is_secret(text) for text in each.strings[1:]):
            if each.value.kind != "dict":
                continue
        value = each.value
        if value.kind == "dict" and _has_secret(function, value):
            return True
        if value.kind == "name" and any(
            (a.target.startswith(f"{value.text}[") and is_secret(_key(a.target)))
            and a.value.kind in {"name", "subscript"}
            or (a.target == value.text and a.value.kind == "dict")
            and _has_secret(function, a.value)
            for a in function.assigns
        ):
            return True
        if _lists_fields(value) and not any("*" in text for text in each.strings):
            kind = module.kinds.classes.get(function.cls)
            if kind is not None and any(
                is_secret(each.target) and each.value.kind != "num"
                for each in kind.cls.fields
            ):
                return not any(is_secret(text) for text in each.strings)
    return False


def _key(target: str) -> str:
    """The key of `opts[key]`."""
    return target.rpartition("[")[2].rstrip("]")


def _has_secret(function: Function, value: Value) -> bool:
    """Whether a dict that is written out gives a secret under its name."""
    return any(is_secret(key) for key in value.text.split(",")) and any(
        is_secret(name) and name not in function.tested for name in value.names
    )


_ALL_FIELDS = frozenset("vars asdict dataclasses.asdict".split())
_PRIVATE = frozenset(
    "secret secrets secretive hidden private sensitive redacted".split()
)


def _lists_fields(value: Value) -> bool:
    """Whether an expression is all that `vars(cls)` holds, with nothing left out by name."""
    if any(_PRIVATE & set(words(name)) for name in value.names):
        return False
    return any(
        name in _ALL_FIELDS or name.endswith(".__dict__") for name in value.names
    )
