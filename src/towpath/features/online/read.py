"""Features of many keys of a view at one time, from their roots and the parts that those name."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from towpath.core.errors import Invalid
from towpath.core.instant import format_instant, from_micros
from towpath.features.engines.kernel.assemble import assemble
from towpath.features.engines.kernel.block import (
    CHUNKS,
    EVENTS,
    FOREIGN,
    HEADER,
    IN_TILES,
    NOT_FOUND,
    TOO_EARLY,
    TTL,
    gather,
    how_found,
)
from towpath.features.engines.kernel.edge import EARLIEST
from towpath.features.engines.kernel.sweep import sweep
from towpath.features.engines.kernel.tiled import ABSENT, DIGEST, ENTRY, needed_chunks
from towpath.features.online.block import WORD, foreign, texts_of
from towpath.features.online.tiled import part_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.engines.kernel.form import Ints, Mask
    from towpath.features.online import Buffer
    from towpath.features.online.plan import StatePlan


@dataclass(frozen=True)
class Tiled:
    """A key in tiled form whose features are yet to be put together.

    Args:
        row: its place among the keys.
        directory: int64 [chunks, 5].
        tiles: int64.
        needed: numbers of the chunks whose events are needed.
    """

    row: int
    directory: Ints
    tiles: Ints
    needed: Ints

    @property
    def parts(self) -> list[bytes]:
        """The parts that those events are in."""
        return [part_name(digest) for digest in self.directory[self.needed, DIGEST].tolist()]


@dataclass(frozen=True)
class Reading:
    """What was found of many keys of a view.

    Args:
        plan: the view.
        at: the time asked for, in microseconds.
        values: int64 [slots, n].
        present: uint8 [slots, n], where there is a value.
        newest: int64 [n], the time of the newest event up to the time asked for; 0 where there is
            none.
        known: uint8 [n], how each was found, as ``features.columns`` says.
        tiled: the keys that need parts.
        blocks: by key what strings are found in.
    """

    plan: StatePlan
    at: int
    values: Ints
    present: Mask
    newest: Ints
    known: Mask
    tiled: tuple[Tiled, ...] = ()
    blocks: dict[int, list[bytes]] = field(default_factory=dict)

    def texts(self, row: int) -> dict[int, str]:
        """Return what the numbers of strings stand for in one key."""
        found: dict[int, str] = {}
        for block in self.blocks.get(row, ()):
            found |= texts_of(block)
        return found


def begin(plan: StatePlan, roots: Sequence[Buffer | None], at: int) -> Reading:
    """Compute the features of all keys in small form; find what the others need.

    Args:
        plan: the view.
        roots: the root of each key, None for a key that is not there.
        at: prediction time in microseconds.

    Raises:
        Conflict: a root is of another definition of the view, or of another release.
        Invalid: the time is before what is kept.

    Example:
        >>> from towpath.features.online.plan import state_plan
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> reading = begin(state_plan(view, {"km": "int64"}), [None], 5)
        >>> reading.present.tolist(), reading.known.tolist() == [NOT_FOUND]
        ([[0]], True)
    """
    found = [b"" if root is None else root for root in roots]
    ends = list(accumulate(map(len, found), initial=0))
    if any(end % WORD for end in ends):
        raise foreign(plan.view)
    words = np.frombuffer(bytearray().join(found), dtype=np.int64)
    compiled, count = plan.compiled, len(found)
    starts = np.array([end // WORD for end in ends])
    newest, known = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.uint8)
    values = np.zeros((compiled.slots, count), dtype=np.int64)
    present = np.zeros((compiled.slots, count), dtype=np.uint8)
    own, events, worst = gather(words, starts, plan.shape, at, (newest, known))
    if worst >= FOREIGN:
        raise too_early(plan.view, at) if worst == TOO_EARLY else foreign(plan.view)
    if own.size:
        labels = (np.arange(own.size, dtype=np.int32), np.full(own.size, at))
        sweep(events, labels, (compiled.specs, compiled.windows), (own, values, present))
    large = np.flatnonzero(known == IN_TILES).tolist() if worst == IN_TILES else ()
    tiled = tuple(_tiled(plan, row, words[starts[row] : starts[row + 1]], at) for row in large)
    texts = {row: [bytes(root)] for row, root in enumerate(found) if root} if plan.texts else {}
    return Reading(plan, at, values, present, newest, known, tiled, texts)


def finish(reading: Reading, parts: Sequence[Buffer | None]) -> bool:
    """Put together the features of keys in tiled form; tell whether all was there.

    Where a part is missing, another writer has changed the key since its root was read: read
    again.

    Args:
        reading: receives the results.
        parts: those that ``reading.tiled`` needs, in order.
    """
    place = 0
    for one in reading.tiled:
        own = parts[place : place + one.needed.size]
        place += one.needed.size
        if not _assemble(reading, one, own):
            return False
    return True


def _assemble(reading: Reading, one: Tiled, parts: Sequence[Buffer | None]) -> bool:
    """Put together the features of one key."""
    plan, compiled = reading.plan, reading.plan.compiled
    starts = np.full(len(one.directory), ABSENT, dtype=np.int64)
    bodies, count = [np.empty(0, dtype=np.int64)], 0
    for chunk, data in zip(one.needed.tolist(), parts, strict=True):
        if data is None:
            return False
        starts[chunk] = count
        words = np.frombuffer(data, dtype=np.int64)
        size = int(words[EVENTS])
        bodies.append(words[HEADER : HEADER + size * plan.width])
        count += size
        if plan.texts:
            reading.blocks[one.row].append(bytes(data))
    chunks = (one.directory, one.tiles, np.concatenate(bodies), starts)
    values = np.zeros(compiled.slots, dtype=np.int64)
    present = np.zeros(compiled.slots, dtype=np.uint8)
    found = (values, present)
    newest = assemble(chunks, plan.tiling, (compiled.specs, compiled.windows), reading.at, found)
    reading.values[:, one.row], reading.present[:, one.row] = values, present
    if newest == EARLIEST:
        reading.known[one.row] = NOT_FOUND
    else:
        reading.newest[one.row] = newest
        reading.known[one.row] = how_found(newest, plan.shape[TTL], reading.at)
    return True


def _tiled(plan: StatePlan, row: int, words: Ints, at: int) -> Tiled:
    """Find out what a root in tiled form needs."""
    end = HEADER + int(words[CHUNKS]) * ENTRY
    directory = words[HEADER:end].reshape(-1, ENTRY)
    tiles = words[end:]
    windows = (plan.compiled.specs, plan.compiled.windows)
    return Tiled(row, directory, tiles, needed_chunks(directory, tiles, windows, at))


def too_early(view: str, at: int) -> Invalid:
    """Say that a time is before what is kept."""
    when = format_instant(from_micros(at))
    message = f"View {view!r} was not materialised as far back as {when}."
    hint = "Materialise it with a longer history, or ask for a later time."
    return Invalid(message, hint=hint, view=view)
