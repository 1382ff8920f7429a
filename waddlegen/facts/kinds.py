"""Which class the objects behind a name are of, as far as the code itself says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from waddlegen.facts.code import Code
from waddlegen.facts.python import Class, Function, Import, PythonFile, Value

_UNKNOWN = "?"
# Annotations that say that there may be nothing, and not what else.
_MAYBE = frozenset({"?", "Optional[]", "Union[]"})
# Annotations that say nothing.
_VAGUE = frozenset({"", "Any", "object", "?", "Optional[]", "Union[]"})


# Methods that mappings, clients and rows have.
_COMMON = frozenset("get pop copy first one find load read fetch send".split())


@dataclass(slots=True)
class Kind:
    """A class, where it is, and its methods."""

    file: PythonFile
    cls: Class
    methods: dict[str, Function] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.cls.name


def classes_of(files: Sequence[PythonFile]) -> dict[str, Kind | None]:
    """The classes of some files by their names; a name of two classes is none."""
    found: dict[str, Kind | None] = {}
    for file in files:
        for made in file.classes:
            found[made.name] = None if made.name in found else Kind(file, made)
        for function in file.functions if file.classes else ():
            kind = found.get(function.cls) if function.cls else None
            if kind and kind.file is file and not function.nested:
                kind.methods[function.name] = function
    return found


class Kinds:
    """The classes of a module and its library, and the names that hold their objects.

    Names are compared by their last part and without underscores before them: what one file
    calls `self._dal` came into it as `dal`. A name that holds two kinds of things has none.
    """

    def __init__(self, code: Code, library: Mapping[str, Kind | None]) -> None:
        """Index the classes, then what is said of names."""
        self.code = code
        self.classes: dict[str, Kind | None] = {**library, **classes_of(code.files)}
        self._makers: dict[tuple[str, str], str] = {}
        self._known: dict[tuple[str, int, str], Kind | None] = {}
        self._imports: dict[str, dict[str, Import]] = {}
        self._local: dict[str, dict[str, set[str]]] = {}
        self._links: list[tuple[str, str, str]] = []
        self._everywhere: dict[str, set[str]] = {}
        for file in code.files:
            self._add_names(file)
        self._follow_links()
        self._kept: dict[str, set[str]] | None = None
        self._asked: set[tuple[str, int, str]] = set()

    @property
    def own(self) -> Iterator[Kind]:
        """The classes of the program itself."""
        files = {id(file) for file in self.code.files}
        return (k for k in self.classes.values() if k and id(k.file) in files)

    def _add_names(self, file: PythonFile) -> None:
        """Note what a file says of its names."""
        said = self._local.setdefault(file.path, {})
        meant: dict[str, str] = {}
        for function in file.functions:
            for parameter in function.parameters:
                kind = meant.get(parameter.annotation)
                if kind is None:
                    kind = self._annotated(file, parameter.annotation)
                    meant[parameter.annotation] = kind
                if kind:
                    said.setdefault(key_of(parameter.name), set()).add(kind)
            for assign in function.assigns:
                key = key_of(assign.target)
                kind = self._annotated(file, assign.annotation)
                kind = kind or self._made(file, assign.value)
                if kind:
                    said.setdefault(key, set()).add(kind)
                    continue
                other = _linked(assign.value)
                if other and other != key:
                    self._links.append((file.path, key, other))
        for key, kinds in said.items():
            self._everywhere.setdefault(key, set()).update(kinds)

    def _annotated(self, file: PythonFile, annotation: str) -> str:
        """The kind that an annotation names; "" for one that names none."""
        if not annotation or annotation.rpartition(".")[2] in _VAGUE:
            return ""
        return self._class(file, annotation.strip("'\"")) or _UNKNOWN

    def _class(self, file: PythonFile, name: str) -> str:
        """The class of the module or the library that a name means in a file."""
        head, _, rest = name.partition(".")
        last = name.rpartition(".")[2]
        each = self._imported(file).get(head)
        if each is not None:
            if not (each.level or self._is_ours(each.module)):
                return ""
            last = last if rest else each.name
        return last if self.classes.get(last) else ""

    def _imported(self, file: PythonFile) -> dict[str, Import]:
        """What a file imports, by the first part of what it calls it."""
        found = self._imports.get(file.path)
        if found is None:
            found = {each.alias.partition(".")[0]: each for each in file.imports}
            self._imports[file.path] = found
        return found

    def _is_ours(self, module: str) -> bool:
        """Whether an imported file is one of the module's or of the library's."""
        last = module.rpartition(".")[2]
        return module.partition(".")[0] == "flask_core" or last in self.code.by_stem

    def _made(self, file: PythonFile, value: Value) -> str:
        """The kind of what an expression makes; "" when it says nothing."""
        if value.kind in {"call", "await"}:
            return self.made_by(file, value.text.removesuffix("()")) or _UNKNOWN
        if value.kind == "other" and value.text in {"BoolOp", "IfExp"}:
            return next(
                (kind for name in value.names if (kind := self.made_by(file, name))), ""
            )
        return _UNKNOWN if value.kind in {"dict", "list", "str", "num"} else ""

    def made_by(self, file: PythonFile, name: str) -> str:
        """The class of what a call makes: of a class itself, or of one that says what it gives."""
        key = (file.path, name)
        if key not in self._makers:
            self._makers[key] = self._made_by(file, name)
        return self._makers[key]

    def _made_by(self, file: PythonFile, name: str) -> str:
        """As above, worked out."""
        last = name.rpartition(".")[2]
        own = self._class(file, name)
        if own:
            return own
        maker = self._class(file, name.rpartition(".")[0])
        owner = self.classes.get(maker) if maker else None
        if owner:
            method = owner.methods.get(last)
            made = method.returns_annotation.strip("'\"") if method else "-"
            # A class that is not there yet is named by a text.
            itself = {owner.name, "Self", "typing.Self", ""}
            return owner.name if made in itself and _is_maker(method) else ""
        if last in _COMMON and "." in name:
            return ""  # a mapping has one too
        found = self._functions(file, name)
        given = {each.returns_annotation.rpartition(".")[2] for each in found}
        kind = given.pop() if len(given) == 1 else ""
        return kind if self.classes.get(kind) else ""

    def _functions(self, file: PythonFile, name: str) -> list[Function]:
        """The functions of the module or the library that a plain name may mean."""
        found = self.code.resolve(file, name)
        if not found and self.code.library:
            last = self.code.origin(file, name).rpartition(".")[2]
            found = self.code.library.functions.get(last, [])
        return [other.functions[number] for other, number in found]

    def _follow_links(self) -> None:
        """Give names that were given another one's value the kind of the other."""
        for path, key, other in self._links:
            said = self._local[path]
            kinds = said.get(other) or self._everywhere.get(other, set())
            if kinds:
                said.setdefault(key, set()).update(kinds)
                self._everywhere.setdefault(key, set()).update(kinds)

    def of(self, file: PythonFile, function: Function, name: str) -> Kind | None:
        """The class of what a name surely holds where it is used."""
        if name in {"self", "cls"}:
            return self.classes.get(function.cls)
        if (
            not self._asked
        ):  # what is found on the way to another name may be half of it
            key = (file.path, id(function), name)
            if key not in self._known:
                self._known[key] = self._once_of(file, function, name)
            return self._known[key]
        return self._once_of(file, function, name)

    def _once_of(self, file: PythonFile, function: Function, name: str) -> Kind | None:
        """As above; nothing for what is made of itself."""
        place = (file.path, function.line, name)
        if place in self._asked:
            return None
        self._asked.add(place)
        try:
            return self._of(file, function, name)
        finally:
            self._asked.discard(place)

    def _of(self, file: PythonFile, function: Function, name: str) -> Kind | None:
        """As above, worked out."""
        if name.endswith("()"):
            made = self.made_by(file, name[:-2])
            return self.classes.get(made) if made else None
        for scope in _scopes(file, function):
            for parameter in scope.parameters:
                if parameter.name == name and parameter.annotation not in _MAYBE:
                    kind = self._class(file, parameter.annotation.strip("'\""))
                    return self.classes.get(kind) if kind else None
            given = [a for a in scope.assigns if a.target == name]
            if given and scope.parent >= 0:
                return self._given(file, scope, [a.value for a in given])
        if self._is_part(file, function, name):
            return None
        return self._by_name(file, name)

    def likely(self, file: PythonFile, function: Function, name: str) -> Kind | None:
        """As above; of a parameter that says nothing, what others call by its name."""
        for scope in _scopes(file, function):
            for parameter in scope.parameters:
                if parameter.name == name and not parameter.annotation:
                    return self._by_name(file, name)
        return self.of(file, function, name)

    def _given(
        self, file: PythonFile, scope: Function, values: list[Value]
    ) -> Kind | None:
        """The one class of what a name of a function is given."""
        found: set[str] = set()
        for value in values:
            kind = self._made(file, value)
            if value.kind in {"name", "subscript"} and "()" not in value.text:
                simple = "." in value.text or value.kind == "subscript"
                known = self.of(file, scope, value.text) if simple else None
                kind = known.name if known else _UNKNOWN
            if kind:
                found.add(kind)
        return self.classes.get(found.pop()) if len(found) == 1 else None

    def _is_part(self, file: PythonFile, function: Function, name: str) -> bool:
        """Whether a name is an attribute of an object of the library, whatever that holds."""
        base = name.rpartition(".")[0]
        if not base or base in {"self", "cls"}:
            return False
        kind = self.of(file, function, base)
        return kind is not None and kind.file not in self.code.files

    def _by_name(self, file: PythonFile, name: str) -> Kind | None:
        """The one class that a name stands for in its file, or else in the module."""
        key = key_of(name)
        kinds = self._local.get(file.path, {}).get(key) or self._everywhere.get(key)
        if not kinds or len(kinds) != 1:
            return None
        return self.classes.get(next(iter(kinds)))

    def kept(self, key: str) -> Kind | None:
        """The class of what the program keeps in a mapping under a key."""
        if self._kept is None:
            self._kept = {}
            for file in self.code.files:
                for name, value in _kept_in(file):
                    kind = self._made(file, value)
                    if value.kind == "name":
                        known = self._by_name(file, value.text)
                        kind = known.name if known else ""
                    if kind:
                        self._kept.setdefault(name, set()).add(kind)
        kinds = self._kept.get(key, set()) - {_UNKNOWN}
        return self.classes.get(next(iter(kinds))) if len(kinds) == 1 else None

    def method(
        self, file: PythonFile, function: Function, name: str
    ) -> tuple[Kind, Function] | None:
        """The method that a dotted name means, of the class or of one that it is made from."""
        receiver, _, last = name.rpartition(".")
        kind = self.of(file, function, receiver) if receiver else None
        return self.method_of(kind, last)

    def method_of(self, kind: Kind | None, last: str) -> tuple[Kind, Function] | None:
        """A method of a class, or of one that it is made from."""
        for _ in range(4):
            if kind is None:
                return None
            if last in kind.methods:
                return kind, kind.methods[last]
            bases = [self.classes.get(b.rpartition(".")[2]) for b in kind.cls.bases]
            kind = bases[0] if len(bases) == 1 else None
        return None


