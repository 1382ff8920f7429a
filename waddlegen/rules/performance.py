"""What makes a module slow or forgetful: blocking calls, repeated queries, state, tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from waddlegen.facts.bodies import SCHEMAS
from waddlegen.facts.python import (
    Assign,
    Call,
    Class,
    Function,
    Loop,
    PythonFile,
    Sql,
    Value,
)
from waddlegen.findings import Problem, Severity
from waddlegen.rules.clients import client_that_waits
from waddlegen.rules.histories import endless_lists
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource, run_elsewhere

_BLOCKING = {
    "time.sleep": "use `await asyncio.sleep`",
    "urllib.request.urlopen": "use an asynchronous client",
    "subprocess.run": "use asyncio.create_subprocess_exec",
    "subprocess.call": "use asyncio.create_subprocess_exec",
    "subprocess.check_output": "use asyncio.create_subprocess_exec",
    "subprocess.check_call": "use asyncio.create_subprocess_exec",
    "subprocess.getoutput": "use asyncio.create_subprocess_exec",
    "subprocess.getstatusoutput": "use asyncio.create_subprocess_exec",
    "os.system": "use asyncio.create_subprocess_exec",
    "psycopg2.connect": "use an asynchronous driver, or asyncio.to_thread",
    "sqlite3.connect": "use an asynchronous driver, or asyncio.to_thread",
    "pymysql.connect": "use an asynchronous driver, or asyncio.to_thread",
    "smtplib.SMTP": "use asyncio.to_thread",
    "smtplib.SMTP_SSL": "use asyncio.to_thread",
    "socket.create_connection": "use asyncio.open_connection",
    "socket.gethostbyname": "use loop.getaddrinfo",
    "socket.gethostbyname_ex": "use loop.getaddrinfo",
    "socket.gethostbyaddr": "use loop.getnameinfo",
    "socket.getfqdn": "use loop.getnameinfo",
    "socket.getaddrinfo": "use loop.getaddrinfo",
    "socket.getnameinfo": "use loop.getnameinfo",
    "dns.resolver.resolve": "use dns.asyncresolver",
    "dns.resolver.query": "use dns.asyncresolver",
    "dns.resolver.resolve_address": "use dns.asyncresolver",
    "urllib.request.urlretrieve": "use an asynchronous client",
    "input": "a service has no terminal",
}
_REQUESTS = frozenset("get post put patch delete head options request".split())


@rule("WB551", severity=Severity.ERROR, topic="blocking", checklist=None)
def blocking_call_in_async(module: ModuleSource) -> Iterator[Problem]:
    """A call that waits stands in an async function.

    While it waits, the whole process does: every other request of that worker stands still.
    Use an asynchronous client, or run it with `await asyncio.to_thread(...)`.

    Bad:
        async def user(user_id):
            return db.executesql("SELECT name FROM users WHERE id = %s", [user_id])
    Good:
        async def user(user_id):
            return await asyncio.to_thread(db.executesql, "SELECT ...", [user_id])
    """
    inner: dict[tuple[str, int], Problem] = {}
    for file in module.python:
        dals = _dals(module, file)
        for function in file.functions:
            if not function.is_async:
                continue
            yield from _lazy_pages(module, file, function)
            for call in function.calls:
                why = _blocks(module, file, call, dals)
                found = None
                if not why:
                    found = _blocks_below(module, file, function, call, dals)
                    found = found or _blocks_in_object(module, function, call)
                if found:
                    why = _says(call, found.call)
                    place = (found.file.path, found.call.line)
                    if found.file is not file or not _is_threaded(module, call.last):
                        inner[place] = _inside(module, found, file, call)
                if why:
                    yield module.problem(file, call.line, why, call.column)
    yield from inner.values()


class _Blocking(NamedTuple):
    """A call that blocks, and where it stands."""

    file: PythonFile
    call: Call


def _is_threaded(module: ModuleSource, name: str) -> bool:
    """Whether a function is run in a thread elsewhere, as it should be here."""
    return name in module.once(_is_threaded, lambda: _threaded(module))


def _threaded(module: ModuleSource) -> set[str]:
    """The names of the functions that the module hands to threads."""
    return {
        inner.last
        for name in ("to_thread", "run_sync", "run_in_threadpool", "run_in_executor")
        for _, call in module.calls_by_name.get(name, ())
        if (inner := run_elsewhere(call)) is not None
    }


def _says(call: Call, inner: Call) -> str:
    """What is wrong with a call that leads to another one that blocks."""
    return (
        f"`{call.name}` calls `{inner.name}`, which blocks every other request while it"
        " waits"
    )


def _inside(
    module: ModuleSource, found: _Blocking, file: PythonFile, call: Call
) -> Problem:
    """What to say where it blocks, when it is called through an object of another file."""
    where = f"{module.path(file.path)}:{call.line}"
    message = f"`{found.call.name}` blocks every other request: {where} is async"
    return module.problem(found.file, found.call.line, message, found.call.column)


def _lazy_pages(
    module: ModuleSource, file: PythonFile, function: Function
) -> Iterator[Problem]:
    """Pages of AWS that are asked for while a loop goes over them, not when it is made."""
    lazy = {
        assign.target
        for assign in function.assigns
        if any(name.endswith(".paginate") for name in assign.value.names)
        or assign.value.text.endswith(".paginate")
    }
    if not (lazy or function.loops) or not module.imports("boto3"):
        return
    for loop in function.loops:
        over = loop.over.text
        if loop.kind != "async" and (over in lazy or over.endswith(".paginate")):
            message = "each page is a call of AWS that blocks every other request"
            yield module.problem(file, loop.line, message)


def _blocks_below(
    module: ModuleSource,
    file: PythonFile,
    caller: Function,
    call: Call,
    dals: set[str],
    depth: int = 2,
) -> _Blocking | None:
    """The call that blocks inside a function of the module that is called here."""
    for other, function in _below(module, file, caller, call):
        if not _runs_at_once(function):
            continue
        for inner in function.calls:
            if _blocks(module, other, inner, dals):
                return _Blocking(other, inner)
            if depth and inner.last != call.last:
                deeper = _blocks_below(module, other, function, inner, dals, depth - 1)
                if deeper:
                    return deeper
    return None


def _runs_at_once(function: Function) -> bool:
    """Whether calling a function runs its body, then and there."""
    if function.is_async or function.yields:
        return False
    return all(call.last in _TRANSPARENT for call in function.decorators)


# Decorators that leave the call of a function what it is.
_TRANSPARENT = frozenset(
    "staticmethod classmethod property cached_property lru_cache cache override final".split()
)


def _below(
    module: ModuleSource, file: PythonFile, caller: Function, call: Call
) -> Iterator[tuple[PythonFile, Function]]:
    """The functions that a call may run at once: of the module, or of the same class."""
    if call.awaited:
        return
    if call.receiver in {"self", "cls", caller.cls} and caller.cls:
        for function in file.functions:
            if function.cls == caller.cls and function.name == call.last:
                yield file, function
    elif "." not in call.name:
        for other, number in module.code.resolve(file, call.name)[:2]:
            if not other.functions[number].cls:
                yield other, other.functions[number]


# What a name of so many things says nothing of.
_COMMON = frozenset(
    "get set put post patch delete head options request close open read write run send start "
    "stop add remove update find load save execute call connect commit json text submit "
    "render log info error warning debug exception".split()
)


def _is_common(name: str) -> bool:
    """Whether objects of many kinds have a method of this name."""
    kinds = (dict, list, str, set, bytes, int)
    return name in _COMMON or any(hasattr(kind, name) for kind in kinds)


def _blocks_in_object(
    module: ModuleSource, caller: Function, call: Call
) -> _Blocking | None:
    """The call that blocks inside the method of an object that is called here."""
    if (
        call.awaited
        or "." not in call.name
        or call.receiver in {"self", "cls", "super()"}
    ):
        return None
    candidates = module.code.functions.get(call.last, ())
    if not candidates or _is_common(call.last) or _is_start(caller):
        return None
    methods = [(file, file.functions[number]) for file, number in candidates]
    if not all(m.cls for _, m in methods) or not _one_family(module, methods):
        return None
    for file, method in methods:
        if not _runs_at_once(method):
            continue
        dals = _dals(module, file)
        for inner in method.calls:
            if _blocks(module, file, inner, dals):
                return _Blocking(file, inner)
            if _blocks_below(module, file, method, inner, dals, 1):
                return _Blocking(file, inner)
    return None


def _is_start(function: Function) -> bool:
    """Whether a function runs before there are requests that could wait."""
    hooks = {call.last for call in function.decorators}
    return bool(hooks & {"before_serving", "while_serving", "after_serving"})


def _one_family(
    module: ModuleSource, methods: Sequence[tuple[PythonFile, Function]]
) -> bool:
    """Whether methods are of one class, or of classes that one of them is the base of."""
    names = {method.cls for _, method in methods}
    if len(names) == 1:
        return True
    bases: dict[str, set[str]] = {
        made.name: {base.rpartition(".")[2] for base in made.bases} | {made.name}
        for file in module.python
        for made in file.classes
        if made.name in names
    }
    return bool(set.intersection(*(bases.get(name, {name}) for name in names)))


def _dals(module: ModuleSource, file: PythonFile) -> set[str]:
    """The names of a file that hold a PyDAL database."""
    found = {c.target for c in file.calls if c.last in {"DAL"} and c.target}
    return found


def _blocks(module: ModuleSource, file: PythonFile, call: Call, dals: set[str]) -> str:
    """Why a call blocks the event loop; nothing when it does not."""
    if call.awaited and not call.bare and not call.target:
        return ""
    if call.awaited:
        return ""
    name = call.name
    origin = (
        module.code.origin(file, name)
        if "." not in name or name not in _BLOCKING
        else name
    )
    for known in (name, origin):
        if known in _BLOCKING:
            return f"`{name}` blocks every other request while it waits; {_BLOCKING[known]}"
    if call.last == "run_until_complete" or name == "asyncio.run":
        return f"`{name}` cannot run inside a running event loop; await instead"
    head = name.partition(".")[0]
    alias = "." not in name and origin.partition(".")[0] == "requests"
    verb = origin.rpartition(".")[2] if alias else call.last
    if verb in _REQUESTS and (alias or _is_library(file, head, "requests")):
        return (
            f"`{name}` blocks every other request while it waits; use aiohttp or httpx"
        )
    if call.last == "refresh" and any(v.text.endswith("Request") for v in call.args):
        made = module.code.origin(file, call.args[0].text)
        if made.startswith("google.auth.transport"):
            return (
                f"`{name}` asks Google, and blocks every other request until it answers"
            )
    if call.last in {"executesql", "executesql_sync"}:
        return (
            f"`{name}` blocks every other request until the database answers; run it with"
            " `await asyncio.to_thread(...)`"
        )
    if _pydal_chain(call, dals):
        return (
            "this PyDAL query blocks every other request until the database answers; run it"
            " with `await asyncio.to_thread(...)`"
        )
    if call.last in {"commit", "rollback"} and call.receiver in dals:
        return f"`{name}` blocks until the database answers; run it in a thread"
    client = client_that_waits(module, file, call)
    if client:
        return f"`{name}` blocks every other request until {client} answers; run it in a thread"
    return ""


def _pydal_chain(call: Call, dals: set[str]) -> bool:
    """`db(query).select()` and its like."""
    if call.last not in {
        "select",
        "update",
        "delete",
        "count",
        "isempty",
        "validate_and_update",
    }:
        return False
    receiver = call.receiver
    if not receiver.endswith("()"):
        return False
    base = receiver.removesuffix("()")
    last = base.rpartition(".")[2]
    return base in dals or last in {"db", "dal", "_db"}


def _is_library(file: PythonFile, head: str, library: str) -> bool:
    """Whether a name is a library."""
    return any(e.module == library and e.alias == head for e in file.imports)


_QUERIES = frozenset(
    "executesql execute fetch fetchrow fetchval fetch_one fetch_all fetch_val execute_query "
    "scalar scalars scalar_one".split()
)
_STORES = re.compile(
    r"(^|\.|_)(db|dal|database|conn|connection|cursor|cur|session|pool|tx|repo\w*)$"
)


@rule("WB552", severity=Severity.WARNING, topic="n-plus-one", checklist=None)
def query_in_loop(module: ModuleSource) -> Iterator[Problem]:
    """A query runs once for every item of a loop.

    A hundred rows are a hundred and one round trips. Ask once, with a join or with
    `WHERE id = ANY(...)`, and put the rows together afterwards.

    Bad:
        for user in users:
            rows = await db.fetch("SELECT * FROM reputation WHERE user_id = $1", user.id)
    Good:
        rows = await db.fetch("SELECT * FROM reputation WHERE user_id = ANY($1)", ids)
    """
    for file in module.python:
        for function in file.functions:
            seen: set[int] = set()
            for call in function.calls:
                if call.name == "map" and _maps_query(module, file, function, call):
                    message = f"`{call.args[0].text}` asks once for every item"
                    yield module.problem(file, call.line, message, call.column)
                loop = call.loop
                if (
                    loop is None
                    or not _goes_over_data(loop, function)
                    or loop.line in seen
                ):
                    continue
                asks = _is_query(call) or _asks_here(function, call)
                if (
                    asks
                    or _queries_below(module, file, function, call)
                    or _queries_in_object(module, function, call)
                ):
                    seen.add(loop.line)
                    yield module.problem(
                        file,
                        call.line,
                        f"`{call.name}` runs once for every item of the loop in line"
                        f" {loop.line}; ask once for all of them",
                        call.column,
                    )


def _goes_over_data(loop: Loop, function: Function) -> bool:
    """Whether a loop goes over rows or input, not over a few constants or attempts."""
    if loop.kind == "while":
        return False
    over = loop.over
    if over.kind in {"list", "dict", "str"} and not over.names:
        return False
    if over.kind == "list":
        return False
    if over.kind == "call" and over.text in {"range", "count"}:
        return False
    last = over.text.rpartition(".")[2]
    if last.lstrip("_").isupper():
        return False
    base = re.sub(r"\.(items|values|keys)$", "", over.text)
    made = [a.value for a in function.assigns if a.target == base]
    if any(n.lstrip("_").isupper() for v in made for n in _taken_from(v)):
        return False
    if over.kind == "name" and "." not in over.text:
        given = [a.value for a in function.assigns if a.target == over.text]
        if given and all(v.kind in {"list", "str"} and not v.names for v in given):
            return bool(given) and not any(v.text for v in given)
    return not re.search(
        r"attempt|retr|migrat|statement|table|batch|chunk|page", over.text, re.I
    )


def _taken_from(value: Value) -> tuple[str, ...]:
    """The names that a value may be a part of: a query only mentions them."""
    last = value.text.rpartition(".")[2]
    if value.kind == "await" or (value.kind == "call" and last not in _COPIES):
        return ()
    return value.names


_COPIES = frozenset(
    "list sorted tuple set dict enumerate zip items keys values".split()
)


def _is_query(call: Call) -> bool:
    """Whether a call asks a database."""
    if call.last in _QUERIES:
        if call.last in {
            "executesql",
            "fetchrow",
            "fetchval",
            "fetch_one",
            "fetch_all",
        }:
            return True
        return bool(_STORES.search(call.receiver))
    if call.last in {
        "query",
        "get",
        "select",
        "first",
        "create",
        "insert",
        "update",
        "delete",
        "select_async",
        "insert_async",
        "update_async",
        "delete_async",
    }:
        last = call.receiver.rpartition(".")[2]
        if re.fullmatch(r"_?(db|dal|database)", last):
            return True
        return call.last in {"select", "update", "delete"} and bool(
            re.search(r"(^|\.)_?(db|dal)\(\)$", call.receiver)
        )
    return False


def _queries_below(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> bool:
    """Whether a method of the same class, or a function of the file, asks a database."""
    receiver = call.receiver
    if receiver not in {"", "self"}:
        return False
    for other in file.functions:
        if other is function or other.name != call.last:
            continue
        if other.is_async and not (call.awaited or _is_gathered(function, call)):
            continue
        if (receiver == "self") == bool(other.cls):
            # A part of what there is may be a few of them.
            part = call.loop is not None and call.loop.over.text.endswith("[*]")
            return bool(other.sql) or any(
                _is_query(each)
                or (not part and _queries_in_object(module, other, each))
                for each in other.calls
            )
    return not receiver and _queries_elsewhere(module, file, function, call)


def _queries_elsewhere(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> bool:
    """Whether a function that is imported from another file asks a database."""
    if not any(each.alias == call.name for each in file.imports):
        return False
    places = module.code.resolve(file, call.name)
    found = [other.functions[number] for other, number in places]
    awaited = call.awaited or _is_gathered(function, call)
    return bool(found) and all(
        not each.cls and each.is_async == awaited and _reads(each) for each in found
    )


def _is_gathered(function: Function, call: Call) -> bool:
    """Whether a call is one of many that run side by side."""
    return any(
        each.last in {"gather", "as_completed", "wait"}
        and each.line <= call.line <= each.end_line
        for each in function.calls
    )


def _maps_query(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> bool:
    """`map(self._with_points, users)`: a query for each of the users."""
    if len(call.args) != 2 or call.args[0].kind != "name":
        return False
    name = call.args[0].text
    if not _goes_over_data(Loop(call.line, call.args[1], ""), function):
        return False
    asked = Call(name, call.line, 1, awaited=True, last=name.rpartition(".")[2])
    return _queries_below(module, file, function, asked)


def _queries_in_object(module: ModuleSource, function: Function, call: Call) -> bool:
    """Whether a call is of a method of the module that reads from a database."""
    if "." not in call.name or call.receiver in {"self", "cls", "super()"}:
        return False
    candidates = module.code.functions.get(call.last, ())
    if not candidates or _is_common(call.last):
        return False
    awaited = call.awaited or _is_gathered(function, call)
    methods = [file.functions[number] for file, number in candidates]
    return all(m.cls and m.is_async == awaited and _reads(m) for m in methods)


def _reads(function: Function) -> bool:
    """Whether all that a function does in a database is to read, once or more."""
    return bool(function.sql) and all(
        re.match(r"\s*(SELECT|WITH)\b", each.text, re.I) for each in function.sql
    )


def _asks_here(function: Function, call: Call) -> bool:
    """Whether a call is given the text of a query."""
    return any(
        each.call == call.name and call.line <= each.end_line <= call.end_line
        for each in function.sql
    )


_GROWING = frozenset(
    {"append", "add", "update", "setdefault", "extend", "insert", "appendleft"}
)
_SHRINKING = frozenset({"pop", "popitem", "clear", "remove", "discard", "popleft"})
_CONTAINERS = frozenset(
    {"dict", "list", "set", "defaultdict", "OrderedDict", "deque", "Counter"}
)


@rule("WB553", severity=Severity.WARNING, topic="state", checklist=None)
def state_in_memory(module: ModuleSource) -> Iterator[Problem]:
    """What must be shared or forgotten is kept in a variable of the process.

    Every replica has its own copy, a restart loses it, and nothing ever shrinks it. Keep state
    in Redis with a time to live; a cache in memory needs a bound.

    Bad:
        cooldowns = {}
        async def command(): cooldowns[user_id] = time.time()
    Good:
        await redis.set(f"cooldown:{user_id}", 1, ex=30)
    """
    clients = set(_redis_clients(module))
    for file in module.python:
        yield from _module_state(module, file)
        yield from _object_state(module, file)
        for function in file.functions:
            for call in function.calls:
                if call.last != "set" or _expires(call) or len(call.args) < 2:
                    continue
                if _is_redis(call) or call.receiver.rpartition(".")[2] in clients:
                    yield module.problem(
                        file,
                        call.line,
                        "this key never expires; pass ex= or use setex",
                        call.column,
                    )


def _is_redis(call: Call) -> bool:
    """Whether a call goes to Redis."""
    return bool(re.search(r"redis|(^|\.|_)rdb$|valkey", call.receiver, re.I))


def _redis_clients(module: ModuleSource) -> Iterator[str]:
    """What the module calls the clients of Redis that it makes."""
    for file in module.python:
        for made in file.calls:
            if made.target and made.last in {"Redis", "StrictRedis", "from_url"}:
                origin = module.code.origin(file, made.name)
                if re.match(r"redis\b|valkey\b|aioredis\b", origin):
                    yield made.target.rpartition(".")[2]


def _expires(call: Call) -> bool:
    """Whether a key is given a time to live, or keeps the one it has."""
    names = {
        "ex",
        "px",
        "exat",
        "pxat",
        "keepttl",
        "ttl",
        "expire",
        "KEEPTTL",
        "timeout",
    }
    return bool(names & set(call.keywords)) or len(call.args) > 2 or call.double_star


def _is_container(kind: str, text: str) -> bool:
    """Whether a value is an empty container that can grow."""
    if kind == "call":
        return text.rpartition(".")[2] in _CONTAINERS
    return kind in {"dict", "list"} and not text


def _module_state(module: ModuleSource, file: PythonFile) -> Iterator[Problem]:
    """Variables of the file that functions fill."""
    for assign in file.module.assigns:
        name = assign.target
        if (
            "." in name
            or "[" in name
            or name.startswith("__")
            or assign.value.names[1:]
        ):
            continue
        if not _is_container(assign.value.kind, assign.value.text):
            continue
        if "maxlen" in assign.value.names:
            continue
        if any(c.target == name and ("maxlen" in c.keywords) for c in file.calls):
            continue
        if _is_class_field(file, assign.line):
            continue
        if any(f"{name}.discard" in f.names for f in file.functions):
            continue
        if any(_bounds(f, name) for f in file.functions):
            continue
        users = [f for f in file.functions[1:] if not f.name.startswith("<main")]
        filled = [f for f in users if _fills(f, name) and _at_request(f)]
        filled = [f for f in filled if not _at_import(module, file, f)]
        if filled and not re.search(
            r"registry|handlers|commands|routes|RULES", name, re.I
        ):
            yield module.problem(
                file,
                assign.line,
                f"`{name}` is filled by `{filled[0].name}`: each replica has its own, and a"
                " restart loses it",
            )
            line = _remembers(filled, name)
            if line and abs(line - assign.line) > 2:
                message = f"another replica does not know what `{name}` has seen"
                yield module.problem(file, line, message)


def _bounds(function: Function, name: str) -> bool:
    """Whether a function looks at the size of a container, and takes something out."""
    sized = any(
        call.name == "len" and call.args and call.args[0].text == name
        for call in function.calls
    )
    return sized and _shrinks(function, name, by_size=False)


def _is_class_field(file: PythonFile, line: int) -> bool:
    """Whether an assignment of the file stands in a class."""
    return any(line == each.line for made in file.classes for each in made.fields)


def _at_request(function: Function) -> bool:
    """Whether a function runs while requests are served, not while the module starts."""
    return not re.search(
        r"^_?(register|setup|init|start|startup|load|connect|open|on_startup)(_|$)|decorator",
        function.name,
    )


def _at_import(module: ModuleSource, file: PythonFile, function: Function) -> bool:
    """Whether a function runs only while files are imported: a decorator, or a table's maker."""
    names = {function.name}
    if function.parent > 0:
        names.add(file.functions[function.parent].name)
    for other in module.python:
        for each in other.functions:
            if any(d.last in names for d in each.decorators):
                return True
    callers = [f for f in file.functions for c in f.calls if c.name in names]
    if not callers or any(f.name != "<module>" for f in callers):
        return False
    return not any(
        each.name in names for other in module.python for each in other.imports
    )


