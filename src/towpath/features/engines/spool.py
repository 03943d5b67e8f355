"""Pieces of rows that memory has no room for, in a file that nobody else sees."""

from __future__ import annotations

import mmap
import tempfile
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from towpath.core.closing import Closing
from towpath.core.errors import Unavailable
from towpath.features.engines.arrange import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Spool(Closing):
    """Keeps the first rows in memory, and all further ones in a temporary file.

    The file goes away with the process, however that ends. Its pages are in memory only while a
    piece is looked at (``Piece.let_go``).

    Args:
        most: rows to keep in memory.

    Example:
        >>> none = np.empty(0, np.int64)
        >>> piece = Piece(np.array([1, 0], np.int32), np.array([5, 6]), none, [none], [])
        >>> with Spool(1) as spool:
        ...     kept = spool.keep(piece)
        >>> kept.times.tolist(), len(kept.mapped)
        ([5, 6], 1)
    """

    def __init__(self, most: int) -> None:
        """Make no file yet."""
        self._left = most
        self._file: IO[bytes] | None = None
        self._size = 0

    def close(self) -> None:
        """Close the file, which lives on as long as pieces of it do."""
        if self._file is not None:
            self._file.close()

    def keep(self, piece: Piece) -> Piece:
        """Return the piece, or one like it that is in the file.

        Raises:
            Unavailable: the disk of temporary files is full.
        """
        self._left -= piece.codes.size
        return piece if self._left >= 0 or not piece.codes.size else self.write(piece)

    def write(self, piece: Piece) -> Piece:
        """Return a piece like it that is in the file.

        Raises:
            Unavailable: the disk of temporary files is full.
        """
        arrays: list[NDArray[Any]] = [piece.codes, piece.times, piece.sequence]
        arrays += piece.words
        arrays += piece.marks
        try:
            whole, places = self._append(arrays)
        except OSError as error:
            message = f"Events cannot be set aside in {tempfile.gettempdir()}: {error.strerror}."
            hint = "Free some space there, or name another folder in TMPDIR."
            raise Unavailable(message, hint=hint) from error
        found = [_array(whole, place, like) for place, like in zip(places, arrays, strict=True)]
        width = len(piece.words)
        return Piece(
            codes=found[0],
            times=found[1],
            sequence=found[2],
            words=found[3 : 3 + width],
            marks=found[3 + width :],
            mapped=(whole,),
        )

    def _append(self, arrays: Sequence[NDArray[Any]]) -> tuple[mmap.mmap, list[int]]:
        """Write arrays one after the other; return them mapped, and where each one starts."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="towpath-")  # noqa: SIM115 - see __exit__
        begins, places = self._size, []
        for array in arrays:
            places.append(self._size - begins)
            self._file.write(np.ascontiguousarray(array).data)
            self._size += array.nbytes
            self._file.write(bytes(-self._size % mmap.ALLOCATIONGRANULARITY))
            self._size += -self._size % mmap.ALLOCATIONGRANULARITY
        self._file.flush()
        length = self._size - begins
        # Private to this process, so that arrays may say that they can be written to, as before.
        access = mmap.ACCESS_COPY
        return mmap.mmap(self._file.fileno(), length, access=access, offset=begins), places


def _array(whole: mmap.mmap, place: int, like: NDArray[Any]) -> NDArray[Any]:
    """Return what was written at a place as an array of the same form."""
    if not like.size:
        return like
    found = np.frombuffer(whole, like.dtype, like.size, place)
    found.flags.writeable = like.flags.writeable
    return found
