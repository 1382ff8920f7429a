"""Tests: whether there are any, and whether they could ever fail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from waddlegen.facts.python import Call, Function, PythonFile, Return, Value
from waddlegen.findings import Problem, Severity
from waddlegen.measures import (
    benchmarked,
    integration_tests,
    once,
    refusals_tested,
    shell_suites,
    test_functions,
)
from waddlegen.findings import Verdict
from waddlegen.rules.rule import rule
from waddlegen.source import ModuleSource

_HELPERS = re.compile(
    r"^assert|assert_|^(self\.)?fail|raises|warns|^check_|^verify_|^expect|deprecated_call|"
    r"^_?ensure|run_test|benchmark|^_check|^_assert|^until|should",
)


@rule("WB301", severity=Severity.ERROR, topic="tests", checklist="T1")
def no_tests(module: ModuleSource) -> Iterator[Problem]:
    """pytest finds no test in the module.

    A script called test_api.py that prints is none. Write functions `test_…` that assert, in
    tests/.

    Bad:
        # test_api.py
        print(requests.get(URL).status_code); sys.exit(0)
    Good:
        async def test_quotes_need_a_key(client):
            assert (await client.get("/api/v1/quotes")).status_code == 401
    """
    if not module.python:
        return
    if not test_functions(module):
        scripts = [f for f in module.tests if f.name.startswith("test_")]
        if scripts:
            yield module.problem(
                scripts[0], 1, "this is a script; pytest collects no test from it"
            )
        else:
            yield module.problem("tests", 1, "there are no tests")
    for file in module.tests:
        if file.name.startswith("test_") and file.exits_at_import:
            yield module.problem(
                file, file.exits_at_import, "this ends pytest when it imports the file"
            )


@rule("WB302", severity=Severity.ERROR, topic="tests", checklist="T1")
def test_that_cannot_fail(module: ModuleSource) -> Iterator[Problem]:
    """A test asserts nothing.

    It is green whatever the program does; a `return` of True or False is not looked at. Assert
    what should come out.

    Bad:
        def test_health():
            return requests.get(URL).status_code == 200
    Good:
        def test_health():
            assert requests.get(URL).status_code == 200
    """
    for file, function in test_functions(module):
        told = list(_empty_assertions(module, file, function))
        message = _cannot_fail(module, file, function)
        if message and not told:
            yield module.problem(file, function.line, message)
        for line, why in told:
            yield module.problem(file, line, why)
        for each in function.asserts:
            served = [s for s in each.value.statuses if s < 300]
            broken = [s for s in each.value.statuses if s >= 500]
            if served and broken and any("status" in n for n in each.value.names):
                message = f"this is as content with {broken[0]} as with {served[0]}"
                yield module.problem(file, each.line, message)


def _empty_assertions(
    module: ModuleSource, file: PythonFile, function: Function
) -> Iterator[tuple[int, str]]:
    """The assertions of a test that hold whatever the program does, and why."""
    inner = [function, *_nested(file, function)]
    asserts = [each for part in inner for each in part.asserts]
    calls = [call for part in inner for call in (*part.decorators, *part.calls)]
    told: set[int] = set()
    for each in asserts:
        why, line = _empty(module, each, calls), each.line
        if each.swallowed:
            why, line = "what fails above is swallowed here", each.swallowed
        elif each.value.kind == "same":
            why = "this compares a value with itself"
        elif mocked := _mocked_answer(module, file, each, inner):
            why = f"this test asserts what its own mock of {mocked} answers"
        elif all(map(_is_constant, asserts)) and _cannot_fail(module, file, function):
            why = "this test asserts a constant"
        if why and line not in told:
            told.add(line)
            yield line, why


def _cannot_fail(module: ModuleSource, file: PythonFile, function: Function) -> str:
    """Why a test cannot fail; nothing when it can."""
    if any(re.search(r"skip|xfail|fixture", call.name) for call in function.decorators):
        return ""
    if function.is_async and _is_skipped(module, file, function):
        return (
            "pytest skips this: mark it with pytest.mark.asyncio, or set asyncio_mode"
        )
    if function.trivial and not function.calls:
        return "this test does nothing"
    if _RUNS_THROUGH.search(function.name):
        return ""
    inner = [function, *_nested(file, function)]
    asserts = [each for part in inner for each in part.asserts]
    calls = [call for part in inner for call in part.calls]
    answers = {c.target for c in calls if _CLIENT.search(c.receiver) and c.target}
    weak = [_weakness(module, file, each, answers, inner) for each in asserts]
    if not all(weak):
        return ""
    if any(_HELPERS.search(call.last) or _HELPERS.search(call.name) for call in calls):
        return ""
    if any(_asserts_below(module, file, call, function, 2) for call in calls):
        return ""
    if any(_names_assertion(part) for part in inner):
        return ""
    if any(part.raises for part in inner):
        return ""
    if weak:
        return weak[0]
    if any(each.value.kind != "none" for each in function.returns):
        return "this test returns its result, which nobody looks at; assert it"
    return "this test asserts nothing"


_CLIENT = re.compile(r"client")
# Such a test is there for what would be raised.
_RUNS_THROUGH = re.compile(
    r"not_(raise|fail|crash|throw|break)|without_error|no_error|_survives"
)


def _weakness(
    module: ModuleSource,
    file: PythonFile,
    each: Return,
    answers: set[str],
    inner: list[Function],
) -> str:
    """Why an assertion holds whatever the program does; nothing when it may not."""
    calls = [call for part in inner for call in part.calls]
    if each.value.kind in {"present", "name"} and each.value.text in answers:
        return "any answer at all satisfies this test"
    if each.perhaps:
        return "this test asserts something after some answers alone"
    if _is_constant(each):
        return "this test asserts a constant"
    if _empty(module, each, calls) or each.swallowed or each.value.kind == "same":
        return "this test cannot fail"
    mocked = _mocked_answer(module, file, each, inner)
    if mocked:
        return f"this test asserts what its own mock of {mocked} answers"
    return ""


def _is_constant(each: Return) -> bool:
    """Whether an assertion is of something written there that is true."""
    return each.value.kind in {"bool", "num", "str"} and each.value.text not in {
        *("False", "0", "")
    }


_DOUBLES = frozenset({"Mock", "MagicMock", "AsyncMock"})


def _mocked_answer(
    module: ModuleSource, file: PythonFile, each: Return, inner: list[Function]
) -> str:
    """The replaced function whose answer is all that an assertion looks at, if any."""
    key = (_mocks, id(inner[0]))
    asked, results = module.once(key, lambda: _mocks(module, file, inner))
    if not asked:
        return ""
    for name in each.value.names:
        if name in asked:
            return asked[name]
    heads = {name.partition(".")[0] for name in each.value.names}
    if heads and heads <= results.keys():
        return results[sorted(heads)[0]]
    return ""


def _mocks(
    module: ModuleSource, file: PythonFile, inner: list[Function]
) -> tuple[dict[str, str], dict[str, str]]:
    """What a test calls that it has replaced, and where it keeps the answers."""
    calls = [call for part in inner for call in (*part.decorators, *part.calls)]
    spelled = dict(_replaced(file, calls, inner))
    for parameter in inner[0].parameters:
        for name in _fixed_methods(module).get(parameter.name, ()):
            spelled[f"{parameter.name}.{name}"] = name
    asked = {call.name: spelled[call.name] for call in calls if call.name in spelled}
    results = {c.target: asked[c.name] for c in calls if c.target and c.name in asked}
    return asked, results


def _replaced(
    file: PythonFile, calls: list[Call], inner: list[Function]
) -> Iterator[tuple[str, str]]:
    """Under which names a test calls what it has replaced by a fixed answer, and what."""
    given = _given_answers(inner)
    yield from ((name, name) for name in given if "." in name)
    own = {part.name for part in inner[1:]}
    for call in calls:
        fixed = "return_value" in call.keywords or call.target in given
        first = call.args[0].text if call.args else ""
        second = call.args[1] if len(call.args) > 1 else None
        if call.last in _DOUBLES and fixed and "." in call.target:
            yield call.target, call.target
        elif call.name in _PATCHES and first:
            if fixed or _takes_place(call.argument(1, "new"), calls, own):
                for spelled in _spellings(file, first):
                    holder, _, name = spelled.rpartition(".")
                    yield spelled, first
                    if holder.rpartition(".")[2][:1].isupper():
                        yield from _of_object(holder, name, call, calls)
                yield call.target or first, first
        elif second is None:
            continue
        elif call.name == "monkeypatch.setattr" and len(call.args) == 2:
            if _takes_place(second, calls, own):
                yield from ((name, first) for name in _spellings(file, first))
        elif second.kind == "str" and call.name.endswith("patch.object"):
            if fixed or _takes_place(call.argument(2, "new"), calls, own):
                yield from _of_object(first, second.text, call, calls)
        elif second.kind == "str" and call.name == "monkeypatch.setattr":
            if _takes_place(call.argument(2, "value"), calls, own):
                yield from _of_object(first, second.text, call, calls)


@once
def _fixed_methods(module: ModuleSource) -> dict[str, set[str]]:
    """The methods, by the name of a fixture, that it gives a fixed answer on what it makes."""
    found: dict[str, set[str]] = {}
    for file in module.tests:
        for function in file.functions:
            if not any(call.last == "fixture" for call in function.decorators):
                continue
            for call in function.calls:
                holder, _, name = call.target.rpartition(".")
                fixed = call.last in _DOUBLES and "return_value" in call.keywords
                if fixed and holder and "." not in holder:
                    # What is made by hand of doubles alone stands in for something else.
                    made = [a.value for a in function.assigns if a.target == holder]
                    if made and made[0].text.rpartition(".")[2] not in _DOUBLES:
                        found.setdefault(function.name, set()).add(name)
    return found


def _given_answers(inner: list[Function]) -> set[str]:
    """What a test has told what to answer: `service.total.return_value = 5`, a lambda."""
    found: set[str] = set()
    for part in inner:
        for assign in part.assigns:
            name = assign.target.removesuffix(".return_value")
            plain = "()" not in name and "[" not in name
            if plain and (name != assign.target or assign.value.text == "Lambda"):
                found.add(name)
    return found


_PATCHES = frozenset({"patch", "mock.patch", "unittest.mock.patch", "mocker.patch"})


def _of_object(
    holder: str, name: str, call: Call, calls: list[Call]
) -> Iterator[tuple[str, str]]:
    """The names of a replaced attribute: of the holder, or of objects of that class."""
    whole = f"{holder}.{name}"
    yield whole, whole
    if call.target:
        yield call.target, whole
    for made in calls:
        if made.name == holder and made.target:
            yield f"{made.target}.{name}", whole
    yield f"{holder}().{name}", whole


def _takes_place(value: Value | None, calls: list[Call], own: set[str]) -> bool:
    """Whether something that takes a function's place answers what the test gave it."""
    if value is None:
        return False
    return value.text in own or _is_fixed(value.text, value.kind, calls)


