"""How well a module meets each bullet: what is counted, and where pass and partial begin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

from waddlegen.facts.bodies import SCHEMAS
from waddlegen.facts.python import Call, Function, Import, PythonFile
from waddlegen.facts.routes import Route
from waddlegen.facts.words import are_aaa, is_word_of
from waddlegen.findings import Finding, Problem, Proof, Severity, Verdict
from waddlegen.source import ModuleSource

T = TypeVar("T")
Answer = tuple[Verdict, list[Proof]]
Measure = Callable[[ModuleSource, Sequence[Finding]], Answer]
MEASURES: dict[str, Measure] = {}

PASS, PARTIAL, FAIL = Verdict.PASS, Verdict.PARTIAL, Verdict.FAIL
NA, NOT_RUN = Verdict.NOT_APPLICABLE, Verdict.NOT_RUN


def measure(bullet: str) -> Callable[[Measure], Measure]:
    """Register how a bullet is measured."""

    def register(function: Measure) -> Measure:
        MEASURES[bullet] = function
        return function

    return register


def once(function: Callable[[ModuleSource], T]) -> Callable[[ModuleSource], T]:
    """Work something out once for each module."""

    def remembered(source: ModuleSource) -> T:
        """The answer, worked out or remembered."""
        if function not in source.memory:
            source.memory[function] = function(source)
        return cast(T, source.memory[function])

    remembered.__doc__ = function.__doc__
    return remembered


def _worst(found: Sequence[Finding]) -> Verdict:
    """Fail for what is wrong, partial for what could be better, pass for nothing."""
    if not found:
        return PASS
    worst = min(each.severity.rank for each in found)
    return FAIL if worst <= Severity.ERROR.rank else PARTIAL


def at(source: ModuleSource, file: PythonFile | str, line: int, text: str) -> Proof:
    """Evidence in one of the module's files."""
    inside = file if isinstance(file, str) else file.path
    return Proof(text, source.path(inside), line)


# Code quality


