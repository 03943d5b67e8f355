"""The tiled form of a key with many events: a root of tiles, and chunks of events.

A chunk is a run of events, in a part of its own that is named by what it holds: a chunk never
changes, so a reader sees whether those that a root names are still there. The root has a directory
of the chunks, in order, and the tile of each.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from towpath.features.engines.kernel.block import SMALL, TILED, TIME
from towpath.features.engines.kernel.form import NO_LIMIT
from towpath.features.engines.kernel.tile import (
    FACTS,
    FIRST_VALUE,
    LAST_VALUE,
    LASTS,
    LASTS_AT,
    make_tile,
)
from towpath.features.engines.kernel.tiled import DIGEST, ENTRY, NEWEST, OLDEST, SIZE, TILE
from towpath.features.online.block import Block, pack, unpack
from towpath.features.online.events import Events

if TYPE_CHECKING:
    from towpath.features.engines.kernel.form import Ints
    from towpath.features.online import Get
    from towpath.features.online.plan import StatePlan

LEAST_CAPACITY = 256
CHUNK = b"c"


class Root(NamedTuple):
    """A root in tiled form.

    Args:
        directory: int64 [chunks, 5], as ``kernel.tiled`` says.
        tiles: all tiles, one after the other.
        texts: those that tiles need.
        cut: the earliest time for which all is there.
    """

    directory: Ints
    tiles: Ints
    texts: dict[int, str]
    cut: int

    @property
    def events(self) -> int:
        """How many events the chunks hold."""
        return int(self.directory[:, SIZE].sum())


class Run(NamedTuple):
    """New chunks: their directory with tiles counted from 0, their tiles, texts and parts."""

    directory: Ints
    tiles: Ints
    texts: dict[int, str]
    parts: dict[bytes, bytes]


def part_name(digest: int) -> bytes:
    r"""Return the part in which the chunk of a digest is.

    Example:
        >>> part_name(-1)
        b'c\xff\xff\xff\xff\xff\xff\xff\xff'
    """
    return CHUNK + int(digest).to_bytes(8, "big", signed=True)


def make_chunks(plan: StatePlan, events: Events, total: int) -> Run:
    """Cut a run of events into chunks.

    Args:
        plan: the view.
        events: at least one.
        total: how many events the key has: the more, the larger are chunks.
    """
    # Root and chunk are written at each change: they grow together, with the root of the total.
    capacity = max(LEAST_CAPACITY, 1 << math.ceil(math.log2(math.sqrt(total))))
    size = len(events.rows)
    cuts = np.linspace(0, size, -(-size // capacity) + 1).astype(np.int64).tolist()
    directory = np.empty((len(cuts) - 1, ENTRY), dtype=np.int64)
    tiles, parts, place = [], {}, 0
    for number, (start, stop) in enumerate(itertools.pairwise(cuts)):
        rows = events.rows[start:stop]
        data = pack_events(plan, Events(rows, events.texts), cut=0)
        digest = hashlib.blake2b(data, digest_size=8).digest()
        parts[CHUNK + digest] = data
        tiles.append(make_tile(rows, plan.compiled.specs, plan.tiling))
        entry = directory[number]
        entry[DIGEST] = int.from_bytes(digest, "big", signed=True)
        entry[OLDEST], entry[NEWEST] = rows[0, TIME], rows[-1, TIME]
        entry[SIZE], entry[TILE] = stop - start, place
        place += tiles[-1].size
    return Run(directory, np.concatenate(tiles), events.texts, parts)


def pack_events(plan: StatePlan, events: Events, *, cut: int) -> bytes:
    """Write a block of events, with the texts that occur in it."""
    texts = {}
    if plan.texts and events.texts:
        first, known = events.rows.shape[1] - plan.columns, events.texts
        words: set[int] = set()
        for column in plan.texts:
            words.update(events.rows[:, first + column].tolist())
        texts = {word: known[word] for word in sorted(words & known.keys())}
    block = Block(SMALL, len(events.rows), cut, 0, events.rows.reshape(-1), texts)
    return pack(block, plan.compiled.layout)


def pack_root(plan: StatePlan, root: Root) -> bytes:
    """Write a root, with the texts that occur in its tiles."""
    texts = {}
    if plan.texts and root.texts:
        places = root.directory[:, TILE, None] + _text_places(plan)
        words = np.unique(root.tiles[places])
        texts = {word: root.texts[word] for word in words.tolist() if word in root.texts}
    body = np.concatenate((root.directory.reshape(-1), root.tiles))
    block = Block(TILED, root.events, root.cut, len(root.directory), body, texts)
    return pack(block, plan.compiled.layout)


def read_root(block: Block) -> Root:
    """Take a block apart that is a root in tiled form."""
    end = block.chunks * ENTRY
    directory = block.body[:end].reshape(block.chunks, ENTRY)
    return Root(directory, block.body[end:], block.texts, block.cut)


def read_chunks(plan: StatePlan, entries: Ints, get: Get) -> Events:
    """Read the events of some chunks of a directory."""
    found, texts = [np.empty((0, plan.width), dtype=np.int64)], dict[int, str]()
    for digest in entries[:, DIGEST].tolist():
        data = get(part_name(digest))
        if data is None:
            message = f"a chunk of view {plan.view!r} is not in the online store"
            raise LookupError(message)
        block = unpack(data, plan.compiled.layout, plan.view)
        found.append(block.body.reshape(block.events, plan.width))
        texts |= block.texts
    return Events(np.concatenate(found), texts)


def spliced(root: Root, span: tuple[int, int], run: Run | None) -> Root:
    """Put new chunks in the place of some; without them, take those out."""
    first, last = span
    starts = np.append(root.directory[:, TILE], root.tiles.size)
    begin, end = int(starts[first]), int(starts[last])
    tail = root.directory[last:].copy()
    entries, tiles = root.directory[:0].copy(), root.tiles[:0]
    if run is not None:
        entries, tiles = run.directory.copy(), run.tiles
    entries[:, TILE] += begin
    tail[:, TILE] += begin + tiles.size - end
    return Root(
        directory=np.concatenate((root.directory[:first], entries, tail)),
        tiles=np.concatenate((root.tiles[:begin], tiles, root.tiles[end:])),
        texts=root.texts if run is None else {**root.texts, **run.texts},
        cut=root.cut,
    )


def regions(directory: Ints, times: Ints) -> list[tuple[int, int, int, int]]:
    """Find which chunks events fall into: spans of chunks, and the events of each span.

    Args:
        directory: at least one chunk.
        times: of the events, ascending.
    """
    first = np.searchsorted(directory[:, NEWEST], times, side="left")
    last = np.searchsorted(directory[:, OLDEST], times, side="right")
    # Between two chunks, or after the last: the one before.
    gap = first >= last
    first = np.where(gap, np.maximum(first - 1, 0), first)
    last = np.where(gap, first + 1, last)
    found: list[tuple[int, int, int, int]] = []
    for place, (start, stop) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        if found and start < found[-1][1]:
            before = found.pop()
            found.append((before[0], max(before[1], stop), before[2], place + 1))
        else:
            found.append((start, stop, place, place + 1))
    return found


def expired_chunks(plan: StatePlan, directory: Ints, since: int) -> int:
    """Count the leading chunks that no feature reaches from a time on."""
    reach = plan.compiled.reach
    if reach == NO_LIMIT:
        return 0
    count = int(np.searchsorted(directory[:, NEWEST], since - reach, side="left"))
    if plan.compiled.unlimited:
        # The last event up to that time still counts as the latest one, and so may those of its
        # time: the lake's copy of an event that was pushed has another place among them.
        last = max(int(np.searchsorted(directory[:, OLDEST], since, side="right")) - 1, 0)
        kept = np.searchsorted(directory[:, NEWEST], directory[last, OLDEST], side="left")
        count = min(count, int(kept))
    return max(count, 0)


def _text_places(plan: StatePlan) -> Ints:
    """Return where in a tile numbers of strings are."""
    places = []
    for column in plan.texts:
        shape = plan.tiling[0][column]
        places += [column * FACTS + LAST_VALUE, column * FACTS + FIRST_VALUE]
        places += range(int(shape[LASTS_AT]), int(shape[LASTS_AT] + shape[LASTS]))
    return np.array(places, dtype=np.int64)
