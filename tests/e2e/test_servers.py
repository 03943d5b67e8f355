"""Commands beside running servers: ours, one elsewhere, none."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.e2e

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@contextmanager
def server(shop: Path) -> Iterator[str]:
    """Serve a project on a free port."""
    command = [sys.executable, "-m", "towpath", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=shop, stderr=subprocess.DEVNULL)
    address = shop / ".towpath" / "state" / "server.json"
    try:
        for _ in range(600):
            if address.exists():
                break
            time.sleep(0.1)
        yield json.loads(address.read_text())["url"]
    finally:
        process.terminate()
        process.wait(30)


def test_a_server_that_cannot_start_leaves_the_running_one_its_address(
    shop: Path, towpath: Run
) -> None:
    with server(shop) as url:
        towpath(shop, "serve", "--port", url.rpartition(":")[2], code=5)
        asked = towpath(shop, "predict", "returned", "1042")
    assert "no server runs here" not in asked.stderr


def test_a_server_elsewhere_is_asked_without_a_project(
    shop: Path, tmp_path: Path, towpath: Run
) -> None:
    with server(shop) as url:
        asked = towpath(tmp_path, "predict", "returned", "1042", "--url", url, "--json")
        refused = towpath(tmp_path, "predict", "retuned", "1042", "--url", url, code=3)
    assert json.loads(asked.stdout)["predictions"][0]["key"] == {"order_id": 1042}
    assert "Did you mean 'returned'?" in refused.stderr
