"""The prediction log: each answer is in the operating system's hands before it is sent.

A segment is a file of frames: length, CRC-32, msgpack. The first frame is a ``Header``, each
other one a ``Logged``. Killing the process loses no acknowledged prediction; losing power may
lose what was written since the last sync, a tenth of a second.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
import zlib
from typing import TYPE_CHECKING, Self

import msgspec

from towpath.core.durable import sync_file
from towpath.core.errors import Contract, Unavailable
from towpath.core.lock import acquired
from towpath.lake.system import FROM_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

FORMAT = 1
FRAME = struct.Struct("<II")
SEGMENT_BYTES = 64 << 20
SYNC_SECONDS = 0.1
SUFFIX = ".log"
# Where a frame is looked for: its content is an array of at most 15 elements in msgpack.
ARRAY_MASK, ARRAY_START, LONGEST_FRAME = 0xF0, 0x90, 1 << 20

logger = logging.getLogger(__name__)


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What all predictions of a segment share.

    Args:
        written: version of the format.
        endpoint: name of the endpoint.
        features: names of the features, in the order of the values.
    """

    written: int
    endpoint: str
    features: tuple[str, ...]


class Logged(msgspec.Struct, frozen=True, array_like=True):
    """One prediction as it was answered.

    Args:
        id: unique over all endpoints and servers.
        arm: the alias that answered.
        model: name of the model.
        version: number of its version.
        key: the key as JSON with its columns in order; ``{}`` where none was given.
        at: time the features are of, in microseconds.
        logged_at: time of the answer, in microseconds.
        values: the features' values, None for null.
        probability: the model's output.
        decision: whether it reached the threshold.
        features_from: what the values come from: ``key``, ``row`` or ``defaults``.
        features_until: events up to here were known, in microseconds; None where none were read.
    """

    id: str
    arm: str
    model: str
    version: int
    key: str
    at: int
    logged_at: int
    values: list[object]
    probability: float
    decision: bool
    features_from: str = FROM_KEY
    features_until: int | None = None