def _is_fixed(text: str, kind: str, calls: list[Call]) -> bool:
    """Whether what takes a function's place is a double, or a lambda."""
    doubles = {c.target for c in calls if c.last in _DOUBLES and c.target}
    return (
        text in doubles or text == "Lambda" or text.rpartition(".")[2] in _DOUBLES
        if kind in {"name", "call", "other"}
        else False
    )


def _spellings(file: PythonFile, target: str) -> Iterator[str]:
    """How a file may call what `patch` names by its whole path."""
    for each in file.imports:
        if each.origin == target:
            yield each.alias
        elif target.startswith(f"{each.origin}."):
            yield each.alias + target[len(each.origin) :]


# Of a mock, such an attribute is there whether it was called or not; it has to be called.
_ASKS_MOCK = re.compile(
    r"(assert_)?(not_|never_)?(called|awaited)(_once|_with|_once_with)*"
    r"|assert_(has|any)_\w+|has_calls|(not|any)_call(ed)?"
)
_PROPERTIES = frozenset({"called"})
_NO_METHODS = re.compile(r"(not_|never_)?(called|awaited)_\w+|not_called|has_calls")


def _empty(module: ModuleSource, each: Return, calls: list[Call]) -> str:
    """Why an assertion is of something that is always true; nothing when it is not."""
    value = each.value
    last = value.text.rpartition(".")[2]
    if value.kind == "name" and "." in value.text:
        if _ASKS_MOCK.fullmatch(last) and last not in _PROPERTIES:
            return (
                f"`{last}` is not called, so nothing is asked of the mock; add `(...)`"
            )
    if value.kind == "call" and "." in value.text and _NO_METHODS.fullmatch(last):
        return (
            f"a mock has no `{last}`, and makes up what is true; write `assert_{last}`"
        )
    if value.kind in {"call", "present"}:
        name = value.text.removesuffix("()")
        mine = [c for c in calls if c.name == name and c.line == each.line]
        if mine and not mine[0].awaited and _is_coroutine(module, name):
            return f"`{name}` is not awaited, and a coroutine is always true"
    return ""


