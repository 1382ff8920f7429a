"""Clients that hold up whoever calls them: which names hold one, and which calls wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from waddlegen.facts.python import Call, Function, PythonFile, Value
from waddlegen.source import ModuleSource


class _Waiting(NamedTuple):
    """A kind of client: who answers it, and the calls that wait for that."""

    answers: str
    calls: frozenset[str] = frozenset()
    # Whether what its own calls give back waits as well: cursors, requests, collections.
    passes_on: bool = False


def _calls(text: str) -> frozenset[str]:
    """The names in a text."""
    return frozenset(text.split())


_HTTP = _calls("get post put patch delete head options request send stream")
_SQL = _calls(
    "execute executemany executescript fetchone fetchall fetchmany commit rollback callproc"
)
_REDIS = _calls(
    "get set setex setnx delete exists expire ttl incr incrby decr hget hset hgetall hincrby "
    "hdel lpush rpush lrange lpop rpop publish mget mset sadd srem smembers sismember zadd "
    "zrange zincrby zrevrange ping keys scan xadd eval execute"
)
_MONGO = _calls(
    "find_one insert_one insert_many update_one update_many delete_one delete_many "
    "replace_one aggregate count_documents distinct find_one_and_update bulk_write"
)
_AI = _calls("create parse generate")
_SLACK = _calls(
    "chat_postMessage chat_postEphemeral chat_update chat_delete users_info users_list "
    "conversations_list conversations_info conversations_history auth_test api_call views_open"
)
_KINDS = {
    "requests.Session": _Waiting("the other side", _HTTP),
    "requests.session": _Waiting("the other side", _HTTP),
    "requests.sessions.Session": _Waiting("the other side", _HTTP),
    "httpx.Client": _Waiting("the other side", _HTTP),
    "urllib3.PoolManager": _Waiting("the other side", _calls("request urlopen")),
    "httplib2.Http": _Waiting("the other side", _calls("request")),
    "http.client.HTTPConnection": _Waiting(
        "the other side", _calls("request getresponse")
    ),
    "http.client.HTTPSConnection": _Waiting(
        "the other side", _calls("request getresponse")
    ),
    "googleapiclient.discovery.build": _Waiting(
        "Google", _calls("execute next_chunk"), True
    ),
    "googleapiclient.discovery.build_from_document": _Waiting(
        "Google", _calls("execute next_chunk"), True
    ),
    "boto3.client": _Waiting("AWS"),
    "boto3.resource": _Waiting("AWS"),
    "boto3.session.Session.client": _Waiting("AWS"),
    "boto3.Session.client": _Waiting("AWS"),
    "smtplib.SMTP": _Waiting(
        "the server", _calls("sendmail send_message login starttls")
    ),
    "smtplib.SMTP_SSL": _Waiting("the server", _calls("sendmail send_message login")),
    "ftplib.FTP": _Waiting("the server", _calls("login storbinary retrbinary nlst")),
    "imaplib.IMAP4_SSL": _Waiting("the server", _calls("login select search fetch")),
    "dns.resolver.Resolver": _Waiting("the name server", _calls("resolve query")),
    "psycopg2.connect": _Waiting("the database", _SQL, True),
    "psycopg.connect": _Waiting("the database", _SQL, True),
    "sqlite3.connect": _Waiting("the database", _SQL, True),
    "pymysql.connect": _Waiting("the database", _SQL, True),
    "MySQLdb.connect": _Waiting("the database", _SQL, True),
    "redis.Redis": _Waiting("Redis", _REDIS),
    "redis.StrictRedis": _Waiting("Redis", _REDIS),
    "redis.from_url": _Waiting("Redis", _REDIS),
    "redis.Redis.from_url": _Waiting("Redis", _REDIS),
    "redis.StrictRedis.from_url": _Waiting("Redis", _REDIS),
    "pymongo.MongoClient": _Waiting("MongoDB", _MONGO, True),
    "openai.OpenAI": _Waiting("OpenAI", _AI),
    "anthropic.Anthropic": _Waiting("Anthropic", _AI),
    "slack_sdk.WebClient": _Waiting("Slack", _SLACK),
    "twilio.rest.Client": _Waiting("Twilio", _calls("create fetch")),
}
_LIBRARIES = frozenset(name.partition(".")[0] for name in _KINDS)
# What AWS is not asked for.
_AT_HOME = _calls(
    "get_paginator get_waiter can_paginate close generate_presigned_url "
    "generate_presigned_post paginate Table Bucket Object Queue Topic"
)


@dataclass(slots=True)
class _Held:
    """The names of one file that hold clients, and the lines where they do."""

    spans: dict[str, list[tuple[int, int, _Waiting]]] = field(default_factory=dict)

    def note(
        self, file: PythonFile, function: Function, name: str, kind: _Waiting
    ) -> None:
        """Remember a name: of a function, of the methods of a class, or of the file."""
        spans = self.spans.setdefault(name, [])
        if function.cls and name.startswith(("self.", "cls.")):
            for each in file.functions:
                if each.cls == function.cls:
                    spans.append((each.line, each.end_line, kind))
        elif function.parent < 0 or "." in name or name in function.globals:
            spans.append((1, file.lines, kind))
        else:
            spans.append((function.line, function.end_line, kind))

    def of(self, name: str, line: int) -> _Waiting | None:
        """What a name holds in a line."""
        for first, last, kind in self.spans.get(name, ()):
            if first <= line <= last:
                return kind
        return None

    def root(self, name: str, line: int) -> tuple[str, _Waiting] | None:
        """The longest beginning of a dotted name that holds a client, and which."""
        while name:
            kind = self.of(name, line)
            if kind is not None:
                return name, kind
            name = name.rpartition(".")[0]
        return None


def client_that_waits(module: ModuleSource, file: PythonFile, call: Call) -> str:
    """Who answers the client of which a call is, when that holds up the caller; else nothing."""
    held = _held(module).get(file.path)
    if not held or "." not in call.name or call.awaited:
        return ""
    found = held.root(call.receiver, call.line)
    if found is None:
        return ""
    name, kind = found
    if kind.calls:
        return kind.answers if call.last in kind.calls else ""
    waits = name == call.receiver and call.last not in _AT_HOME
    return kind.answers if waits else ""


def _held(module: ModuleSource) -> dict[str, _Held]:
    """The names that hold such clients, by file."""
    return module.once(_held, lambda: _all_held(module))


def _all_held(module: ModuleSource) -> dict[str, _Held]:
    """As above, worked out: where clients are made, and to where names carry them."""
    if not any(map(module.imports, _LIBRARIES)):
        return {}
    found = {file.path: _Held() for file in module.python}
    makers: dict[str, _Waiting] = {}
    for file in module.python:
        for function in file.functions:
            _note_made(module, file, function, found[file.path], makers)
        _note_fields(module, file, found[file.path])
    for file in module.python:
        _hand_over(module, file, found)
    for file in module.python:
        _import(module, file, found)
        for function in file.functions:
            _rename(file, function, found[file.path], makers)
    return {path: held for path, held in found.items() if held.spans}


def _kind(module: ModuleSource, file: PythonFile, name: str) -> _Waiting | None:
    """The kind of client that a call makes, by what it is called in a file."""
    if not name or name.startswith("self."):
        return None
    kind = _KINDS.get(module.code.origin(file, name.replace("()", "")))
    return kind or _own_kinds(module).get(name.rpartition(".")[2])


def _own_kinds(module: ModuleSource) -> dict[str, _Waiting]:
    """The classes of the module that are made of such a client."""
    return module.once(
        _own_kinds,
        lambda: {
            made.name: kind
            for file in module.python
            for made in file.classes
            for base in made.bases
            if (kind := _KINDS.get(module.code.origin(file, base)))
        },
    )


def _note_made(
    module: ModuleSource,
    file: PythonFile,
    function: Function,
    held: _Held,
    makers: dict[str, _Waiting],
) -> None:
    """The names that a function gives a client, the parameters that are one, and makers."""
    for assign in function.assigns:
        kind = _of_value(module, file, assign.value)
        kind = kind or _kind(module, file, assign.annotation)
        if kind and assign.target:
            held.note(file, function, assign.target, kind)
    for parameter in function.parameters:
        kind = _kind(module, file, parameter.annotation)
        if kind:
            held.note(file, function, parameter.name, kind)
    alone = len(module.code.functions.get(function.name, ())) == 1
    for each in function.returns if alone and not function.is_async else ():
        kind = _of_value(module, file, each.value)
        if kind is None and each.value.kind == "name":
            kind = held.of(each.value.text, each.line)
        if kind:
            makers[function.name] = kind


def _note_fields(module: ModuleSource, file: PythonFile, held: _Held) -> None:
    """Clients that stand in the body of a class."""
    for made in file.classes:
        for each in made.fields:
            kind = _of_value(module, file, each.value)
            if kind is None:
                continue
            span = (made.line, file.lines, kind)
            for holder in ("self", "cls", made.name):
                held.spans.setdefault(f"{holder}.{each.target}", []).append(span)


def _of_value(module: ModuleSource, file: PythonFile, value: Value) -> _Waiting | None:
    """The kind of client that an expression makes: alone, or where there was none yet."""
    if value.kind in {"call", "subscript"}:
        return _kind(module, file, value.text.partition("[")[0])
    if value.kind == "other" and value.text in {"BoolOp", "IfExp"}:
        kinds = (_kind(module, file, name) for name in value.names)
        return next((kind for kind in kinds if kind), None)
    return None


def _hand_over(module: ModuleSource, file: PythonFile, found: dict[str, _Held]) -> None:
    """Clients that are given to the objects of a class, which keep them."""
    for call in file.calls:
        places = (
            module.code.functions.get("__init__", ()) if call.last[:1].isupper() else ()
        )
        for other, number in places:
            init = other.functions[number]
            if init.cls != call.last:
                continue
            names = [p.name for p in init.parameters[1:]]
            given = [*zip(names, call.args, strict=False), *call.keywords.items()]
            for name, value in given:
                kind = _of_value(module, file, value)
                if kind is None and value.kind == "name":
                    kind = found[file.path].of(value.text, call.line)
                if kind:
                    found[other.path].note(other, init, name, kind)


def _import(module: ModuleSource, file: PythonFile, found: dict[str, _Held]) -> None:
    """Clients of other files: imported by name, or those of a class that is built upon."""
    held = found[file.path]
    bases = {base.rpartition(".")[2] for made in file.classes for base in made.bases}
    for each in file.imports:
        if not each.name:
            continue
        for other in module.code.by_stem.get(each.module.rpartition(".")[2], ()):
            if other is file:
                continue
            kind = found[other.path].of(each.name, other.lines)
            if kind:
                held.note(file, file.module, each.alias, kind)
            if each.name not in bases:
                continue
            for name, spans in list(found[other.path].spans.items()):
                if name.startswith("self."):
                    whole = (1, file.lines, spans[0][2])
                    held.spans.setdefault(name, []).append(whole)


def _rename(
    file: PythonFile, function: Function, held: _Held, makers: dict[str, _Waiting]
) -> None:
    """Other names for clients, what functions make, and parts that wait as the whole does."""
    for assign in function.assigns:
        value = assign.value
        if value.kind not in {"call", "name", "subscript"} or not assign.target:
            continue
        text = value.text.partition("[")[0]
        kind = makers.get(text.rpartition(".")[2]) if value.kind == "call" else None
        root = None if kind else held.root(text, assign.line)
        if root and (root[1].passes_on or (value.kind == "name" and root[0] == text)):
            kind = root[1]
        if kind and held.of(assign.target, assign.line) is None:
            held.note(file, function, assign.target, kind)
    for call in function.calls:
        name = call.receiver.partition("().")[0].removesuffix("()")
        kind = makers.get(name.rpartition(".")[2]) if "()" in call.receiver else None
        if kind:
            held.note(file, function, f"{name}()", kind)
