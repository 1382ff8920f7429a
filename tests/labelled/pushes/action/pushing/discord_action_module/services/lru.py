"""A small cache with a size limit and a time to live."""

import time
from collections import OrderedDict
from typing import Any, Hashable, Optional, Tuple


class TTLCache:
    """Least recently used entries go first; old ones are not returned."""

    def __init__(self, maxsize: int = 2048, ttl: float = 60.0) -> None:
        self._maxsize, self._ttl = maxsize, ttl
        self._data: "OrderedDict[Hashable, Tuple[float, Any]]" = OrderedDict()

    def get(self, key: Hashable) -> Optional[Any]:
        """Value or None."""
        entry = self._data.get(key)
        if entry is None:
            return None
        expires, value = entry
        if expires < time.monotonic():
            del self._data[key]
            return None
        self._data.move_to_end(key)
        return value

    def put(self, key: Hashable, value: Any) -> None:
        """Store, and drop the oldest when full."""
        self._data[key] = (time.monotonic() + self._ttl, value)
        self._data.move_to_end(key)
        while len(self._data) > self._maxsize:
            self._data.popitem(last=False)