def _is_coroutine(module: ModuleSource, name: str) -> bool:
    """Whether a name can only be a coroutine function of the module or of its tests."""
    last = name.rpartition(".")[2]
    if any(hasattr(kind, last) for kind in (dict, list, str, set, bytes, int)):
        return False
    if last in {"json", "data", "text", "read", "get_json", "get_data"}:
        return False
    every = _functions_by_name(module).get(last, ())
    return bool(every) and all(each.is_async and not each.yields for each in every)


@once
def _functions_by_name(module: ModuleSource) -> dict[str, list[Function]]:
    """Every function of the program and its tests by its name."""
    found: dict[str, list[Function]] = {}
    for file in (*module.python, *module.tests):
        for each in file.functions:
            found.setdefault(each.name, []).append(each)
    return found


def _names_assertion(function: Function) -> bool:
    """`equal = self.assertEqual`, and `equal(...)` from then on."""
    return any(re.search(r"\.assert[A-Z]", name) for name in function.names)


def _is_skipped(module: ModuleSource, file: PythonFile, test: Function) -> bool:
    """Whether nothing tells pytest to run an async test."""
    if _runs_async_tests(module):
        return False
    marks = [call.name for call in test.decorators]
    marks += [f"{a.value.text} {a.value.names}" for a in file.module.assigns]
    if any(re.search(r"asyncio|anyio|trio", mark) for mark in marks):
        return False
    if test.cls:
        around = [made for made in file.classes if made.name == test.cls]
        said = " ".join(
            [*(d for made in around for d in made.decorators)]
            + [base for made in around for base in made.bases]
        )
        if re.search(r"asyncio|anyio|trio|Isolated|Case", said):
            return False
    return True