def _fills(function: Function, name: str) -> bool:
    """Whether a function puts something into a container."""
    local = (
        any(a.target == name for a in function.assigns) and name not in function.globals
    )
    if local or any(p.name == name for p in function.parameters):
        return False
    if any(a.target.startswith(f"{name}[") for a in function.assigns):
        return True
    return any(c.receiver == name and c.last in _GROWING for c in function.calls)


def _object_state(module: ModuleSource, file: PythonFile) -> Iterator[Problem]:
    """Attributes that are filled by keys and never shrink."""
    for made in file.classes:
        methods = [f for f in file.functions if f.cls == made.name]
        if re.search(r"Test|Mock|Fake|Builder|Parser", made.name):
            continue
        start = next((f for f in methods if f.name == "__init__"), None)
        own = {a.target for a in start.assigns} if start else set()
        for assign in made.fields if not _copies_defaults(made) else ():
            name = f"self.{assign.target}"
            if name not in own and _is_container(assign.value.kind, assign.value.text):
                aliases = (name, f"cls.{assign.target}", f"{made.name}.{assign.target}")
                yield from _growing(module, file, methods, assign, aliases)
        if start is None or _is_short_lived(module, made.name):
            continue
        others = [f for f in methods if f is not start]
        for assign in start.assigns:
            if assign.target.startswith("self.") and _is_container(
                assign.value.kind, assign.value.text
            ):
                if not _counts_kinds(assign, others):
                    own_name = (assign.target,)
                    found = list(_growing(module, file, others, assign, own_name))
                    yield from found or _longer(module, file, others, assign)


