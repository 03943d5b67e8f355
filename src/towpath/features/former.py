"""Areas of definitions that a view had before: they go a day after a new one has taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from towpath.features.generation import DAY, change_meta, read_meta

if TYPE_CHECKING:
    from towpath.features.online import OnlineStore

# No layout is written like this.
AREAS = "@areas"


class Areas(msgspec.Struct, frozen=True):
    """The areas of a view.

    Args:
        present: that of its present definition; empty before the first.
        since: when that was noted, in microseconds.
        former: those of its former definitions. They stay here when they are dropped: a server
            that was not started anew may bring one back by a push.
    """

    present: str = ""
    since: int = 0
    former: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(Areas).decode


def settle(store: OnlineStore, view: str, area: str, *, now: int) -> tuple[str, ...]:
    """Note that a view was materialised into an area; drop those of its former definitions.

    They are dropped by what is materialised a day later or after: until then, servers that have
    not been started anew still read them.

    Args:
        store: where the areas are.
        view: the view's name.
        area: where its present definition was materialised.
        now: the present time, in microseconds.

    Returns:
        the areas that were dropped.

    Example:
        >>> from towpath.features.online.memory import MemoryStore
        >>> store = MemoryStore()
        >>> [settle(store, "car", area, now=0) for area in ("car@1", "car@2", "car@2")]
        [(), (), ()]
        >>> settle(store, "car", "car@2", now=DAY)
        ('car@1',)
    """
    meta = read_meta(store, view + AREAS)
    known = Areas() if meta is None else _decode(meta)
    if known.present == area:
        gone = known.former if now - known.since >= DAY else ()
        for former in gone:
            store.drop(former)
        return gone

    def changed(before: bytes | None) -> bytes:
        held = Areas() if before is None else _decode(before)
        others = [one for one in (*held.former, held.present) if one and one != area]
        return msgspec.json.encode(Areas(area, now, tuple(dict.fromkeys(others))))

    change_meta(store, view + AREAS, changed)
    return ()
