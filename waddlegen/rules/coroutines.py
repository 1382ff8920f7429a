"""Coroutines of other libraries, and of objects that are kept in mappings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.kinds import key_of
from waddlegen.facts.python import Call, Function, PythonFile
from waddlegen.findings import Problem, Severity
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_REDIS = frozenset(
    "append decr decrby delete exists expire expireat flushdb get getdel getex getset hdel "
    "hexists hget hgetall hincrby hkeys hlen hmget hmset hset hsetnx incr incrby incrbyfloat "
    "keys lindex llen lpop lpush lrange lrem ltrim mget mset persist pexpire ping publish "
    "rpop rpush sadd scard set setex setnx sismember smembers smismember spop srem ttl "
    "unlink xack xadd xgroup_create xread xreadgroup zadd zcard zincrby zrange zrank zrem "
    "zremrangebyscore zrevrange zscore aclose".split()
)
_DATABASE = frozenset(
    "execute executemany executesql fetch fetchrow fetchval fetchone fetchall".split()
)
# What an asynchronous session of SQLAlchemy does beside.
_SESSION = _DATABASE | frozenset("commit rollback flush refresh scalar scalars".split())
# Methods that are coroutines of what a library makes.
_MAKERS: dict[str, frozenset[str]] = {
    "redis.asyncio": _REDIS,
    "aioredis": _REDIS,
    "asyncio.Queue": frozenset({"put", "get", "join"}),
    "asyncio.Lock": frozenset({"acquire"}),
    "asyncio.Semaphore": frozenset({"acquire"}),
    "asyncio.Event": frozenset({"wait"}),
    "httpx.AsyncClient": frozenset(
        "get post put patch delete head options request send aclose".split()
    ),
    "aiohttp.ClientSession": frozenset({"close"}),
    "asyncpg.create_pool": frozenset({*_DATABASE, "close"}),
    "asyncpg.connect": frozenset({*_DATABASE, "close"}),
}
_ALL = frozenset[str]().union(*_MAKERS.values()) | {"json", "text", "read"}
_BUFFERS = re.compile(r"pipe|batch|multi|transaction|(^|[._])tr(ans)?$|(^|[._])p$")


def is_foreign(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> bool:
    """Whether a call makes a coroutine of another library, as far as the file itself shows."""
    if "." not in call.name or call.receiver in {"self", "cls", "super()"}:
        return False
    if call.last in _ALL:
        known = _library_of(module, file, function, call.receiver)
        if known:
            return call.last in _MAKERS[known]
        if _is_piped(module, file, function, call) or _is_answer(file, function, call):
            return True
    return call.bare and _is_awaited_elsewhere(module, file, function, call)


def _library_of(
    module: ModuleSource, file: PythonFile, function: Function, name: str
) -> str:
    """The library that surely made what a name holds; "" for none, or for several."""
    given = [
        a.value.text.removesuffix("()") for a in function.assigns if a.target == name
    ]
    if given:
        made = {_maker(module.code.origin(file, each)) for each in given}
        return made.pop() if len(made) == 1 else ""
    if any(p.name == name and not p.annotation for p in function.parameters):
        return ""
    for parameter in function.parameters:
        if parameter.name == name:
            return _maker(module.code.origin(file, parameter.annotation))
    return _made_everywhere(module).get(key_of(name), "") if "]" not in name else ""


def _made_everywhere(module: ModuleSource) -> dict[str, str]:
    """What the module calls the objects of libraries; one of two kinds is none."""

    def work() -> dict[str, str]:
        """As above, worked out once."""
        found: dict[str, str] = {}
        for file in module.python:
            for function in file.functions:
                for assign in function.assigns:
                    if assign.value.kind not in {"call", "await"}:
                        continue
                    key = key_of(assign.target)
                    name = assign.value.text.removesuffix("()")
                    made = _maker(module.code.origin(file, name))
                    if made or key in found:
                        found[key] = made if found.get(key, made) == made else ""
        return found

    return module.once(_made_everywhere, work)


def _maker(origin: str) -> str:
    """The entry of the table that something comes from."""
    return next(
        (n for n in _MAKERS if origin == n or origin.startswith(f"{n}.")),
        "",
    )


def _line(module: ModuleSource, file: PythonFile, line: int) -> str:
    """A line of a file as it is written."""
    return module.line_of(module.path(file.path), line)


def _is_piped(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> bool:
    """Whether a call carries out a pipeline of Redis that was opened as a coroutine's is."""
    return call.last == "execute" and any(
        assign.target == call.receiver
        and assign.value.text.endswith(".pipeline")
        and "async with" in _line(module, file, assign.line)
        for assign in function.assigns
    )


def _is_answer(file: PythonFile, function: Function, call: Call) -> bool:
    """Whether a call reads the answer that aiohttp brought."""
    if call.last not in {"json", "text", "read"}:
        return False
    if not any(each.module.partition(".")[0] == "aiohttp" for each in file.imports):
        return False
    if any(each.module.partition(".")[0] in _SYNC for each in file.imports):
        return False
    return any(
        assign.target == call.receiver
        and assign.value.kind == "call"
        and assign.value.text.rpartition(".")[2] in _ASKS
        and f"with:{assign.value.text}" in call.guarded
        for assign in function.assigns
    )