def _longer(
    module: ModuleSource, file: PythonFile, methods: list[Function], assign: Assign
) -> Iterator[Problem]:
    """An attribute whose lists get longer for as long as somebody comes back."""
    line = endless_lists(file, assign, methods)
    if line:
        message = (
            f"the lists in `{assign.target}` only get longer, and each replica has its"
            " own; keep them in Redis with a time to live, or cut them"
        )
        yield module.problem(file, assign.line, message)
        if abs(line - assign.line) > 2:
            yield module.problem(file, line, message)


def _growing(
    module: ModuleSource,
    file: PythonFile,
    methods: list[Function],
    assign: Assign,
    names: tuple[str, ...],
) -> Iterator[Problem]:
    """An attribute that methods fill and that none of them empties."""
    if _is_bounded(file, assign) or re.search(
        r"registry|handlers|_routes|instances", names[0]
    ):
        return
    makes = assign.value.text.rpartition(".")[2] == "defaultdict"
    for name in names:
        if any(_shrinks(f, name) for f in methods) or _bound_elsewhere(file, name):
            return
    for name in names:
        grows = [f for f in methods if _grows(f, name, makes)]
        if grows:
            yield module.problem(
                file,
                assign.line,
                f"`{name}` grows in `{grows[0].name}` and never shrinks; bound it, or"
                " keep it in Redis with a time to live",
            )
            line = _remembers(grows, name)
            if line and abs(line - assign.line) > 2:
                message = (
                    f"`{name}` knows what this process has seen; another replica takes it"
                    " again, and nothing is ever forgotten"
                )
                yield module.problem(file, line, message)
            line = _filled_at(grows, name)
            if line and abs(line - assign.line) > 2:
                message = f"this entry of `{name}` is never removed again"
                yield module.problem(file, line, message)
            return


