"""The index of a module's functions and classes, and what its names stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from waddlegen.facts.callers import AUTH, CHECKS, NOT_AUTH, looks_at_caller
from waddlegen.facts.python import Assign, Call, Class, Function, PythonFile
from waddlegen.facts.refusals import (
    ENDS,
    answers_refusal,
    builds_refusal,
    only_compares,
    only_tells,
    raises_refusal,
    refuses_caller,
)


class Evidence(NamedTuple):
    """Where something was found, in which file."""

    path: str
    line: int
    text: str


class Names(NamedTuple):
    """The names that a file imports or gives a value to, with what they stand for."""

    imported: dict[str, str]
    given: dict[str, list[Assign]]


@dataclass
class Code:
    """The functions of a module by name, and what its names stand for."""

    files: Sequence[PythonFile]
    functions: dict[str, list[tuple[PythonFile, int]]] = field(default_factory=dict)
    by_stem: dict[str, list[PythonFile]] = field(default_factory=dict)
    library: Code | None = None
    _checks: dict[tuple[str, int, int], bool] = field(default_factory=dict)
    _names: dict[int, Names] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index functions by name and files by their stem."""
        for file in self.files:
            for number, function in enumerate(file.functions):
                self.functions.setdefault(function.name, []).append((file, number))
            stem = file.path.rpartition("/")[2].removesuffix(".py")
            if stem == "__init__":
                stem = file.path.rpartition("/")[0].rpartition("/")[2]
            self.by_stem.setdefault(stem, []).append(file)

    def origin(self, file: PythonFile, name: str) -> str:
        """What a name was imported as, dotted; the name itself when it was not."""
        head, dot, rest = name.partition(".")
        known = self._names_of(file)
        if head in known.imported:
            return known.imported[head] + dot + rest
        for assign in known.given.get(head, ()):
            if assign.value.text.endswith("partial"):
                names = assign.value.names
                return self.origin(file, names[1]) if len(names) > 1 else name
            if assign.value.kind in {"name", "call"}:
                if assign.value.text != head and not assign.value.text.startswith("?"):
                    return assign.value.text + dot + rest
        return name

    def _names_of(self, file: PythonFile) -> Names:
        """The names of a file, by the file itself: files are here as long as this is."""
        found = self._names.get(id(file))
        if found is None:
            found = Names({}, {})
            for each in file.imports:
                found.imported.setdefault(each.alias, each.origin)
            for assign in file.module.assigns:
                found.given.setdefault(assign.target, []).append(assign)
            self._names[id(file)] = found
        return found

    def resolve(self, file: PythonFile, name: str) -> list[tuple[PythonFile, int]]:
        """The functions of this module that a name may mean."""
        last = name.rpartition(".")[2]
        found = self.functions.get(last, [])
        if not found and "." not in name:
            origin = self.origin(file, name)
            if origin != name:
                found = self.functions.get(origin.rpartition(".")[2], [])
        if "." not in name and len(found) > 1:
            own = [each for each in found if each[0] is file]
            return own or found
        return found

    def classes_named(self, names: set[str]) -> list[tuple[PythonFile, Class]]:
        """The classes that go by one of some names."""
        return [
            (file, made)
            for file in self.files
            for made in file.classes
            if made.name in names
        ]

    def bases(self, file: PythonFile, made: Class) -> list[tuple[PythonFile, Class]]:
        """The classes of this module that one is made from."""
        names = {base.rpartition(".")[2] for base in made.bases}
        names |= {self.origin(file, base).rpartition(".")[2] for base in made.bases}
        return self.classes_named(names - {made.name})

    def checks_caller(self, file: PythonFile, number: int, depth: int = 2) -> bool:
        """Whether a function looks at who calls and refuses some."""
        key = (file.path, number, depth)
        if key not in self._checks:
            self._checks[key] = False
            self._checks[key] = self._checks_caller(file, number, depth)
        return self._checks[key]

    def _checks_caller(self, file: PythonFile, number: int, depth: int) -> bool:
        """As above, worked out."""
        looks = refuses = False
        for function in file.within(number):
            looks = looks or looks_at_caller(function)
            refuses = refuses or refuses_caller(function)
            for call in function.calls:
                last = call.last
                if CHECKS.search(call.name) and not NOT_AUTH.search(last):
                    looks = True
                if call.bare and self.only_answers(file, call.name):
                    continue
                if self.library is not None and AUTH.search(last) and not looks:
                    looks = self._asks_library(file, call.name)
                if depth and last in self.functions and last != function.name:
                    if AUTH.search(last) or CHECKS.search(last) or last.startswith("_"):
                        for other, index in self.resolve(file, call.name)[:3]:
                            if self.checks_caller(other, index, depth - 1):
                                return True
                            if looks_at_caller(other.functions[index]):
                                looks = True
                if depth and self.refuses_for(file, function, call, depth - 1):
                    return True
                looks = looks or self._names_caller(file, function, call)
        return looks and refuses

    def _names_caller(self, file: PythonFile, function: Function, call: Call) -> bool:
        """Whether a call finds out who calls, and the answer is looked at: `if who() is None`."""
        if "." in call.name or call.last not in self.functions:
            return False
        return any(
            looks_at_caller(other.functions[index]) and heeds(function, call)
            for other, index in self.resolve(file, call.name)[:3]
        )

    def refuses_for(
        self, file: PythonFile, function: Function, call: Call, depth: int
    ) -> bool:
        """Whether a call is to a check whose refusal ends the request, or is heeded here.

        The check may go by a name it was given in the function: `check = wrap(authenticate)`.
        """
        for name in _also_called(function, call):
            found = self.found(file, name)[:3]
            for owner, other, index in found:
                if other.functions[index] is function:
                    continue
                if owner.checks_caller(other, index, depth):
                    if heeds(function, call) or owner.ends_request(other, index):
                        return True
            if not found and self._is_unseen(file, name):
                if call.bare or heeds(function, call):
                    return True
        return False

    def _is_unseen(self, file: PythonFile, name: str) -> bool:
        """Whether a name is that of a check in a shared library that cannot be read."""
        last = self.origin(file, name).rpartition(".")[2]
        return (
            from_library(file, name, SHARED)
            and DEMANDS.search(last) is not None
            and not NOT_AUTH.search(last)
        )

    def ends_request(self, file: PythonFile, number: int, depth: int = 2) -> bool:
        """Whether a function raises its refusal, or calls one of its own that does."""
        function = file.functions[number]
        if raises_refusal(function):
            return True
        return depth > 0 and any(
            self.ends_request(other, index, depth - 1)
            for call in function.calls
            if AUTH.search(call.last) or call.last.startswith("_")
            for other, index in self.resolve(file, call.name)[:3]
            if other.functions[index] is not function
        )

    def _asks_library(self, file: PythonFile, name: str) -> bool:
        """Whether a function of the shared library looks at the request for its caller."""
        if not from_library(file, name) or NOT_AUTH.search(name):
            return False
        found = self.found(file, name)
        return not found or any(
            owner is not self and looks_at_caller(other.functions[index])
            for owner, other, index in found
        )

    def drops(self, file: PythonFile, call: Call) -> bool:
        """Whether a check is called, and the answer by which alone it refuses goes nowhere."""
        if not call.bare:
            return False
        found = self.found(file, call.name)[:3]
        head, dot, _ = call.name.partition(".")
        if dot and not any(each.alias == head for each in file.imports):
            # A method of some object is no function that only shares its name.
            found = [each for each in found if each[1].functions[each[2]].cls]
        if found and all(only_compares(o.functions[n]) for _, o, n in found):
            return True
        named = AUTH.search(call.last) or CHECKS.search(call.last)
        if "." in call.name and not named or not self.only_answers(file, call.name):
            return False
        return any(
            owner.checks_caller(other, index, 1)
            and answers_refusal(other.functions[index])
            or named
            and only_tells(other.functions[index])
            and looks_at_caller(other.functions[index])
            for owner, other, index in found
        )

    def forgets(self, file: PythonFile, number: int) -> Evidence | None:
        """Where a function makes a refusal, or has one made, and lets the caller in."""
        for call in file.functions[number].calls:
            if builds_refusal(call) or self.drops(file, call):
                return Evidence(file.path, call.line, call.name)
        return None

    def only_answers(self, file: PythonFile, name: str) -> bool:
        """Whether all that a check does with a stranger is to answer; it raises nothing."""
        found = self.found(file, name)
        return bool(found) and all(
            owner._only_answers(other, index) for owner, other, index in found[:3]
        )

    def found(self, file: PythonFile, name: str) -> list[tuple[Code, PythonFile, int]]:
        """The functions that a name means, here or in the library that is shared."""
        own: list[tuple[Code, PythonFile, int]] = [
            (self, *each) for each in self.resolve(file, name)
        ]
        if own or self.library is None or not from_library(file, name, SHARED):
            return own
        last = self.origin(file, name).rpartition(".")[2]
        return [(self.library, *each) for each in self.library.functions.get(last, ())]

    def _only_answers(self, file: PythonFile, number: int) -> bool:
        """As above, of one function: some return, and nothing that ends the request."""
        function = file.functions[number]
        if function.raises or function.yields or function.cls:
            return False
        answers = [each for each in function.returns if each.value.kind != "none"]
        if not answers or any(ENDS.search(call.last) for call in function.calls):
            return False
        for call in function.calls:
            for owner, other, index in self.found(file, call.name)[:3]:
                inner = other.functions[index]
                if inner.raises or any(c.last == "abort" for c in inner.calls):
                    return False
        return True


