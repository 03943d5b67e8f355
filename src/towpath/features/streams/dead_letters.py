"""Messages that could not be pushed: durable in a log at once, in a dataset of the lake soon after.

The dataset is ``dead_letters``, one of the platform's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.closing import Closing
from towpath.core.drain import drain, frames
from towpath.core.errors import NotFound
from towpath.features.entry_log import EntryLog, frame
from towpath.features.push_log import first_rows
from towpath.lake.contract import arrow_schema
from towpath.lake.system import DEAD_LETTERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from towpath.core.drain import Piece
    from towpath.lake.lake import Lake

FORMAT = 1
SCHEMA = arrow_schema(DEAD_LETTERS)


class DeadLetter(msgspec.Struct, frozen=True, array_like=True):
    """A message that could not be pushed, in whole or in part.

    Args:
        dataset: what it was to be rows of.
        stream: name of the stream that it came on.
        message: what the stream calls it.
        sent_at: when it was put on the stream, in microseconds.
        refused_at: when it was refused, in microseconds.
        reason: why.
        content: its bytes.

    Example:
        >>> DeadLetter("trips", "kafka://broker/trips", "0:7", 0, 5, "km is below 0", b"{}").message
        '0:7'
    """

    dataset: str
    stream: str
    message: str
    sent_at: int
    refused_at: int
    reason: str
    content: bytes


class DeadLetterLog(Closing):
    """The log that one consumer writes; it has no file before the first dead letter.

    Args:
        folder: where the segments are kept.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> letter = DeadLetter("trips", "kafka://broker/trips", "0:7", 0, 5, "no JSON", b"?")
        >>> with tempfile.TemporaryDirectory() as name:
        ...     log = DeadLetterLog(Path(name))
        ...     log.append([letter])
        ...     log.close()
        ...     len(list(Path(name).iterdir()))
        1
    """

    def __init__(self, folder: Path) -> None:
        self._log = EntryLog(folder, "dead letters", FORMAT)

    def append(self, letters: Sequence[DeadLetter]) -> None:
        """Keep dead letters; what returned survives a loss of power.

        Raises:
            Unavailable: the disk does not take them.
        """
        if letters:
            self._log.write(b"".join(map(frame, letters)))

    def close(self) -> None:
        """Close the segment."""
        self._log.close()


def bring_in(folder: Path, lake: Lake) -> int:
    """Bring the dead letters of a log into their dataset, each once however often it came.

    It may run beside consumers that write the log.

    Returns:
        how many were taken from the log.

    Raises:
        Conflict: another process does so already.
        Contract: a segment is damaged.
    """

    def store(pieces: Sequence[Piece]) -> int:
        decode = msgspec.msgpack.Decoder(DeadLetter).decode
        letters = [*map(decode, frames(pieces))]
        if letters:
            batch = "dead " + " ".join(piece.name for piece in pieces)
            rows = first_rows(_table(letters), DEAD_LETTERS.key)
            lake.ingest(DEAD_LETTERS.name, rows, mode="merge", batch=batch)
        return len(letters)

    return drain(folder, store, busy="Another process brings dead letters into the lake.")


def dead_letters(lake: Lake, dataset: str) -> pa.Table:
    """Return the dead letters of a dataset that are in the lake, the oldest first.

    Raises:
        NotFound: there is no such dataset.
    """
    if dataset not in lake.datasets:
        raise NotFound(f"There is no dataset {dataset!r}.", hint="See: towpath data list.")
    if lake.store.version(DEAD_LETTERS.name) is None:
        return SCHEMA.empty_table()
    wanted = pc.field("dataset") == pc.scalar(dataset)
    found = lake.store.scan(DEAD_LETTERS.name, columns=DEAD_LETTERS.names, where=wanted)
    return found.select(DEAD_LETTERS.names).sort_by("refused_at")


def _table(letters: Sequence[DeadLetter]) -> pa.Table:
    """Turn dead letters into rows of their dataset."""
    columns = {name: [getattr(one, name) for one in letters] for name in DEAD_LETTERS.names}
    return pa.table(columns, schema=SCHEMA)
