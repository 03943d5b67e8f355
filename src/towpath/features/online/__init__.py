"""Online stores hold what serving needs by key; one Protocol, one file a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Buffer = bytes | memoryview


class OnlineStore(Protocol):
    """Keeps for each view one generation: rows of key and value, and one text about them.

    Every implementation promises:

    - ``write`` replaces a view's generation as one step: any reader, also in another process and
      after a kill at any moment, sees the whole old or the whole new one. When it returns, the new
      one survives a loss of power (a store in memory excepted), the next read in this process
      sees it, and one in another process does within a tenth of a second.
    - ``update`` does the same, but keys that it is not given keep their values; for a view never
      written it is a ``write``.
    - Writers of one view take turns. Safe to use from several threads, and in a forked child.
    - Keys are at most 511 bytes, distinct within a generation, in any order; values of any length.
    - ``read`` answers in the order of the keys, None for a key that is not there. A value may be a
      view into the store's memory: it holds until the same thread's next read of the same view;
      who keeps it longer copies it.
    - ``NotFound`` for reading a view that was never written; ``Unavailable`` where the disk is
      full; ``Denied`` where it refuses.
    """

    def write(self, view: str, rows: Iterable[tuple[bytes, bytes]], meta: bytes) -> None:
        """Replace the view's generation."""
        ...

    def update(self, view: str, rows: Iterable[tuple[bytes, bytes]], meta: bytes) -> None:
        """Make a generation of the present one in which the given keys have other values."""
        ...

    def read(self, view: str, keys: Sequence[bytes]) -> list[Buffer | None]:
        """Return the values of the keys."""
        ...

    def meta(self, view: str) -> bytes | None:
        """Return the text written with the present generation; None for a view never written."""
        ...

    def drop(self, view: str) -> None:
        """Forget a view; nothing happens if there is none."""
        ...

    def close(self) -> None:
        """Release what is held open; values read before are no longer valid."""
        ...
