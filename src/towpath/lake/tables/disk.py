"""Tables on a local disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.fs as pafs

from towpath.core.durable import sync_file
from towpath.core.errors import Denied, TowpathError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path


class Disk:
    """Files below one folder; it is made by the first write.

    Args:
        root: the folder.

    Example:
        >>> from pathlib import Path
        >>> Disk(Path("lake")).identities(["trips/gone.parquet"])
        [None]
    """

    def __init__(self, root: Path) -> None:
        """Name the folder."""
        self.root = root.absolute()
        self.filesystem: pafs.FileSystem = pafs.SubTreeFileSystem(
            str(self.root), pafs.LocalFileSystem()
        )
        self.options: dict[str, str] = {}

    def url(self, path: str) -> str:
        """Return the path."""
        return str(self.root / path)

    def prepare(self, folder: str) -> None:
        """Make the folder; each new name is synced in the folder that holds it."""
        wanted = self.root / folder
        missing = [path for path in (wanted, *wanted.parents) if not path.exists()]
        wanted.mkdir(parents=True, exist_ok=True)
        for path in missing:
            sync_file(path.parent)

    def sync(self, paths: Sequence[str]) -> None:
        """Force files or folders to the disk."""
        for path in paths:
            sync_file(self.root / path)

    def identities(self, paths: Sequence[str]) -> list[Hashable | None]:
        """Return what the file system knows of each file."""
        return [_identity(self.root / path) for path in paths]

    def explained(self, error: OSError) -> TowpathError:
        """Tell a refusal, which stays, from a disk that is full or failing."""
        if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
            message = f"The lake may not be read or written at {self.root}: {error}."
            return Denied(message, hint="Check the path and its permissions.")
        message = f"The lake cannot be read or written at {self.root}: {error}."
        return Unavailable(message, hint="Free some space or mend the disk.")


def _identity(path: Path) -> Hashable | None:
    """Return size, times and inode; the time of change cannot be set by hand."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
