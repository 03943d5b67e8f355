"""Files that survive a power cut: written aside, synced, renamed, and their folder synced."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.errors import Denied, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 1 << 20
FAILING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ETIMEDOUT, errno.ESTALE}


def sync_file(path: Path) -> None:
    """Force a file's (or folder's) content to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file as one step: readers see the old content or the new, also after a crash.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_durably(Path(folder) / "a.json", b"{}")
        ...     (Path(folder) / "a.json").read_bytes()
        b'{}'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    sync_file(path.parent)


@contextmanager
def written_out(path: Path) -> Iterator[None]:
    """Say what it means that a file which somebody asked for cannot be written.

    Raises:
        Denied: no such file may be there.
        Unavailable: the disk is full or fails.

    Example:
        >>> try:
        ...     with written_out(Path("/proc/trips.csv")):
        ...         raise PermissionError(errno.EACCES, "Permission denied")
        ... except Denied as error:
        ...     print(error)
        The file /proc/trips.csv cannot be written: Permission denied. Name one in another folder.
    """
    try:
        yield
    except OSError as error:
        message = f"The file {path} cannot be written: {error.strerror or error}."
        if error.errno in FAILING:
            hint = "Free some space or mend the disk."
            raise Unavailable(message, hint=hint, file=str(path)) from error
        raise Denied(message, hint="Name one in another folder.", file=str(path)) from error


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
