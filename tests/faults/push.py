"""A feature server under pushes and reads, killed: what it acknowledged must be there, once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.faults.command import moments
from tests.faults.fault import BUILD, ROOT, Fault, Trial, summed
from tests.features.server.taxi import Server, make_project, serving, towpath

from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

LEAST, MORE = 0.3, 1.5
WAIT_SECONDS = 60.0
ROWS, ASKED = 5, 500
COUNT = "driver:count_7d"


def inject(trials: int, *, seed: int) -> list[Fault]:
    """Kill a server so many times; the project keeps its stores throughout.

    Every other server brings rows into the lake as fast as it can meanwhile.
    """
    folder = BUILD / "push"
    shutil.rmtree(folder, ignore_errors=True)
    project = make_project(folder / "taxi")
    found: list[Trial] = []
    acknowledged: list[int] = []
    for number, moment in enumerate(moments(trials, MORE, seed=seed)):
        out = folder / f"load_{number}.txt"
        begun = time.perf_counter()
        with serving(project, "--flush-seconds", "0.05" if number % 2 else "0") as server:
            ready = time.perf_counter() - begun
            if number:
                found.append(online(server, acknowledged).replace(recovered_seconds=ready))
            acknowledged = loaded(server, out, first=100_000 * (number + 1), seconds=LEAST + moment)
    with serving(project, "--flush-seconds", "0") as server:
        last = online(server, acknowledged)
    towpath(project, "feature", "flush")
    told = [int(line) for path in folder.glob("load_*.txt") for line in path.read_text().split()]
    lake = in_lake(project, told)
    lost, twice = last.lost + lake.lost, last.duplicated + lake.duplicated
    notes = (*last.notes, *lake.notes)
    found.append(last.replace(lost=lost, duplicated=twice, notes=notes))
    for note in (note for one in found for note in one.notes):
        sys.stderr.write(f"  {note}\n")
    return [summed("kill -9 of a feature server under pushes and reads", found)]


def loaded(server: Server, out: Path, *, first: int, seconds: float) -> list[int]:
    """Push to a server until it is killed; return the drivers of the acknowledged pushes."""
    command = [sys.executable, "-m", "tests.faults.push_load", server.url, str(out), str(first)]
    load = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + WAIT_SECONDS
    while not (out.exists() and out.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(seconds)
    server.process.kill()
    if load.wait(timeout=WAIT_SECONDS):
        message = f"The load ended with {load.returncode}."
        raise RuntimeError(message)
    return [int(line) for line in out.read_text().split()]


def online(server: Server, drivers: list[int]) -> Trial:
    """Ask for what was acknowledged: each driver has the rides of one push, each once."""
    lost = twice = 0
    for start in range(0, len(drivers), ASKED):
        some = drivers[start : start + ASKED]
        found = server.online({"driver_id": some}, features=[COUNT])
        counts = [count or 0 for count in found.body["results"][1]["values"]]
        lost += sum(count < ROWS for count in counts)
        twice += sum(count > ROWS for count in counts)
    return judged("online", len(drivers), lost, twice)


def in_lake(project: Path, drivers: list[int]) -> Trial:
    """Look for the same rides in the lake; what was not acknowledged may be there, once."""
    with Workspace.find(project) as workspace:
        table = workspace.lake["rides"].scan(["ride_id", "driver_id"])
    rides = Counter(table["driver_id"].to_pylist())
    lost = sum(rides[driver] < ROWS for driver in drivers)
    return judged("in the lake", 0, lost, table.num_rows - len(set(table["ride_id"].to_pylist())))


def judged(where: str, acknowledged: int, lost: int, twice: int) -> Trial:
    """Say what is wrong."""
    parts = {"lost": lost, "twice": twice}
    notes = tuple(f"{count} {what} {where}" for what, count in parts.items() if count)
    return Trial(acknowledged=acknowledged * ROWS, lost=lost, duplicated=twice, notes=notes)
