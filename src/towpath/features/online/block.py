"""Blocks: how a key's events, or its root, are written as bytes.

After the header and the body (see ``kernel.block``) come the texts: the numbers that stand for
them, their lengths in bytes (int64 each), and they themselves in UTF-8, filled up to eight bytes.
"""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from towpath.core.errors import Conflict
from towpath.features.engines.kernel.block import (
    BODY,
    CHUNKS,
    CUT,
    EVENTS,
    HEADER,
    KIND,
    LAYOUT,
    PRESENT_VERSION,
    TEXTS,
    VERSION,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.features.engines.kernel.form import Ints
    from towpath.features.online import Buffer

WORD = 8
PACK_HEADER = struct.Struct(f"={HEADER}q").pack


class Block(NamedTuple):
    """A block's parts.

    Args:
        kind: whether it holds events or a root with tiles.
        events: how many events there are.
        cut: the earliest time for which the key has all that is needed, in microseconds.
        chunks: how many chunks a root names.
        body: int64, to be written to at will.
        texts: what the numbers in string columns stand for.
    """

    kind: int
    events: int
    cut: int
    chunks: int
    body: Ints
    texts: dict[int, str]


def pack(block: Block, layout: int) -> bytes:
    """Write a block of a view's layout as bytes.

    Example:
        >>> one = Block(0, 1, -5, 0, np.array([5, 1, 0]), {7: "late"})
        >>> data = pack(one, 255)
        >>> unpack(data, 255, "car").texts, len(data)
        ({7: 'late'}, 112)
    """
    count = len(block.texts)
    sizes = (block.events, block.body.size, count)
    header = (PRESENT_VERSION, block.kind, *sizes, layout, block.cut, block.chunks)
    if not count:
        return PACK_HEADER(*header) + block.body.tobytes()
    texts = [text.encode() for text in block.texts.values()]
    words = struct.pack(f"={2 * count}q", *block.texts, *map(len, texts))
    data = b"".join(texts)
    body = block.body.tobytes()
    return b"".join((PACK_HEADER(*header), body, words, data, bytes(-len(data) % WORD)))


def unpack(data: Buffer, layout: int, view: str) -> Block:
    """Read a block.

    Raises:
        Conflict: it is of another definition of the view, or of another release.
    """
    words = np.frombuffer(bytearray(data), dtype=np.int64)
    header = words[:HEADER].tolist()
    if len(header) < HEADER or header[VERSION] != PRESENT_VERSION or header[LAYOUT] != layout:
        raise foreign(view)
    end = HEADER + header[BODY]
    return Block(
        kind=header[KIND],
        events=header[EVENTS],
        cut=header[CUT],
        chunks=header[CHUNKS],
        body=words[HEADER:end],
        texts=_texts(words[end:], header[TEXTS]) if header[TEXTS] else {},
    )


def texts_of(data: Buffer) -> Mapping[int, str]:
    """Return the texts of a block, by the numbers that stand for them."""
    words = np.frombuffer(data, dtype=np.int64)
    return _texts(words[HEADER + int(words[BODY]) :], int(words[TEXTS]))


def foreign(view: str) -> Conflict:
    """Say that what is kept was written otherwise."""
    message = f"View {view!r} was materialised by another definition or release."
    return Conflict(message, hint="Materialise it again.", view=view)


def _texts(words: Ints, count: int) -> dict[int, str]:
    """Read texts from the words that are left after a body."""
    numbers, ends = words[:count].tolist(), accumulate(words[count : 2 * count].tolist())
    data, start, found = words[2 * count :].tobytes(), 0, {}
    for number, stop in zip(numbers, ends, strict=True):
        found[number] = data[start:stop].decode()
        start = stop
    return found
