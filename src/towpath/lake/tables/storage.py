"""What tables need of the disk or bucket that holds their files."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    import pyarrow.fs as pafs

    from towpath.core.errors import TowpathError

READ_BYTES = 4 << 20


class Storage(Protocol):
    """Holds the files of tables. Paths are relative to the lake and use ``/``.

    Attributes:
        filesystem: reads, writes, lists and removes files below the lake.
        options: how delta-rs and other readers reach it.

    A file is written once and never changed. ``OSError`` from any of these, or from the file
    system, is what ``explained`` takes.
    """

    filesystem: pafs.FileSystem
    options: dict[str, str]

    def url(self, path: str) -> str:
        """Return where a file or table is, for delta-rs and other readers."""
        ...

    def prepare(self, folder: str) -> None:
        """Make a folder and those above it."""
        ...

    def sync(self, paths: Sequence[str]) -> None:
        """Force the content of files, or the names in folders, to the disk."""
        ...

    def identities(self, paths: Sequence[str]) -> list[Hashable | None]:
        """Return for each file what would change if it did, or None where it is missing."""
        ...

    def explained(self, error: OSError) -> TowpathError:
        """Say what an error means for the caller."""
        ...


@contextmanager
def explained(storage: Storage) -> Iterator[None]:
    """Say of a failing disk or bucket what it means.

    Raises:
        Denied: it refuses.
        Unavailable: it does not answer.

    Example:
        >>> from pathlib import Path
        >>> from towpath.core.errors import Denied
        >>> from towpath.lake.tables.disk import Disk
        >>> try:
        ...     with explained(Disk(Path("lake"))):
        ...         raise PermissionError
        ... except Denied as error:
        ...     print(error.hint)
        Check the path and its permissions.
    """
    try:
        yield
    except OSError as error:
        raise storage.explained(error) from error


def stored_hash(storage: Storage, path: str) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.lake.tables.disk import Disk
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "a").write_bytes(b"abc")
        ...     stored_hash(Disk(Path(folder)), "a")[:8]
        'ba7816bf'
    """
    digest = hashlib.sha256()
    with storage.filesystem.open_input_file(path) as file:
        while (chunk := file.read_buffer(READ_BYTES)).size:
            digest.update(chunk)
    return digest.hexdigest()


def stored_bytes(storage: Storage, path: str) -> bytes:
    """Return the content of a small file."""
    with storage.filesystem.open_input_file(path) as file:
        content: bytes = file.read()
    return content
