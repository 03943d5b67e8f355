"""The folder of an area that is kept in files: the files, a pointer to the first, and locks."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from towpath.core.durable import sync_file, write_durably
from towpath.core.errors import Denied, TowpathError, Unavailable
from towpath.core.lock import locked

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

POINTER, WRITING, SWAPPING = "current", "writing", "swapping"
# LMDB appends this to a file's name for that of its locks.
LOCKS = "-lock"
LOCK_SECONDS = 600.0


class AreaFolder:
    """Knows the names in the folder of one area.

    Args:
        path: the folder; it need not be there yet.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     area = AreaFolder(Path(folder))
        ...     area.point_to("5e.lmdb")
        ...     area.pointed()
        '5e.lmdb'
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """Make the folder, and those above it that are missing, so that they outlast the power."""
        missing = [one for one in (self.path, *self.path.parents) if not one.is_dir()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            sync_file(folder.parent)

    def pointed(self) -> str:
        """Return the name of the file to begin at, empty where there is none."""
        try:
            return (self.path / POINTER).read_text()
        except FileNotFoundError:
            return ""

    def point_to(self, name: str) -> None:
        """Name the file to begin at."""
        write_durably(self.path / POINTER, name.encode())

    def fresh(self) -> Path:
        """Return a file that was never there."""
        return self.path / f"{secrets.token_hex(8)}.lmdb"

    def writing(self) -> AbstractContextManager[None]:
        """Hold the folder for the whole of a write."""
        return locked(self.path / WRITING, wait_seconds=LOCK_SECONDS)

    def swapping(self) -> AbstractContextManager[None]:
        """Hold it for the moment in which files change places."""
        return locked(self.path / SWAPPING, wait_seconds=LOCK_SECONDS)

    def keep_only(self, name: str) -> None:
        """Remove all other files; whoever has one open can still read it."""
        kept = {name, name + LOCKS, POINTER, WRITING, SWAPPING}
        for path in self.path.iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def clear(self, name: str) -> None:
        """Remove the pointer, then a file."""
        (self.path / POINTER).unlink()
        sync_file(self.path)
        for each in (name, name + LOCKS):
            (self.path / each).unlink(missing_ok=True)


def unusable(folder: Path, error: Exception) -> TowpathError:
    """Say what an error of the file system or LMDB means for the caller.

    Example:
        >>> from pathlib import Path
        >>> print(unusable(Path("online"), OSError(28, "No space left on device")))
        The disk of the online store online is full. Free some space and try again.
    """
    text = str(error)
    if "MDB_MAP_FULL" in text:
        message = f"A file of the online store {folder} has become too large."
        return Unavailable(message, hint="Serve fewer features, or use a server.")
    if "No space" in text:
        message = f"The disk of the online store {folder} is full."
        return Unavailable(message, hint="Free some space and try again.")
    message = f"The online store {folder} cannot be used: {text}."
    return Denied(message, hint="Check the path and the permission to write there.")
