"""From the prediction log into the lake: each prediction once, however often it is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from towpath.core.durable import write_durably
from towpath.core.lock import locked
from towpath.core.record import Record, from_json, to_json
from towpath.lake.system import PREDICTIONS
from towpath.serving.log import is_finished, read_header, read_segment, segment_end, segments
from towpath.serving.prediction_table import SCHEMA, prediction_table

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.lake.lake import Lake

PROGRESS = "compacted.json"
LOCK = "compact.lock"
BATCH_BYTES = 32 << 20


class Progress(Record, frozen=True):
    """How far each segment is in the lake.

    Args:
        done: offset by segment up to which all predictions are stored.
        planned: offset by segment up to which the next batch goes. It is written down before
            the batch is stored; after a kill the same batch is stored again, which the lake
            knows by its content.
    """

    done: dict[str, int] = msgspec.field(default_factory=dict)
    planned: dict[str, int] = msgspec.field(default_factory=dict)


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
    total = 0
    if not folder.is_dir():
        return 0
    busy = f"Another process brings the predictions of {folder.name!r} into the lake."
    with locked(folder / LOCK, wait_seconds=0.0, busy=busy):
        while True:
            progress = _planned(folder, batch_bytes)
            if not progress.planned:
                _remove_finished(folder, progress)
                return total
            table = _table(folder, progress)
            if table.num_rows:
                lake.ingest(PREDICTIONS.name, table, mode="append")
                total += table.num_rows
            _write(folder, Progress(done=progress.done | progress.planned))


def _planned(folder: Path, batch_bytes: int) -> Progress:
    """Return the batch that was begun, or plan the next and write it down."""
    path = folder / PROGRESS
    progress = from_json(path.read_bytes(), Progress) if path.exists() else Progress()
    if progress.planned:
        return progress
    planned: dict[str, int] = {}
    rest = batch_bytes
    for segment in segments(folder):
        start = progress.done.get(segment.name, 0)
        end = segment_end(segment, start=start, limit=rest)
        if end > start:
            planned[segment.name] = end
            rest -= end - start
        if rest <= 0:
            break
    progress = progress.replace(planned=planned)
    if planned:
        _write(folder, progress)
    return progress


def _table(folder: Path, progress: Progress) -> pa.Table:
    """Read the predictions of a batch."""
    tables = [SCHEMA.empty_table()]
    for name, end in sorted(progress.planned.items()):
        segment = folder / name
        header = read_header(segment)
        if header is not None:
            rows = read_segment(segment, start=progress.done.get(name, 0), end=end)
            tables.append(prediction_table(header.endpoint, header.features, list(rows)))
    return pa.concat_tables(tables)


def _remove_finished(folder: Path, progress: Progress) -> None:
    """Remove the segments that are done with, then forget them.

    A kill in between leaves a note about a segment that is gone, which the next time removes.
    """
    for segment in segments(folder):
        done = progress.done.get(segment.name, 0)
        if done and is_finished(segment, done=done):
            segment.unlink()
    left = {path.name for path in segments(folder)}
    kept = {name: done for name, done in progress.done.items() if name in left}
    if kept != progress.done:
        _write(folder, Progress(done=kept))


def _write(folder: Path, progress: Progress) -> None:
    """Write down how far it got."""
    write_durably(folder / PROGRESS, to_json(progress))
