"""The decision table of a plan, and that carrying it out leaves nothing to do."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waddlegen.lock import Lock, digest
from waddlegen.plan import Action, Change, Ownership, plan
from waddlegen.tree import FileTree

MANAGED, SEEDED = Ownership.MANAGED, Ownership.SEEDED
PATH = PurePosixPath("file.py")

# wanted, found, recorded, ownership -> action. "a", "b", "c" are three different texts.
TABLE = [
    ("a", None, None, MANAGED, Action.CREATE),
    ("a", None, "a", MANAGED, Action.KEEP),
    ("a", None, "b", MANAGED, Action.KEEP),
    ("a", "a", None, MANAGED, Action.UNCHANGED),
    ("a", "a", "a", MANAGED, Action.UNCHANGED),
    ("a", "a", "b", MANAGED, Action.UNCHANGED),
    ("a", "b", None, MANAGED, Action.CONFLICT),
    ("a", "b", "b", MANAGED, Action.UPDATE),
    ("a", "b", "a", MANAGED, Action.KEEP),
    ("a", "b", "c", MANAGED, Action.CONFLICT),
    (None, None, "a", MANAGED, Action.DELETE),
    (None, "a", "a", MANAGED, Action.DELETE),
    (None, "b", "a", MANAGED, Action.KEEP),
    ("a", None, None, SEEDED, Action.CREATE),
    ("a", None, "a", SEEDED, Action.KEEP),
    ("a", None, "b", SEEDED, Action.KEEP),
    ("a", "a", None, SEEDED, Action.UNCHANGED),
    ("a", "b", None, SEEDED, Action.KEEP),
    ("a", "b", "b", SEEDED, Action.KEEP),
    ("a", "b", "a", SEEDED, Action.KEEP),
    ("a", "b", "c", SEEDED, Action.KEEP),
    (None, None, "a", SEEDED, Action.DELETE),
    (None, "a", "a", SEEDED, Action.KEEP),
    (None, "b", "a", SEEDED, Action.KEEP),
]


def one(
    wanted: str | None,
    found: str | None,
    recorded: str | None,
    ownership: Ownership,
    force: bool = False,
) -> Change:
    """The change of a tree with one file."""
    made = plan(
        FileTree({} if wanted is None else {PATH: wanted}),
        FileTree({} if found is None else {PATH: found}),
        Lock(files={} if recorded is None else {PATH: digest(recorded)}),
        lambda path: ownership,
        force,
    )
    return made.changes[0]


@pytest.mark.parametrize(("wanted", "found", "recorded", "ownership", "action"), TABLE)
def test_decision_table(
    wanted: str | None,
    found: str | None,
    recorded: str | None,
    ownership: Ownership,
    action: Action,
) -> None:
    """Each combination of wanted, found and recorded text has its action."""
    change = one(wanted, found, recorded, ownership)

    assert action == change.action


@pytest.mark.parametrize(("wanted", "found", "recorded", "ownership", "action"), TABLE)
def test_force_overwrites_only_conflicts(
    wanted: str | None,
    found: str | None,
    recorded: str | None,
    ownership: Ownership,
    action: Action,
) -> None:
    """`force` turns a conflict into an update and changes nothing else."""
    change = one(wanted, found, recorded, ownership, force=True)

    expected = Action.UPDATE if action is Action.CONFLICT else action
    assert expected == change.action


def test_a_file_the_user_changed_is_never_written_without_force() -> None:
    """Whatever is recorded, a text that neither waddlegen wrote nor wants stays."""
    for wanted, found, recorded, ownership, _ in TABLE:
        if found is None or found == wanted or found == recorded:
            continue

        assert not one(wanted, found, recorded, ownership).writes


@pytest.mark.parametrize(
    ("recorded", "action"), [(None, Action.CREATE), ("a", Action.CREATE)]
)
def test_restore_brings_a_deleted_file_back(
    recorded: str | None, action: Action
) -> None:
    """Managed or seeded."""
    lock = Lock(files={} if recorded is None else {PATH: digest(recorded)})
    for owner in (MANAGED, SEEDED):
        made = plan(
            FileTree({PATH: "a"}), FileTree({}), lock, lambda p: owner, restore=True
        )

        assert action == made.changes[0].action


MERGES = [
    ("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", Action.UPDATE, "A\nb\nC\n"),
    ("a\n", "b\n", "c\n", Action.CONFLICT, None),
]


@pytest.mark.parametrize(("base", "found", "wanted", "action", "text"), MERGES)
def test_with_its_base_an_edited_file_is_merged(
    base: str, found: str, wanted: str, action: Action, text: str | None
) -> None:
    """The lock records what was rendered; a base that does not fit its hash is not used."""
    lock = Lock(files={PATH: digest(base)})
    trees = (FileTree({PATH: wanted}), FileTree({PATH: found}), lock)

    made = plan(*trees, lambda path: MANAGED, base=lambda path: base)
    wrong = plan(*trees, lambda path: MANAGED, base=lambda path: "else")

    assert action == made.changes[0].action
    assert text in (None, made.changes[0].text)
    assert {PATH: digest(wanted)} == made.recorded(lock)
    assert made.writes and wrong.blocked and not wrong.writes
    assert lock.files == wrong.recorded(lock)


TEXT = st.sampled_from(["a", "b", "c"])
PATHS = st.sampled_from(["main.py", "services/x_service.py", "k8s/a.yaml", "z"])
TREES = st.dictionaries(PATHS, TEXT)


def owner(path: PurePosixPath) -> Ownership:
    """Services are seeded, the rest is managed."""
    return SEEDED if path.match("services/*") else MANAGED


@given(wanted=TREES, found=TREES, recorded=TREES)
def test_carrying_out_a_plan_leaves_nothing_to_do(
    wanted: dict[str, str], found: dict[str, str], recorded: dict[str, str]
) -> None:
    """Planning again after a plan was carried out writes nothing, and conflicts remain."""
    lock = Lock(files={PurePosixPath(p): digest(t) for p, t in recorded.items()})
    first = plan(FileTree(wanted), FileTree(found), lock, owner)

    after = {PurePosixPath(p): t for p, t in found.items()}
    for change in first.writes:
        if change.wanted is None:
            after.pop(change.path, None)
        else:
            after[change.path] = change.wanted
    second = plan(
        FileTree(wanted), FileTree(after), Lock(files=first.recorded(lock)), owner
    )

    assert () == second.writes
    assert [c.path for c in first.conflicts] == [c.path for c in second.conflicts]