def _filled_at(methods: list[Function], name: str) -> int:
    """Where a mapping is given an entry under a key that is not constant; 0 for nowhere."""
    for function in methods:
        for assign in function.assigns:
            if assign.target == f"{name}[*]":
                return assign.line
    return 0


def _is_bounded(file: PythonFile, assign: Assign) -> bool:
    """Whether a container is made with a largest size."""
    return any(
        call.line == assign.line and "maxlen" in call.keywords for call in file.calls
    )


def _remembers(methods: list[Function], name: str) -> int:
    """Where a set takes in what it will be asked for; 0 when it is no set."""
    for function in methods:
        for call in function.calls:
            if call.receiver == name and call.last == "add":
                return call.line
    return 0


_KINDS = re.compile(
    r"kind|type|status|method|endpoint|level|code|reason|stage|phase|event|name|action|label",
    re.IGNORECASE,
)


def _counts_kinds(assign: Assign, methods: list[Function]) -> bool:
    """Whether a mapping counts the few kinds that something may have."""
    keyed = [
        each
        for function in methods
        for each in function.assigns
        if each.target == f"{assign.target}[*]"
    ]
    return bool(keyed) and all(
        each.augmented and each.keys and all(map(_KINDS.search, each.keys))
        for each in keyed
    )


def _is_short_lived(module: ModuleSource, name: str) -> bool:
    """Whether objects of a class are made in functions alone, and kept nowhere else."""
    made = module.calls_by_name.get(name, ())
    return bool(made) and all(
        function.parent >= 0
        and function.name != "<main>"
        and not _makes_the_application(function)
        and (
            re.fullmatch(r"\w+", call.target) is not None or _is_used_up(function, name)
        )
        and call.target not in function.globals
        and not any(
            a.value.kind == "name" and a.value.text == call.target and "." in a.target
            for a in function.assigns
        )
        for function, call in made
    )


