"""What every source of rows gives: parts, and their rows in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa


class Part(Record, frozen=True):
    """A file, or the whole answer of a query or frame.

    Args:
        key: fingerprint of its content: the same rows have the same key, whenever they are read.
        origin: what messages call it, such as the file's path; it holds no password.
        size: bytes to be read, None where nobody knows.
    """

    key: str
    origin: str
    size: int | None = None


class Source(Protocol):
    """Rows to take into a dataset.

    A source is read by one thread. Either method may raise ``NotFound`` or ``Denied`` for what
    is not there or may not be read, ``Unavailable`` for a server that does not answer,
    ``Contract`` for data and ``Invalid`` for a source of another kind. An error may come after
    pieces were given: nothing of them counts then.
    """

    def parts(self) -> Iterator[Part]:
        """Name the parts in the order they are to be read, always the same."""
        ...

    def read(self, part: Part) -> Iterator[pa.Table]:
        """Give the rows of a part, in order and in the contract's columns and types.

        A piece has a row at least, and never much more than 64 MiB or 500,000 rows. A part may be
        read again.
        """
        ...
