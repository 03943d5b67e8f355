"""Numbers that several workers count, each in a sheet of its own, and any of them can add up.

The sheets are memory that is shared with whoever is forked after it was made. So a scrape of any
worker has the sum over all, exact to the last request: nobody has to be asked, and to count costs
as much as before. What a worker has counted stays when it is killed; the one that takes its place
goes on counting in the same sheet. Files (as the multiprocess mode of Prometheus' own client has
them) would do the same, but need a folder that someone empties and bring one more file for each
worker that ever was; workers that answer each other over sockets forget what a killed one knew.
"""

from __future__ import annotations

import logging
import mmap
import threading
import zlib
from array import array
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.web.metrics import Labels, Numbers

# Memory that is not written to takes none.
SHEET_BYTES = 1 << 20
WORD = 8
# Size of the name, how many numbers, and a checksum of both.
HEAD = 3 * WORD

Name = tuple[str, tuple[str, ...]]

logger = logging.getLogger(__name__)


class Scoreboard:
    """Memory for the sheets of so many workers; to be made before they are forked.

    Args:
        sheets: how many.
        sheet_bytes: size of each.

    Example:
        >>> board = Scoreboard(2)
        >>> for number in range(2):
        ...     board.sheet(number).numbers("requests_total", ("/",), 1)[0] += 20 + number
        >>> board.sheet(0).sums("requests_total")
        {('/',): [41.0]}
    """

    def __init__(self, sheets: int = 1, *, sheet_bytes: int = SHEET_BYTES) -> None:
        """Take the memory."""
        memory = memoryview(mmap.mmap(-1, sheets * sheet_bytes))
        self._parts = tuple(
            memory[number * sheet_bytes : (number + 1) * sheet_bytes] for number in range(sheets)
        )

    def sheet(self, number: int) -> SharedSheet:
        """Return a worker's sheet; only one process at a time may write to it."""
        return SharedSheet(self._parts, number)


class SharedSheet:
    """The sheet of one worker, and a look at those of all; see ``metrics.Sheet``.

    A sheet is the number of bytes in use, then entries: the size of the name, how many numbers
    there are, a checksum, the name, and the numbers. An entry counts once the first of these says
    so; a kill in the middle of adding one leaves nothing behind. Any thread of the worker may add.
    What follows damage is passed over: numbers are not worth a worker that does not answer.

    Args:
        parts: the memory of all sheets.
        number: which is this worker's.
    """

    def __init__(self, parts: Sequence[memoryview], number: int) -> None:
        """Find what is there, of a worker that was here before."""
        self._parts = parts
        self._own = parts[number]
        self._guard = threading.Lock()
        self._known, end = _entries(self._own)
        # What has no room in the memory.
        self._beyond: dict[Name, Numbers] = {}
        used = self._own[:WORD].cast("q")
        if used[0] != end:
            logger.error("sheet %s of the scoreboard is damaged; its end is left out", number)
            used[0] = end

    def numbers(self, name: str, values: Labels, count: int) -> Numbers:
        """Return this worker's numbers of one name and label values, zeros at first."""
        found = self._known.get((name, values))
        if found is None:
            with self._guard:
                found = self._known.get((name, values))
                if found is None:
                    found = self._known[name, values] = self._added((name, values), count)
        return found

    def own(self, name: str) -> dict[Labels, Numbers]:
        """Return this worker's numbers of one name by label values."""
        with self._guard:
            return _named(name, self._known)

    def sums(self, name: str) -> dict[Labels, list[float]]:
        """Return the sums over all workers by label values.

        What has no room in the memory is known of this worker alone.
        """
        with self._guard:
            beyond = _named(name, self._beyond)
        found: dict[Labels, list[float]] = {}
        for one in (*(_named(name, _entries(part).known) for part in self._parts), beyond):
            for values, numbers in one.items():
                before = found.get(values) or repeat(0.0)
                found[values] = [one + other for one, other in zip(numbers, before)]  # noqa: B905 - it may repeat
        return found

    def _added(self, name: Name, count: int) -> Numbers:
        """Add an entry."""
        text = msgspec.json.encode(name)
        used = self._own[:WORD].cast("q")
        start = WORD + used[0]
        numbers = start + HEAD + _padded(len(text))
        end = numbers + count * WORD
        if end > len(self._own):
            logger.warning("the scoreboard is full: %s counts for one worker alone", name)
            self._beyond[name] = array("d", bytes(count * WORD))
            return self._beyond[name]
        head = self._own[start : start + HEAD].cast("q")
        head[0], head[1], head[2] = len(text), count, zlib.crc32(text, count)
        self._own[start + HEAD : start + HEAD + len(text)] = text
        self._own[numbers:end] = bytes(count * WORD)
        used[0] = end - WORD
        return _floats(self._own[numbers:end])


class Entries(NamedTuple):
    """What is in a sheet.

    Args:
        known: numbers by name.
        used: how many bytes hold them.
    """

    known: dict[Name, Numbers]
    used: int


def _entries(part: memoryview) -> Entries:
    """Read the entries of a sheet, up to one that is damaged."""
    known: dict[Name, Numbers] = {}
    start, used = WORD, min(WORD + part[:WORD].cast("q")[0], len(part))
    while start + HEAD <= used:
        size, count, checksum = part[start : start + HEAD].cast("q")
        text = part[start + HEAD : start + HEAD + max(size, 0)]
        numbers = start + HEAD + _padded(size)
        end = numbers + count * WORD
        if size <= 0 or count < 0 or end > used or zlib.crc32(text, count) != checksum:
            break
        known[msgspec.json.decode(text, type=Name)] = _floats(part[numbers:end])
        start = end
    return Entries(known, start - WORD)


def _named(name: str, known: dict[Name, Numbers]) -> dict[Labels, Numbers]:
    """Return the numbers of one name by label values."""
    return {values: found for (owner, values), found in known.items() if owner == name}


def _floats(part: memoryview) -> Numbers:
    """Return memory as numbers; its type does not say that they can be changed."""
    return cast("Numbers", part.cast("d"))


def _padded(size: int) -> int:
    """Return a size that ends at a word."""
    return -(-size // WORD) * WORD