def _is_used_up(function: Function, name: str) -> bool:
    """Whether an object is made and asked in one breath: `Walk(tree).names()`."""
    return any(call.receiver == f"{name}()" for call in function.calls)


def _makes_the_application(function: Function) -> bool:
    """Whether what a function makes lives as long as the application."""
    made = {call.last for call in function.calls}
    return bool(made & {"Quart", "Flask", "register_blueprint", "create_app"})


def _grows(function: Function, name: str, makes: bool = False) -> bool:
    """Whether a method adds entries by a key that is not constant.

    A mapping that makes what it lacks grows by being asked.
    """
    if not _at_request(function) or re.search(
        r"start|connect|add_handler|subscribe|^__(?!call)", function.name
    ):
        return False
    entry = f"{name}[*]"
    for assign in function.assigns:
        if assign.target == entry or (makes and assign.value.text == entry):
            return True
    for call in function.calls:
        if call.receiver == name and call.last == "setdefault":
            return True
        if call.receiver == name and call.last == "add" and _is_of_a_kind(call):
            return True
        if makes and call.receiver == f"{name}[]":
            return True
    return False


def _is_of_a_kind(call: Call) -> bool:
    """Whether what is added to a set is a value without end: an id, a key, a user."""
    said = " ".join(
        (*(v.text for v in call.args), *(n for v in call.args for n in v.names))
    )
    return bool(_ENDLESS.search(said))


_ENDLESS = re.compile(
    r"(^|[._ (])(id|key|nonce|digest|signature|message|event|user|member)|_id\b|_key\b|nonce|"
    r"digest",
    re.IGNORECASE,
)


def _shrinks(function: Function, name: str, by_size: bool = True) -> bool:
    """Whether a method removes entries, starts anew or looks at the size."""
    if any(each.startswith(name) for each in function.deletes):
        return True
    if any(a.target == name for a in function.assigns):
        return True
    for call in function.calls:
        if call.receiver == name and call.last in _SHRINKING:
            return True
        sized = call.name == "len" and call.args and call.args[0].text == name
        if by_size and sized:
            return True
    return False


def _bound_elsewhere(file: PythonFile, name: str) -> bool:
    """Whether another file-level function shrinks it."""
    return any(_shrinks(f, name) for f in file.functions if f.nested)


@rule("WB554", severity=Severity.WARNING, topic="async", checklist=None)
def gather_that_gives_up(module: ModuleSource) -> Iterator[Problem]:
    """One failure among many throws the results of all others away.

    `asyncio.gather(*tasks)` raises the first error while the rest still runs, unobserved. Pass
    `return_exceptions=True` and look at each result, or use a TaskGroup where one failure
    really should end all.

    Bad:
        results = await asyncio.gather(*tasks)
    Good:
        results = await asyncio.gather(*tasks, return_exceptions=True)
    """
    for file, function, call in module.calls():
        if call.name in {"asyncio.gather", "gather"} and call.star:
            if "return_exceptions" in call.keywords or call.double_star:
                continue
            if _starts_or_runs(function, call):
                continue
            if not _handles_itself(module, file, call):
                yield module.problem(
                    file,
                    call.line,
                    "the first failure throws away all other results; pass"
                    " return_exceptions=True",
                    call.column,
                )


