"""Bytes of a file, unpacked on the way."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa

from towpath.core.errors import Contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.lake.sources.location import StoredFile

# What archives made on a Mac hold beside the files.
SHADOWS = "__MACOSX/"
ENCRYPTED = 0x1
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError)
MEND = "Pack it again."


@contextmanager
def unpacked(file: StoredFile) -> Iterator[BinaryIO]:
    """Open a file that may be packed by gzip or zip.

    Raises:
        Contract: it is cut short or broken, or a zip without exactly one file.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.lake.sources.location import find_files
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "trips.csv.gz"
        ...     _ = path.write_bytes(gzip.compress(b"id"))
        ...     with unpacked(find_files(path.name, path.parent)[0]) as stream:
        ...         stream.read()
        b'id'
    """
    with ExitStack() as stack:
        try:
            if file.path.lower().endswith(".zip"):
                yield stack.enter_context(_in_zip(file))
                return
            stream: object = stack.enter_context(
                file.filesystem.open_input_stream(file.path, compression=None)
            )
            if file.path.lower().endswith(".gz"):
                stream = stack.enter_context(gzip.GzipFile(fileobj=cast("BinaryIO", stream)))
            yield cast("BinaryIO", stream)
        except EOFError as error:
            message = f"{file.origin} is cut short: it ends in the middle of a packed block."
            raise Contract(message, hint=MEND, file=file.origin) from error
        except BROKEN as error:
            message = f"{file.origin} cannot be unpacked: {error}."
            raise Contract(message, hint=MEND, file=file.origin) from error


@contextmanager
def _in_zip(file: StoredFile) -> Iterator[BinaryIO]:
    """Open the one file in a zip."""
    with (
        file.filesystem.open_input_file(file.path) as stream,
        _archive(cast("BinaryIO", stream)) as archive,
    ):
        members = [
            one
            for one in archive.infolist()
            if not one.is_dir() and not one.filename.startswith(SHADOWS)
        ]
        if len(members) != 1:
            names = ", ".join(repr(one.filename) for one in members[:5])
            message = f"{file.origin} holds {len(members)} files ({names}), not one."
            raise Contract(message, hint="Unpack it, and name the folder.", file=file.origin)
        if members[0].flag_bits & ENCRYPTED:
            message = f"{file.origin} is closed by a password."
            raise Contract(message, hint="Pack it without one.", file=file.origin)
        with archive.open(members[0]) as member:
            yield cast("BinaryIO", member)


def _archive(stream: BinaryIO) -> zipfile.ZipFile:
    """Open a zip; one so small that Arrow's file refuses to seek holds nothing."""
    try:
        return zipfile.ZipFile(stream)
    except pa.ArrowInvalid as error:
        message = "it holds no file"
        raise zipfile.BadZipFile(message) from error