def key_of(name: str) -> str:
    """What names are compared by; of `app.config["aaa"]`, the key."""
    if name.endswith("]"):
        return name.rpartition("[")[2].rstrip("]").lstrip("_")
    return name.rpartition(".")[2].lstrip("_")


def _kept_in(file: PythonFile) -> Iterator[tuple[str, Value]]:
    """What a file puts into mappings under a key, and under which."""
    for function in file.functions:
        for each in function.holds:
            yield each.target, each.value
        for assign in function.assigns:
            if assign.target.endswith("]") and assign.value.kind in {"call", "name"}:
                yield assign.target.rpartition("[")[2].rstrip("]"), assign.value
        for call in function.calls:
            if call.last in {"update", "dict", "SimpleNamespace"}:
                yield from call.keywords.items()


def _is_maker(function: Function | None) -> bool:
    """Whether a method belongs to the class, and not to one of its objects."""
    return function is not None and any(
        each.name in {"classmethod", "staticmethod"} for each in function.decorators
    )


def _linked(value: Value) -> str:
    """The name whose value an expression hands on: `aaa`, `ext["aaa"]`."""
    if value.kind == "subscript" or (value.kind == "name" and "()" not in value.text):
        return key_of(value.text)
    return ""


def _scopes(file: PythonFile, function: Function) -> Iterator[Function]:
    """A function and those around it, inside out."""
    yield function
    while function.parent > 0:
        function = file.functions[function.parent]
        yield function