def _starts_or_runs(function: Function, call: Call) -> bool:
    """Whether one failure should end all: while a module starts, or as long as it runs."""
    if call.target or any(each.line == call.line for each in function.returns):
        return False
    hooks = {each.last for each in function.decorators}
    if hooks & {"before_serving", "while_serving", "on_startup"}:
        return True
    return bool(
        re.search(
            r"^_?(main|run|serve|start|startup|on_startup|init)(_|$)", function.name
        )
    )


@rule("WB558", severity=Severity.WARNING, topic="state", checklist=None)
def shared_default(module: ModuleSource) -> Iterator[Problem]:
    """What is made once is changed by one call, and every later call finds it changed.

    The default of a parameter is made when the file is imported, an attribute of a class is one
    for all its objects, and a service is one for all requests: what belongs to a request or a
    community goes into a variable of the function.

    Bad:
        def targets(repo, found=[]):
            found.append(repo)
    Good:
        def targets(repo, found=None):
            found = [] if found is None else found
    """
    for file, function in module.functions():
        yield from _filled_defaults(module, file, function)
    for file in module.python:
        for made in file.classes:
            yield from _changed_fields(module, file, made)
        for function in file.functions:
            yield from _kept_globals(module, file, function)


def _filled_defaults(
    module: ModuleSource, file: PythonFile, function: Function
) -> Iterator[Problem]:
    """Defaults of parameters that the function fills."""
    for parameter in function.parameters:
        given = parameter.default
        if given is None or not _is_container(given.kind, given.text):
            continue
        name = parameter.name
        filled = any(c.receiver == name and c.last in _GROWING for c in function.calls)
        keyed = any(a.target.startswith(f"{name}[") for a in function.assigns)
        if filled or keyed:
            message = f"`{name}` is one and the same for all calls, and is filled here"
            yield module.problem(file, function.line, message)


def _changed_fields(
    module: ModuleSource, file: PythonFile, made: Class
) -> Iterator[Problem]:
    """Attributes of a class that its objects change for all of them."""
    if re.search(r"Test|Mock|Fake", made.name) or _copies_defaults(made):
        return
    methods = [f for f in file.functions if f.cls == made.name]
    own = {a.target for f in methods for a in f.assigns}
    for field in made.fields:
        name = field.target
        plural = field.value.kind in {"dict", "list"} or _is_container(
            field.value.kind, field.value.text
        )
        if plural and f"self.{name}" not in own:
            start = next((f for f in methods if f.name == "__init__"), None)
            if start and _fills(start, f"self.{name}"):
                message = (
                    f"`{name}` is one and the same for all objects, and is filled here"
                )
                yield module.problem(file, field.line, message)
        for function in methods:
            shared = plural and f"self.{name}" not in own
            line = _changes_alias(function, f"self.{name}") if shared else 0
            line = line or _overwrites(function, made.name, name)
            if line:
                message = f"`{name}` is one for all requests; keep this in a variable"
                yield module.problem(file, line, message)


def _copies_defaults(made: Class) -> bool:
    """Whether a class gives each object its own copy of what stands in its body."""
    kinds = {each.rpartition(".")[2] for each in (*made.bases, *made.decorators)}
    return bool(
        kinds & {"BaseModel", "BaseSettings", "dataclass", "NamedTuple", "TypedDict"}
    ) or any(re.search(r"Enum$|Schema$|Model$|Form$", kind) for kind in kinds)


def _changes_alias(function: Function, name: str) -> int:
    """Where a function changes a container of the class under another name; 0 for nowhere."""
    for assign in function.assigns:
        if assign.value.kind != "name" or assign.value.text != name:
            continue
        alias = assign.target
        if "." in alias or sum(a.target == alias for a in function.assigns) > 1:
            continue
        for call in function.calls:
            if call.receiver == alias and call.last in _GROWING:
                return call.line
        for other in function.assigns:
            if other.target.startswith(f"{alias}["):
                return other.line
    return 0


_OF_A_REQUEST = re.compile(
    r"communit|user|member|guild|channel|message|event|request|query|sender|viewer",
    re.IGNORECASE,
)
_KEPT = re.compile(
    r"instance|pool|client|conn|config|settings|loop|engine|registry|default|factory|started"
)
_SETS_UP = re.compile(
    r"^_?(init|setup|configure|connect|start|load|set|register|bind|use|for|with|reset|from|"
    r"enter|create|get_instance|attach)(_|$)|^__"
)


def _overwrites(function: Function, owner: str, name: str) -> int:
    """Where a method gives the class itself what belongs to one request; 0 for nowhere."""
    if _KEPT.search(name) or _SETS_UP.search(function.name):
        return 0
    for assign in function.assigns:
        if assign.target in {f"{owner}.{name}", f"cls.{name}"}:
            if _is_of_a_request(function, assign.value):
                return assign.line
    return 0


def _is_of_a_request(function: Function, value: Value) -> bool:
    """Whether a value was made of what a request is about."""
    about = {p.name for p in function.parameters if _OF_A_REQUEST.search(p.name)}
    names = set(value.names)
    for assign in function.assigns:
        if assign.target in names:
            names |= set(assign.value.names)
    return bool(names & about) or any(n.startswith(("g.", "request.")) for n in names)


def _kept_globals(
    module: ModuleSource, file: PythonFile, function: Function
) -> Iterator[Problem]:
    """What one request leaves in a variable of the file, or in an object made with it."""
    if _SETS_UP.search(function.name):
        return
    alone = _is_single(module, function.cls) if function.cls else False
    for assign in function.assigns:
        kept = assign.target in function.globals
        if assign.target.startswith("self.") and "[" not in assign.target:
            kept = alone
        if not kept or assign.augmented or _KEPT.search(assign.target):
            continue
        if _PRESENT.search(assign.target) and _is_of_a_request(function, assign.value):
            message = (
                f"`{assign.target}` is one for all requests: after the next await it may be"
                " another's; keep this in a variable"
            )
            yield module.problem(file, assign.line, message)


# What is so called is about whoever asks at the moment.
_PRESENT = re.compile(
    r"(^|[._])(current|active)_|(^|[._])_?(community|community_id|user|user_id|member|"
    r"request|context)$"
)


def _is_single(module: ModuleSource, name: str) -> bool:
    """Whether a class is made into an object once, while its file is imported."""
    made = [function for function, _ in module.calls_by_name.get(name, ())]
    return bool(made) and all(
        each.name == "<module>" or _makes_the_application(each) for each in made
    )


