"""A log of entries that wait to be brought into the lake, in segments (``core.segment``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from towpath.core.closing import Closing
from towpath.core.errors import Unavailable
from towpath.core.segment import Segments, framed

if TYPE_CHECKING:
    from pathlib import Path


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What a segment begins with.

    Args:
        written: version of the format.
    """

    written: int


class EntryLog(Closing):
    """The open end of a log; it has no file before the first entry. One thread at a time may write.

    Args:
        folder: where the segments are kept.
        name: of what there are entries.
        version: of their format.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as name, EntryLog(Path(name), "rows", 1) as log:
        ...     log.write(frame(Header(7)))
        ...     len(list(Path(name).iterdir()))
        1
    """

    def __init__(self, folder: Path, name: str, version: int) -> None:
        self._folder = folder
        self._name = name
        self._version = version
        self._segments: Segments | None = None

    def write(self, frames: bytes, *, synced: bool = True) -> None:
        """Keep entries; what returned survives a kill, and a loss of power if it is synced.

        Raises:
            Unavailable: the disk does not take them.
        """
        try:
            if self._segments is None:
                self._segments = Segments(self._folder, _encode(Header(self._version)))
            self._segments.write(frames)
            if synced:
                os.fdatasync(self._segments.handle)
        except OSError as error:
            message = f"The log of {self._name} cannot be written: {error.strerror or error}."
            hint = "Free space on the disk of the state folder."
            raise Unavailable(message, hint=hint) from error

    def close(self) -> None:
        """Close the segment."""
        if self._segments is not None:
            self._segments.close()


_encode = msgspec.msgpack.Encoder().encode


def frame(entry: msgspec.Struct) -> bytes:
    """Write an entry as a frame.

    Example:
        >>> len(frame(Header(7)))
        10
    """
    return framed(_encode(entry))