# Checks that refuse by themselves, as their names say.
DEMANDS = re.compile(
    r"^_?(authenticate|authorize|(require|ensure|assert|enforce|check|verify|demand|must_have)_"
    r"\w*(auth|key|role|token|scope|perm|caller|user|admin|access|login|identity))",
    re.IGNORECASE,
)


def heeds(function: Function, call: Call) -> bool:
    """Whether a function looks at the answer of a call, or answers with it."""
    if call.use in {"tested", "compared"} or call.name in function.tested:
        return True
    names = {call.name, f"{call.name}()"}  # the latter when it is awaited
    targets = {
        assign.target
        for assign in function.assigns
        if assign.line == call.line and assign.value.text in names
    }
    targets |= {call.target} - {""}
    if targets & function.tested:
        return True
    return any(
        each.value.text in names or not targets.isdisjoint(each.value.names)
        for each in function.returns
    )


def _also_called(function: Function, call: Call) -> Iterator[str]:
    """The name of a call, and what a function was made from that it goes by there."""
    yield call.name
    if "." in call.name:
        return
    for made in function.calls:
        if made.target == call.name and made is not call:
            for value in (*made.args, *made.keywords.values()):
                if value.kind in {"name", "call"}:
                    yield value.text


SHARED = ("flask_core", "libs.")


def from_library(
    file: PythonFile,
    name: str,
    libraries: tuple[str, ...] = (*SHARED, "quart", "flask"),
) -> bool:
    """Whether a name was imported from a library that all modules share."""
    head = name.partition(".")[0]
    for each in file.imports:
        if each.alias == head:
            return each.module.startswith(libraries)
    return False