def _handles_itself(module: ModuleSource, file: PythonFile, call: Call) -> bool:
    """Whether each of the gathered coroutines catches its own errors."""
    for name in call.args[0].names:
        for other, number in module.code.resolve(file, name)[:2]:
            inner = other.functions[number]
            if inner.is_async and inner.handlers:
                return True
    return False


@rule("WB559", severity=Severity.WARNING, topic="exception", checklist="CQ4")
def failures_nobody_looks_at(module: ModuleSource) -> Iterator[Problem]:
    """Errors come back among the results of `gather`, and nothing looks for them.

    With `return_exceptions=True` nothing is raised and nothing is logged: what failed is left
    out without a word. Log what is an exception, or count it in the answer.

    Bad:
        found = await asyncio.gather(*jobs, return_exceptions=True)
        return [each for each in found if isinstance(each, dict)]
    Good:
        for each in found:
            if isinstance(each, Exception):
                logger.error("a job failed", exc_info=each)
    """
    for function, call in module.calls_by_name.get("gather", ()):
        given = call.keywords.get("return_exceptions")
        if given is None or given.text != "True" or not call.awaited:
            continue
        file = next(f for f in module.python if function in f.functions)
        if call.target:
            silent = _leaves_failures_out(function, call)
        else:
            silent = call.bare and not _may_fail_in_peace(module, file, function, call)
        if silent:
            message = "what fails here comes back as a value, and nothing looks for it"
            yield module.problem(file, call.line, message, call.column)


_TELLS = re.compile(
    r"(^|[._])(log\w*|error|warning|warn|exception|critical|capture\w*|record\w*|inc|fail\w*)$"
    r"|(^|[._])log(ger|ging)?\.(debug|info|log)$"
)


def _is_about(over: Value, names: set[str]) -> bool:
    """Whether a loop goes over one of some names, or over a method of it."""
    return any(n in names or n.rpartition(".")[0] in names for n in over.names)


_COUNTED = re.compile(r"fail|err|lost|miss|bad|broken|skipped", re.I)
_LOOKS_ON = frozenset(
    "isinstance len zip enumerate list tuple sorted filter map".split()
)


def _leaves_failures_out(function: Function, call: Call) -> bool:
    """Whether results are gone through, and what failed among them is told to nobody."""
    name = call.target
    later = [each for each in function.calls if each.line > call.end_line]
    about = {name, *(a.target for a in function.assigns if name in a.value.names)}
    looped = [loop for loop in function.loops if name in loop.over.names]
    if "." in name or not looped:
        return False
    for each in later:
        values = (*each.args, *each.keywords.values())
        handed = any(v.text == name or v.text == f"*{name}" for v in values)
        if handed and each.last not in _LOOKS_ON:
            return False
        if _TELLS.search(each.name):
            return False
        within = each.loop is not None and _is_about(each.loop.over, about)
        if within and each.bare:
            return False  # something is done with each of them
        if each.last in {"len", "sum"} and any(about & set(v.names) for v in values):
            return False
    if any(each.value.text == name for each in function.returns):
        return False
    counted = any(
        a.augmented and _COUNTED.search(a.target) and a.line > call.end_line
        for a in function.assigns
    )
    return not (counted or function.raises)


