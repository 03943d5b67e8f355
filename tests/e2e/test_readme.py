"""The README's first success, command by command, on a CSV like a user's own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"<!-- tested: first-success -->\n```console\n(.*?)```", re.DOTALL)

pytestmark = pytest.mark.e2e


def commands() -> list[list[str]]:
    found = BLOCK.search(README.read_text())
    assert found, "the README has lost its tested block"
    return [shlex.split(line) for line in found.group(1).splitlines()]


def test_first_success_takes_five_commands_and_ends_in_a_prediction(
    tmp_path: Path, orders: Path
) -> None:
    shutil.copy(orders, tmp_path / "orders.csv")
    install, *rest = commands()
    assert install == ["pip", "install", "towpath"]
    assert len(rest) == 4
    folder, output = tmp_path, ""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in rest:
        if command[0] == "cd":
            folder = folder / command[1]
            continue
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        output = done.stdout
    assert "1042" in output
    assert "probability" in output


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 120
