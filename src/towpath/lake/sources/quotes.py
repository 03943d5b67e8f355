"""Finds quotes in a CSV that are out of place: one left open swallows the rows after it."""

from __future__ import annotations

import numpy as np

QUOTE = ord('"')
LINE_ENDS = b"\r\n"


class Quotes:
    r"""Watches the bytes of a CSV pass.

    The first of two quotes opens a cell, the second closes it, and one that is doubled closes and
    opens again. So each first one stands at the start of a cell, and each second one at its end.

    Args:
        delimiter: what stands between cells.

    Example:
        >>> quotes = Quotes(",")
        >>> quotes.see(b'1,"a\n2,b\n')
        >>> quotes.doubtful
        True
    """

    def __init__(self, delimiter: str) -> None:
        """See nothing yet."""
        self._edges = np.zeros(256, dtype=np.bool_)
        self._edges[list(LINE_ENDS + delimiter.encode() + b'"')] = True
        self._last = LINE_ENDS[-1]
        self._open = False
        self._misplaced = False
        self._closed_last = False

    @property
    def doubtful(self) -> bool:
        """Whether a quote is left open or out of place: each line must be looked at, to be sure."""
        return self._misplaced or self._open

    def see(self, data: bytes) -> None:
        """Look at the next bytes."""
        if not data:
            return
        if self._closed_last and not self._edges[data[0]]:
            self._misplaced = True
        if b'"' in data:
            self._look(np.frombuffer(data, dtype=np.uint8))
        else:
            self._closed_last = False
        self._last = data[-1]

    def _look(self, data: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
        """Hold each quote against its neighbours."""
        places = np.flatnonzero(data == QUOTE)
        first = 1 if self._open else 0
        opening, closing = places[first::2], places[1 - first :: 2]
        before = data[opening - 1]
        if len(opening) and opening[0] == 0:
            before[0] = self._last
        self._closed_last = bool(len(closing)) and int(closing[-1]) == len(data) - 1
        after = data[closing[: len(closing) - self._closed_last] + 1]
        if not (self._edges[before].all() and self._edges[after].all()):
            self._misplaced = True
        self._open ^= len(places) % 2 == 1
