"""Wrong specs are told exactly; right ones say everything the language has."""

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, StringConstraints
from ruamel.yaml import YAML

from tests.helpers import ROOT
from waddlegen import specfile
from waddlegen.errors import SpecError
from waddlegen.spec import ModuleSpec, json_schema

SPECS = ROOT / "tests" / "specs"
INVALID = sorted((SPECS / "invalid").glob("*.yaml"))
VALID = sorted((SPECS / "valid").glob("*.yaml"))


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_a_wrong_spec_is_told_exactly(path: Path) -> None:
    """Message, line, column, snippet and hint are those of the `.txt` beside it."""
    with pytest.raises(SpecError) as raised:
        specfile.load(path, path.name)

    assert path.with_suffix(".txt").read_text("utf-8") == f"{raised.value}\n"
    assert 2 == raised.value.exit_code


def test_there_are_enough_examples_and_none_is_left_alone() -> None:
    """Each example has its message and each message its example."""
    messages = {path.stem for path in (SPECS / "invalid").glob("*.txt")}

    assert {path.stem for path in INVALID} == messages
    assert len(messages) >= 80


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_no_message_speaks_the_validators_language(path: Path) -> None:
    """The words are those of a YAML author."""
    text = path.with_suffix(".txt").read_text("utf-8")

    for word in ("pydantic", "Input should", "extra_forbidden", "property", "NoneType"):
        assert word not in text


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_right_spec_is_read(path: Path) -> None:
    """Its id is the file's name."""
    assert path.stem == specfile.load(path).id


def parts(kind: Any) -> Iterator[type[BaseModel]]:
    """The classes of the language that a type's values are made of."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in typing.get_args(kind):
        yield from parts(inner)


def used(value: Any, seen: set[tuple[str, str]]) -> None:
    """Note each field a value sets."""
    match value:
        case BaseModel():
            for name in value.model_fields_set:
                seen.add((type(value).__name__, name))
                used(getattr(value, name), seen)
        case tuple():
            for item in value:
                used(item, seen)


def fields(kind: type[BaseModel], seen: set[tuple[str, str]]) -> None:
    """Note each field of a class of the language, and of those inside it."""
    for name, field in kind.model_fields.items():
        if (kind.__name__, name) not in seen:
            seen.add((kind.__name__, name))
            for inner in parts(field.annotation):
                fields(inner, seen)


def test_everything_uses_every_field() -> None:
    """A new field is shown in everything.yaml, which every other test renders."""
    wanted: set[tuple[str, str]] = set()
    found: set[tuple[str, str]] = set()
    fields(ModuleSpec, wanted)
    used(specfile.load(SPECS / "valid" / "everything.yaml"), found)

    assert set() == wanted - found


def test_the_schema_describes_every_field() -> None:
    """Editors show a sentence for each key."""
    schema = json_schema()
    described = [schema, *schema["$defs"].values()]

    for part in described:
        for name, field in part.get("properties", {}).items():
            # A description that is its part's own is left to the part.
            behind = schema["$defs"].get(str(field.get("$ref")).rpartition("/")[2], {})
            text = field.get("description") or behind.get("description")
            assert text, f"{part.get('title')}.{name}"


def test_every_template_field_is_read() -> None:
    """Each field of the language is read by a template, or by what templates read."""
    text = "\n".join(
        path.read_text("utf-8")
        for folder in (ROOT / "templates" / "module", ROOT / "templates" / "fleet")
        for path in folder.rglob("*.jinja")
    )
    text += "\n".join(
        (ROOT / "waddlegen" / name).read_text("utf-8")
        for name in ("spec.py", "endpoint.py", "context.py", "shift.py")
    )
    wanted: set[tuple[str, str]] = set()
    fields(ModuleSpec, wanted)
    # grpc_port and legacy_names are reserved in the fleet; calls' names are variables.
    known = {"grpc_port", "legacy_names", "secret"}

    unread = {
        name for _, name in wanted if f".{name}" not in text and name not in known
    }

    assert set() == unread


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from([*ModuleSpec.model_fields, "x", "do"]), inner),
    max_leaves=20,
)


def check_refusal(text: str) -> None:
    """Reading ends in a spec or in problems that lie inside the text."""
    try:
        specfile.parse(text, "x.yaml")
    except SpecError as error:
        lines = text.count("\n") + text.count("\r") + 2
        assert error.problems
        for problem in error.problems:
            assert 1 <= problem.line <= lines and 1 <= problem.column


@given(st.text())
def test_any_text_is_a_spec_or_a_problem(text: str) -> None:
    """Nothing but SpecError ever rises."""
    check_refusal(text)


@given(json_values)
def test_any_structure_is_a_spec_or_a_problem(value: Any) -> None:
    """Wrong types anywhere are problems, not crashes."""
    import io

    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(value, out)

    check_refusal(out.getvalue())


@pytest.mark.parametrize(
    "text",
    ["[" * 20_000, "{a: " * 5_000, "a:\n" + " b:\n" * 5, "- " * 10_000, "\ufeffid: x"],
    ids=["lists", "mappings", "odd", "dashes", "bom"],
)
def test_deep_and_odd_texts_are_problems(text: str) -> None:
    """No depth and no oddity ends in a traceback."""
    check_refusal(text)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe\x00", "UTF-8"),
        (b"id: x\n" * 300_000, "large"),
    ],
)
def test_files_that_are_no_text_are_told(
    tmp_path: Path, content: bytes, words: str
) -> None:
    """Bytes that are no text, and texts without end, are refused as a whole."""
    path = tmp_path / "x.yaml"
    path.write_bytes(content)

    with pytest.raises(SpecError, match=words):
        specfile.load(path)


@pytest.mark.parametrize(
    ("text", "fits"), [("ab", True), ("xab", False), ("ab\n", False)]
)
def test_a_pattern_is_held_to_the_whole_text(text: str, fits: bool) -> None:
    """As its description says; a validator that only searches must not let more in."""
    from pydantic import TypeAdapter, ValidationError

    from waddlegen.spec import FieldSpec

    field = FieldSpec(name="x", pattern="ab|cd", example="ab")
    kind = typing.Annotated[str, StringConstraints(pattern=field.whole_pattern)]
    try:
        TypeAdapter(kind).validate_python(text)
        found = True
    except ValidationError:
        found = False

    assert fits == found
