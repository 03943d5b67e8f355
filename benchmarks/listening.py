"""A server as a process on a free port of this machine."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Running(NamedTuple):
    """A server that runs: where it listens, and which process it is."""

    port: int
    process: int


@contextmanager
def server(command: list[str], folder: Path) -> Iterator[int]:
    """Run a server on a free port and stop it at the end."""
    with running(command, folder) as found:
        yield found.port


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[Running]:
    """Do the same, and tell which process it is too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen([*command, str(port)], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield Running(port, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(port: int) -> None:
    """Wait until something listens at the port."""
    for _ in range(1800):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            time.sleep(1.0)
            return
    message = f"nothing listens at port {port}"
    raise TimeoutError(message)
