"""A log in segments: files of frames, each with its length and checksum, written by one process.

A frame's content is an array of at most 15 elements in msgpack, by which a whole frame is told from
other bytes. The first frame of a segment says what it holds.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING

from towpath.core.durable import sync_file
from towpath.core.errors import Contract
from towpath.core.lock import acquired

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

FRAME = struct.Struct("<II")
SEGMENT_BYTES = 64 << 20
SUFFIX = ".log"
# Where a frame is looked for: how its content begins, and how long it is at most.
ARRAY_MASK, ARRAY_START, LONGEST_FRAME = 0xF0, 0x90, 64 << 20
HEADER_BYTES = 1 << 16


class Segments:
    """The open end of a log. Whoever calls sees to it that one thread does at a time.

    Args:
        folder: where the segments are kept.
        header: content of the first frame of each.
        segment_bytes: size after which a new segment starts.

    Attributes:
        handle: the open segment, -1 for none.
    """

    def __init__(self, folder: Path, header: bytes, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Start a segment of its own, so that no two processes write to one file."""
        self._folder = folder
        self._header = framed(header)
        self._segment_bytes = segment_bytes
        self.handle, self._size = -1, 0
        folder.mkdir(parents=True, exist_ok=True)
        self._open()

    def write(self, data: bytes) -> None:
        """Hand frames to the operating system.

        Raises:
            OSError: it does not take them. The segment is given up then, since nothing may follow a
                torn frame.
        """
        if self._size >= self._segment_bytes:
            os.fdatasync(self.handle)
            self._give_up()
        if self.handle < 0:
            self._open()
        try:
            _write_whole(self.handle, data)
        except OSError:
            self._give_up()
            raise
        self._size += len(data)

    def close(self) -> None:
        """Sync what is left and close the segment."""
        if self.handle >= 0:
            os.fdatasync(self.handle)
            self._give_up()

    def _give_up(self) -> None:
        """Close the file; the next write starts another."""
        os.close(self.handle)
        self.handle, self._size = -1, 0

    def _open(self) -> None:
        """Create the next segment, lock it while it is written, and write its header."""
        number = 1 + max((_number(path) for path in segments(self._folder)), default=0)
        path = self._folder / f"{number:010d}-{os.urandom(4).hex()}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        handle = os.open(path, flags, 0o640)
        try:
            acquired(handle)
            _write_whole(handle, self._header)
        except OSError:
            os.close(handle)
            path.unlink()
            raise
        self.handle, self._size = handle, len(self._header)
        sync_file(self._folder)


def segments(folder: Path) -> list[Path]:
    """Return the segments of a log, oldest first.

    Example:
        >>> from pathlib import Path
        >>> segments(Path("no/such/folder"))
        []
    """
    return sorted(folder.glob(f"*{SUFFIX}"))


def framed(payload: bytes) -> bytes:
    r"""Put length and checksum before a content.

    Example:
        >>> len(framed(b"\x90"))
        9
    """
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def read_first(path: Path) -> bytes | None:
    """Return the content of a segment's first frame, None if even that was torn."""
    with path.open("rb") as file:
        first = next(_frames(file.read(HEADER_BYTES)), None)
    return first[0] if first else None


def read_next(path: Path, *, start: int) -> bytes | None:
    """Return the content of the first whole frame from an offset on, but for the segment's first.

    Only that frame is read. None where there is none, or it is torn, or the segment is gone.

    Args:
        path: the segment.
        start: 0, or an offset that ``segment_end`` gave.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            found = _next_frame(file)
            return found if start else _next_frame(file)
    except FileNotFoundError:
        return None


def read_frames(path: Path, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield what follows the first frame between two offsets that ``segment_end`` gave.

    A torn frame ends the segment: it was never acknowledged.

    Raises:
        Contract: a frame is damaged, and whole ones follow it.
    """
    with path.open("rb") as file:
        file.seek(start)
        data = file.read() if end is None else file.read(end - start)
    whole = 0
    for position, (payload, after) in enumerate(_frames(data)):
        whole = after
        if start or position:
            yield payload
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


def _next_frame(file: BinaryIO) -> bytes | None:
    """Read one frame where a file stands, None if it is not whole."""
    head = file.read(FRAME.size)
    if len(head) < FRAME.size:
        return None
    length, _ = FRAME.unpack(head)
    found = next(_frames(head + file.read(min(length, LONGEST_FRAME))), None)
    return found[0] if found else None


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
            message = f"The log segment {path} is damaged at byte {start + whole}"
            raise Contract(
                f"{message}: whole entries follow.",
                hint="Bring it back from a copy, or move it elsewhere to go on without it.",
                path=str(path),
                offset=start + whole,
            )


def _write_whole(handle: int, data: bytes) -> None:
    """Write in one call; what is taken in part only is an error."""
    written = os.write(handle, data)
    if written < len(data):
        message = f"only {written} of {len(data)} bytes were taken"
        raise OSError(message)


def _number(path: Path) -> int:
    """Return the running number in a segment's name."""
    return int(path.name.partition("-")[0])