_SYNC = frozenset({"requests", "httpx", "urllib3"})
_ASKS = frozenset("get post put patch delete head request".split())


def _is_awaited_elsewhere(
    module: ModuleSource, file: PythonFile, function: Function, call: Call
) -> bool:
    """Whether the same method of the same object is awaited elsewhere in the file.

    A command of Redis, or of a database, that is awaited says the same of the others.
    """
    if "()" in call.receiver or "]" in call.receiver:
        return False
    kin = frozenset({call.last})
    if not _BUFFERS.search(call.receiver):
        if call.last in _REDIS and re.search(r"redis|valkey|rdb", call.receiver, re.I):
            kin = _REDIS
        elif call.last in _SESSION and re.search(r"session|conn", call.receiver, re.I):
            kin = _SESSION
        elif call.last in _DATABASE:
            kin = _DATABASE
    elif call.last != "execute":
        return False
    if module.kinds.of(file, function, call.receiver) is not None:
        return False
    origin = _origins(function, call.receiver)
    return any(
        each.awaited
        and each.last in kin
        and each.receiver == call.receiver
        and "await " in _line(module, file, each.line)
        and (other.cls == function.cls or not call.receiver.startswith("self."))
        and _origins(other, call.receiver) == origin
        for other in file.functions
        for each in other.calls
    )


def _origins(function: Function, name: str) -> frozenset[str]:
    """What a local name is given in a function, or how it comes in."""
    base = name.partition(".")[0]
    found = {
        f"{a.value.kind}:{a.value.text}" for a in function.assigns if a.target == base
    }
    found |= {
        f"parameter:{p.annotation}" for p in function.parameters if p.name == base
    }
    return frozenset(found - {"parameter:"}) if base != "self" else frozenset()


_KEY = re.compile(r"""(?:\[|\w\(|\.get\()\s*['"](\w+)['"]\s*[\])]$""")


def kept_method(module: ModuleSource, file: PythonFile, call: Call) -> Function | None:
    """The method of an object that is looked up by a key: `services["quotes"].purge()`."""
    if not call.receiver.endswith(("[]", "()")):
        return None
    text = "".join(
        _line(module, file, number).strip()
        for number in range(call.line, max(call.line, call.end_line) + 1)
    )
    before, dot, _ = text.partition(f".{call.last}(")
    match = _KEY.search(before) if dot else None
    if match is None:
        return None
    found = module.kinds.method_of(module.kinds.kept(match[1]), call.last)
    return found[1] if found else None


# Functions that call what they are given, and where that stands; none of them awaits.
_CALLERS: dict[str, tuple[int, str]] = {
    "add_done_callback": (0, ""),
    "add_signal_handler": (1, "callback"),
    "call_soon": (0, "callback"),
    "call_soon_threadsafe": (0, "callback"),
    "call_later": (1, "callback"),
    "call_at": (1, "callback"),
    "to_thread": (0, "func"),
    "run_in_executor": (1, "func"),
    "Thread": (1, "target"),
    "Timer": (1, "function"),
    "Process": (1, "target"),
}
_WHOLE = frozenset({"atexit.register", "signal.signal", "filter"})


@rule("WB562", severity=Severity.ERROR, topic="async", checklist=None)
def coroutine_as_callback(module: ModuleSource) -> Iterator[Problem]:
    """A coroutine function is handed to something that calls it and never awaits it.

    Each call makes a coroutine that nobody runs: the callback does nothing. Hand over a plain
    function that starts a task, or await the coroutine where you are.

    Bad:
        loop.add_signal_handler(signal.SIGTERM, shutdown)
    Good:
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
    """
    for last in (*_CALLERS, "register", "signal", "filter"):
        for function, call in module.calls_by_name.get(last, ()):
            place, name = _CALLERS.get(last, (0, ""))
            if last not in _CALLERS:
                if call.name not in _WHOLE:
                    continue
                place = 1 if last == "signal" else 0
            value = call.argument(place, name)
            if value is None or value.kind != "name":
                continue
            file = next(f for f in module.python if function in f.functions)
            if _is_coroutine_function(module, file, function, value.text):
                message = f"`{value.text}` is a coroutine function; `{call.name}` never awaits it"
                yield module.problem(file, call.line, message, call.column)


def _is_coroutine_function(
    module: ModuleSource, file: PythonFile, function: Function, name: str
) -> bool:
    """Whether a name is a function of the module that only makes a coroutine."""
    if any(a.target == name for a in function.assigns):
        return False
    if any(p.name == name for p in function.parameters):
        return False
    if "." in name:
        known = module.kinds.method(file, function, name)
        return known is not None and _only_makes(known[1])
    own = [f for f in file.functions if f.name == name and not f.cls]
    if not own:
        origin = [i for i in file.imports if i.alias == name and i.name]
        stem = origin[0].module.rpartition(".")[2] if origin else ""
        own = [
            other.functions[number]
            for other, number in module.code.functions.get(name, ())
            if stem and other.path.endswith((f"{stem}.py", f"{stem}/__init__.py"))
        ]
    return bool(own) and all(map(_only_makes, own))


def _only_makes(function: Function) -> bool:
    """Whether calling a function makes a coroutine and nothing else."""
    return function.is_async and not function.yields and not function.decorators
