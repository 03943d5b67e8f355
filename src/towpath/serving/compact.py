"""From the prediction log into the lake: each prediction once, however often it is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from towpath.core.drain import BATCH_BYTES, Piece, drain
from towpath.lake.system import PREDICTIONS
from towpath.serving.log import read_header, read_segment
from towpath.serving.prediction_table import SCHEMA, prediction_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from towpath.lake.lake import Lake


def compact(folder: Path, lake: Lake, *, batch_bytes: int = BATCH_BYTES) -> int:
    """Append the new predictions of one endpoint's log to the dataset ``predictions``.

    It may run beside the server that writes the log. A segment that is wholly in the lake, and
    closed, is removed.

    Args:
        folder: the endpoint's log.
        lake: where to.
        batch_bytes: about how much of the log goes into one batch.

    Returns:
        How many predictions were appended.

    Raises:
        Conflict: another process compacts this log.
        Contract: a segment is damaged; it is named.
    """

    def store(pieces: Sequence[Piece]) -> int:
        table = _table(pieces)
        if table.num_rows:
            lake.ingest(PREDICTIONS.name, table, mode="append")
        return int(table.num_rows)

    busy = f"Another process brings the predictions of {folder.name!r} into the lake."
    return drain(folder, store, busy=busy, batch_bytes=batch_bytes)


def _table(pieces: Sequence[Piece]) -> pa.Table:
    """Read the predictions of a batch."""
    tables = [SCHEMA.empty_table()]
    for piece in pieces:
        header = read_header(piece.path)
        if header is not None:
            rows = read_segment(piece.path, start=piece.start, end=piece.end)
            tables.append(prediction_table(header.endpoint, header.features, list(rows)))
    return pa.concat_tables(tables)
