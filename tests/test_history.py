"""The template history: every version comes back byte for byte, and the file only grows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waddlegen.errors import UsageError
from waddlegen.history import History

NAMES = st.sampled_from(["a.jinja", "b/c.jinja", "copier.yml"])
TREES = st.lists(st.dictionaries(NAMES, st.text(), min_size=1), min_size=1, max_size=6)


@given(trees=TREES)
def test_every_version_comes_back(trees: list[dict[str, str]]) -> None:
    """Whatever was recorded later, a version is what it was; the file is only appended to."""
    history = History()
    for number, files in enumerate(trees):
        grown = history.recorded("module", f"v{number}", files)

        assert grown.text.startswith(history.text)
        history = History(grown.text)

    for number, files in enumerate(trees):
        assert files == history.files("module", f"v{number}")


def test_a_small_change_takes_little_room() -> None:
    """A text is packed against its predecessor, and an unchanged one is not stored again."""
    text = "".join(f"line {n * n} of the template\n" for n in range(500))
    first = History().recorded("module", "1", {"a": text, "b": text[::-1]})

    second = first.recorded("module", "2", {"a": text + "one\n", "b": text[::-1]})

    assert len(second.text) - len(first.text) < 400


def test_recording_twice_changes_nothing() -> None:
    """The same version is there once."""
    once = History().recorded("module", "1", {"a": "x"})

    assert once is once.recorded("module", "1", {"a": "x"})
    assert once.text == History().recorded("module", "1", {"a": "x"}).text


def test_an_unknown_version_is_none_and_trees_are_apart() -> None:
    """No guess is made, and the same version of another tree is another."""
    history = History().recorded("module", "1", {"a": "x"})

    assert history.files("module", "2") is None
    assert history.files("fleet", "1") is None
    assert not history.knows("fleet", "1") and history.knows("module", "1")


def test_what_changed_is_told_without_unpacking() -> None:
    """Changed, new and lost paths."""
    history = History().recorded("module", "1", {"a": "x", "b": "y", "c": "z"})

    assert {"b", "c", "d"} == history.changed(
        "module", "1", {"a": "x", "b": "", "d": ""}
    )


@pytest.mark.parametrize("line", ["<<<<<<< ours", "[]", '{"blob": 1}'])
def test_a_damaged_history_is_told(line: str) -> None:
    """With its line and the way out."""
    with pytest.raises(UsageError, match=r"history.jsonl:1: .*version control"):
        History(line).files("module", "1")
