"""Each filter: whatever text it is given arrives intact and inert in its target language."""

import ast
import io
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import black
import dotenv
import pytest
import yaml as pyyaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from ruamel.yaml import YAML

from tests.strategies import HOSTILE
from waddlegen import filters

# A spec is UTF-8, so it holds no lone surrogate; NUL is refused where it is read.
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80),
    st.text("\"'\\`${}%#|:- \n\ta1_*[]<>&;~", max_size=40),
)
# YAML takes no key above 1024 characters on one line; those of a spec have at most 60.
KEYS = TEXTS.filter(lambda text: len(text) < 200)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
VALUES = st.recursive(
    st.one_of(TEXTS, NUMBERS, st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)
PROPERTY = settings(
    max_examples=100, deadline=None, suppress_health_check=list(HealthCheck)
)
BLACK = black.Mode(target_versions={black.TargetVersion.PY311})


def words(text: str) -> list[str]:
    """The words of a text, as `one_line` spells them."""
    return filters.one_line(text).split()


@PROPERTY
@given(value=VALUES)
def test_python_reads_the_same_value(value: Any) -> None:
    """`py` and `py_tree` evaluate to what they were given, and hold one line a literal."""
    assert value == ast.literal_eval(filters.py(value))
    assert value == ast.literal_eval(filters.py_tree(value))
    assert len(filters.py(value).split("\n")) == 1


@PROPERTY
@given(text=TEXTS)
def test_python_text_is_stable_under_black(text: str) -> None:
    """A literal is quoted as black would quote it."""
    source = f"x = {filters.py(text)}\n"

    with pytest.raises(black.NothingChanged):
        black.format_file_contents(source, fast=True, mode=BLACK)
    assert filters.py_ascii(text).isascii()
    assert text == ast.literal_eval(filters.py_ascii(text))


@PROPERTY
@given(text=TEXTS, indent=st.sampled_from([0, 4, 8]))
@example(text='ends with """', indent=4)
@example(text="ends with \\", indent=0)
def test_a_docstring_holds_the_same_words(text: str, indent: int) -> None:
    """Neither quotes nor backslashes end or change it, and black leaves it alone."""
    head = "".join(f"{' ' * n}class C{n}:\n" for n in range(0, indent, 4))
    source = f'{head}{" " * indent}"""{filters.doc(text, indent)}"""\n'

    node: Any = ast.parse(source)
    for _ in range(indent // 4):
        node = node.body[0]

    wanted = words(text) or ["No", "description."]
    assert wanted == (ast.get_docstring(node) or "").split()
    try:
        changed = black.format_file_contents(source, fast=True, mode=BLACK)
    except black.NothingChanged:
        changed = source
    assert source == changed


@PROPERTY
@given(text=TEXTS)
def test_a_comment_stays_one(text: str) -> None:
    """It has one line, in which no reader sees an end, and says the same words."""
    comment = filters.comment(text)

    assert len(f"# {comment}".splitlines()) == 1
    assert comment.replace("\\\\", "\\").split() == words(text)


@PROPERTY
@given(value=VALUES)
@example(value=1e16)
@example(value=-1e-7)
@example(value={"on": "off", "1": "0x1f", "": None})
def test_yaml_means_the_same_to_two_readers(value: Any) -> None:
    """YAML 1.1 (PyYAML, Kubernetes) and 1.2 (ruamel) agree, in block and flow context."""
    line = filters.yaml(value)
    for text, wanted in (
        (f"key: {line}\n", {"key": value}),
        (f"{{key: {line}, other: 1}}\n", {"key": value, "other": 1}),
        (f"- {line}\n", [value]),
    ):
        assert wanted == pyyaml.safe_load(text)
        assert wanted == YAML(typ="safe").load(text)
    assert type(value) is type(pyyaml.safe_load(line))


@pytest.mark.parametrize(
    ("number", "wanted"),
    [(float("inf"), ".inf"), (float("-inf"), "-.inf"), (float("nan"), ".nan")],
)
def test_yaml_spells_what_json_cannot(number: float, wanted: str) -> None:
    """The numbers beyond all bounds are numbers, not texts."""
    assert wanted == filters.yaml(number)
    assert isinstance(pyyaml.safe_load(wanted), float)


@PROPERTY
@given(text=TEXTS)
def test_yaml_text_is_always_a_text(text: str) -> None:
    """`"1"` and `"yes"` stay texts."""
    assert text == pyyaml.safe_load(filters.yaml_text(text))
    assert text == YAML(typ="safe").load(filters.yaml_text(text))


@PROPERTY
@given(
    value=st.one_of(
        TEXTS,
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.lists(TEXTS, max_size=4),
    )
)
def test_toml_means_the_same(value: Any) -> None:
    """A value is read back as it was."""
    assert {"key": value} == tomllib.loads(f"key = {filters.toml(value)}\n")


@PROPERTY
@given(value=VALUES)
def test_json_means_the_same_and_shows_everything(value: Any) -> None:
    """A value is read back as it was, from one line without invisible characters."""
    text = filters.json_text(value)

    assert value == json.loads(text)
    assert text.isprintable()


@PROPERTY
@given(value=st.one_of(TEXTS, NUMBERS))
@example(value="${HOME}$HOME ${A:-b}")
@example(value="a'b\"c\\'d\\n")
def test_dotenv_reads_the_same_text(value: Any) -> None:
    """python-dotenv, which replaces `${NAME}` in quotes too, reads the value back."""
    line = f"KEY={filters.dotenv(value)}\nOTHER=1\n"
    wanted = value if isinstance(value, str) else json.dumps(value)

    assert {"KEY": wanted, "OTHER": "1"} == dotenv.dotenv_values(
        stream=io.StringIO(line)
    )


def test_dotenv_is_plain_where_it_can_be() -> None:
    """What every reader of such files reads alike has no quotes."""
    assert "http://a:80/b" == filters.dotenv("http://a:80/b")
    assert "true" == filters.dotenv(True)
    assert "" == filters.dotenv("")


@PROPERTY
@given(texts=st.lists(TEXTS, min_size=1, max_size=8))
def test_a_shell_sees_the_same_words(texts: list[str]) -> None:
    """A real `sh` hands each text to a program as one word, unchanged."""
    script = "printf '%s\\0' " + " ".join(map(filters.shell, texts))
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True)

    assert [*texts, ""] == done.stdout.decode("utf-8").split("\0")


def rendered(markdown: str) -> list[Token]:
    """The tokens of a Markdown text, with the tables of GitHub."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)


def plain_text(tokens: list[Token]) -> str:
    """The words a reader sees; anything but text fails."""
    seen = ""
    for token in tokens:
        for child in token.children or ():
            assert child.type in ("text", "text_special"), child
            seen += child.content
    return seen


@PROPERTY
@given(text=TEXTS)
@example(text="1. one")
@example(text="+ a\n= b\n- c")
@example(text="back\\|slash|pipe")
def test_markdown_shows_the_same_words(text: str) -> None:
    """In a paragraph, a heading and a table's cell: no markup, no other block."""
    spelled = filters.markdown(text)
    table = rendered(f"| a | b |\n|---|---|\n| {spelled} | end |\n")
    cells = [t.children for t in table if t.type == "inline"]

    assert words(text) == plain_text(rendered(f"{spelled}\n")).split()
    assert words(text) == plain_text(rendered(f"# {spelled}\n")).split()
    assert 4 == len(cells)
    assert words(text) == "".join(c.content for c in cells[2] or ()).split()
    assert "end" == "".join(c.content for c in cells[3] or ())


@PROPERTY
@given(text=TEXTS)
@example(text="`a` | \\| b_c_d <b>&amp;")
@example(text="ends with \\")
def test_markdown_code_shows_the_same_words(text: str) -> None:
    """As code in a table's cell, whatever backticks and pipes it holds."""
    table = rendered(f"| a | b |\n|---|---|\n| {filters.markdown_code(text)} | end |\n")
    cells = [t.children or [] for t in table if t.type == "inline"]
    shown = [c for c in cells[2] if c.type != "html_inline"]

    assert 4 == len(cells)
    assert {"code_inline", "text", "text_special"} >= {child.type for child in shown}
    assert words(text) == "".join(child.content for child in shown).split()
    assert {"<code>", "</code>"} >= {
        child.content for child in cells[2] if child.type == "html_inline"
    }


@PROPERTY
@given(text=TEXTS)
def test_a_dockerfile_keeps_the_words(text: str) -> None:
    """One line, in quotes; nothing is substituted and nothing ends it."""
    value = filters.dockerfile(text)
    inside = value[1:-1]

    assert (value[0], value[-1]) == ('"', '"')
    assert len(value.splitlines()) == 1
    assert re.fullmatch(r'(?:[^"\\$]|\\.)*', inside)
    assert words(text) == re.sub(r"\\(.)", r"\1", inside).split()


def go_text(template: str) -> str:
    """What Go's text/template prints, for templates of texts and quoted strings."""
    printed, rest = "", template
    while "{{" in rest:
        before, _, rest = rest.partition("{{")
        action = re.match(r' "([{}]*)" }}', rest)
        assert action, f"Go would not parse {{{{{rest[:20]}"
        printed, rest = printed + before + action[1], rest[action.end() :]
    return printed + rest


@PROPERTY
@given(text=TEXTS)
@example(text="{}} {{{ }}} {{ $labels.x }} {")
def test_a_go_template_prints_the_same_text(text: str) -> None:
    """Prometheus prints an annotation as the spec has it."""
    assert text == go_text(filters.go_template(text))


def test_every_filter_is_tested() -> None:
    """A filter that is added here or there is held to what it promises."""
    from jinja2 import Environment

    known = {n for n in Environment(extensions=[filters.Filters]).filters}
    known -= set(Environment().filters)
    source = Path(__file__).read_text("utf-8")

    for name in known - {"json", "python"}:
        assert f"filters.{name}(" in source or f"filters.{name}," in source, name


@pytest.mark.parametrize("length", range(30, 110, 3))
@pytest.mark.parametrize("field", ["p", "a_rather_long_name"])
def test_a_literal_of_one_choice_is_laid_out_as_black_does(
    field: str, length: int
) -> None:
    """However long the choice is; its only comma would mean nothing to black."""
    choice = "x" * length
    text = f'class A:\n    {field}: Literal[\n        "{choice}",\n    ] = Field()\n'
    source = f'"""A."""\n\nfrom typing import Literal\n\n\n{text}'

    laid_out = filters.python(source)

    assert laid_out == black.format_str(laid_out, mode=black.Mode())
