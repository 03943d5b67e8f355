"""Ten minutes at half of what two workers can do: flat memory, and no error."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from benchmarks.claim import Claim, compare
from benchmarks.listening import running
from benchmarks.online import load
from benchmarks.overload import SHAPE, ask, prepared

SOAK_SECONDS = 600
WARM_SECONDS = 60
WORKERS = 2
CONNECTIONS = 16
# Fewer than may wait, so that none is refused after a pause of the client.
STEADY = 48
# Of what a worker held after a minute, at least so much of what it holds at the end.
FLAT = 0.95


def measure() -> list[Claim]:
    project = prepared()
    command = [sys.executable, "-m", "towpath", "feature", "serve"]
    with running([*command, "--workers", str(WORKERS), "--port"], project) as server:
        rate = load(server.port, SHAPE, CONNECTIONS)["rate"] / 2
        ask(server.port, rate, WARM_SECONDS, connections=STEADY)
        begin = memory(server.process)
        found = ask(server.port, rate, SOAK_SECONDS, connections=STEADY)
        end = memory(server.process)
    assert set(found) == {"due", "unanswered", "200"}, found
    assert not found["unanswered"], found
    what = f"{SOAK_SECONDS} s at {rate:,.0f} req/s, {SHAPE.name}, {found['due']:,} answers of 200"
    tail = found["200"]["p99_ms"]
    return [
        compare(
            f"{what}, p99 {tail:.1f} ms: memory of worker {number}",
            [last],
            (f"after {WARM_SECONDS} s", [first]),
            unit="MB",
            target=FLAT,
        )
        for number, (first, last) in enumerate(zip(begin, end, strict=True), 1)
    ]


def memory(process: int) -> list[float]:
    """Return the resident memory of each worker in megabytes, in the order of their numbers."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    found = []
    for one in sorted(map(int, children)):
        status = Path(f"/proc/{one}/status").read_text()
        (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
        found.append(int(kilobytes) / 1000)
    return found
