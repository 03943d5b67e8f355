"""What an online area says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.record import Record, from_json
from towpath.features.online import META_KEY, NO_META, Item

if TYPE_CHECKING:
    from towpath.features.online import Buffer, Get, NewMeta, OnlineStore, Parts

# The version of a source of which nothing was materialised.
NO_VERSION = -1
# The shortest history that pushes keep.
DAY = 86_400_000_000


class Generation(Record, frozen=True):
    """Which definition and which data an online area was made of.

    Args:
        version: fingerprint of the view, or of the spine's contract; empty where all was pushed.
        source_version: version of the source's table; -1 where all was pushed.
        since: earliest time, in microseconds, at which features can be read; where all was pushed,
            that of the first push.
        until: event times up to here are in it, as far as the source had them.
        keys: how many keys it holds.
        events: how many rows of the source it holds.
        sequence: the greatest ``_seq`` among them; rows that came later have a greater one.
        newest: the latest event time among them, in microseconds; None where there is none.
        history: how far back from the end features are to be readable, in microseconds.

    What was pushed is in the area too, but counts for nothing here.
    """

    version: str
    source_version: int
    since: int
    until: int
    keys: int = 0
    events: int = 0
    sequence: int = -1
    newest: int | None = None
    history: int = 0

    @property
    def materialized(self) -> bool:
        """Whether it holds anything but what was pushed."""
        return self.source_version != NO_VERSION

    def covers(self, wanted: Generation) -> bool:
        """Tell whether all that is wanted is there, and not more than twice as long a history.

        Example:
            >>> held = Generation("v", 3, since=0, until=9, keys=5)
            >>> held.covers(Generation("v", 3, since=2, until=9))
            True
            >>> held.covers(Generation("v", 3, since=8, until=9))
            False
        """
        same = (self.version, self.source_version) == (wanted.version, wanted.source_version)
        return same and wanted.until <= self.until and self.keeps(wanted)

    def keeps(self, wanted: Generation) -> bool:
        """Tell whether the history begins early enough, and not so early that it is time to cut."""
        return 0 <= wanted.since - self.since <= wanted.until - wanted.since

    def kept_since(self, now: int) -> int:
        """Return from when on features can be read of a key that changes now: twice the history.

        Example:
            >>> held = Generation("v", 3, since=10 * DAY, until=15 * DAY)
            >>> held.kept_since(16 * DAY) // DAY, held.kept_since(100 * DAY) // DAY
            (10, 90)
            >>> Generation("v", 3, since=10 * DAY, until=DAY, history=9 * DAY).kept_since(19 * DAY)
            864000000000
        """
        # While very many rows come, stretch by stretch, the end is not there yet.
        length = max(self.history, self.until - self.since, DAY)
        return max(self.since, now - 2 * length)


def read_generation(meta: Buffer | None) -> Generation | None:
    """Return what an area says about itself, None if it says nothing.

    Example:
        >>> read_generation(None) is None
        True
    """
    if meta is None or bytes(meta) == NO_META:
        return None
    return from_json(bytes(meta), Generation)


def change_meta(store: OnlineStore, area: str, meta: NewMeta) -> None:
    """Replace the text of an area, which is made if there is none; its keys stay.

    Example:
        >>> from towpath.features.online.memory import MemoryStore
        >>> store = MemoryStore()
        >>> change_meta(store, "car@1f", lambda before: b"new" if before is None else before)
        >>> read_meta(store, "car@1f")
        b'new'
    """
    store.change(area, (), _no_edit, meta=meta)


def _no_edit(key: bytes, get: Get) -> Parts:
    """Change nothing."""
    del key, get
    return {}


def read_meta(store: OnlineStore, area: str) -> bytes | None:
    """Return an area's text, None if there is no area.

    Example:
        >>> from towpath.features.online.memory import MemoryStore
        >>> read_meta(MemoryStore(), "car@1f") is None
        True
    """
    (meta,) = store.read([Item(area, META_KEY)])
    return None if meta is None else bytes(meta)
