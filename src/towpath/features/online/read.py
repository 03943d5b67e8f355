"""Features of many keys of a view at one time, from their roots and the parts that those name."""

from __future__ import annotations

from array import array
from itertools import accumulate, islice
from typing import TYPE_CHECKING

import numpy as np

from towpath.core.errors import Invalid
from towpath.core.instant import format_instant, from_micros
from towpath.features.engines.kernel.assemble import assemble, needed_chunks, read_roots
from towpath.features.engines.kernel.block import FOREIGN, IN_TILES, TOO_EARLY
from towpath.features.online.block import WORD, foreign, texts_of
from towpath.features.online.tiled import part_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.engines.kernel.form import Ints, Mask
    from towpath.features.online import Buffer
    from towpath.features.online.plan import StatePlan


class Tiled:
    """A key in tiled form whose features are yet to be put together.

    Args:
        row: its place among the keys.
        start: where its root begins among all roots, in words.
        chunks: numbers of the chunks whose events are needed.
        digests: of those.

    Attributes:
        parts: the parts that those events are in.
    """

    __slots__ = ("chunks", "parts", "row", "start")

    def __init__(self, row: int, start: int, chunks: list[int], digests: list[int]) -> None:
        self.row = row
        self.start = start
        self.chunks = chunks
        self.parts = [part_name(digest) for digest in digests]


class Reading:
    """What was found of many keys of a view; all zeros at first.

    Args:
        plan: the view.
        at: the time asked for, in microseconds.
        roots: the root of each key, empty for a key that is not there.

    Attributes:
        plan: the view.
        at: the time asked for.
        words: all roots, as ``kernel.assemble`` takes them.
        all_values: int64 [slots + 1, n], the last row being ``newest``.
        all_marks: uint8 [slots + 1, n], the last row being ``known``.
        tiled: the keys that need parts.
        blocks: by key what strings are found in.
    """

    __slots__ = ("all_marks", "all_values", "at", "blocks", "plan", "tiled", "words")

    def __init__(self, plan: StatePlan, at: int, roots: Sequence[Buffer]) -> None:
        count, slots = len(roots), plan.compiled.slots
        self.plan = plan
        self.at = at
        ends = accumulate(map(len, roots), initial=WORD * (count + 1))
        # A call takes memory that can be written to faster than other.
        data = bytearray().join((array("q", ends), *roots))
        if len(data) % WORD:
            raise foreign(plan.view)
        self.words: Ints = np.frombuffer(data, np.int64)
        self.all_values: Ints = np.zeros((slots + 1, count), np.int64)
        self.all_marks: Mask = np.zeros((slots + 1, count), np.uint8)
        self.tiled: tuple[Tiled, ...] = ()
        self.blocks: dict[int, list[bytes]] = {}

    @property
    def values(self) -> Ints:
        """int64 [slots, n]."""
        return self.all_values[:-1]

    @property
    def present(self) -> Mask:
        """uint8 [slots, n], where there is a value."""
        return self.all_marks[:-1]

    @property
    def newest(self) -> Ints:
        """int64 [n], the time of the newest event up to the time asked for; 0 without one."""
        newest: Ints = self.all_values[-1]
        return newest

    @property
    def known(self) -> Mask:
        """uint8 [n], how each was found, as ``features.columns`` says."""
        known: Mask = self.all_marks[-1]
        return known

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
        >>> reading.present.tolist(), reading.tiled
        ([[0]], ())
    """
    found = [b"" if root is None else root for root in roots]
    reading = Reading(plan, at, found)
    worst = read_roots(reading.words, plan.recipe, at, reading.all_values, reading.all_marks)
    if worst >= FOREIGN:
        raise too_early(plan.view, at) if worst == TOO_EARLY else foreign(plan.view)
    if plan.texts:
        reading.blocks = {row: [bytes(root)] for row, root in enumerate(found) if root}
    if worst == IN_TILES:
        large = np.flatnonzero(reading.known == IN_TILES).tolist()
        reading.tiled = tuple(_tiled(reading, row) for row in large)
    return reading


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
        own = [part for part in parts[place : place + len(one.parts)] if part is not None]
        place += len(one.parts)
        if len(own) < len(one.parts):
            return False
        _assemble(reading, one, own)
    return True


def _assemble(reading: Reading, one: Tiled, parts: list[Buffer]) -> None:
    """Put together the features of one key."""
    plan = reading.plan
    count = len(parts)
    ends = accumulate(map(len, parts), initial=WORD * (2 * count + 1))
    head = array("q", (count, *one.chunks, *islice(ends, count)))
    loaded: Ints = np.frombuffer(bytearray().join((head, *parts)), np.int64)
    target = (reading.all_values, reading.all_marks, one.row)
    assemble((reading.words, one.start), loaded, plan.recipe, reading.at, target)
    if plan.texts:
        reading.blocks[one.row] += map(bytes, parts)


def _tiled(reading: Reading, row: int) -> Tiled:
    """Find out what a root in tiled form needs."""
    start = int(reading.words[row]) // WORD
    needed = needed_chunks(reading.words, start, reading.plan.recipe, reading.at).tolist()
    return Tiled(row, start, *needed)


def too_early(view: str, at: int) -> Invalid:
    """Say that a time is before what is kept."""
    when = format_instant(from_micros(at))
    message = f"View {view!r} was not materialised as far back as {when}."
    hint = "Materialise it with a longer history, or ask for a later time."
    return Invalid(message, hint=hint, view=view)
