"""Online values in this process's memory: for tests and notebooks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from towpath.features.online import META_KEY, NO_META, check_replaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from towpath.features.online import Buffer, Edit, Item, NewMeta, Row

Area = dict[bytes, dict[bytes, bytes]]


class MemoryStore:
    """Keeps areas in a dictionary; see ``OnlineStore`` for what it promises.

    Example:
        >>> from towpath.features.online import Item
        >>> store = MemoryStore()
        >>> store.write("car", [(b"a", b"", b"1")], b"{}", replaces=None)
        >>> store.read([Item("car", b"a"), Item("car", b"b")])
        [b'1', None]
    """

    remote = False

    def __init__(self, url: str = "memory:", root: Path | None = None) -> None:
        del url, root
        self._areas: dict[str, Area] = {}
        self._turn = threading.Lock()

    def write(self, area: str, rows: Iterable[Row], meta: bytes, *, replaces: bytes | None) -> None:
        """Fill a new dictionary, then put it in place of the present one."""
        fresh: Area = {META_KEY: {b"": meta}}
        for key, part, value in rows:
            fresh.setdefault(key, {})[part] = value
        with self._turn:
            check_replaced(area, self._meta(area), replaces)
            self._areas[area] = fresh

    def change(
        self, area: str, keys: Sequence[bytes], edit: Edit, *, meta: NewMeta | None = None
    ) -> None:
        """Change one key after the other, while all others wait."""
        with self._turn:
            before = self._meta(area)
            held = self._areas.setdefault(area, {META_KEY: {b"": before or NO_META}})
            for key in keys:
                parts = dict(held.get(key, {}))
                for part, value in edit(key, parts.get).items():
                    parts.pop(part, None)
                    if value is not None:
                        parts[part] = value
                held[key] = parts
                if not parts:
                    del held[key]
            if meta is not None:
                held[META_KEY] = {b"": meta(before)}

    def read(self, items: Sequence[Item]) -> list[Buffer | None]:
        """Return the values of the items."""
        with self._turn:
            return [self._areas.get(area, {}).get(key, {}).get(part) for area, key, part in items]

    def keys(self, area: str) -> Iterator[bytes]:
        """Return the keys of this moment."""
        with self._turn:
            return iter([key for key in self._areas.get(area, {}) if key != META_KEY])

    def drop(self, area: str) -> None:
        """Forget an area."""
        with self._turn:
            self._areas.pop(area, None)

    def close(self) -> None:
        """Nothing is held open."""

    def _meta(self, area: str) -> bytes | None:
        held = self._areas.get(area)
        return None if held is None else held[META_KEY][b""]
