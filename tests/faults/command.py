"""Processes to kill: the command line, whole process groups, moments spread over a run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TOWPATH = [sys.executable, "-m", "towpath"]
GONE_SECONDS = 5.0

Facts = dict[str, Any]


def towpath(folder: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> Facts:
    """Run a command to its end and return its JSON.

    Raises:
        RuntimeError: it ended with another code; the message holds what it wrote.
    """
    command = [*TOWPATH, *arguments, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        message = f"towpath {' '.join(arguments)} ended with {done.returncode}: {done.stderr}"
        raise RuntimeError(message)
    found: Facts = json.loads(done.stdout)
    return found


def begin(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a command as the leader of a session of its own, to be killed as a whole."""
    return subprocess.Popen(
        command,
        cwd=folder,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_group(process: subprocess.Popen[bytes]) -> list[int]:
    """Kill a process group with SIGKILL; return what of its session outlived it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + GONE_SECONDS
    while (alive := session(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def session(leader: int) -> list[int]:
    """Return the processes of a session that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[3]) == leader:
            found.append(int(path.parent.name))
    return found


def moments(count: int, seconds: float, *, seed: int) -> list[float]:
    """Choose moments at random, one in each equal part of a time."""
    dice = random.Random(seed)
    return [(number + dice.random()) * seconds / count for number in range(count)]