class PredictionLog:
    """The open log of one endpoint. One thread writes; another syncs behind it.

    Args:
        folder: where the segments are kept.
        endpoint: name of the endpoint.
        features: names of the features.
        segment_bytes: size after which a new segment starts.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> one = Logged("a", "champion", "late", 1, "{}", 0, 0, [7], 0.5, True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with PredictionLog(Path(folder), "late", features=("hour",)) as log:
        ...         log.append([one])
        ...     [logged.values for logged in read_segment(segments(Path(folder))[0])]
        [[7]]
    """

    def __init__(
        self,
        folder: Path,
        endpoint: str,
        *,
        features: Sequence[str],
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Start a segment of its own, so that no two servers write to one file."""
        self._folder = folder
        self._header = Header(FORMAT, endpoint, tuple(features))
        self._segment_bytes = segment_bytes
        self._encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
        self._lock = threading.Lock()
        self._dirty = False
        self._stopped = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        self._handle, self._size = -1, 0
        self._open_segment()
        self._thread = threading.Thread(target=self._sync_often, name="log-sync", daemon=True)
        self._thread.start()

    def append(self, predictions: Sequence[Logged]) -> None:
        """Hand predictions to the operating system; what returned is safe from a kill.

        Raises:
            Unavailable: the disk does not take them. None of them is in the log then, or those
                that are were never acknowledged.
        """
        encode = self._encoder.encode
        data = b"".join([_framed(encode(one)) for one in predictions])
        try:
            with self._lock:
                if self._size >= self._segment_bytes:
                    self._next_segment()
                self._write(data)
        except OSError as error:
            why = error.strerror or error
            message = f"The prediction log of {self._header.endpoint!r} cannot be written: {why}."
            raise Unavailable(
                message, hint="Free space on the disk of the state folder."
            ) from error

    def close(self) -> None:
        """Sync what is left and close the segment."""
        self._stopped.set()
        self._thread.join()
        with self._lock:
            if self._handle >= 0:
                os.fdatasync(self._handle)
                os.close(self._handle)
                self._handle = -1

    def __enter__(self) -> Self:
        """Use the log in a ``with`` statement."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the log."""
        self.close()

    def _write(self, data: bytes) -> None:
        """Write all of it, or give the segment up: nothing may follow a torn frame."""
        if self._handle < 0:
            self._open_segment()
        try:
            _write_whole(self._handle, data)
        except OSError:
            self._close_segment()
            raise
        self._dirty = True
        self._size += len(data)

    def _next_segment(self) -> None:
        """Close a full segment; its content is synced first."""
        os.fdatasync(self._handle)
        self._close_segment()

    def _close_segment(self) -> None:
        """Close the file; the next write starts another."""
        os.close(self._handle)
        self._handle = -1
        self._size = 0

    def _open_segment(self) -> None:
        """Create the next segment, lock it while it is written, and write its header."""
        number = 1 + max((_number(path) for path in segments(self._folder)), default=0)
        path = self._folder / f"{number:010d}-{os.urandom(4).hex()}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        handle = os.open(path, flags, 0o640)
        header = _framed(self._encoder.encode(self._header))
        try:
            acquired(handle)
            _write_whole(handle, header)
        except OSError:
            os.close(handle)
            path.unlink()
            raise
        self._handle, self._size = handle, len(header)
        sync_file(self._folder)

    def _sync_often(self) -> None:
        """Sync what was written, a few times a second."""
        while not self._stopped.wait(SYNC_SECONDS):
            with self._lock:
                handle = os.dup(self._handle) if self._dirty and self._handle >= 0 else -1
                self._dirty = False
            if handle < 0:
                continue
            try:
                os.fdatasync(handle)
            except OSError:
                logger.exception("prediction log of %s not synced", self._header.endpoint)
            finally:
                os.close(handle)


def segments(folder: Path) -> list[Path]:
    """Return the segments of a log, oldest first.

    Example:
        >>> from pathlib import Path
        >>> segments(Path("no/such/folder"))
        []
    """
    return sorted(folder.glob(f"*{SUFFIX}"))


def read_header(path: Path) -> Header | None:
    """Return the header of a segment, None if even that was torn."""
    with path.open("rb") as file:
        first = next(_frames(file.read(1 << 16)), None)
    return msgspec.msgpack.decode(first[0], type=Header) if first else None


def read_segment(path: Path, *, start: int = 0, end: int | None = None) -> Iterator[Logged]:
    """Yield the predictions between two offsets that ``segment_end`` gave.

    A torn frame ends the segment: it was never acknowledged.

    Raises:
        Contract: a frame is damaged, and whole ones follow it.
    """
    decoder = msgspec.msgpack.Decoder(Logged)
    with path.open("rb") as file:
        file.seek(start)
        data = file.read() if end is None else file.read(end - start)
    whole = 0
    for position, (payload, after) in enumerate(_frames(data)):
        whole = after
        if start or position:
            yield decoder.decode(payload)
    _refuse_damage(path, data, whole, start=start)


def segment_end(path: Path, *, start: int = 0, limit: int = SEGMENT_BYTES) -> int:
    """Return the offset after the last whole frame that ends within ``limit`` bytes.

    Raises:
        Contract: a frame is damaged, and whole ones follow it.
    """
    with path.open("rb") as file:
        file.seek(start)
        data = file.read()
    ends = [end for _, end in _frames(data)]
    _refuse_damage(path, data, ends[-1] if ends else 0, start=start)
    return start + max((end for end in ends if end <= limit), default=0)


def is_finished(path: Path, *, done: int) -> bool:
    """Tell whether nobody writes to a segment any more and all of it lies before an offset.

    What is torn at its end was never acknowledged and does not count.

    Raises:
        Contract: a frame after the offset is damaged.
    """
    with path.open("rb") as file:
        return acquired(file.fileno()) and segment_end(path, start=done) == done


def _frames(data: bytes, start: int = 0) -> Iterator[tuple[bytes, int]]:
    """Yield each whole frame's content with the offset after it, up to the first that is not."""
    position = start
    while position + FRAME.size <= len(data):
        length, checksum = FRAME.unpack_from(data, position)
        start, position = position + FRAME.size, position + FRAME.size + length
        payload = data[start:position]
        if not payload or len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield payload, position


def _refuse_damage(path: Path, data: bytes, whole: int, *, start: int) -> None:
    """Refuse a segment in which whole frames follow one that is not: no write was torn there.

    Args:
        path: the segment.
        data: its bytes from ``start`` on.
        whole: offset in ``data`` after the last whole frame in a row.
        start: offset of ``data`` in the segment.
    """
    for position in range(whole + 1, len(data) - FRAME.size):
        length, _ = FRAME.unpack_from(data, position)
        begins = data[position + FRAME.size] & ARRAY_MASK == ARRAY_START
        if begins and 0 < length <= LONGEST_FRAME and next(_frames(data, position), None):
            message = f"The segment {path} of the prediction log is damaged at byte {start + whole}"
            raise Contract(
                f"{message}: whole predictions follow.",
                hint="Bring it back from a copy, or move it elsewhere to go on without it.",
                path=str(path),
                offset=start + whole,
            )


def _framed(payload: bytes) -> bytes:
    """Put length and checksum before the content."""
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def _write_whole(handle: int, data: bytes) -> None:
    """Write in one call; what is taken in part only is an error."""
    written = os.write(handle, data)
    if written < len(data):
        message = f"only {written} of {len(data)} bytes were taken"
        raise OSError(message)


def _number(path: Path) -> int:
    """Return the running number in a segment's name."""
    return int(path.name.partition("-")[0])


def _plain(value: object) -> object:
    """Turn a numpy scalar into Python's own number."""
    if hasattr(value, "item"):
        return value.item()
    message = f"{type(value).__name__} has no form in the prediction log"
    raise NotImplementedError(message)
