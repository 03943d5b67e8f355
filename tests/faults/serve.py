"""A server under load, killed: what it had answered must be in the lake once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.faults.command import TOWPATH, begin, kill_group, moments, towpath
from tests.faults.fault import BUILD, ROOT, Fault, Trial, summed
from tests.faults.shop import ORDERS, start_shop

from towpath.lake.system import PREDICTIONS
from towpath.serving.client import Client
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = "returned"
READY_SECONDS = 60.0
# The load runs at least so long before the kill, at most so much longer.
LEAST, MORE = 0.5, 2.0


def inject(trials: int, *, seed: int) -> list[Fault]:
    """Kill a server under load so many times; the project keeps its log throughout."""
    root = start_shop(BUILD / "serve")
    towpath(root, "run", "train")
    acknowledged: set[str] = set()
    found = []
    for number, moment in enumerate(moments(trials, MORE, seed=seed)):
        killed, ready = serve_and_kill(root, LEAST + moment, root.parent / f"load_{number}.txt")
        trial = looked_at(root, acknowledged, killed)
        acknowledged |= set(killed)
        for note in trial.notes:
            sys.stderr.write(f"  trial {number}: {note}\n")
        sys.stderr.write(f"  trial {number}: {len(killed):,} answers, ready in {ready:.2f} s\n")
        found.append(trial.replace(recovered_seconds=ready))
    return [summed("kill -9 of towpath serve under load by key", found)]


def serve_and_kill(root: Path, moment: float, out: Path) -> tuple[list[str], float]:
    """Serve, let another process ask, kill the server; return the answered ids.

    The seconds are those from the server's start until its first answer.
    """
    started = time.perf_counter()
    server = begin([*TOWPATH, "serve", "--port", "0"], root)
    try:
        url = address(root, server)
        with Client(url) as client:
            client.predict(ENDPOINT, keys=[{"order_id": 1000}])
        ready = time.perf_counter() - started
        command = [sys.executable, "-m", "tests.faults.load", url, str(out), str(ORDERS)]
        load = subprocess.Popen(command, cwd=ROOT)
        while not out.exists() or not out.stat().st_size:
            time.sleep(0.01)
        time.sleep(moment)
    finally:
        outlived = kill_group(server)
    if load.wait(timeout=READY_SECONDS) or outlived or server.returncode != -signal.SIGKILL:
        message = f"The load ended with {load.returncode}, the server with {server.returncode}."
        raise RuntimeError(message)
    return out.read_text().split(), ready


def address(root: Path, server: subprocess.Popen[bytes]) -> str:
    """Wait for this server's own address; that of a killed one is still there."""
    path = root / ".towpath" / "state" / "server.json"
    deadline = time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if path.exists():
            told = json.loads(path.read_text())
            if told["pid"] == server.pid:
                return str(told["url"])
        time.sleep(0.02)
    raise RuntimeError("The server did not start.")


def looked_at(root: Path, before: set[str], killed: list[str]) -> Trial:
    """Compact the log and hold the lake's predictions against the answers of all trials."""
    verified = towpath(root, "feature", "verify", ENDPOINT, codes=(0, 1))
    with Workspace(root) as workspace:
        stored = workspace.lake[PREDICTIONS.name].scan(["id"])["id"].to_pylist()
    lost = (before | set(killed)) - set(stored)
    twice = len(stored) - len(set(stored)) + len(killed) - len(set(killed))
    wrong = verified["mismatches"] + (verified["checked"] != len(stored))
    parts = {"lost": len(lost), "twice": twice, "wrong": wrong}
    notes = tuple(f"{count} predictions {name}" for name, count in parts.items() if count)
    return Trial(
        acknowledged=len(killed), lost=len(lost), duplicated=twice, corrupt=wrong, notes=notes
    )
