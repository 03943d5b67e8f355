"""The states of many keys at once, as rows for a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.features.engines.kernel.block import (
    BODY,
    CUT,
    EVENTS,
    HEADER,
    KIND,
    LAYOUT,
    PRESENT_VERSION,
    SMALL,
    TEXTS,
    TIME,
    VERSION,
)
from towpath.features.engines.kernel.edge import EARLIEST
from towpath.features.engines.kernel.form import NO_LIMIT
from towpath.features.online.block import WORD
from towpath.features.online.events import Keyed
from towpath.features.online.state import MOST_EVENTS, ROOT, key_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.features.engines.kernel.form import Ints
    from towpath.features.online import Row
    from towpath.features.online.plan import StatePlan


def reaching(plan: StatePlan, keyed: Keyed, since: int) -> Keyed:
    """Keep the events that some feature reaches from a time on; all keys stay.

    Example:
        >>> import pyarrow as pa
        >>> from towpath.features.online.events import keyed_events
        >>> from towpath.features.online.plan import state_plan
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> events = pa.table({"car": [1, 1], "km": [5, 6], "_t": [3, 4], "_seq": [0, 1]})
        >>> events = events.append_column("_id", events["_seq"])
        >>> plan = state_plan(view, {"km": "int64"})
        >>> len(reaching(plan, keyed_events(plan, events, ["car"]), 9).rows)
        1
    """
    reach = plan.compiled.reach
    if reach == NO_LIMIT:
        return keyed
    times, counts = keyed.rows[:, TIME], np.diff(keyed.starts)
    keep = times >= since - reach
    if plan.compiled.unlimited:
        # The last event up to that time still counts as the latest one, and so may those of its
        # time: the lake's copy of an event that was pushed has another place among them.
        before = np.where(times <= since, times, EARLIEST)
        last = np.maximum.reduceat(before, keyed.starts[:-1]) if counts.size else before
        keep |= times == np.repeat(last, counts)
    kept = np.add.reduceat(keep, keyed.starts[:-1]) if counts.size else counts
    return Keyed(
        keys=keyed.keys,
        starts=np.concatenate(([0], np.cumsum(kept))),
        rows=keyed.rows[keep],
        texts=keyed.texts,
        words=keyed.words,
        used=keyed.used[keep],
    )


def build(plan: StatePlan, keyed: Keyed, *, since: int) -> Iterator[Row]:
    """Write the state of each key that has events.

    Args:
        plan: the view.
        keyed: the events.
        since: the earliest time for which they are all that is needed, in microseconds.
    """
    counts = np.diff(keyed.starts)
    heads = _headers(plan, counts, since)
    size, width = HEADER * WORD, plan.width * WORD
    # Many keys are cut from few bytes at once: to pack each by itself takes ten times as long.
    ends = (keyed.starts * width).tolist()
    bodies = keyed.rows.tobytes()
    tables = _text_tables(plan, keyed, heads)
    written = heads.tobytes()
    for number, count in enumerate(counts.tolist()):
        if count > MOST_EVENTS:
            parts = key_parts(plan, keyed.events(number), cut=since)
            yield from ((keyed.keys[number], part, value) for part, value in parts.items())
        elif count:
            head = written[number * size : (number + 1) * size]
            body = bodies[ends[number] : ends[number + 1]]
            yield keyed.keys[number], ROOT, b"".join((head, body, *tables[number]))


def _headers(plan: StatePlan, counts: Ints, since: int) -> Ints:
    """Make the headers of blocks of so many events."""
    heads = np.zeros((counts.size, HEADER), dtype=np.int64)
    heads[:, VERSION], heads[:, KIND], heads[:, CUT] = PRESENT_VERSION, SMALL, since
    heads[:, EVENTS], heads[:, BODY] = counts, counts * plan.width
    heads[:, LAYOUT] = plan.compiled.layout
    return heads


def _text_tables(plan: StatePlan, keyed: Keyed, heads: Ints) -> list[tuple[bytes, ...]]:
    """Write the texts of each key's block, and how many they are into its header."""
    keys = len(keyed.keys)
    if not plan.texts:
        return [()] * keys
    codes = np.repeat(np.arange(keys), np.diff(keyed.starts))
    known = keyed.used >= 0
    pairs = (codes[:, None] * len(keyed.texts) + keyed.used)[known]
    owners, places = np.divmod(np.unique(pairs), max(len(keyed.texts), 1))
    heads[:, TEXTS] = np.bincount(owners, minlength=keys)
    encoded = [text.encode() for text in keyed.texts]
    strings = [encoded[place] for place in places.tolist()]
    lengths = np.array([*map(len, strings)], dtype=np.int64)
    ends, data = np.concatenate(([0], np.cumsum(lengths))), b"".join(strings)
    words = np.array([keyed.words[place] for place in places.tolist()], dtype=np.int64).tobytes()
    sizes = lengths.tobytes()
    cuts = np.concatenate(([0], np.cumsum(heads[:, TEXTS])))
    starts = ends[cuts].tolist()
    found: list[tuple[bytes, ...]] = []
    for number, (one, two) in enumerate(zip(cuts.tolist(), cuts[1:].tolist(), strict=False)):
        own = data[starts[number] : starts[number + 1]]
        span = slice(one * WORD, two * WORD)
        found.append((words[span], sizes[span], own, bytes(-len(own) % WORD)))
    return found
