"""Finds the files that a path, folder or pattern names, on disk or in a bucket."""

from __future__ import annotations

import hashlib
import os
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.fs as pafs

from towpath.core.errors import Invalid, NotFound
from towpath.core.url import check_no_login
from towpath.lake.s3 import SCHEME, s3_error, s3_file_system

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path

TEXT_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")
SUFFIXES = tuple(f"{one}{packing}" for one in TEXT_SUFFIXES for packing in ("", ".gz", ".zip"))
KINDS = (*SUFFIXES, ".parquet")
URL = re.compile(r"[a-z][a-z0-9+.-]+://")
WILD = re.compile(r"[*?[]")
HASH_BYTES = 4 << 20
TAG = b"ETag"


class StoredFile(NamedTuple):
    """A file to read.

    Args:
        filesystem: where it is.
        path: its name there.
        origin: what messages call it.
        size: bytes.
        changed: when it was written last, in nanoseconds.
    """

    filesystem: pafs.FileSystem
    path: str
    origin: str
    size: int
    changed: int

    @property
    def state(self) -> Hashable:
        """What differs when the file was written again meanwhile."""
        info = self.filesystem.get_file_info(self.path)
        return (info.size, info.mtime_ns)


def find_files(pattern: str, root: Path) -> list[StoredFile]:
    """List the files to read, by name.

    Args:
        pattern: a file, a folder, a glob with ``*``, ``?``, ``[]`` and ``**``, or any of these
            after ``s3://BUCKET/``. In a folder, and below ``**``, names that start with a dot or
            an underline are left out.
        root: the project's folder, from which a path starts.

    Raises:
        Invalid: another kind of URL, one with a key in it, or a folder that holds a Delta table.
        NotFound: no file is there.
        Denied: the bucket may not be read.
        Unavailable: the bucket cannot be reached.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.csv", "a.csv", "notes.txt"):
        ...         _ = (Path(folder) / name).write_text("id")
        ...     [Path(file.path).name for file in find_files("*.csv", Path(folder))]
        ['a.csv', 'b.csv']
    """
    check_no_login(pattern)
    if pattern.startswith(SCHEME):
        try:
            return _found(s3_file_system(os.environ), pattern.removeprefix(SCHEME), SCHEME)
        except OSError as error:
            raise s3_error(error, pattern) from error
    if URL.match(pattern):
        message = f"There is no source of the kind {pattern.partition('://')[0]}://."
        hint = "Name a file or s3://BUCKET/PATH; for a database, write url: and table: below it."
        raise Invalid(message, hint=hint)
    return _found(pafs.LocalFileSystem(), str(root.absolute() / pattern), "")


def file_key(file: StoredFile) -> str:
    """Return a fingerprint of a file's content.

    A bucket keeps one, which is a new one whenever other bytes are written; a file on disk is
    read.
    """
    with file.filesystem.open_input_stream(file.path, compression=None) as stream:
        tag = stream.metadata().get(TAG, b"") if file.origin.startswith(SCHEME) else b""
        if tag:
            return hashlib.sha256(tag + b" %d" % file.size).hexdigest()
        digest = hashlib.sha256()
        while chunk := stream.read(HASH_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _found(filesystem: pafs.FileSystem, path: str, scheme: str) -> list[StoredFile]:
    """List the files of a path, and refuse to find none."""
    info = filesystem.get_file_info(path)
    if info.type == pafs.FileType.File:
        infos = [info]
    elif info.type == pafs.FileType.Directory:
        infos = _in_folder(filesystem, path.rstrip("/"), scheme)
    else:
        infos = _matching(filesystem, path)
    if not infos:
        message = f"There is no file {scheme}{path} to read."
        raise NotFound(message, hint="Check the path; it starts from the project's folder.")
    found = sorted(infos, key=lambda one: str(one.path))
    return [
        StoredFile(filesystem, one.path, f"{scheme}{one.path}", one.size, one.mtime_ns or 0)
        for one in found
    ]


def _in_folder(filesystem: pafs.FileSystem, folder: str, scheme: str) -> list[pafs.FileInfo]:
    """List all files of a kind that can be read, at any depth."""
    infos = filesystem.get_file_info(pafs.FileSelector(folder, recursive=True))
    names = [one.path[len(folder) + 1 :] for one in infos]
    if any(name.partition("/")[0] == "_delta_log" for name in names):
        message = f"{scheme}{folder} is a Delta table, some of whose files no longer count."
        raise Invalid(message, hint="Open it with deltalake's DeltaTable, and give its rows.")
    return [
        one
        for one, name in zip(infos, names, strict=True)
        if one.type == pafs.FileType.File
        and name.lower().endswith(KINDS)
        and not any(part.startswith((".", "_")) for part in name.split("/"))
    ]


def _matching(filesystem: pafs.FileSystem, pattern: str) -> list[pafs.FileInfo]:
    """List the files that a glob names."""
    parts = pattern.split("/")
    fixed = next((place for place, one in enumerate(parts) if WILD.search(one)), len(parts) - 1)
    folder, wanted = "/".join(parts[:fixed]), parts[fixed:]
    selector = pafs.FileSelector(
        folder or "/", allow_not_found=True, recursive=len(wanted) > 1 or wanted == ["**"]
    )
    return [
        one
        for one in filesystem.get_file_info(selector)
        if one.type == pafs.FileType.File
        and _matches(one.path.removeprefix(folder).lstrip("/").split("/"), wanted)
    ]


def _matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Hold the parts of a path against those of a glob."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        seen = [place for place in range(len(names)) if names[place].startswith((".", "_"))]
        last = min(seen, default=len(names))
        return any(_matches(names[skip:], pattern[1:] or ["*"]) for skip in range(last + 1))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _matches(names[1:], pattern[1:])
