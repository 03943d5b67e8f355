"""Online values in this process's memory: for tests and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.errors import NotFound, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from towpath.features.online import Buffer


class MemoryStore:
    """Keeps generations in a dictionary; see ``OnlineStore`` for what it promises.

    Example:
        >>> store = MemoryStore()
        >>> store.write("car", [(b"a", b"1")], b"{}")
        >>> store.read("car", [b"a", b"b"])
        [b'1', None]
    """

    def __init__(self, url: str = "memory:", root: Path | None = None) -> None:
        del url, root
        self._views: dict[str, tuple[dict[bytes, bytes], bytes]] = {}

    def write(self, view: str, rows: Iterable[tuple[bytes, bytes]], meta: bytes) -> None:
        """Replace the view's generation."""
        self._views[view] = (dict(rows), meta)

    def update(self, view: str, rows: Iterable[tuple[bytes, bytes]], meta: bytes) -> None:
        """Make a generation of the present one."""
        held, _ = self._views.get(view, ({}, b""))
        self._views[view] = (held | dict(rows), meta)

    def read(self, view: str, keys: Sequence[bytes]) -> list[Buffer | None]:
        """Return the values of the keys."""
        held = self._views.get(view)
        if held is None:
            message = f"View {view!r} is not in the online store."
            raise NotFound(message, hint=did_you_mean(view, self._views))
        return [held[0].get(key) for key in keys]

    def meta(self, view: str) -> bytes | None:
        """Return the text written with the present generation."""
        held = self._views.get(view)
        return held[1] if held else None

    def drop(self, view: str) -> None:
        """Forget a view."""
        self._views.pop(view, None)

    def close(self) -> None:
        """Nothing is held open."""