@once
def _runs_async_tests(module: ModuleSource) -> bool:
    """Whether pytest is told to run async tests without a mark on each."""
    for name in ("pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini", ".pytest.ini"):
        for text in (module.read(name), module.read_repository(name)):
            if text and re.search(r"asyncio_mode|anyio|pytest-(trio|aiohttp)", text):
                return True
    # Whatever a conftest does may be what marks them.
    return any(
        re.search(
            r"pytest_collection_modifyitems|pytest_pyfunc_call|anyio_backend", f.name
        )
        for other in module.tests
        for f in other.functions
    )


def _asserts_below(
    module: ModuleSource, file: PythonFile, call: Call, test: Function, depth: int
) -> bool:
    """Whether a call leads to an assertion: in a helper of the tests, or of their library."""
    for each in file.imports:
        if each.alias == call.name and re.search(r"assert|testing\b", each.module):
            return True
    for other in module.tests:
        for helper in other.functions:
            if helper.name != call.last or helper is test or helper.is_test:
                continue
            parts = [helper, *_nested(other, helper)]
            if any(p.asserts or p.raises or _names_assertion(p) for p in parts):
                return True
            for inner in (c for part in parts for c in part.calls if depth):
                if inner.last == helper.name:
                    continue
                if _HELPERS.search(inner.last):
                    return True
                if _asserts_below(module, other, inner, helper, depth - 1):
                    return True
    return False


def _nested(file: PythonFile, function: Function) -> list[Function]:
    """The functions defined inside one."""
    number = file.functions.index(function)
    if not any(each.parent == number for each in file.functions[number + 1 :]):
        return []
    return [each for each in file.within(number) if each is not function]


@rule("WB305", severity=Severity.WARNING, topic="tests", checklist="T2")
def no_integration_tests(module: ModuleSource) -> Iterator[Problem]:
    """Nothing tests the module together with what it depends on.

    Write tests marked `integration` that talk to the running module and its database, or a
    test-api.sh.

    Bad:
        tests/test_models.py alone
    Good:
        tests/test_integration.py with `pytestmark = pytest.mark.integration`
    """
    if module.python and integration_tests(module, ())[0] is Verdict.FAIL:
        yield module.problem("tests", 1, "there is no integration test")


