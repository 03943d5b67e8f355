"""Blocks: how a key's events, or its root, are written as bytes.

After the header and the body (see ``kernel.block``) come the texts: the numbers that stand for
them, their lengths in bytes (int64 each), and they themselves in UTF-8, filled up to eight bytes.
"""

from __future__ import annotations

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
    header = np.zeros(HEADER, dtype=np.int64)
    header[VERSION], header[KIND], header[EVENTS] = PRESENT_VERSION, block.kind, block.events
    header[BODY], header[TEXTS], header[LAYOUT] = block.body.size, len(block.texts), layout
    header[CUT], header[CHUNKS] = block.cut, block.chunks
    if not block.texts:
        return header.tobytes() + block.body.tobytes()
    texts = [text.encode() for text in block.texts.values()]
    words = np.array([*block.texts, *map(len, texts)], dtype=np.int64)
    data = b"".join(texts)
    return b"".join(
        (header.tobytes(), block.body.tobytes(), words.tobytes(), data, bytes(-len(data) % WORD))
    )


def unpack(data: Buffer, layout: int, view: str) -> Block:
    """Read a block.

    Raises:
        Conflict: it is of another definition of the view, or of another release.
    """
    words = np.frombuffer(bytearray(data), dtype=np.int64)
    if words.size < HEADER or words[VERSION] != PRESENT_VERSION or words[LAYOUT] != layout:
        raise foreign(view)
    end = HEADER + int(words[BODY])
    count = int(words[TEXTS])
    return Block(
        kind=int(words[KIND]),
        events=int(words[EVENTS]),
        cut=int(words[CUT]),
        chunks=int(words[CHUNKS]),
        body=words[HEADER:end],
        texts=_texts(words[end:], count) if count else {},
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
    numbers, ends = words[:count].tolist(), np.cumsum(words[count : 2 * count]).tolist()
    data = words[2 * count :].tobytes()
    return {
        number: data[start:stop].decode()
        for number, start, stop in zip(numbers, [0, *ends], ends, strict=False)
    }