def _may_fail_in_peace(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> bool:
    """Whether the results may be dropped: at the end of things, or of what logs by itself."""
    if _ENDS.search(function.name) or _is_start(function):
        return True
    if any(each.last in {"cancel", "close", "aclose"} for each in function.calls):
        return True
    if not call.args:
        return True
    names = [n for value in call.args for n in value.names]
    names += [
        n
        for assign in function.assigns
        if assign.target in names
        for n in assign.value.names
    ]
    inner = [
        other.functions[number]
        for name in names
        for other, number in module.code.resolve(file, name)
        if other.functions[number].is_async
    ]
    return not inner or any(each.handlers for each in inner)


_ENDS = re.compile(
    r"close|stop|shutdown|clean|teardown|disconnect|cancel|drain|flush|exit", re.I
)


@rule("WB555", severity=Severity.WARNING, topic="async", checklist=None)
def dropped_task(module: ModuleSource) -> Iterator[Problem]:
    """A task is started and its handle thrown away.

    The event loop keeps only a weak reference: the task can vanish while it runs, and its error
    is never seen. Keep it in a set and drop it from there when it is done.

    Bad:
        asyncio.create_task(send(event))
    Good:
        task = asyncio.create_task(send(event))
        tasks.add(task); task.add_done_callback(tasks.discard)
    """
    for file, function, call in module.calls():
        if call.last not in {"create_task", "ensure_future"}:
            continue
        if call.awaited or not call.bare:
            continue
        owner = call.receiver.rpartition(".")[2].removesuffix("()")
        if re.search(
            r"group|^tg$|nursery|tasks?_?manager|scheduler|^app$", owner, re.I
        ):
            continue
        if owner and not re.search(r"asyncio|loop", owner):
            continue
        yield module.problem(
            file,
            call.line,
            "nobody keeps this task: it may vanish while it runs, and its error is lost",
            call.column,
        )


@rule("WB556", severity=Severity.INFO, topic="lint", checklist=None)
def naive_utcnow(module: ModuleSource) -> Iterator[Problem]:
    """`datetime.utcnow()` gives a time that does not know its zone.

    It compares wrongly with times that do, and Python is going to remove it. Use
    `datetime.now(UTC)`.

    Bad:
        datetime.utcnow()
    Good:
        datetime.now(timezone.utc)
    """
    for file, _, call in module.calls():
        if call.last in {"utcnow", "utcfromtimestamp"} and "datetime" in call.receiver:
            yield module.problem(
                file,
                call.line,
                f"`{call.name}` knows no zone; use datetime.now(UTC)",
                call.column,
            )


@rule("WB557", severity=Severity.WARNING, topic="validation", checklist=None)
def unbounded_batch(module: ModuleSource) -> Iterator[Problem]:
    """A route takes a list of any length.

    One request can then hold the module for minutes. Refuse more than a stated number.

    Bad:
        for event in data["events"]: await handle(event)
    Good:
        if len(data["events"]) > MAX_BATCH_SIZE: return error_response(...)
    """
    for route in module.routes:
        if not re.search(r"batch|bulk", f"{route.path} {route.function.name}"):
            continue
        function = route.function
        if not route.writes or not any(b.source == "json" for b in function.bodies):
            continue
        if "len" in function.tested or any(
            each.text.endswith("[*]") for each in _taken(function)
        ):
            continue
        one_by_one = any(c.loop and c.last in SCHEMAS for c in function.calls)
        if not one_by_one and any(b.validated == "schema" for b in function.bodies):
            continue
        line = next(b.line for b in function.bodies if b.source == "json")
        yield module.problem(
            route.file, line, f"`{route.label}` takes a list of any length"
        )


def _taken(function: Function) -> Iterator[Value]:
    """What a function goes over, or takes into a name: `[*]` at the end is a part of it."""
    for call in function.calls:
        if call.loop:
            yield call.loop.over
    for assign in function.assigns:
        yield assign.value


_WRITES = re.compile(
    r"\b(\w+)\s*=\s*(?:%s|%\(\w+\)s|\$\d|\?|:\w+)\s*(?:,|WHERE\b)", re.IGNORECASE
)
_HELD = re.compile(
    r"lock|semaphore|mutex|serializable|for_update|advisory", re.IGNORECASE
)


@rule("WB561", severity=Severity.ERROR, topic="state", checklist=None)
def lost_update(module: ModuleSource) -> Iterator[Problem]:
    """A number is read, changed here, and written back.

    Two requests at once read the same number, and what the first wrote is lost. Let the
    database count, or lock the row while it is changed.

    Bad:
        left = await balance(user) - amount
        await db.execute("UPDATE wallets SET balance = $1 WHERE user_id = $2", left, user)
    Good:
        await db.execute("UPDATE wallets SET balance = balance - $1 WHERE user_id = $2", ...)
    """
    for file, function in module.functions():
        for statement in function.sql:
            match = _WRITES.search(statement.text)
            if match is None or not statement.text.lstrip().upper().startswith(
                "UPDATE"
            ):
                continue
            column = match[1].lower()
            line = _computed(module, file, function, statement, column)
            if line and not _is_held(module, function, statement, column):
                message = (
                    f"`{column}` is read, worked out here and written back; let the"
                    " database do it, or lock the row"
                )
                yield module.problem(file, line, message)
        for line, name in _written_back(function):
            message = (
                f"`{name}` is read, worked out here and written back; lock the row"
            )
            yield module.problem(file, line, message)


_MONEY = re.compile(
    r"balance|points|credits|coins|currency|wallet|stock|quantity|tickets|available"
)
_ROWS = re.compile(r"session|query|scalar|execute|first|one|get|db\b|dal\b")


def _written_back(function: Function) -> Iterator[tuple[int, str]]:
    """Attributes of rows, and keys of Redis, that are counted here and stored again."""
    lasts = {call.last for call in function.calls}
    if not lasts & {"commit", "flush", "update_record", "set", "setex"}:
        return
    said = [n for c in function.calls for n in (c.name, *c.guarded, *c.keywords)]
    if any(map(_HELD.search, said)):
        return
    stores = bool(lasts & {"commit", "flush"})
    given = {a.target: a.value for a in function.assigns}
    for assign in function.assigns if stores else ():
        base, _, last = assign.target.rpartition(".")
        row = given.get(base)
        counted = assign.augmented or (
            _is_arithmetic(assign.value) and assign.target in assign.value.names
        )
        if counted and row is not None and _MONEY.search(last):
            if row.kind in {"call", "await"} and _ROWS.search(row.text):
                yield assign.line, assign.target
    for call in function.calls:
        if call.last == "update_record":
            for name, value in call.keywords.items():
                if _is_arithmetic(value) and f"{call.receiver}.{name}" in value.names:
                    yield call.line, name
        elif call.last in {"set", "setex"} and _is_redis(call):
            for value in call.args[1:]:
                for name in value.names if _is_arithmetic(value) else ():
                    if f"{call.receiver}.get" in given.get(name, value).names:
                        yield call.line, name


def _computed(
    module: ModuleSource, file: PythonFile, function: Function, write: Sql, column: str
) -> int:
    """Where a number that was read is changed before it is written; 0 for nowhere."""
    given = {
        name
        for call in function.calls
        if call.name == write.call and call.line <= write.end_line <= call.end_line
        for value in (*call.args, *call.keywords.values())
        for name in value.names
    }
    read = _read_numbers(module, file, function, write.line, column)
    if read & {name.partition("[")[0] for name in write.worked_out}:
        return write.line
    for assign in function.assigns:
        if assign.line > write.end_line or assign.target not in given:
            continue
        if read & set(assign.value.names) and _is_arithmetic(assign.value):
            return assign.line
    return 0


def _is_arithmetic(value: Value) -> bool:
    """Whether a value is worked out from others."""
    if value.kind == "call":
        return value.text in {"max", "min", "int", "round"}
    return value.kind == "other" and value.text.startswith("{}")


def _read_numbers(
    module: ModuleSource, file: PythonFile, function: Function, before: int, column: str
) -> set[str]:
    """The names that hold what was read from a column, or a row with it."""
    pattern = re.compile(rf"\bSELECT\b[^;]*(\b{column}\b|\*)", re.IGNORECASE)
    found: set[str] = set()
    given = {a.line: a.target for a in function.assigns}
    for call in function.calls:
        target = call.target or given.get(call.line, "")
        if not target or call.line > before:
            continue
        texts = [
            s.text for s in function.sql if call.line <= s.end_line <= call.end_line
        ]
        for other, number in module.code.resolve(file, call.name)[:2]:
            texts += [s.text for s in other.functions[number].sql]
        if any(pattern.search(text) for text in texts):
            found.add(target)
    for assign in function.assigns:
        if {name.partition("[")[0] for name in assign.value.names} & found:
            if assign.value.kind in {"subscript", "name", "call", "other"}:
                found.add(assign.target)
    return found


def _is_held(module: ModuleSource, function: Function, write: Sql, column: str) -> bool:
    """Whether nobody else can change the number meanwhile, or the write notices it."""
    _, _, condition = write.text.upper().partition("WHERE")
    if column.upper() in condition or "VERSION" in condition:
        return True
    said = [name for call in function.calls for name in (call.name, *call.guarded)]
    if any(map(_HELD.search, said)):
        return True
    return any(
        "FOR UPDATE" in text.upper()
        for call in function.calls
        for text in (
            *(s.text for s in function.sql),
            *(
                s.text
                for places in module.code.functions.get(call.last, ())[:2]
                for s in places[0].functions[places[1]].sql
            ),
        )
    )
