"""From a log in segments to where its entries belong: each once, however often it is tried."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from towpath.core.durable import write_durably
from towpath.core.errors import Conflict
from towpath.core.lock import locked
from towpath.core.record import Record, from_json, to_json
from towpath.core.segment import is_finished, read_frames, segment_end, segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

PROGRESS = "compacted.json"
LOCK = "compact.lock"
BATCH_BYTES = 32 << 20


class Draining(Conflict):
    """Another process drains this log: leave it to that one."""


class Piece(NamedTuple):
    """A part of a segment: whole frames from one offset to another."""

    path: Path
    start: int
    end: int

    @property
    def name(self) -> str:
        """A name of the piece that no other one has."""
        return f"{self.path.name}:{self.start}-{self.end}"


class Progress(Record, frozen=True):
    """How far each segment is where it belongs.

    Args:
        done: offset by segment up to which all entries are stored.
        planned: offset by segment up to which the next batch goes. It is written down before
            the batch is stored; after a kill the same batch is stored again, which must be known
            there by its content or name.
    """

    done: dict[str, int] = msgspec.field(default_factory=dict)
    planned: dict[str, int] = msgspec.field(default_factory=dict)


def frames(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Yield the content of each frame of some pieces.

    Raises:
        Contract: a frame is damaged, and whole ones follow it.

    Example:
        >>> list(frames([]))
        []
    """
    for piece in pieces:
        yield from read_frames(piece.path, start=piece.start, end=piece.end)


def drain(
    folder: Path,
    store: Callable[[Sequence[Piece]], int],
    *,
    busy: str,
    batch_bytes: int = BATCH_BYTES,
    stopped: Callable[[], bool] | None = None,
) -> int:
    """Store what is new in a log, batch by batch.

    It may run beside the process that writes the log. A segment that is wholly stored, and closed,
    is removed.

    Args:
        folder: the log.
        store: stores a batch, and returns how much of it was new.
        busy: what to tell the user if another process does so already.
        batch_bytes: about how much of the log goes into one batch.
        stopped: asked before each batch whether to leave it and what follows for the next time.

    Returns:
        the sum of what ``store`` returned.

    Raises:
        Draining: another process does so already.
        Contract: a segment is damaged; it is named.
    """
    total = 0
    if not folder.is_dir():
        return 0
    with _alone(folder, busy):
        while stopped is None or not stopped():
            progress = _planned(folder, batch_bytes)
            if not progress.planned:
                _remove_finished(folder, progress)
                break
            total += store(
                [
                    Piece(folder / name, progress.done.get(name, 0), end)
                    for name, end in sorted(progress.planned.items())
                ]
            )
            _write(folder, Progress(done=progress.done | progress.planned))
    return total


def read_progress(folder: Path) -> Progress:
    """Return how far a log is where it belongs.

    Example:
        >>> from pathlib import Path
        >>> read_progress(Path("no/such/folder")).done
        {}
    """
    path = folder / PROGRESS
    return from_json(path.read_bytes(), Progress) if path.exists() else Progress()


@contextmanager
def _alone(folder: Path, busy: str) -> Iterator[None]:
    """Hold the log's lock, and tell one that another holds from a conflict of what is stored."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / LOCK, wait_seconds=0.0, busy=busy))
        except Conflict as error:
            raise Draining(error.message, hint=error.hint) from error
        yield


def _planned(folder: Path, batch_bytes: int) -> Progress:
    """Return the batch that was begun, or plan the next and write it down."""
    progress = read_progress(folder)
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
