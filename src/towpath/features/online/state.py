"""The state of a key: the set of its events that some feature may still reach.

It has a small form, one block in the root, and above ``MOST_EVENTS`` a tiled one. All functions are
pure: they are given what is there and return what changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from towpath.features.engines.kernel.block import (
    PUSHED,
    SEQUENCE,
    SMALL,
    TIME,
    unite,
)
from towpath.features.engines.kernel.edge import EARLIEST
from towpath.features.engines.kernel.form import NO_LIMIT
from towpath.features.engines.kernel.tiled import DIGEST
from towpath.features.online.block import Block, unpack
from towpath.features.online.events import Events
from towpath.features.online.tiled import (
    Root,
    expired_chunks,
    make_chunks,
    pack_events,
    pack_root,
    part_name,
    read_chunks,
    read_root,
    regions,
    spliced,
)

if TYPE_CHECKING:
    from towpath.features.engines.kernel.form import Ints
    from towpath.features.online import Get
    from towpath.features.online.plan import StatePlan

ROOT = b""
MOST_EVENTS = 256
NEVER = int(EARLIEST)
NO_SEQUENCE = 2**63 - 1


class Change(NamedTuple):
    """What uniting events with a key's state does.

    Args:
        parts: the parts of the key that change.
        added: how many events are new, or take the place of a pushed one.
        expired: how many are too old to be kept.
        first: the least sequence of the events that were there; of the lake's unless it is greater
            than ``PUSHED``.
    """

    parts: dict[bytes, bytes | None]
    added: int
    expired: int
    first: int = NO_SEQUENCE


def add_events(
    plan: StatePlan, get: Get, events: Events, *, since: int, whole: bool = False
) -> Change:
    """Unite a key's state with more events.

    Args:
        plan: the view.
        get: returns what is in a part of the key.
        events: what is added.
        since: what no feature reaches from this time on, in microseconds, is forgotten.
        whole: the events are all that the lake has for ``since``, so that what was forgotten for
            it is there again.
    """
    block = _root(plan, get)
    if block is not None and not whole:
        since = max(since, block.cut)
    if block is None or block.kind == SMALL:
        return _add_to_small(plan, block, events, since)
    return _add_to_tiled(plan, read_root(block), events, since=since, get=get)


def replace_events(plan: StatePlan, get: Get, events: Events, *, since: int) -> Change:
    """Make a key's state of the lake's events, and of those that only were pushed."""
    block = _root(plan, get)
    held, old = _none(plan), _chunk_parts(block)
    if block is not None:
        held = _all_events(plan, block, get)
    pushed = held.rows[held.rows[:, SEQUENCE] & PUSHED != 0]
    rows, new = unite(pushed, events.rows)
    united = _reaching(plan, Events(rows, {**held.texts, **events.texts}), since)
    parts: dict[bytes, bytes | None] = dict.fromkeys(old)
    parts |= key_parts(plan, united, cut=since) if len(united.rows) else {ROOT: None}
    return Change(parts, int(new.sum()), len(rows) - len(united.rows))


def key_parts(plan: StatePlan, events: Events, *, cut: int) -> dict[bytes, bytes]:
    """Write the state of a key that has just these events.

    Args:
        plan: the view.
        events: at least one.
        cut: the earliest time for which all that is needed is among them.
    """
    if len(events.rows) <= MOST_EVENTS:
        return {ROOT: pack_events(plan, events, cut=cut)}
    run = make_chunks(plan, events, len(events.rows))
    root = Root(run.directory, run.tiles, run.texts, cut)
    return {ROOT: pack_root(plan, root), **run.parts}


def key_events(plan: StatePlan, get: Get) -> Events:
    """Return all events of a key.

    Example:
        >>> from towpath.features.online.plan import state_plan
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> plan = state_plan(view, {"km": "int64"})
        >>> given = Events(np.array([[5, 1, 0, 1, 7]]))
        >>> parts = add_events(plan, {}.get, given, since=0).parts
        >>> key_events(plan, parts.get).rows.tolist()
        [[5, 1, 0, 1, 7]]
    """
    block = _root(plan, get)
    return _none(plan) if block is None else _all_events(plan, block, get)


def _root(plan: StatePlan, get: Get) -> Block | None:
    """Read a key's root."""
    data = get(ROOT)
    return None if data is None else unpack(data, plan.compiled.layout, plan.view)


def _none(plan: StatePlan) -> Events:
    """Return no events."""
    return Events(np.empty((0, plan.width), dtype=np.int64))


def _small(plan: StatePlan, block: Block) -> Events:
    """Return the events of a block."""
    return Events(block.body.reshape(block.events, plan.width), block.texts)


def _all_events(plan: StatePlan, block: Block, get: Get) -> Events:
    """Return the events of a root and its chunks."""
    if block.kind == SMALL:
        return _small(plan, block)
    return read_chunks(plan, read_root(block).directory, get)