@rule("WB306", severity=Severity.ERROR, topic="tests", checklist="T2")
def suite_that_aborts(module: ModuleSource) -> Iterator[Problem]:
    """A shell suite ends at its first count.

    Under `set -e`, `((passed++))` fails while the counter is 0, and the suite stops there.
    Write `passed=$((passed + 1))`.

    Bad:
        set -e
        ((PASSED++))
    Good:
        PASSED=$((PASSED + 1))
    """
    yield from _runs_that_never_fail(module)
    for inside in shell_suites(module):
        text = module.read(inside) or ""
        if not re.search(r"^\s*set\s+-\w*e|^#!.*\bbash\s+-\w*e", text, re.M):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            code = line.split("#")[0]
            if re.search(
                r"^\s*\(\(\s*\w+\+\+\s*\)\)\s*$|&&\s*\(\(\s*\w+\+\+\s*\)\)\s*$", code
            ):
                yield module.problem(
                    inside,
                    number,
                    "under `set -e` this ends the suite while the counter is 0",
                )
                break


_FORGIVEN = re.compile(
    r"\b(pytest|tox|nox|unittest)\b[^#\n]*\|\|\s*(true|:|exit 0|echo)"
)


_FORGIVEN_LINT = re.compile(
    r"\b(black|flake8|mypy|ruff|pylint|isort|bandit)\b[^#\n]*\|\|\s*(true|:|exit 0|echo)"
)
_HINT = "drop what follows `||`"


def _runs_that_never_fail(module: ModuleSource) -> Iterator[Problem]:
    """Steps of workflows that test or lint this module, and go on whatever comes out."""
    short = module.name
    for workflow in module.delivery.workflows:
        if short not in workflow.text or "||" not in workflow.text:
            continue
        for number, line in enumerate(workflow.text.splitlines(), 1):
            if _FORGIVEN.search(line):
                message = "a test that fails does not fail this step"
                yield Problem(workflow.path, number, message, hint=_HINT)
            elif _FORGIVEN_LINT.search(line):
                message = "what the linter finds does not fail this step"
                yield Problem(
                    *(workflow.path, number, message), hint=_HINT, topic="lint"
                )


@rule("WB309", severity=Severity.ERROR, topic="tests", checklist=None)
def suite_that_cannot_fail(module: ModuleSource) -> Iterator[Problem]:
    """A shell suite compares a value with itself, or ends well whatever it has found.

    It is green whatever the service answers, and hides what is broken. Compare with what is
    wanted, and end with a status that says how it went.

    Bad:
        check "no key" "$status" "$status"
        exit 0
    Good:
        check "no key" 401 "$status"
        [ "$FAILED" -eq 0 ]
    """
    for inside in shell_suites(module):
        text = module.read(inside) or ""
        lines = [line.split(" #")[0].rstrip() for line in text.splitlines()]
        for number, line in enumerate(lines, 1):
            if "$" in line and _compares_itself(text, line):
                message = "this compares a value with itself: it passes whatever comes"
                yield module.problem(inside, number, message)
            elif _TRUE_ANYWAY.search(line):
                message = "`|| true` makes this hold whatever comes"
                yield module.problem(inside, number, message)
        line_of_count = _failures_forgotten(lines)
        if line_of_count:
            message = (
                "failures are counted, and the suite ends well with them all the same"
            )
            yield module.problem(inside, line_of_count, message)


# Of these, what is given twice is compared with itself.
_COMPARES = re.compile(
    r"^\s*(?:same|equal\w*|expect\w*|assert\w*|check\w*|compare\w*|verify\w*|test_\w+)\b"
)
_TWICE = re.compile(r"(\"?\$\{?\w+\}?\"?)\s+\1(?=\s|$|;)")
_TESTED_TWICE = re.compile(
    r"(?:\[\[?|\btest)\s+(\"?\$\{?\w+\}?\"?)\s+(?:==?|-eq)\s+\1(?=\s|$|;|\])"
)
_TRUE_ANYWAY = re.compile(
    r"^\s*(?:if\s+)?(?:\[\[?\s.*\]\]?|test\s.*|grep\s+-q.*)\s*\|\|\s*true\s*(?:;\s*then\s*)?$"
)


