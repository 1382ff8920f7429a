"""Merging three texts: neighbours and additions go together, the same lines are a conflict."""

import ast
import random
import sys
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merge3 import Merge3

from waddlegen import parses
from waddlegen.merge import Merged, markers, merge

# path, base, yours, template -> merged; `|` stands for a line feed.
CLEAN = {
    "a change on each side": ("x.txt", "a|b|c|d|e|", "A|b|c|d|e|", "a|b|c|d|E|", "A|b|c|d|E|"),
    "changes of neighbouring lines": ("x.txt", "a|b|c|", "A|b|c|", "a|B|c|", "A|B|c|"),
    "a line beside a changed one": ("x.txt", "a|b|c|", "a|b|mine|c|", "a|B|c|", "a|B|mine|c|"),
    "a line before a changed one": ("x.txt", "a|b|c|", "a|mine|b|c|", "a|B|c|", "a|mine|B|c|"),
    "the same change twice": ("x.txt", "a|b|c|", "a|B|c|", "a|B|c|", "a|B|c|"),
    "no end of the last line": ("x.txt", "a|b", "a|b|mine", "A|b", "A|b|mine"),
    "requirements": (
        "requirements.txt", "a==1|z==1|", "a==1|mine==2|z==1|", "a==1|ours==3|z==1|",
        "a==1|ours==3|mine==2|z==1|",
    ),
    "the same requirement": (
        "requirements.txt", "a==1|", "a==1|mine==2|new==1|", "a==1|new==1|",
        "a==1|new==1|mine==2|",
    ),
    "imports": (
        "main.py", "import a||", "import a|import mine||", "import a|import ours||",
        "import a|import ours|import mine||",
    ),
    "imported names": (
        "main.py", "from a import (|    b,|)|", "from a import (|    b,|    mine,|)|",
        "from a import (|    b,|    ours,|)|", "from a import (|    b,|    ours,|    mine,|)|",
    ),
    "functions at the end": (
        "main.py", "a = 1|", "a = 1|||def mine():|    return 1|",
        "a = 1|||def ours():|    return 2|",
        "a = 1|||def ours():|    return 2|||def mine():|    return 1|",
    ),
    "variables": (
        ".env.example", "A=1|", "A=1|MINE=x|", "A=1|OURS=y|", "A=1|OURS=y|MINE=x|"
    ),
    "keys of a mapping": (
        "a.yaml", "data:|  a: 1|", "data:|  a: 1|  mine: 2|", "data:|  a: 1|  ours: 3|",
        "data:|  a: 1|  ours: 3|  mine: 2|",
    ),
    "items with a name": (
        "a.yaml", "env:|  - name: A|    value: 1|",
        "env:|  - name: A|    value: 1|  - name: MINE|    value: 2|",
        "env:|  - name: A|    value: 1|  - name: OURS|    value: 3|",
        "env:|  - name: A|    value: 1|  - name: OURS|    value: 3|  - name: MINE|    value: 2|",
    ),
    "rows of a table": (
        "README.md", "¦ A ¦|¦---¦|", "¦ A ¦|¦---¦|¦ mine ¦|", "¦ A ¦|¦---¦|¦ ours ¦|",
        "¦ A ¦|¦---¦|¦ ours ¦|¦ mine ¦|",
    ),
}  # fmt: skip

# path, base, yours, template: nothing but a person can tell.
CONFLICTS = {
    "the same line": ("x.txt", "a|b|c|", "a|mine|c|", "a|ours|c|"),
    "both add text": ("x.txt", "a|", "a|mine|", "a|ours|"),
    "changed and deleted": ("x.txt", "a|b|c|", "a|mine|c|", "a|c|"),
    "one requirement, two versions": ("requirements.txt", "a|", "a|b==1|", "a|b==2|"),
    "one variable, two values": (".env", "A=1|", "A=1|B=1|", "A=1|B=2|"),
    "one key, two values": ("a.yaml", "a: 1|", "a: 1|b: 1|", "a: 1|b: 2|"),
    "one name, two items": (
        "a.yaml", "e:|  - name: A|", "e:|  - name: A|  - name: B|    value: 1|",
        "e:|  - name: A|  - name: B|    value: 2|",
    ),
    "one key at two places": ("a.yaml", "a: 1|b: 2|", "x: 1|a: 1|b: 2|", "a: 1|b: 2|x: 3|"),
    "one function at two places": (
        "a.py", "a = 1|b = 2|", "def f(): ...|a = 1|b = 2|", "a = 1|b = 2|def f(): ...|"
    ),
    "what would not parse": (
        "a.py", "def f():|    return 1|", "def f():|    if x:|        return 1|",
        "def f():|    return 2|",
    ),
    "two commands": (
        "Dockerfile", "FROM a|USER 1|WORKDIR /|", "FROM a|CMD x|USER 1|WORKDIR /|",
        "FROM a|USER 1|WORKDIR /|CMD y|",
    ),
}  # fmt: skip


def merged(path: str, base: str, yours: str, template: str) -> Merged:
    """Merge texts written on one line."""
    texts = (_lines(text) for text in (base, yours, template))
    return merge(*texts, PurePosixPath(path))


def _lines(text: str) -> str:
    """A text written on one line; `¦` is a bar that stays one."""
    return text.replace("|", "\n").replace("¦", "|")


@pytest.mark.parametrize("case", CLEAN.values(), ids=CLEAN)
def test_clean(case: tuple[str, str, str, str, str]) -> None:
    """Both changes are in the result, in a stable order."""
    *given_texts, expected = case

    assert Merged(_lines(expected)) == merged(*given_texts)


