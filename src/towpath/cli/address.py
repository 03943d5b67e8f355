"""Where this project's server answers: a file that its process holds locked while it lives."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from towpath.core.durable import write_durably
from towpath.core.lock import acquired, locked
from towpath.core.record import Record, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME = "server.json"


class Address(Record, frozen=True):
    """What a server tells of itself.

    Args:
        url: where it answers.
        pid: its process.
        endpoints: names of what it serves.
    """

    url: str
    pid: int
    endpoints: tuple[str, ...]


@contextmanager
def announced(state: Path, url: str, endpoints: tuple[str, ...]) -> Iterator[None]:
    """Tell commands of this project where the server is, until it ends.

    A later server of the same project takes the file over and keeps it.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with announced(Path(folder), "http://127.0.0.1:8000", ("delay",)):
        ...         serving = running(Path(folder), "delay")
        ...     serving, running(Path(folder), "delay")
        ('http://127.0.0.1:8000', '')
    """
    path, own = state / FILE_NAME, Address(url, os.getpid(), endpoints)
    write_durably(path, to_json(own))
    try:
        with locked(path):
            yield
    finally:
        if path.exists() and from_json(path.read_bytes(), Address).pid == own.pid:
            path.unlink()


def running(state: Path, endpoint: str) -> str:
    """Return the URL of the living server of an endpoint, empty if there is none.

    What a killed server left behind, or came with a copy of the folder, nobody holds locked.
    """
    try:
        handle = os.open(state / FILE_NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with os.fdopen(handle, "rb") as file:
        if acquired(handle):
            return ""
        address = from_json(file.read(), Address)
    return address.url if endpoint in address.endpoints else ""
