"""Calls of other services that wait as long as these like."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from waddlegen.facts.python import Assign, Call, Class, Function, PythonFile, Value
from waddlegen.findings import Problem, Severity
from waddlegen.measures import once
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_VERBS = frozenset("get post put patch delete head options request".split())
_TIMEOUTS = frozenset({"ClientTimeout", "Timeout"})
_CLIENTS = frozenset({"ClientSession", "AsyncClient", "Client"})
_HTTP = ("requests", "aiohttp", "httpx")


@rule("WB213", severity=Severity.ERROR, topic="timeout", checklist="CQ4")
def call_without_timeout(module: ModuleSource) -> Iterator[Problem]:
    """A call to another service waits as long as that service likes.

    One slow service then holds the workers of every service that calls it. Give the session, or
    the call, a timeout; `None`, in options or a subclass, switches it off.

    Bad:
        async with aiohttp.ClientSession() as session:
    Good:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as session:
    """
    for file in module.python:
        yield from _of_file(module, file)
    yield from _switched_off(module)
    yield from _handed_down(module)


def _of_file(module: ModuleSource, file: PythonFile) -> Iterator[Problem]:
    """The calls of one file."""
    yield from _stubs(module, file)
    yield from _servers(module, file)
    known = {name: _library(file, name) for name in (*_HTTP, "urllib.request")}
    sessions = _sessions(module, file)
    if not (any(known.values()) or sessions):
        return
    aliases = _aliases(file, known["requests"])
    timed = _timed_sessions(file)
    endless = _endless(module, file)
    for call in file.calls:
        message = ""
        head = call.name.partition(".")[0]
        if {head, call.name} & (known["requests"] | aliases):
            message = _requests(call, endless, call.name in aliases)
        elif call.last == "ClientSession" and {head, call.name} & known["aiohttp"]:
            message = _session(call, file, timed, endless)
        elif {head, call.name} & known["httpx"]:
            message = _httpx(call, file, endless)
        elif call.last == "urlopen" and (known["urllib.request"] or head == "urllib"):
            if len(call.args) < 3 and not _bounded(call, file, endless):
                message = "urlopen waits for ever; pass timeout="
        elif call.last in _VERBS and call.receiver in sessions:
            message = _requests(call, endless)
        elif known["requests"]:
            message = _handed_over(call, known["requests"] | aliases)
        if message:
            yield module.problem(file, call.line, message, call.column)


def _stubs(module: ModuleSource, file: PythonFile) -> Iterator[Problem]:
    """Calls over gRPC, which wait for ever unless each is given a deadline."""
    made = {
        call.target
        for call in file.calls
        if call.last.endswith("Stub") and call.target and len(call.args) == 1
    }
    if not made or not any(_is_grpc(each.module, each.name) for each in file.imports):
        return
    for call in file.calls:
        if call.receiver in made and call.last[:1].isupper() and not _bounded(call):
            if not _waited_for(file, call):
                message = "this call waits for ever; pass timeout="
                yield module.problem(file, call.line, message, call.column)


def _is_grpc(module: str, name: str) -> bool:
    """Whether an import is of gRPC, or of stubs made for it."""
    return module.partition(".")[0] == "grpc" or f"{module}.{name}".endswith(
        "_pb2_grpc"
    )


def _waited_for(file: PythonFile, call: Call) -> bool:
    """Whether a call stands inside `wait_for`, which gives up."""
    return any(
        each.last in {"wait_for", "timeout", "move_on_after", "fail_after"}
        and each.line <= call.line <= each.end_line
        for each in file.calls
    )


# What opens a connection and waits for ever unless it is told: the place of its timeout.
_OPENED = {
    "smtplib.SMTP": 3,
    "smtplib.SMTP_SSL": 5,
    "http.client.HTTPConnection": 2,
    "http.client.HTTPSConnection": 9,
    "ftplib.FTP": 4,
    "imaplib.IMAP4_SSL": 9,
    "httplib2.Http": 1,
    "socket.create_connection": 1,
    "telnetlib.Telnet": 2,
}
_OPENERS = frozenset(name.rpartition(".")[2] for name in _OPENED)


def _servers(module: ModuleSource, file: PythonFile) -> Iterator[Problem]:
    """Connections of the standard library, whose default is to wait for ever."""
    for call in file.calls:
        if call.last not in _OPENERS or call.double_star or "timeout" in call.keywords:
            continue
        place = _OPENED.get(module.code.origin(file, call.name))
        if place is not None and len(call.args) <= place:
            message = f"`{call.name}` waits for ever; pass timeout="
            yield module.problem(file, call.line, message, call.column)


def _library(file: PythonFile, name: str) -> set[str]:
    """The names under which a file knows a library, or parts of it."""
    return {each.alias for each in file.imports if each.module == name}


def _aliases(file: PythonFile, requests: set[str]) -> set[str]:
    """The names that stand for a function of requests: `_post = requests.post`."""
    return {
        each.target
        for each in file.module.assigns
        if each.value.kind == "name" and _is_verb(each.value.text, requests)
    }


def _is_verb(name: str, requests: set[str]) -> bool:
    """Whether a name is `requests.get` or one of its like."""
    head, _, last = name.partition(".")
    return head in requests and (last or head) in _VERBS


def _handed_over(call: Call, requests: set[str]) -> str:
    """`asyncio.to_thread(requests.get, url)`: called there as it is given here."""
    if "timeout" in call.keywords or call.double_star:
        return ""
    if call.last == "partial" and call.target:  # which may be called with one
        return ""
    if any(v.kind == "name" and _is_verb(v.text, requests) for v in call.args[:2]):
        return "requests waits for ever without a timeout; hand over timeout= with it"
    return ""


def _is_endless(call: Call) -> bool:
    """Whether a call makes a timeout that leaves the answer all the time it likes."""
    if call.last not in _TIMEOUTS or call.star or call.double_star:
        return False
    if call.last == "ClientTimeout":
        total, read = call.argument(0, "total"), call.argument(2, "sock_read")
        return _is_missing(total) and _is_missing(read)
    if len(call.args) > 1:
        return False
    every = call.argument(0, "timeout")
    read = call.keywords.get("read", every)
    if "total" in call.keywords or (every is None and "read" not in call.keywords):
        return False
    return _is_missing(read)


def _is_missing(value: Value | None) -> bool:
    """Whether a bound is not given, or given as None."""
    return value is None or value.kind == "none"


def _endless(module: ModuleSource, file: PythonFile) -> frozenset[str]:
    """The names of timeouts that are none: of this file, or imported from another."""
    own = {call.target for call in file.calls if call.target and _is_endless(call)}
    return frozenset(own | set(_imported(module, file, _endless_names(module))))


@once
def _endless_names(module: ModuleSource) -> set[tuple[str, str]]:
    """The timeouts that are none, by the paths and names of their files."""
    made = chain(*(module.calls_by_name.get(name, ()) for name in sorted(_TIMEOUTS)))
    names = {call.target for _, call in made if call.target and _is_endless(call)}
    return {
        (file.path, call.target)
        for file in (module.python if names else ())
        for call in file.module.calls
        if call.target in names and _is_endless(call)
    }


def _imported(
    module: ModuleSource, file: PythonFile, wanted: set[tuple[str, str]]
) -> Iterator[str]:
    """What a file calls those of some names of other files that it imports."""
    if not wanted:
        return
    names = {name for _, name in wanted}
    for each in file.imports:
        if each.name in names:
            stem = each.module.rpartition(".")[2]
            files = module.code.by_stem.get(stem, ())
            if any((other.path, each.name) in wanted for other in files):
                yield each.alias


def _sessions(module: ModuleSource, file: PythonFile) -> frozenset[str]:
    """The names of plain sessions of requests in a file, its own and imported ones."""
    every = _plain_sessions(module)
    own = {name for path, name in every if path == file.path}
    attributes = {name for _, name in every if name.startswith("self.")}
    inherited = attributes & _inherited(module, file)
    return frozenset(own | inherited | set(_imported(module, file, every)))


@once
def _plain_sessions(module: ModuleSource) -> set[tuple[str, str]]:
    """The sessions of requests that nothing gives a timeout, by file and name."""
    found: set[tuple[str, str]] = set()
    if not module.imports("requests"):
        return found
    for file in module.python:
        for call in file.calls:
            if call.last not in {"Session", "session"} or not call.target:
                continue
            if module.code.origin(file, call.name).partition(".")[0] == "requests":
                if not _is_wrapped(file, call.target):
                    found.add((file.path, call.target))
    return found


def _is_wrapped(file: PythonFile, session: str) -> bool:
    """Whether a session gets an adapter, or a request of its own, that may set timeouts."""
    return any(c.name == f"{session}.mount" for c in file.calls) or any(
        assign.target == f"{session}.request"
        for function in file.functions
        for assign in function.assigns
    )


def _inherited(module: ModuleSource, file: PythonFile) -> set[str]:
    """The attributes that the classes of a file get from their bases in other files."""
    found: set[str] = set()
    bases = {base.rpartition(".")[2] for made in file.classes for base in made.bases}
    for other in module.python:
        if other is file or not bases & {made.name for made in other.classes}:
            continue
        for function in other.functions:
            if function.cls in bases:
                found |= {call.target for call in function.calls if call.target}
    return found


def _bounded(
    call: Call, file: PythonFile | None = None, endless: frozenset[str] = frozenset()
) -> bool:
    """Whether a call has a timeout, its own or that of a context around it."""
    given = call.keywords.get("timeout")
    if given is not None:
        return not _is_none(given, call, file, endless)
    return call.double_star or any(
        guard in {"with:asyncio.timeout", "with:async_timeout.timeout", "with:timeout"}
        for guard in call.guarded
    )


def _is_none(
    given: Value, call: Call, file: PythonFile | None, endless: frozenset[str]
) -> bool:
    """Whether a timeout that is given is none: as such, by its name or made on the spot."""
    if given.kind == "none" or given.text in endless:
        return True
    if given.kind == "list" and given.text.endswith(",None"):
        return True  # requests: a time to connect, and none to read
    if given.kind != "call" or file is None:
        return False
    made = given.text.rpartition(".")[2]
    return made in _TIMEOUTS and any(
        each.name == given.text
        and call.line <= each.line <= call.end_line
        and _is_endless(each)
        for each in file.calls
    )


def _requests(call: Call, endless: frozenset[str], alias: bool = False) -> str:
    """A call of requests, or of a session of it."""
    if not (alias or call.last in _VERBS) or _bounded(call, None, endless):
        return ""
    return "requests waits for ever without a timeout; pass timeout="


def _httpx(call: Call, file: PythonFile, endless: frozenset[str]) -> str:
    """httpx has a default of five seconds, which can be switched off."""
    given = call.keywords.get("timeout")
    if call.last not in _TIMEOUTS and given is not None:
        if _is_none(given, call, file, endless):
            return "this switches httpx's timeout off"
    return ""


def _timed_sessions(file: PythonFile) -> set[str]:
    """Names of sessions all of whose calls have a timeout of their own."""
    calls: dict[str, list[bool]] = {}
    for call in file.calls:
        if call.last in _VERBS | {"ws_connect"} and call.receiver:
            calls.setdefault(call.receiver, []).append(_bounded(call))
    return {name for name, bounded in calls.items() if all(bounded)}


def _session(
    call: Call, file: PythonFile, timed: set[str], endless: frozenset[str]
) -> str:
    """A session of aiohttp: its own timeout, or one on each of its calls."""
    if _bounded(call, file, endless) or call.star or call.target in timed:
        return ""
    return "this session has no timeout of its own; pass timeout=aiohttp.ClientTimeout(...)"


def _switched_off(module: ModuleSource) -> Iterator[Problem]:
    """Options that are spread into a client, with a timeout of None among them."""
    spread = _spread(module)
    if not spread:
        return
    for file in module.python:
        endless = _endless(module, file)
        for function in file.functions:
            for each in function.timeouts:
                if _is_none_here(each, file, endless):
                    if _owner(function, each) in spread:
                        yield module.problem(file, each.line, _OFF, each.column)
            for call in function.calls:
                given = call.keywords.get("timeout")
                if call.name != "dict" or given is None:
                    continue
                if _is_none(given, call, file, endless):
                    if call.target.rpartition(".")[2] in spread:
                        yield module.problem(file, call.line, _OFF, call.column)


def _is_none_here(each: Assign, file: PythonFile, endless: frozenset[str]) -> bool:
    """Whether an entry of a mapping is a timeout that is none."""
    place = Call(each.target, each.line, each.column, end_line=each.line)
    return _is_none(each.value, place, file, endless)


_OFF = "this switches the timeout off: a client made with it waits for ever"


@once
def _spread(module: ModuleSource) -> set[str]:
    """The names of the mappings, and of the functions, that clients take options from."""
    return {
        name.removesuffix("()").rpartition(".")[2]
        for file in module.python
        if any(_library(file, library) for library in _HTTP)
        for call in file.calls
        if call.spread and (call.last in _CLIENTS or call.last in _VERBS)
        for name in (value.text for value in call.spread)
    }


def _owner(function: Function, entry: Assign) -> str:
    """The name that a mapping is kept under, or the function that returns it."""
    line = int(entry.target)
    for assign in function.assigns:
        if assign.line == line and assign.value.kind == "dict":
            return assign.target.rpartition(".")[2]
    returned = any(each.line == line for each in function.returns)
    return function.name if returned else ""


def _handed_down(module: ModuleSource) -> Iterator[Problem]:
    """Classes that switch off the timeout which the client of their base takes from them."""
    taken = _taken_from_self(module)
    if not taken:
        return
    for file in module.python:
        for made in file.classes:
            names = {n for base in _bases(module, made) for n in taken.get(base, ())}
            for each in made.fields if names else ():
                if each.target in names and each.value.kind == "none":
                    message = (
                        f"this switches off the timeout that {made.bases[0]} gives to"
                        " its client"
                    )
                    yield module.problem(file, each.line, message, each.column)
        for call in file.calls:
            given = call.keywords.get("timeout")
            if given is not None and given.kind == "none":
                if _made_class(module, file, call) & taken.keys():
                    yield module.problem(file, call.line, _OFF, call.column)


def _made_class(module: ModuleSource, file: PythonFile, call: Call) -> set[str]:
    """The classes whose `__init__` a call runs, with `timeout` for a parameter of it."""
    if call.name == "super().__init__":
        owner = next(f.cls for f in file.functions if call in f.calls)
        made = next((c for c in file.classes if c.name == owner), None)
        names = _bases(module, made) if made else set()
    else:
        names = {call.last}
    return {
        name
        for name in names
        for other, number in module.code.functions.get("__init__", ())
        if other.functions[number].cls == name
        and _keeps(other.functions[number], "timeout")
    }


def _keeps(init: Function, name: str) -> bool:
    """Whether a parameter is used as it is, with nothing in its place when it is None."""
    if name in init.tested or not any(p.name == name for p in init.parameters):
        return False
    given = [a.value for a in init.assigns if name in a.value.names]
    return all(v.kind in {"name", "call"} for v in given)


def _bases(module: ModuleSource, made: Class, depth: int = 4) -> set[str]:
    """The names of all the classes that a class is made of."""
    found = {base.rpartition(".")[2] for base in made.bases}
    if depth:
        for file in module.python:
            for each in file.classes:
                if each.name in found and each is not made:
                    found |= _bases(module, each, depth - 1)
    return found


@once
def _taken_from_self(module: ModuleSource) -> dict[str, set[str]]:
    """The attributes, and parameters, that classes make the timeouts of their clients of."""
    found: dict[str, set[str]] = {}
    for file in module.python:
        if not any(_library(file, library) for library in _HTTP):
            continue
        for function in file.functions:
            if not function.cls:
                continue
            for call in function.calls:
                given = call.keywords.get("timeout") or call.keywords.get("total")
                if given is None and call.last in _TIMEOUTS and call.args:
                    given = call.args[0]
                if given is None or given.kind != "name":
                    continue
                if call.last in _TIMEOUTS | _CLIENTS | _VERBS:
                    name = given.text.removeprefix("self.").removeprefix("cls.")
                    found.setdefault(function.cls, set()).add(name)
    return found
