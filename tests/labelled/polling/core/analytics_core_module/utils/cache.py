"""A small memory cache, the first layer before the database."""

import hashlib
import json
import time
from collections import OrderedDict
from typing import Any, Optional


def fingerprint(*parts: Any) -> str:
    """Fold arguments into a short key."""
    packed = json.dumps(parts, sort_keys=True, default=str).encode()
    return hashlib.sha1(packed, usedforsecurity=False).hexdigest()


class TTLCache:
    """Entries live for ``ttl`` seconds; the oldest go first when it is full."""

    def __init__(self, ttl: float = 60.0, max_entries: int = 2048) -> None:
        """Set the limits."""
        self._ttl = ttl
        self._max = max_entries
        self._entries: OrderedDict[str, tuple[float, Any]] = OrderedDict()

    def get(self, key: str) -> Optional[Any]:
        """Return a live entry, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] < time.monotonic():
            del self._entries[key]
            return None
        return entry[1]

    def put(self, key: str, value: Any) -> None:
        """Store an entry."""
        self._entries[key] = (time.monotonic() + self._ttl, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._max:
            self._entries.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forget an entry."""
        self._entries.pop(key, None)