@pytest.mark.parametrize("case", CONFLICTS.values(), ids=CONFLICTS)
def test_conflict(case: tuple[str, str, str, str]) -> None:
    """Both sides stand between labelled markers."""
    result = merged(*case)

    assert result.conflicts and markers(result.text)
    for marker in ("<<<<<<< yours\n", "=======\n", ">>>>>>> template\n"):
        assert marker in result.text


def test_the_marked_text() -> None:
    """The sides are named, and what is not in dispute stands outside."""
    result = merged("x.txt", "a|b|c|", "a|mine|c|", "a|ours|c|new|")

    expected = "a|<<<<<<< yours|mine|=======|ours|>>>>>>> template|c|new|"
    assert Merged(_lines(expected), 1) == result


def test_line_ends_are_the_users() -> None:
    """A file with carriage returns keeps them, markers too."""
    result = merge(
        "a\r\nb\r\n", "a\r\nmine\r\n", "a\r\nours\r\n", PurePosixPath("x.txt")
    )

    assert "\n" not in result.text.replace("\r\n", "")


WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=12).map(
    lambda words: "".join(f"{word}\n" for word in words)
)
NAMES = st.sampled_from(
    ["x.txt", "a.py", "a.yaml", ".env", "requirements.txt", "README.md", "a.toml"]
).map(PurePosixPath)


@given(base=WORDS, text=WORDS, path=NAMES)
def test_one_side_alone_wins(base: str, text: str, path: PurePosixPath) -> None:
    """Who changed nothing takes the other's text; the same change twice is that change."""
    assert Merged(text) == merge(base, text, base, path)
    assert Merged(text) == merge(base, base, text, path)
    assert Merged(text) == merge(base, text, text, path)


@given(data=st.data(), path=NAMES)
def test_no_line_of_the_user_is_lost(data: st.DataObject, path: PurePosixPath) -> None:
    """Every line the user wrote is in the result, conflict or not."""
    base = data.draw(WORDS)
    template = data.draw(WORDS)
    lines = base.splitlines(keepends=True)
    for number in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(lines)))
        lines[place : place + data.draw(st.integers(0, 2))] = [f"mine{number}=1\n"]
    result = merge(base, "".join(lines), template, path)

    written = {line for line in lines if line.startswith("mine")}
    assert written <= set(result.text.splitlines(keepends=True))


@given(base=WORDS, yours=WORDS, template=WORDS)
def test_what_merge3_merges_is_merged_alike(
    base: str, yours: str, template: str
) -> None:
    """Where the reference finds no conflict and both match alike, the texts are the same."""
    texts = [text.splitlines(keepends=True) for text in (base, yours, template)]
    reference = Merge3(*texts)
    regions = list(reference.merge_regions())
    if any(region[0] == "conflict" for region in regions):
        return

    ours = merge(base, yours, template, PurePosixPath("x.txt"))
    if not ours.conflicts:
        expected = "".join(reference.merge_lines())
        assert sorted(expected) == sorted(ours.text) or _ambiguous(texts)


def _ambiguous(texts: list[list[str]]) -> bool:
    """Whether a line stands twice, so that there are several ways to match."""
    return any(len(set(lines)) < len(lines) for lines in texts)


MODULES = ["argparse", "ast", "dataclasses", "heapq", "shlex", "textwrap"]


@pytest.mark.parametrize("name", MODULES)
def test_real_code_still_parses(name: str) -> None:
    """Many random edits of real modules: a clean merge always parses."""
    __import__(name)
    path = PurePosixPath(f"{name}.py")
    source = open(str(sys.modules[name].__file__), encoding="utf-8").read()
    base = source.splitlines(keepends=True)[:400]
    while base and _fails("".join(base)):
        base.pop()
    chance = random.Random(name)
    for _ in range(15):
        yours, template = (_edited(base, chance) for _ in range(2))
        result = merge("".join(base), yours, template, path)

        assert result.conflicts or parses.fault(path, result.text) is None


def _fails(text: str) -> bool:
    """Whether Python refuses a text."""
    try:
        ast.parse(text)
    except SyntaxError:
        return True
    return False


def _edited(base: list[str], chance: random.Random) -> str:
    """A text that parses, with some lines moved, doubled or lost."""
    for _ in range(200):
        lines = list(base)
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(lines))
            part = lines[place : place + chance.randint(1, 4)]
            if chance.random() < 0.5:
                del lines[place : place + len(part)]
            spot = chance.randrange(len(lines) + 1)
            lines[spot:spot] = part
        if parses.fault(PurePosixPath("a.py"), "".join(lines)) is None:
            return "".join(lines)
    return "".join(base)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "def f(:\n"),
        ("a.py", "def f(): ...\ndef f(): ...\n"),
        ("a.yaml", "a: [1\n"),
        ("a.yml", "a:\n  b: 1\n  b: 2\n"),
        ("a.toml", "a = \n"),
        ("a.json", '{"a": 1,}'),
        ("a.json", '{"a": 1, "a": 2}'),
        ("Dockerfile", "FROM a\n    && b\n"),
        ("Dockerfile", "FROM a\nRUN a \\\n"),
        ("Dockerfile", "FROM a\nCMD a\nCMD b\n"),
        (".env", "A=1\nA=2\n"),
        (".env", "A\n"),
    ],
)
def test_what_does_not_parse_has_a_fault(path: str, text: str) -> None:
    """By the kind of the file."""
    assert parses.fault(PurePosixPath(path), text)