@measure("CQ1")
def passes_linters(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """What black, flake8 and mypy say, or the engine that stood in for them."""
    engines = source.lint_engines
    if found:
        return FAIL, []
    if not engines:
        return NOT_RUN, [
            Proof("ruff is not installed; --exact runs black, flake8, mypy")
        ]
    text = ", ".join(engines)
    if source.exact:
        return PASS, [Proof(text)]
    return NOT_RUN, [Proof(f"{text}; mypy runs with --exact")]


def needs_docstring(function: Function) -> bool:
    """Whether a function is one that the standard wants documented."""
    if function.nested or function.overload or function.name.startswith("<"):
        return False
    return not any(call.last in {"setter", "deleter"} for call in function.decorators)


@measure("CQ2")
def functions_documented(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """The share of functions that have a docstring."""
    every = [(f, fn) for f, fn in source.functions() if needs_docstring(fn)]
    good = [(f, fn) for f, fn in every if fn.documented]
    if not every:
        return NA, [Proof("there are no functions")]
    proof = Proof(f"{len(good)} of {len(every)} functions have one")
    if len(good) == len(every):
        file, function = good[0]
        return PASS, [proof, at(source, file, function.line, f"`{function.name}`")]
    return (PARTIAL if len(good) * 2 >= len(every) else FAIL), [proof]


@measure("CQ3")
def no_secrets(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """No secret in the code or in the manifests."""
    if found:
        return _worst(found), []
    reads = [read for read in source.env if read.default is None]
    proofs = [
        at(source, r.file, r.line, f"{r.name} comes from the environment")
        for r in reads
    ]
    return PASS, proofs[:2] or [Proof("no secret was found")]


# Pages of HTML, limits and what is called wrongly say little of how errors are handled.
_NOT_OF_ERRORS = frozenset({"WB215", "WB216", "WB507"})


@measure("CQ4")
def errors_handled(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Views are guarded, nothing is swallowed, nothing internal is told."""
    found = [each for each in found if each.code not in _NOT_OF_ERRORS]
    unguarded = [each for each in found if each.code == "WB211"]
    views = [route for route in source.routes if not route.is_open]
    handled = any(function.handlers for _, function in source.functions())
    if unguarded and len(unguarded) * 2 > max(len(views), 1) and not handled:
        return FAIL, []
    if found:
        return PARTIAL, []
    for file, function in source.functions():
        for call in function.decorators:
            if call.last == "errorhandler":
                return PASS, [
                    at(source, file, call.line, "an error handler of the app")
                ]
        if function.handlers:
            handler = function.handlers[0]
            return PASS, [at(source, file, handler.line, "errors are handled")]
    if source.uses_create_app and source.entry:
        return PASS, [at(source, source.entry, 1, "create_app handles every error")]
    return (PASS if views else NA), [Proof("nothing was found that goes unhandled")]


# Testing


@once
def test_functions(source: ModuleSource) -> list[tuple[PythonFile, Function]]:
    """The functions that pytest would collect."""
    return [
        (file, function)
        for file in source.tests
        if file.name.startswith("test_") or file.name.endswith("_test.py")
        for function in file.functions
        if function.is_test and not function.nested
    ]


@once
def tested_share(source: ModuleSource) -> float:
    """How much of the program its tests name: views by path or name, functions by name."""
    said = " ".join(
        text
        for file in source.tests
        for function in file.functions
        for text in (
            *function.names,
            *(call.name for call in function.calls),
            *(
                v.text
                for call in function.calls
                for v in (*call.args, *call.keywords.values())
            ),
        )
    )
    for file in source.tests:
        said += " ".join(value.text for value in file.constants.values())
    if "operations" in said and "openapi.yaml" in said:
        return 1.0
    wanted: list[bool] = []
    words = set(re.findall(r"\w+", said))
    for _, function in source.functions():
        if function.nested or function.name.startswith(("<", "_")):
            continue
        wanted.append(function.name in words)
    for route in source.routes:
        pattern = re.sub(r"<[^>]*>", "@", route.path)
        pattern = re.escape(pattern).replace("@", "[^/]+")
        wanted.append(re.search(pattern + r"\b", said) is not None)
    return sum(wanted) / len(wanted) if wanted else 0.0


# Tests that go through views reach much that they do not name.
_MUCH, _HARDLY = 0.45, 1 / 15


@measure("T1")
def unit_tests(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Tests that pytest collects; coverage is measured only when they run."""
    tests = [(f, fn) for f, fn in test_functions(source) if "integration" not in f.name]
    if not tests:
        return FAIL, []
    file, function = tests[0]
    proofs = [at(source, file, function.line, f"{len(tests)} tests")]
    share = tested_share(source)
    vacuous = sum(1 for each in found if each.code == "WB302")
    if vacuous * 2 > len(tests) or share < _HARDLY:
        return FAIL, proofs
    if share < _MUCH or vacuous * 4 > len(tests):
        proofs.append(
            Proof(f"they name {share:.0%} of the routes and public functions")
        )
        return PARTIAL, proofs
    proofs.append(Proof("coverage is measured when they run"))
    return NOT_RUN, proofs


def _is_integration(file: PythonFile, function: Function) -> bool:
    """Whether a test is one of several parts together."""
    if "integration" in f"{file.path} {function.name}".lower():
        return True
    marks = [call.name for call in function.decorators]
    own = [
        each.value.text for each in file.module.assigns if each.target == "pytestmark"
    ]
    return any("integration" in mark for mark in (*marks, *own))


@once
def shell_suites(source: ModuleSource) -> list[str]:
    """The test suites written in shell."""
    return [f for f in source.files if re.search(r"test[\w-]*\.sh$", f)]


@measure("T2")
def integration_tests(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Tests of the module with its database, or a suite against its API."""
    tests = [(f, fn) for f, fn in test_functions(source) if _is_integration(f, fn)]
    suites = shell_suites(source)
    # A workflow that forgives failures says nothing of whether there are any.
    broken = [each for each in found if each.problem.path.endswith(".sh")]
    if not tests and not suites:
        return FAIL, []
    if broken:
        return FAIL, []
    proofs = [at(source, f, fn.line, fn.name) for f, fn in tests[:2]]
    proofs += [at(source, suite, 1, "a suite against the API") for suite in suites[:2]]
    return NOT_RUN, [*proofs, Proof("they pass or fail only when they run")]


_EDGES = {400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503}


@measure("T3")
def edge_cases(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Tests that expect refusals, and that a dependency fails."""
    verdict, proofs = refusals_tested(source)
    return verdict, list(proofs)


@once
def refusals_tested(source: ModuleSource) -> Answer:
    """As above, whatever was found."""
    statuses: set[int] = set()
    failing = False
    proofs: list[Proof] = []
    odd = 0
    for file in source.tests:
        for function in file.functions:
            seen: set[int] = set()
            for each in function.asserts:
                # What is as content with 200 as with 500 expects neither.
                told = each.value.statuses
                if not (500 in told and any(status < 300 for status in told)):
                    seen |= set(told) & _EDGES
            for call in function.calls:
                for value in (*call.args, *call.keywords.values()):
                    seen |= set(value.statuses) & _EDGES
            names = " ".join((*function.names, *(c.name for c in function.calls)))
            if "side_effect" in names or "_down" in names or "Fault" in names:
                failing = True
            targets = " ".join(each.target for each in function.assigns)
            failing = failing or "side_effect" in targets
            failing = failing or any(
                p.name.endswith("_down") for p in function.parameters
            )
            raises = any(call.last == "raises" for call in function.calls)
            name = re.search(
                r"invalid|missing|empty|error|fail|edge|bad|wrong|unknown|not_found|reject|"
                r"denied|refus|without|too_|none|null|negative|duplicate|expired|timeout|"
                r"unsigned|stale|old_|other_|forged|broken|needs_|down|limit|bounded|before_",
                function.name,
            )
            if seen - statuses:
                proofs.append(
                    at(source, file, function.line, f"expects {sorted(seen)}")
                )
            if function.is_test and (raises or name or seen):
                odd += 1
            statuses |= seen
    if not odd and not statuses:
        for suite in shell_suites(source):
            if re.search(r"\b(40[0-9]|422|429|503)\b", source.read(suite) or ""):
                return PARTIAL, [at(source, suite, 1, "a suite that expects refusals")]
        return FAIL, []
    # Who expects 503 has let something fail.
    if len(statuses) >= 4 and (failing or 503 in statuses):
        return PASS, proofs
    if odd >= 6 and len(test_functions(source)) >= 10:
        return PASS, [*proofs, Proof(f"{odd} tests of edge cases")]
    return PARTIAL, proofs or [Proof(f"{odd} tests of errors, few statuses")]


@measure("T4")
def benchmarked(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """A benchmark that is code, not a paragraph."""
    for file in source.every_python:
        stem = file.name.lower()
        if re.search(r"bench|locust|perf|load_?test", stem):
            return PASS, [at(source, file, 1, "a benchmark")]
        for function in file.functions:
            if any(p.name == "benchmark" for p in function.parameters):
                return PASS, [at(source, file, function.line, function.name)]
            if any("benchmark" in call.name for call in function.decorators):
                return PASS, [at(source, file, function.line, function.name)]
    for inside in source.files:
        if re.search(
            r"(bench|locust|k6|jmeter|load[-_]?test)[\w-]*\.(sh|js|jmx|ya?ml)$", inside
        ):
            return PASS, [at(source, inside, 1, "a benchmark")]
    return FAIL, []


# Security


def keyed(route: Route) -> bool:
    """Whether a route has to know its caller."""
    return not (
        route.is_open
        or route.is_webhook
        or route.is_exchange
        or (route.websocket and route.speaks_of_callers)
    )


@measure("S1")
def authenticated(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Whether every route knows its caller: one that does not is a way around the others."""
    every = [route for route in source.routes if keyed(route)]
    if not every:
        if source.routes or source.uses_create_app:
            return NA, [Proof("no route needs a key")]
        return NA, [Proof("it serves no routes")]
    good = [route for route in every if route.auth is not None]
    proofs = [Proof(f"{len(good)} of {len(every)} routes know their caller")]
    for route in good[:3]:
        if route.auth:
            proofs.append(at(source, route.auth.path, route.auth.line, route.auth.text))
    if len(good) == len(every):
        holes = any(f.topic == "auth" and f.code in _HOLES for f in found)
        return PARTIAL if holes else PASS, proofs
    opened = [r for r in every if r.auth is None and not r.dropped]
    plain = [route for route in opened if not route.websocket]
    changed = any(route.changes for route in plain)
    # One gap among many guarded routes leaves a real part done.
    wide = changed and 6 * len(plain) >= len(every)
    if wide or 2 * len(good) < len(every):
        return FAIL, proofs
    return FAIL if _has_finding(source, "WB414", "auth") else PARTIAL, proofs


# Checks that are there, and let in whom they should not.
_HOLES = frozenset(
    "WB412 WB414 WB416 WB417 WB418 WB420 WB437 WB438 WB456 WB457".split()
)


@measure("S2")
def validated(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """How well what a caller sends is checked before it is used."""
    points = 0.0
    every = 0
    proofs: list[Proof] = []
    for route in source.routes:
        if route.is_open:
            continue
        level = validation_of(source, route)
        if level is None:
            continue
        every += 1
        points += level
        if level >= 1 and len(proofs) < 3:
            proofs.append(
                at(source, route.file, route.line, f"{route.label} validates")
            )
    if not every:
        for file, function in source.functions():
            for read in function.bodies:
                text = "what is read here is checked where no route shows it"
                return PARTIAL, [at(source, file, read.line, text)]
        return NA, [Proof("no route reads a body or a query")]
    proofs.insert(0, Proof(f"{points:g} of {every} routes validate what they read"))
    if points >= every:
        return (PARTIAL if found else PASS), proofs
    return (PARTIAL if points > 0 else FAIL), proofs


@once
def models_of(module: ModuleSource) -> set[str]:
    """The pydantic models of a module, by name."""
    found = {"BaseModel"}
    for _ in range(3):
        found |= {
            made.name
            for file in module.python
            for made in file.classes
            if any(base.rpartition(".")[2] in found for base in made.bases)
        }
    return found - {"BaseModel"}


_SCHEMA_CALLS = re.compile(
    r"^(read_action|read_flat|read_body|read_query|validate_\w+|model_validate\w*|parse_obj)$"
)


_VALIDATES = re.compile(r"valid|schema|expects?_json|use_args|use_kwargs", re.I)


def validation_of(source: ModuleSource, route: Route) -> float | None:
    """1 for validated, 0.5 for presence only, 0 for nothing; None when nothing is read."""
    if any(_VALIDATES.search(call.name) for call in route.decorators):
        return 1.0
    function = route.function
    if any(_SCHEMA_CALLS.match(call.last) for call in function.calls):
        return 1.0
    models = models_of(source)
    if any(v.text in models for call in function.calls for v in call.args):
        return 1.0
    bodies = [b for b in function.bodies if b.source in {"json", "form"}]
    lent = _lent_level(source, route)
    if not bodies and lent is not None:
        return lent
    if not bodies:
        queries = [b for b in function.bodies if b.source == "args"]
        numbers = {"int", "float"} & {call.name for call in function.calls}
        if not queries or not (numbers or any(b.typed for b in queries)):
            return None  # a text is a text
        return 1.0 if all(b.typed for b in queries) else 0.5
    return min(_WORTH[b.validated] for b in bodies)


_WORTH = {"schema": 1.0, "manual": 1.0, "presence": 0.5, "": 0.0}


def _lent_level(source: ModuleSource, route: Route) -> float | None:
    """How well is checked what helpers and decorators read for a view; None without such."""
    levels: list[float] = []
    for call in route.decorators:
        for file, number in functions_anywhere(source, route.file, call.name):
            inner = [*file.within(number)]
            if any(b.source == "json" for each in inner for b in each.bodies):
                levels.append(1.0 if any(map(_validates, inner)) else 0.5)
    for call in route.function.calls:
        reader = reader_of(source, route.file, call)
        if reader is None:
            if any("request.args" in (v.text, *v.names) for v in call.args[:1]):
                if functions_anywhere(source, route.file, call.name):
                    levels.append(1.0)
        elif _validates(reader):
            levels.append(1.0)
        elif reads_json(reader):
            taken = [b for b in route.function.borrowed if b.source == call.name]
            if call.args:  # what it is asked for, it looks for
                levels.append(
                    max([_WORTH[b.validated] for b in reader.bodies] or [0.5])
                )
            else:
                levels += [0.0 if b.unasked else _WORTH[b.validated] for b in taken]
    return min(levels) if levels else None


def functions_anywhere(
    source: ModuleSource, file: PythonFile, name: str
) -> list[tuple[PythonFile, int]]:
    """The functions of the module, or else of flask_core, that a plain name may mean."""
    if "." in name.removeprefix("self."):
        return []
    found = source.code.resolve(file, name)[:2]
    if not found and source.code.library is not None:
        last = source.code.origin(file, name).rpartition(".")[2]
        found = source.code.library.functions.get(last, [])[:2]
    return found


def reader_of(source: ModuleSource, file: PythonFile, call: Call) -> Function | None:
    """The function that reads the request for whoever calls it, when a call is of one."""
    if call.last not in _readers(source):
        return None
    for other, number in functions_anywhere(source, file, call.name):
        function = other.functions[number]
        if not function.decorators and (function.bodies or reads_json(function)):
            return function
    return None


@once
def _readers(source: ModuleSource) -> frozenset[str]:
    """What the functions are called, here and in flask_core, that read the request."""
    core = source.once_for_all(_readers, lambda: _reading(source.core[1]))
    return (
        core
        | _reading(source.python)
        | frozenset(
            each.alias
            for file in source.python
            for each in file.imports
            if each.name in core and each.alias != each.name
        )
    )


def _reading(files: Sequence[PythonFile]) -> frozenset[str]:
    """As above, of some files."""
    return frozenset(
        function.name
        for file in files
        for function in file.functions
        if function.bodies or reads_json(function)
    )


def reads_json(function: Function) -> bool:
    """Whether a function reads the JSON body of the request."""
    return "request.json" in function.names or any(
        call.name == "request.get_json" for call in function.calls
    )


def _validates(function: Function) -> bool:
    """Whether a function holds what it reads against a schema."""
    return any(b.validated == "schema" for b in function.bodies) or any(
        call.last in SCHEMAS or _SCHEMA_CALLS.match(call.last)
        for call in function.calls
    )


_VERIFIES = re.compile(
    r"verif|compare_digest|signature|construct_event|valid.*(sig|webhook|hmac|request)|"
    r"check_.*(sig|hmac|secret|token)|RequestHandler|authenticate|hmac",
    re.IGNORECASE,
)


def webhook_evidence(source: ModuleSource, route: Route) -> tuple[str, int] | None:
    """Where a webhook is verified: a decorator, a call in the view or up to three deep."""
    for call in route.decorators:
        if re.search(r"verif|signature|webhook|signed|hmac", call.name, re.I):
            return route.file.path, call.line
    if route.auth is not None:
        function = route.function
        inside = route.auth.path == route.file.path and (
            function.line < route.auth.line <= function.end_line
        )
        reads = any(
            re.search(r"key|token|signature|secret|auth", name, re.I)
            for name, _ in function.headers
        )
        if not inside or reads:
            return route.auth.path, route.auth.line
    return _verifies(source, route.file, route.number, 3, set())


def _verifies(
    source: ModuleSource,
    file: PythonFile,
    number: int,
    depth: int,
    seen: set[tuple[str, int]],
) -> tuple[str, int] | None:
    """Where a function, or one that it calls, verifies a signature."""
    if (file.path, number) in seen:
        return None
    seen.add((file.path, number))
    function = file.functions[number]
    for call in function.calls:
        last = call.last
        if re.search(r"subscription|challenge|email|_code", last):
            continue
        if _VERIFIES.search(last) or "compare_digest" in call.name:
            found = source.code.resolve(file, call.name)
            if not found or last == "compare_digest":
                return file.path, call.line
            if any(_really(f.functions[n], f) for f, n in found):
                return file.path, call.line
    for compare in function.compares:
        texts = f"{compare.left.text} {compare.right.text}"
        if re.search(r"signature|secret|hmac|digest", texts, re.I):
            return file.path, compare.line
        if re.search(r"token|authorization|bearer|api_?key", texts, re.I):
            if any(
                re.search(r"auth|token|key", name, re.I) for name, _ in function.headers
            ):
                return file.path, compare.line
    if depth:
        for call in function.calls:
            for other, index in source.code.resolve(file, call.name)[:4]:
                if other.functions[index].cls and "." not in call.name:
                    continue
                found_at = _verifies(source, other, index, depth - 1, seen)
                if found_at:
                    return found_at
    return None


def _really(function: Function, file: PythonFile) -> bool:
    """Whether a function called verify… can say no."""
    values = {each.value.text for each in function.returns if each.value.kind == "bool"}
    only_true = (
        bool(function.returns)
        and values == {"True"}
        and all(each.value.kind == "bool" for each in function.returns)
    )
    return not only_true and not function.trivial


@measure("S3")
def webhooks_verified(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """The share of webhooks that verify who sent them."""
    every = [r for r in source.routes if r.is_webhook and r.writes and not r.is_open]
    if not every:
        return NA, [Proof("it has no webhook")]
    proofs: list[Proof] = []
    good = 0
    for route in every:
        place = webhook_evidence(source, route)
        if place:
            good += 1
            proofs.append(at(source, place[0], place[1], f"{route.label} is verified"))
    views = {(route.file.path, route.number) for route in every}
    flaws = sum(f.code == "WB431" or "written anew" in f.problem.message for f in found)
    flaws += _has_finding(source, "WB414", "webhook")
    opens = {
        opening.why
        for _, function in source.functions()
        for opening in function.fails_open
        if opening.why != "skipped" or function.headers
    }
    # Who leaves the signature out is let in whatever the settings are.
    if not good or flaws >= len(views) or "absent" in opens:
        return FAIL, proofs
    lesser = any(f.code in {"WB432", "WB433", "WB436"} for f in found)
    return (PARTIAL if flaws or opens or lesser else PASS), proofs


@measure("S4")
def sql_parameterised(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Every SQL text is constant, or made of parts the program wrote itself."""
    if found:
        return FAIL, []
    for file, function in source.functions():
        for statement in function.sql:
            return PASS, [at(source, file, statement.line, "values are parameters")]
    for name in ("sqlalchemy", "pydal", "flask_core.database", "asyncpg", "psycopg2"):
        if source.imports(name):
            return PASS, [Proof(f"queries are built by {name}")]
    for file, _, call in source.calls():
        if call.last in {"init_database", "AsyncDAL", "DAL"}:
            return PASS, [
                at(source, file, call.line, f"queries go through {call.last}")
            ]
    if source.uses_create_app:
        return PASS, [Proof("flask_core builds every query")]
    return NA, [Proof("it has no database")]


@measure("S5")
def markup_safe(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Pages escape what they show; not applicable without pages."""
    serves = serves_html(source)
    if serves is None:
        return NA, [Proof("it serves no pages")]
    if not found:
        return PASS, [serves]
    # Where what stands beside it is escaped, one place was forgotten.
    escaping = {
        source.path(file.path)
        for file, _, call in source.calls()
        if re.search(r"(^|\.)escape$", call.name)
    }
    forgotten = all(each.problem.path in escaping for each in found)
    return (PARTIAL if forgotten else _worst(found)), [serves]


_KINDS = ("content_type", "mimetype")


@once
def serves_html(source: ModuleSource) -> Proof | None:
    """Where the module serves pages, if it does."""
    for file, function, call in source.calls():
        if call.last in {"render_template", "render_template_string", "html_response"}:
            return at(source, file, call.line, call.last)
        if not call.keywords:
            continue
        kinds = [call.keywords[n] for n in _KINDS if n in call.keywords]
        if any("text/html" in kind.text for kind in kinds):
            return at(source, file, call.line, "text/html")
    for file, function in source.functions():
        for each in function.returns:
            if any(
                "<html" in text.lower() or "text/html" in text for text in each.strings
            ):
                return at(source, file, each.line, "a page")
    return None


# Logging


_EVENTS = frozenset({"AUTH", "AUTHZ", "AUDIT"})


@once
def sets_up_aaa(source: ModuleSource) -> Proof | None:
    """Where AAA logging is set up."""
    for file, _, call in source.calls():
        if makes_aaa(source, file, call):
            return at(source, file, call.line, call.last)
        first = call.args[0].text if call.args else ""
        fields = is_log_call(call.name, call.last) and "result" in call.keywords
        if first in _EVENTS and (fields or writes_events(source, file, call)):
            return at(source, file, call.line, f"{call.last} writes {first} events")
    for file, function in source.functions():
        for each in (*function.assigns,):
            text = each.value.text
            if "community=%(community)" in text or "action=%(action)" in text:
                return at(source, file, each.line, "a format with the AAA fields")
        for call in function.calls:
            if is_log_call(call.name, call.last) and any(
                "action=" in v.text and "result=" in v.text for v in call.args
            ):
                return at(source, file, call.line, "a format with the AAA fields")
            if call.last == "Formatter" and any(
                "%(action)" in v.text for v in call.args
            ):
                return at(source, file, call.line, "a format with the AAA fields")
    if source.uses_create_app and source.entry:
        return at(source, source.entry, 1, "create_app sets it up")
    for file, taken in _core_imports(source):
        return at(source, file, taken.line, f"flask_core's {taken.name}")
    return None


def _core_imports(source: ModuleSource) -> Iterator[tuple[PythonFile, Import]]:
    """Where the module takes a logger of events from flask_core that is made there."""
    for file in source.python:
        for each in file.imports:
            if each.module.startswith("flask_core") and each.name[:1].islower():
                if each.name in _core_makers(source) and any(
                    call.receiver == each.alias for call in file.calls
                ):
                    yield file, each


_AAA = re.compile(r"aaa_?log|aaalogger|configure_aaa", re.I)


def makes_aaa(source: ModuleSource, file: PythonFile, call: Call) -> bool:
    """Whether a call makes a logger that knows AUTH, AUTHZ and AUDIT events."""
    if "aaa" in call.last.lower() and _AAA.search(call.last):
        return True
    return bool(call.target or call.bare) and _aaa_class(source, file, call.name)


def _aaa_class(source: ModuleSource, file: PythonFile, name: str) -> bool:
    """Whether a name is a class with methods for the events, or a function that makes one."""
    makers = _aaa_makers(source)
    return bool(makers) and source.code.origin(file, name).rpartition(".")[2] in makers


@once
def _aaa_makers(source: ModuleSource) -> set[str]:
    """The classes with methods for the events, and the functions that return one."""
    return _core_makers(source) | _makers_in(source.python)


def _core_makers(source: ModuleSource) -> set[str]:
    """Those of flask_core."""
    return source.once_for_all(_makers_in, lambda: _makers_in(source.core[1]))


def _makers_in(files: Sequence[PythonFile]) -> set[str]:
    """Those of some files."""
    methods: dict[str, set[str]] = {}
    for file in files:
        for function in file.functions:
            if function.cls:
                methods.setdefault(function.cls, set()).add(function.name)
                if _begins_event(function):
                    methods[function.cls].add(_begins_event(function).lower())
    classes = {name for name, known in methods.items() if are_aaa(known)}
    shared = {
        assign.target
        for file in files
        for assign in file.module.assigns
        if assign.value.kind == "call" and assign.value.text in classes
    }
    makers = {
        function.name
        for file in files
        for function in file.functions
        for each in function.returns
        if each.value.text.rpartition(".")[2] in classes
        or function.returns_annotation in classes
        or (each.value.kind == "name" and each.value.text in shared)
    }
    makers |= {name for name in shared if not name.startswith("_")}
    return classes | {name for name in makers if not name.startswith("<")}


def _begins_event(function: Function) -> str:
    """The kind of event, AUTH or AUDIT, that a function writes into the log as a text."""
    for call in function.calls:
        for value in call.args[:2] if is_log_call(call.name, call.last) else ():
            match = re.match(r"\W*(AUTH|AUDIT)\b", value.text)
            if match and value.kind in {"str", "fstring", "format", "concat"}:
                return match[1]
    return ""


@once
def _core_audits(source: ModuleSource) -> frozenset[str]:
    """The functions and methods of flask_core that write AUDIT events as texts."""
    files = source.core[1] if source.imports("flask_core") else ()
    names = (
        f.name for file in files for f in file.functions if _begins_event(f) == "AUDIT"
    )
    return frozenset(names) - _LEVELS


_EVENT = re.compile(
    r"^(audit|auth|authz|log_audit\w*|log_auth\w*|log_authz\w*|audit_log|audited)$"
)


def audits(source: ModuleSource, route: Route, depth: int = 2) -> Proof | None:
    """Where a view, or a function it calls, writes an AUDIT event."""
    for call in route.decorators:
        if re.search(r"audit", call.name, re.I):
            return at(source, route.file, call.line, call.name)
    return _audits(source, route.file, route.number, depth)


def _audits(
    source: ModuleSource, file: PythonFile, number: int, depth: int
) -> Proof | None:
    """As above, for any function."""
    function = file.functions[number]
    for call in function.calls:
        if re.search(r"(^|_)audit", call.last, re.I) or call.last in _core_audits(
            source
        ):
            return at(source, file, call.line, call.name)
        texts = [v.text for v in (*call.args[:2], *call.keywords.values())]
        said = any(re.search(r"\bAUDIT\b", text) for text in texts)
        if said and ("log" in call.name or writes_events(source, file, call)):
            return at(source, file, call.line, call.name)
    if depth:
        for name in _in_tables(file, function):
            for other, index in source.code.resolve(file, name)[:1]:
                proof = _audits(source, other, index, 0)
                if proof:
                    return proof
        for call in function.calls:
            for other, index in source.code.resolve(file, call.name)[:3]:
                if index != number or other is not file:
                    proof = _audits(source, other, index, depth - 1)
                    if proof:
                        return proof
    return None


def _in_tables(file: PythonFile, function: Function) -> Iterator[str]:
    """The functions of a table that a function picks one of, and calls it."""
    called = {call.name for call in function.calls}
    tables = {name[:-2] for name in called if name.endswith("[]")}
    for assign in function.assigns:
        base, _, last = assign.value.text.partition("[")[0].rpartition(".")
        picked = assign.value.kind == "call" and last == "get"
        if assign.target in called and (picked or assign.value.kind == "subscript"):
            tables.add(base if picked else assign.value.text.partition("[")[0])
    scope: Function | None = function
    while tables and scope is not None:
        for assign in scope.assigns:
            table = "dict" in (assign.value.kind, assign.value.text[:4].lower())
            if assign.target in tables and table:
                yield from assign.value.names
        scope = file.functions[scope.parent] if scope.parent >= 0 else None


def writes_events(source: ModuleSource, file: PythonFile, call: Call) -> bool:
    """Whether a call is of a function of the module that writes into the log."""
    return any(
        is_log_call(inner.name, inner.last)
        for other, number in source.code.resolve(file, call.name)[:2]
        for inner in other.functions[number].calls
    )


@measure("L1")
def aaa_logged(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """AAA logging is set up, and what changes something is audited."""
    setup = sets_up_aaa(source)
    writes = [
        r for r in source.routes if r.changes and not r.is_exchange and not r.is_open
    ]
    good = [proof for r in writes if (proof := audits(source, r))]
    proofs = ([setup] if setup else []) + good[:3]
    if not setup and not good:
        return FAIL, proofs
    if setup and len(good) >= len(writes):
        broken = any(f.code in {"WB603"} for f in found)
        return (PARTIAL if broken or aaa_calls_broken(source) else PASS), proofs
    return PARTIAL, proofs


def aaa_calls_broken(source: ModuleSource) -> bool:
    """Whether a call of the AAA logger does not fit it."""
    return any(_has_finding(source, code, "aaa-call") for code in ("WB216", "WB217"))


def _has_finding(source: ModuleSource, code: str, topic: str) -> bool:
    """Whether a rule has found something of a topic."""
    codes = source.memory.get("codes")
    return isinstance(codes, set) and (code, topic) in codes


@measure("L2")
def logs_no_secrets(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """No secret is written into the log."""
    if found:
        return FAIL, []
    logged = sum(
        1 for _, _, call in source.calls() if is_log_call(call.name, call.last)
    )
    return PASS, [Proof(f"{logged} log calls, none with a secret")]


_LEVELS = frozenset(
    "debug info warning warn error critical exception log audit auth authz "
    "system performance".split()
)


def is_log_call(name: str, last: str) -> bool:
    """Whether a call writes to a log."""
    if last in _LEVELS:
        receiver = name.rpartition(".")[0].rpartition(".")[2].lower()
        if "log" in receiver or "aaa" in receiver:
            return True
    if last.startswith("log_") and "aaa" in name.lower().rpartition(".")[0]:
        return True
    return last.startswith(
        ("log_auth", "log_audit", "log_error", "log_system", "log_event")
    )


@measure("L3")
def structured(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """The share of log calls that reach a structured format."""
    share, proofs = structured_share(source)
    if share is None:
        return FAIL, proofs
    if share >= 0.75:
        forged = _has_finding(source, "WB615", "log")
        plain = forged or _writes_plain_events(source)
        return (PARTIAL if found or plain else PASS), proofs
    return (PARTIAL if share > 0 else FAIL), proofs


@once
def _writes_plain_events(source: ModuleSource) -> bool:
    """Whether only flask_core's own events have fields, as text, and its format has none."""
    if source.uses_create_app or structured_root(source) or not _core_audits(source):
        return False
    formats = [
        value.text
        for file in source.core[1]
        for call in file.calls
        if call.last in {"Formatter", "basicConfig"}
        for value in (*call.args, *call.keywords.values())
        if "%(message)s" in value.text
    ]
    return bool(formats) and not any(_OWN_FIELD.search(text) for text in formats)


# A field that a record has beside those of every record.
_OWN_FIELD = re.compile(
    r"%\((?!(asctime|levelname|name|message|module|lineno|filename|process)\))"
)


@once
def structured_share(source: ModuleSource) -> tuple[float | None, list[Proof]]:
    """How many log calls reach a handler that writes fields; None when nothing is set up."""
    if source.uses_create_app:
        return 1.0, [Proof("flask_core formats every record")]
    root = structured_root(source) or _core_root(source)
    named = _core_names(source)
    good = every = 0
    proofs: list[Proof] = [root] if root else []
    for file in source.python:
        aaa = _aaa_names(source, file)
        for function in file.functions:
            for call in function.calls:
                if not is_log_call(call.name, call.last):
                    continue
                every += 1
                receiver = call.receiver
                plain = _plain_names(file) - named_like(file, named)
                through = receiver in aaa or (
                    receiver not in plain and bool(aaa or root or sets_up_aaa(source))
                )
                good += (
                    bool(root)
                    or through
                    or any(len(_FIELD.findall(v.text)) > 1 for v in call.args)
                    or call.last in {"audit", "auth", "authn", "authz", "system"}
                )
    setup = sets_up_aaa(source)
    if setup:
        proofs.append(setup)
    if not (root or setup):
        return None, proofs
    if not every:
        return 1.0, proofs
    proofs.append(Proof(f"{good} of {every} log calls reach it"))
    return good / every, proofs


# A field as it is written into a message: `action=%s`, `user={}`.
_FIELD = re.compile(r"\b\w+=(?:%|\{)")


@once
def structured_root(source: ModuleSource) -> Proof | None:
    """A structured formatter on the root logger: JSON, structlog, or fields."""
    for name in ("structlog", "pythonjsonlogger", "json_log_formatter", "loguru"):
        if source.imports(name):
            return Proof(f"{name} formats the log")
    for file, function, call in source.calls():
        if call.last in {"basicConfig", "Formatter"}:
            values = (*call.args, *call.keywords.values())
            texts = [v.text for v in values]
            texts += [a.value.text for a in function.assigns if a.target in texts]
            if any(text.count("=%(") >= 2 or '"%(' in text for text in texts):
                return at(source, file, call.line, "a format with fields")
        if "json" in call.last.lower() and "format" in call.last.lower():
            return at(source, file, call.line, call.last)
    for file in source.python:
        for made in file.classes:
            if any(base.endswith("Formatter") for base in made.bases):
                return at(source, file, made.line, made.name)
    return None


@once
def _core_root(source: ModuleSource) -> Proof | None:
    """The call of flask_core's that gives the root logger its handlers."""
    makers = {
        function.name
        for file in source.core[1]
        for function in file.functions
        for call in function.calls
        if call.name == "logging.getLogger" and not call.args
        if any(c.name == f"{call.target}.addHandler" for c in function.calls)
    }
    return _core_call(source, makers)


def _core_call(source: ModuleSource, names: set[str]) -> Proof | None:
    """Where the module calls one of some functions of flask_core."""
    for file in source.python:
        aliases = {
            each.alias: each.name
            for each in file.imports
            if each.name in names and each.module.startswith("flask_core")
        }
        for call in file.calls if aliases else ():
            if call.name in aliases:
                return at(source, file, call.line, aliases[call.name])
    return None


@once
def _core_names(source: ModuleSource) -> set[str]:
    """How flask_core puts together the names of the loggers that it sets up."""
    return {
        call.args[0].text
        for file in source.core[1]
        for function in file.functions
        if any(call.last == "addHandler" for call in function.calls)
        for call in function.calls
        if call.name == "logging.getLogger" and call.args
        if call.args[0].kind == "fstring"
    }


def named_like(file: PythonFile, names: set[str]) -> set[str]:
    """The loggers of a file whose names are put together as flask_core's are."""
    return {
        call.target
        for call in file.calls
        if call.last == "getLogger" and call.args
        if call.args[0].kind == "fstring" and call.args[0].text in names
    }


def _aaa_names(source: ModuleSource, file: PythonFile) -> set[str]:
    """The names that hold a logger of AAA events, those of other files too."""
    names = _own_aaa_names(source, file)
    for each in file.imports:
        for other in source.code.by_stem.get(each.module.rpartition(".")[2], ()):
            if each.name in _own_aaa_names(source, other):
                names.add(each.alias)
    return names


def _own_aaa_names(source: ModuleSource, file: PythonFile) -> set[str]:
    """The names that a file gives such a logger to."""
    return {c.target for c in file.calls if c.target and makes_aaa(source, file, c)}


def _plain_names(file: PythonFile) -> set[str]:
    """The names that hold a logger of the standard library."""
    names = {c.target for c in file.calls if c.last == "getLogger" and c.target}
    return names | {"logging"}


@once
def core_logger(source: ModuleSource) -> Proof | None:
    """Where the module takes its logger from flask_core."""
    for file, _, call in source.calls():
        if re.search(r"log(ger|ging)$", call.last):
            if source.code.origin(file, call.name).startswith("flask_core."):
                return at(source, file, call.line, call.last)
    return None


@measure("L4")
def rotated(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """A rotating file handler, here or in flask_core."""
    proof = rotation(source)
    return (PASS, [proof]) if proof else (FAIL, [])


@once
def rotation(source: ModuleSource) -> Proof | None:
    """Where log files are rotated."""
    for file, _, call in source.calls():
        if call.last in {
            "RotatingFileHandler",
            "TimedRotatingFileHandler",
            "WatchedFileHandler",
        }:
            return at(source, file, call.line, call.last)
    for file, function in source.functions():
        for entry in function.entries:
            if "RotatingFileHandler" in entry.value.text:
                return at(source, file, entry.line, entry.value.text)
    setup = sets_up_aaa(source)
    made = (makes_aaa(source, file, call) for file, _, call in source.calls())
    if setup is None or not (source.uses_create_app or any(made)):
        setup = core_logger(source)
    if setup and _core_rotates(source):
        return Proof(f"flask_core rotates ({setup.text})", setup.path, setup.line)
    return None


def _core_rotates(source: ModuleSource) -> bool:
    """Whether what the module uses of flask_core rotates files.

    Where one function of it does, and the module takes others alone, nothing is rotated.
    """
    files = source.core[1]
    bases = (b for file in files for each in file.classes for b in each.bases)
    if source.uses_create_app or any(_ROTATING in base for base in bases):
        return True
    makers = {
        function.name
        for file in files
        for function in file.functions
        if any(_ROTATING in call.last for call in function.calls)
    }
    makers |= {
        function.name
        for file in files
        for function in file.functions
        if any(call.name in makers for call in function.calls)
    }
    taken = {
        each.name
        for file in source.python
        for each in file.imports
        if each.module.startswith("flask_core") and each.name
    }
    methods = {m.name for file in files for m in file.functions if m.cls}
    return bool(makers & (taken | methods))


_ROTATING = "RotatingFileHandler"


# Documentation


@measure("D1")
def readme_setup(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """A README that says how to install, configure and run."""
    text = source.readme
    if text is None:
        documents = [p for p, _ in source.documents if p.endswith(".md")]
        if documents:
            return PARTIAL, [Proof("documented elsewhere", documents[0], 1)]
        return FAIL, []
    place = Proof("README", source.path("README.md"), 1)
    misled = any(each.code == "WB707" for each in found)
    misled = misled or _has_finding(source, "WB107", "docs")
    setup = re.search(
        r"^#+.*\b(set-?up|install|getting started|quick ?start|usage|run|develop|deploy|start)",
        text,
        re.I | re.M,
    )
    command = re.search(
        r"pip install|docker (build|run|compose)|docker-compose|python -m|hypercorn|uvicorn|"
        r"python (app|main)\.py|npm |make ",
        text,
    )
    if setup and command and not misled:
        return PASS, [place]
    return PARTIAL, [place]


@measure("D2")
def api_documented(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """The share of routes that some document names."""
    every = [route for route in source.routes if not route.websocket]
    if not every:
        return NA, [Proof("it serves no routes")]
    good = [r for r in every if documented(source, r)]
    proofs = [Proof(f"{len(good)} of {len(every)} routes are documented")]
    if source.documents:
        proofs.append(Proof("documents", source.documents[0][0], 1))
    if len(good) >= len(every):
        return (PARTIAL if found else PASS), proofs
    return (PARTIAL if good else FAIL), proofs


def documented(source: ModuleSource, route: Route) -> bool:
    """Whether a document names a route's path, whatever its parameters are called."""
    pattern = re.sub(r"<[^>]*>", "\0", route.path.rstrip("/") or "/")
    pattern = re.escape(pattern).replace(
        "\0", "(?:<[^>\\n]*>|\\{[^}\\n]*\\}|:\\w+|\\$\\w+|[\\w-]+)"
    )
    pattern = pattern.replace(
        "\\\x00", "(?:<[^>\\n]*>|\\{[^}\\n]*\\}|:\\w+|\\$\\w+|[\\w-]+)"
    )
    start = route.path.rstrip("/").partition("<")[0]
    texts = [text for _, text in source.documents if start in text]
    compiled = re.compile(pattern + r"/?(?![\w/-])") if texts else None
    if compiled and any(map(compiled.search, texts)):
        return True
    return any(_is_below(route.path, text) for _, text in source.documents)


_PARAMETER = r"(?:<[^>\n]*>|\{[^}\n]*\}|:\w+|\$\w+)"


def _is_below(path: str, text: str) -> bool:
    """Whether a document names the beginning of a path, and elsewhere the rest of it."""
    parts = path.rstrip("/").split("/")
    for cut in range(4, len(parts)):
        base = "/".join(parts[:cut])
        if "<" in base:
            break
        rest = re.sub(r"<[^>]*>", "\0", "/" + "/".join(parts[cut:]))
        shape = re.escape(rest).replace("\\\x00", "\0").replace("\0", _PARAMETER)
        stated = re.search(re.escape(base) + r"/?(?![\w/<{-])", text)
        if stated and re.search(rf"(?:^|[\s`|\"'(]){shape}/?(?![\w/-])", text, re.M):
            return True
    return False


@measure("D3")
def env_documented(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """The share of variables that some document names."""
    names = {read.name for read in source.env}
    if not names:
        return NA, [Proof("it reads no variables")]
    texts = [text for _, text in source.documents]
    example = source.env_example
    if example and example[0].rpartition("/")[2] in "\n".join(texts):
        texts.append(example[1])
    said = "\n".join(texts)
    good = [name for name in names if is_word_of(name, said)]
    if not good and example:
        good = [n for n in names if is_word_of(n, example[1])]
        proof = Proof("only the example names them", example[0], 1)
        # The image says the module's name, version and port; what explains them documents.
        rest = {name for name in names - set(good) if not name.startswith("MODULE_")}
        told = not rest and source.shares_example and "\n#" in f"\n{example[1]}"
        return (PASS if told else PARTIAL if good else FAIL), [proof]
    proofs = [Proof(f"{len(good)} of {len(names)} variables are documented")]
    if source.documents:
        proofs.append(Proof("documents", source.documents[0][0], 1))
    wrong = any(each.code == "WB706" for each in found)
    if len(good) >= len(names):
        return (PARTIAL if wrong else PASS), proofs
    return (PARTIAL if good else FAIL), proofs


@measure("D4")
def examples_given(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """An environment example with every variable."""
    from waddlegen.facts.texts import env_names

    example = source.env_example
    if example is None:
        said = "\n".join(text for _, text in source.documents)
        shown = re.findall(r"(?m)^[^|\n]*?\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)=\S", said)
        shown += re.findall(r" ([A-Z][A-Z0-9]*_[A-Z0-9_]+)=\S", said)
        if len(set(shown)) > 1:
            return PARTIAL, [Proof("an example stands in the documents")]
        names = {read.name for read in source.env}
        told = {name for name in names if is_word_of(name, said)}
        if names and len(told) * 10 >= len(names) * 9:
            return PARTIAL, [Proof("the documents name the variables")]
        for service in source.delivery.compose:
            given = {setting.name for setting in service.settings} & names
            if len(given) * 2 > len(names):
                return PARTIAL, [Proof("a Compose file is one", service.path, 1)]
        return FAIL, []
    path, text = example
    known = env_names(text)
    # What has a default may be left out of an example.
    needed = {read.name for read in source.env if not read.literal}
    needed -= {read.name for read in source.env if read.kind in {"name", "call"}}
    missing = needed - set(known)
    place = Proof(f"{len(known)} variables", path, 1)
    if source.shares_example:
        # An address that is put together of parts need not be given.
        whole = not missing - {"DATABASE_URL", "DATABASE_URI", "REDIS_URL"}
        return (PASS if whole else PARTIAL), [place]
    names = {read.name for read in source.env}
    most = len(names & set(known)) * 5 >= len(names) * 3 and len(names) > 9
    return (PASS if most or len(missing) * 2 <= len(needed) else PARTIAL), [place]


# Deployment


@measure("P1")
def dockerfile_tested(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """A Dockerfile that a workflow builds."""
    names = [f for f in source.files if f.rpartition("/")[2].startswith("Dockerfile")]
    if not names:
        return FAIL, []
    place = at(source, names[0], 1, "Dockerfile")
    # Not built by anything is not tested; the rest of the warnings is about size and style.
    wrong = [
        each
        for each in found
        if each.code == "WB812"
        or each.severity.rank <= Severity.ERROR.rank
        or (each.code == "WB808" and "health check" in each.problem.message)
    ]
    unwell = _has_finding(source, "WB804", "docker")
    told = _has_finding(source, "WB404", "docker")
    return (PARTIAL if wrong or unwell or told else PASS), [place]


@once
def health_route(source: ModuleSource) -> Proof | None:
    """Where /health is served."""
    return _served(
        source, "health", r"health_(blueprint|bp|routes)|register_health|add_health"
    )


def _served(source: ModuleSource, name: str, calls: str) -> Proof | None:
    """Where GET /<name> is answered: by a route, by what a call registers, by create_app."""
    for route in source.routes:
        if re.search(rf"(^|/){name}/?$", route.path) and "GET" in route.methods:
            return at(source, route.file, route.line, route.label)
    makers = source.called & library_views(source, name).keys()
    registers, code = re.compile(calls), source.code
    likely = bool(makers) or any(map(registers.search, source.calls_by_name))
    for file, _, call in source.calls() if likely else ():
        if makers and code.origin(file, call.name).rpartition(".")[2] in makers:
            return at(source, file, call.line, call.last)
        if registers.search(call.last) and _really_serves(source, name, call.last):
            return at(source, file, call.line, call.last)
    if source.uses_create_app and source.entry:
        return at(source, source.entry, 1, f"create_app serves /{name}")
    return None


def library_views(source: ModuleSource, name: str) -> dict[str, Function]:
    """The functions of flask_core that serve a path, and the view that they serve it by."""

    def work() -> dict[str, Function]:
        """Look for them once for all modules."""
        return {
            each.name: view
            for file in source.core[1]
            for number, each in enumerate(file.functions)
            if each.parent == 0
            for view in file.within(number)
            for call in view.decorators
            if call.args and call.args[0].text.strip("/") == name
        }

    return source.once_for_all((library_views, name), work)


@once
def made_up_health(source: ModuleSource) -> Proof | None:
    """Where /health is answered by the same words for ever, by a view or one of flask_core."""
    makers = library_views(source, "health")
    for route in source.routes:
        if re.search("(^|/)health/?$", route.path) and "GET" in route.methods:
            if is_constant_answer(route.function):
                return at(source, route.file, route.function.line, route.label)
            return None
    for file, _, call in source.calls() if makers else ():
        view = makers.get(source.code.origin(file, call.name).rpartition(".")[2])
        if view is not None and is_constant_answer(view):
            return at(source, file, call.line, f"{call.last} answers a constant")
    return None


_WORDS = frozenset(
    "jsonify success_response isoformat utcnow now create_response dict make_response".split()
)


def is_constant_answer(view: Function) -> bool:
    """Whether a view answers the same mapping always, with nothing asked and nothing known."""
    if view.handlers or view.tested or 503 in view.statuses or len(view.returns) != 1:
        return False
    told = view.returns[0]
    plain = told.value.kind in {"dict", "list"} or (
        told.value.text.rpartition(".")[2] in _WORDS
    )
    said = {*told.strings, *(name for call in view.calls for name in call.keywords)}
    if not plain or {"uptime_seconds", "dependencies", "uptime"} & said:
        return False
    return all(call.last in _WORDS and not call.awaited for call in view.calls)


def _really_serves(source: ModuleSource, name: str, function: str) -> bool:
    """Whether a function of flask_core serves a path, as far as it can be looked into."""
    for file in source.core[1]:
        for number, each in enumerate(file.functions):
            if each.name == function:
                paths = [
                    call.args[0].text
                    for inner in file.within(number)
                    for call in (*inner.decorators, *inner.calls)
                    if call.args and call.args[0].text.startswith("/")
                ]
                return not paths or any(p.strip("/").endswith(name) for p in paths)
    return True


@measure("P2")
def health_served(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """GET /health."""
    proof = health_route(source)
    if proof is None:
        return FAIL, []
    made_up = any(each.code == "WB515" for each in found) or made_up_health(source)
    return (PARTIAL if made_up else PASS), [proof]


@measure("P3")
def dependencies_declared(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Every library that is imported is required."""
    if source.requirements is None:
        return FAIL, []
    if any(each.code in {"WB821", "WB825"} for each in found):
        return FAIL, []
    place = at(
        source,
        source.requirements[0].path if source.requirements else "requirements.txt",
        1,
        f"{len(source.requirements)} requirements",
    )
    return PASS, [place]


@measure("P4")
def kubernetes_provided(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Manifests for the module."""
    places = _manifests(source)
    if any(each.code == "WB841" for each in found) or not places:
        return FAIL, []
    broken = [
        each
        for each in found
        if each.code not in _HARDENING
        and not (each.code == "WB845" and each.problem.message.endswith(_USER_ALONE))
    ]
    asked = any(_has_finding(source, code, "k8s") for code in ("WB843", "WB863"))
    asked = asked or _has_finding(source, "WB849", "k8s")
    asked = asked or _has_finding(source, "WB846", "k8s")
    asked = asked or _is_misnamed(source)
    return (PARTIAL if broken or asked else PASS), places[:2]


def _is_misnamed(source: ModuleSource) -> bool:
    """Whether a manifest gives a variable under a name that the code does not read."""
    paths = {each.path for each in source.delivery.manifests.own}
    # What the rules on the environment have found.
    found = cast(list[tuple[str, str, Problem]], source.memory.get("misnamed", []))
    return any(place.path in paths for _, _, place in found)


# What makes a manifest safer; it is there without.
_HARDENING = frozenset({"WB848", "WB850", "WB851", "WB871"})
_USER_ALONE = "lacks runAsUser: 1000"


def _manifests(source: ModuleSource) -> list[Proof]:
    """The module's Kubernetes objects, those that make pods first; or its chart."""
    manifests = source.delivery.manifests
    objects = sorted(manifests.own, key=lambda each: each.pod is None)
    proofs = [Proof(each.title, each.path, max(1, each.root.line)) for each in objects]
    files = [file.path for file in (*manifests.skipped, *manifests.broken)]
    files = files or [chart.path for chart in source.delivery.charts]
    return proofs or [Proof("a manifest", path, 1) for path in files]


@measure("P5")
def environment_external(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """What differs between environments is read from the environment."""
    if not source.env:
        return FAIL, []
    first = source.env[0]
    proofs = [
        at(source, first.file, first.line, f"{len(source.env)} variables are read")
    ]
    # A secret that the code makes up is one that nobody need give.
    made_up = any(
        _has_finding(source, code, "secret") for code in ("WB401", "WB402", "WB403")
    )
    return (PARTIAL if found or made_up else PASS), proofs


# Monitoring


@once
def metrics_route(source: ModuleSource) -> Proof | None:
    """Where /metrics is served."""
    return _served(
        source,
        "metrics",
        r"health_(blueprint|bp)|metrics_(blueprint|bp|app)|start_http_server"
        r"|make_asgi_app|PrometheusMetrics|QuartPrometheus|setup_metrics",
    )


@measure("M1")
def metrics_exposed(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """GET /metrics in Prometheus's format."""
    proof = metrics_route(source)
    if proof is None or any(each.code == "WB901" for each in found):
        return FAIL, [proof] if proof else []
    return (PARTIAL if found else PASS), [proof]


@measure("M2")
def logging_configured(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Logging is set up, at the level of the environment."""
    proof = sets_up_aaa(source)
    for file, _, call in source.calls():
        if proof is None and call.last in {
            "basicConfig",
            "dictConfig",
            "setup_logging",
            "StreamHandler",
            "configure_logging",
        }:
            proof = at(source, file, call.line, call.last)
    if proof is None:
        return FAIL, []
    plain = rotation(source) is None and any(
        call.last == "basicConfig" for _, _, call in source.calls()
    )
    return (PARTIAL if found or plain else PASS), [proof]


@measure("M3")
def alerts_configured(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """Alert rules that are about this module."""
    alerts = [each for each in source.delivery.prometheus_rules if each.alert]
    if not alerts:
        return FAIL, []
    first = alerts[0]
    place = Proof(f"the alert {first.alert}", first.path, max(1, first.node.line))
    unread = any("expression" in each.problem.message for each in found)
    unread = unread or any(
        each.code in {"WB915", "WB916", "WB917", "WB918"} for each in found
    )
    return (PARTIAL if unread else PASS), [place]


@measure("M4")
def slo_defined(source: ModuleSource, found: Sequence[Finding]) -> Answer:
    """An objective, and what it is measured by."""
    places = [
        Proof("an objective", each.path, each.line)
        for each in source.delivery.objectives
    ]
    places += [
        Proof("a rule on the error budget", each.path, max(1, each.node.line))
        for each in source.delivery.prometheus_rules
        if re.search("budget|burn", each.said, re.I)
    ]
    if not places:
        return FAIL, []
    # That nobody is woken is said of the alerts; what is promised is whole without it.
    lacking = [f for f in found if not _LACKS_ALERT.search(f.problem.message)]
    return (PARTIAL if lacking else PASS), places[:1]


_LACKS_ALERT = re.compile(r"^the objective lacks an alert")