def _compares_itself(text: str, line: str) -> bool:
    """Whether a line compares what it holds with the same."""
    if _TESTED_TWICE.search(line):
        return True
    called = _COMPARES.match(line)
    if called is None or not _TWICE.search(line):
        return False
    name = called[0].strip()
    body = re.search(
        rf"(?ms)^\s*(?:function\s+)?{name}\s*(?:\(\))?\s*\{{(.*?)(?:^\s*\}}|\Z)", text
    )
    return (
        body is not None and re.search(r"\s(?:==?|!=|-eq|-ne)\s", body[1]) is not None
    )


_COUNTS = re.compile(
    r"^\s*\(?\(?\s*(?:let\s+)?(FAIL\w*|ERRORS?|failed|failures|fails|errors)\s*(?:\+\+|\+=|=\s*\$\(\(|=1\b)",
)


def _failures_forgotten(lines: list[str]) -> int:
    """The line in which failures are counted that no status speaks of; 0 for none."""
    counted = [
        (n, m[1]) for n, line in enumerate(lines, 1) if (m := _COUNTS.match(line))
    ]
    if not counted:
        return 0
    name = counted[0][1]
    ends = [line.strip() for line in lines if line and not line.startswith("#")]
    speaks = re.compile(
        rf"\b(?:exit|return)\s+(?:[1-9]|\"?\$)|^(?:\[|test\b|\(\().*\b{name}\b|"
        r"^\s*(?:false|trap)\b|&&\s*exit|set\s+-\w*e.*errexit"
    )
    said = any(speaks.search(line) for line in ends if not _COUNTS.match(line))
    return 0 if said or ends[-1].startswith((". ", "source ")) else counted[0][0]


@rule("WB303", severity=Severity.WARNING, topic="tests", checklist="T1")
def untested_routes(module: ModuleSource) -> Iterator[Problem]:
    """Routes that no test names.

    Whatever is not called in a test breaks unnoticed. Call each route once with a right and
    once with a wrong request.

    Bad:
        tests that only import the services
    Good:
        await client.post("/api/v1/quotes", json=...)
    """
    if not test_functions(module) or not module.routes:
        return
    said = "\n".join(module.read(file.path) or "" for file in module.tests)
    if "openapi.yaml" in said and "operations" in said:
        return
    missing = []
    for route in module.routes:
        pattern = re.escape(re.sub(r"<[^>]*>", "\0", route.path)).replace("\\\0", "\0")
        pattern = pattern.replace("\0", r"[^/\s\"']+")
        if not re.search(pattern + r"(?![\w])", said) and not route.websocket:
            missing.append(route)
    if len(missing) == 1:
        route = missing[0]
        yield module.problem(route.file, route.line, f"no test calls `{route.label}`")
    elif missing:
        message = (
            f"no test calls `{missing[0].label}` and {len(missing) - 1} more routes"
        )
        yield module.problem(test_functions(module)[0][0], 1, message)


@rule("WB307", severity=Severity.WARNING, topic="tests", checklist="T3")
def only_sunny_days_tested(module: ModuleSource) -> Iterator[Problem]:
    """No test expects a refusal, or a dependency that fails.

    Test what a caller without a key gets, one with a wrong body, and one while the database is
    away.

    Bad:
        assert response.status_code == 200 everywhere
    Good:
        assert response.status_code == 401
    """
    tests = test_functions(module)
    if tests and refusals_tested(module)[0] is not Verdict.PASS:
        yield module.problem(
            tests[0][0],
            1,
            "the tests expect too few of 400, 401, 403, 404, 429 and 503, or no dependency"
            " that fails",
        )


@rule("WB308", severity=Severity.INFO, topic="tests", checklist="T4")
def no_benchmark(module: ModuleSource) -> Iterator[Problem]:
    """Nothing measures how fast the module is.

    Without a number nobody sees it getting slower. Write a benchmark with a threshold.

    Bad:
        no file that measures
    Good:
        tests/test_benchmark.py
    """
    if module.python and benchmarked(module, ())[0] is Verdict.FAIL:
        yield module.problem("tests", 1, "nothing is benchmarked")