def _chunk_parts(block: Block | None) -> list[bytes]:
    """Name the parts that a root's chunks are in."""
    if block is None or block.kind == SMALL:
        return []
    return [part_name(digest) for digest in read_root(block).directory[:, DIGEST]]


def _reaching(plan: StatePlan, events: Events, since: int) -> Events:
    """Keep the events that some feature reaches from a time on."""
    reach = plan.compiled.reach
    if reach == NO_LIMIT or since < NEVER + reach or not len(events.rows):
        return events
    times = events.rows[:, TIME]
    if times[0] >= since - reach:
        return events
    times = np.ascontiguousarray(times)
    first = int(np.searchsorted(times, since - reach, side="left"))
    if plan.compiled.unlimited:
        # The last event up to that time still counts as the latest one, and so may those of its
        # time: the lake's copy of an event that was pushed has another place among them.
        last = max(int(np.searchsorted(times, since, side="right")) - 1, 0)
        first = min(first, int(np.searchsorted(times, times[last], side="left")))
    return Events(events.rows[first:], events.texts) if first else events


def _add_to_small(plan: StatePlan, block: Block | None, events: Events, since: int) -> Change:
    """Unite the events of a block with others."""
    held = _none(plan) if block is None else _small(plan, block)
    rows, new = unite(held.rows, events.rows)
    # Of so few numbers Python takes the sum in a tenth of NumPy's time.
    added = sum(new.tolist())
    united = _reaching(plan, Events(rows, {**held.texts, **events.texts}), since)
    expired = _count_before(united, events, new)
    first = min(held.rows[:, SEQUENCE].tolist(), default=NO_SEQUENCE)
    forgets = len(united.rows) < len(rows)
    # What nothing was forgotten of is complete for as long as it was before.
    cut = block.cut if block is not None and not forgets and block.cut < since else since
    if block is not None and not added and not forgets and cut == block.cut:
        return Change({}, 0, expired, first)
    if not len(united.rows):
        return Change({} if block is None else {ROOT: None}, 0, expired, first)
    parts: dict[bytes, bytes | None] = dict(key_parts(plan, united, cut=cut))
    return Change(parts, added - expired, expired, first)


def _count_before(kept: Events, events: Events, new: Ints) -> int:
    """Count the new events that come before all that are kept."""
    first = kept.rows[0, TIME] if len(kept.rows) else np.iinfo(np.int64).max
    if len(events.rows) and events.rows[0, TIME] >= first:
        return 0
    return int(new[events.rows[:, TIME] < first].sum())


def _add_to_tiled(plan: StatePlan, root: Root, events: Events, *, since: int, get: Get) -> Change:
    """Unite the events of chunks with others, and forget chunks that are out of reach."""
    kept = events if plan.compiled.unlimited else _reaching(plan, events, since)
    expired = len(events.rows) - len(kept.rows)
    parts: dict[bytes, bytes | None] = {}
    root, added = _with_events(plan, root, kept, get=get, parts=parts)
    gone = expired_chunks(plan, root.directory, since)
    if gone:
        parts |= dict.fromkeys(map(part_name, root.directory[:gone, DIGEST]))
        root = spliced(root, (0, gone), None)
    # What nothing was forgotten of is complete for as long as it was before.
    cut = since if gone or expired else min(since, root.cut)
    if not parts and cut == root.cut:
        return Change({}, 0, expired, 0)
    return Change(_settled(plan, root._replace(cut=cut), parts, get), added, expired, 0)


def _with_events(
    plan: StatePlan,
    root: Root,
    events: Events,
    *,
    get: Get,
    parts: dict[bytes, bytes | None],
) -> tuple[Root, int]:
    """Unite chunks with events; note the parts that change, and count what is new."""
    total, added = root.events + len(events.rows), 0
    spans = regions(root.directory, events.rows[:, TIME]) if len(events.rows) else []
    # From the last on, so that the places of those before stay.
    for first, last, start, stop in reversed(spans):
        old = read_chunks(plan, root.directory[first:last], get)
        rows, new = unite(old.rows, events.rows[start:stop])
        if new.any():
            run = make_chunks(plan, Events(rows, {**old.texts, **events.texts}), total)
            parts.update(dict.fromkeys(map(part_name, root.directory[first:last, DIGEST])))
            parts.update(run.parts)
            root = spliced(root, (first, last), run)
            added += int(new.sum())
    return root, added


def _settled(
    plan: StatePlan, root: Root, parts: dict[bytes, bytes | None], get: Get
) -> dict[bytes, bytes | None]:
    """Add the root to the parts that change; a key with few events becomes small."""
    if root.events > MOST_EVENTS:
        return {**parts, ROOT: pack_root(plan, root)}

    def after(part: bytes) -> bytes | memoryview | None:
        return parts[part] if part in parts else get(part)

    events = read_chunks(plan, root.directory, after)
    gone = dict.fromkeys(map(part_name, root.directory[:, DIGEST]))
    left = {part: value for part, value in parts.items() if value is None}
    small = key_parts(plan, events, cut=root.cut) if len(events.rows) else {ROOT: None}
    return {**left, **gone, **small}
