"""Columns that are stored encrypted: AES-GCM under a key from ENCRYPTION_KEY."""

import base64
import contextlib
import hashlib
import os
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_NONCE = 12


@cache
def _cipher(secret: str) -> AESGCM:
    """The cipher of a secret."""
    return AESGCM(hashlib.sha256(secret.encode()).digest())


def _current() -> AESGCM:
    """The cipher of this process; raises RuntimeError without a key."""
    secret = os.environ.get("ENCRYPTION_KEY", "")
    if len(secret) < 32:
        raise RuntimeError("ENCRYPTION_KEY must have at least 32 characters")
    return _cipher(secret)


def encrypt(text: str) -> str:
    """The text, encrypted and authenticated, as base64."""
    nonce = os.urandom(_NONCE)
    sealed = _current().encrypt(nonce, text.encode(), None)
    return base64.b64encode(nonce + sealed).decode()


def decrypt(stored: str) -> str:
    """The text again; raises ValueError when it was changed or the key is another.

    ENCRYPTION_KEY_PREVIOUS still reads what was written before the key was replaced.
    """
    ciphers = [_current()]
    if len(previous := os.environ.get("ENCRYPTION_KEY_PREVIOUS", "")) >= 32:
        ciphers.append(_cipher(previous))
    for cipher in ciphers:
        with contextlib.suppress(InvalidTag, ValueError):
            data = base64.b64decode(stored, validate=True)
            return cipher.decrypt(data[:_NONCE], data[_NONCE:], None).decode()
    raise ValueError("an encrypted column cannot be read with this key")


class EncryptedText(TypeDecorator[str]):
    """A text column that the database never sees in the clear."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt on the way in."""
        return None if value is None else encrypt(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """Decrypt on the way out."""
        return None if value is None else decrypt(str(value))
