"""Where a project's server is: only what a living process of this folder says is believed."""

from __future__ import annotations

import multiprocessing
import shutil
from typing import TYPE_CHECKING

from towpath.cli.address import FILE_NAME, announced, running

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

HERE, THERE = "http://127.0.0.1:8000", "http://127.0.0.1:8001"


def serve(state: Path, url: str, pipe: Connection) -> None:
    with announced(state, url, ("delay",)):
        pipe.send("ready")
        pipe.recv()


class Elsewhere:
    """A server in a process of its own."""

    def __init__(self, state: Path, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(state, url, other))
        self.process.start()
        self._pipe.recv()

    def stop(self) -> None:
        self._pipe.send("stop")
        self.process.join()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


def test_a_server_is_found_for_what_it_serves_until_it_ends(tmp_path: Path) -> None:
    server = Elsewhere(tmp_path, THERE)
    assert (running(tmp_path, "delay"), running(tmp_path, "other")) == (THERE, "")
    server.stop()
    assert running(tmp_path, "delay") == ""
    assert not (tmp_path / FILE_NAME).exists()


def test_what_a_killed_server_left_is_not_believed(tmp_path: Path) -> None:
    Elsewhere(tmp_path, THERE).kill()
    assert (tmp_path / FILE_NAME).exists()
    assert running(tmp_path, "delay") == ""


def test_the_server_of_another_copy_of_the_folder_is_not_ours(tmp_path: Path) -> None:
    server = Elsewhere(tmp_path / "state", THERE)
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    assert running(tmp_path / "copy", "delay") == ""
    server.kill()


def test_a_server_that_ends_leaves_the_address_of_a_later_one(tmp_path: Path) -> None:
    first = Elsewhere(tmp_path, HERE)
    second = Elsewhere(tmp_path, THERE)
    first.stop()
    assert running(tmp_path, "delay") == THERE
    second.stop()
