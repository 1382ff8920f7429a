"""What is stored encrypted cannot be read, changed or guessed in the database."""

import base64
import secrets

import pytest

from flask_core.context import all_communities
from flask_core.crypto import decrypt, encrypt
from flask_core.database import AsyncDAL
from flask_core.errors import ApiError
from tests.flask_core.models import Item


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """A key in the environment."""
    made = secrets.token_urlsafe(32)
    monkeypatch.setenv("ENCRYPTION_KEY", made)
    return made


@pytest.mark.parametrize("words", ["", "token", "Ünïcödé 🐧", "x" * 10_000])
def test_there_and_back(words: str) -> None:
    """Any text comes back."""
    assert words == decrypt(encrypt(words))


def test_the_same_text_is_stored_differently_each_time() -> None:
    """So equal secrets cannot be recognised."""
    assert encrypt("a") != encrypt("a")


def test_a_changed_text_is_noticed() -> None:
    """Every byte of it counts."""
    data = bytearray(base64.b64decode(encrypt("token")))
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(ValueError, match="cannot be read"):
            decrypt(base64.b64encode(bytes(changed)).decode())


@pytest.mark.parametrize("stored", ["", "plain text", "AAAA", "é"])
def test_what_was_never_encrypted_is_refused(stored: str) -> None:
    """With the same message."""
    with pytest.raises(ValueError, match="cannot be read"):
        decrypt(stored)


def test_a_key_can_be_replaced(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """What the one before has written is still read; what is new is under the new one."""
    old = encrypt("token")
    monkeypatch.setenv("ENCRYPTION_KEY", secrets.token_urlsafe(32))
    monkeypatch.setenv("ENCRYPTION_KEY_PREVIOUS", key)
    new = encrypt("token")
    assert ["token", "token"] == [decrypt(old), decrypt(new)]
    monkeypatch.delenv("ENCRYPTION_KEY_PREVIOUS")

    assert "token" == decrypt(new)
    with pytest.raises(ValueError, match="cannot be read"):
        decrypt(old)


def test_another_key_cannot_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is all that matters."""
    stored = encrypt("token")
    monkeypatch.setenv("ENCRYPTION_KEY", secrets.token_urlsafe(32))
    with pytest.raises(ValueError, match="cannot be read"):
        decrypt(stored)


@pytest.mark.parametrize("value", [None, "", "short"])
def test_without_a_good_key_nothing_is_stored(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """Rather than in the clear."""
    monkeypatch.delenv("ENCRYPTION_KEY")
    if value is not None:
        monkeypatch.setenv("ENCRYPTION_KEY", value)
    with pytest.raises(RuntimeError, match="at least 32"):
        encrypt("token")


async def test_the_database_never_sees_it(ours: AsyncDAL) -> None:
    """The column holds cipher text, the model the text, the answer neither."""
    row = await ours.create(Item, name="a", secret="hunter2")
    found = await ours.require(Item, id=row.id)
    with all_communities("a test looks behind"):
        ((stored,),) = await ours.execute("SELECT secret FROM t_items")

    assert "hunter2" == found.secret and "hunter2" not in stored
    assert "hunter2" == decrypt(stored) and "secret" not in found.to_dict()


async def test_an_update_encrypts_too(ours: AsyncDAL) -> None:
    """By every way of changing a row; None stays None."""
    row = await ours.create(Item, name="a")
    await ours.update(Item, {"secret": "one"}, Item.id == row.id)
    assert "one" == (await ours.require(Item, id=row.id)).secret
    assert "two" == (await ours.update_one(Item, {"id": row.id}, secret="two")).secret
    assert None is (await ours.update_one(Item, {"id": row.id}, secret=None)).secret


async def test_a_text_that_is_none_is_the_callers_mistake(ours: AsyncDAL) -> None:
    """A lone surrogate cannot be encoded."""
    with pytest.raises(ApiError) as raised:
        await ours.create(Item, name="a", secret="\ud800")

    assert 400 == raised.value.status
