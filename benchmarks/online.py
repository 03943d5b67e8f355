"""Features by key over HTTP: one worker of ours, of Feast's server, and of a bare handler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
from benchmarks.claim import Claim, compare
from benchmarks.environment import ROOT, peer_python, run_json
from benchmarks.listening import server
from benchmarks.online_inputs import (
    FEAST,
    LMDB,
    OUT,
    SHAPES,
    Kind,
    Shape,
    valkey,
    write_data,
    write_project,
    write_repository,
)
from tests.valkey import valkey_server

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS, SECONDS = 3, 4
PATH = "/get-online-features"
CONNECTIONS = (1, 16)
GRANIAN = ["granian==2.8.7", "uvloop==0.23.0"]
PLAIN = [*GRANIAN, "lmdb==3.0.0", "msgspec==0.22.0", "numpy", "pyarrow"]
BARE = "a bare granian handler that returns the same bytes"
PLAINEST = "the plainest server that reads and answers the same"
OURS = [sys.executable, "-m", "towpath", "feature", "serve", "--port"]
OTHERS = ("serve", "--no-access-log", "--max-requests", "0", "-p")

Figures = dict[tuple[str, int, int], list[dict[str, Any]]]


def measure() -> Iterator[Claim]:
    write_data(OUT / "drivers.parquet")
    python, granian = peer_python("feast", FEAST), peer_python("granian", GRANIAN)
    for name in ("LMDB", "Valkey"):
        with running(name) as kind:
            project, repository = OUT / f"ours_{name}", OUT / f"feast_{name}"
            write_project(project, OUT / "drivers.parquet", kind)
            write_repository(repository, OUT / "drivers.parquet", python, kind)
            with server(OURS, project) as port:
                for shape in SHAPES:
                    shape.answer.write_bytes(ask(port, shape))
            figures: Figures = {}
            for _ in range(RUNS):
                with server(OURS, project) as port:
                    run("ours", port, SHAPES, figures)
                with server([str(python.parent / "feast"), *OTHERS], repository) as port:
                    for shape in SHAPES:
                        ask(port, shape)
                    run("peer", port, SHAPES, figures)
                bare = [str(granian), str(ROOT / "benchmarks" / "peers" / "granian_bytes.py")]
                for shape in SHAPES:
                    with server([*bare, str(shape.answer)], OUT) as port:
                        run("bare", port, (shape,), figures)
            yield from claims(kind, figures)
    yield from above_plainest()


def above_plainest() -> Iterator[Claim]:
    """Compare with a server that does nothing beside what none can do without."""
    python, figures = peer_python("plain", PLAIN), Figures()
    script = str(ROOT / "benchmarks" / "peers" / "plain_reads.py")
    files = (str(OUT / "drivers.parquet"), str(OUT / "plain"))
    for _ in range(RUNS):
        with server(OURS, OUT / f"ours_{LMDB.name}") as port:
            run("ours", port, SHAPES, figures)
        with server([str(python), script, *files], OUT) as port:
            run("plain", port, SHAPES, figures)
    for shape in SHAPES:
        for connections in CONNECTIONS:
            ours, plain = (figures[one, shape.keys, connections] for one in ("ours", "plain"))
            rates = [[each["rate"] for each in runs] for runs in (ours, plain)]
            what = named(shape, connections, LMDB)
            yield compare(what, rates[0], (PLAINEST, rates[1]), unit="req/s", target=0.7)


@contextmanager
def running(name: str) -> Iterator[Kind]:
    """Run the server of a kind of store, where it has one."""
    if name == LMDB.name:
        yield LMDB
        return
    with valkey_server(OUT / "valkey") as found:
        yield valkey(found.port)


def claims(kind: Kind, figures: Figures) -> Iterator[Claim]:
    """Say how much faster ours is."""
    for shape in SHAPES:
        for connections in CONNECTIONS:
            what = named(shape, connections, kind)
            who = {one: figures[one, shape.keys, connections] for one in ("ours", "peer", "bare")}
            rates = {one: [each["rate"] for each in runs] for one, runs in who.items()}
            tails = {one: [each["p99_ms"] for each in runs] for one, runs in who.items()}
            theirs, floor = (kind.peer, rates["peer"]), (BARE, rates["bare"])
            target = shape.faster[connections]
            yield compare(what, rates["ours"], theirs, unit="req/s", target=target)
            slow = (kind.peer, tails["peer"])
            yield compare(f"{what}: p99", tails["ours"], slow, unit="ms", target=10.0)
            yield compare(what, rates["ours"], floor, unit="req/s", target=0.4)
            if connections == 1:
                # A tail of wake-ups: a server that does nothing has it too.
                tail = (BARE, tails["bare"])
                yield compare(f"{what}: p99", tails["ours"], tail, unit="ms", target=0.4)


def named(shape: Shape, connections: int, kind: Kind) -> str:
    """Say what is measured."""
    plural = "s" if connections > 1 else ""
    return f"{shape.name}, {connections} connection{plural}, {kind.name}"


def run(who: str, port: int, shapes: tuple[Shape, ...], figures: Figures) -> None:
    """Load a server with each shape at each number of connections."""
    for shape in shapes:
        for connections in CONNECTIONS:
            found = load(port, shape, connections)
            figures.setdefault((who, shape.keys, connections), []).append(found)


def load(port: int, shape: Shape, connections: int) -> dict[str, Any]:
    """Ask without pause; wrk does, which costs little beside a server, where it is installed."""
    if shutil.which("wrk") is None:
        arguments = (str(port), PATH, str(shape.bodies), str(connections), str(SECONDS))
        return run_json("python", "load.py", *arguments)
    script = str(ROOT / "benchmarks" / "post.lua")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "30s", "-s", script]
    environment = {**os.environ, "BODIES": str(shape.bodies)}
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{PATH}"],
        check=True, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert not found["failed"], found
    return found


def ask(port: int, shape: Shape) -> bytes:
    """Ask one request, whose answer must have a value in every cell."""
    body = shape.bodies.read_text().splitlines()[0].encode()
    headers = {"content-type": "application/json"}
    url = f"http://127.0.0.1:{port}{PATH}"
    answer = httpx.post(url, content=body, headers=headers, timeout=120).content
    results = json.loads(answer)["results"]
    assert len(results) == 1 + shape.features
    assert all(one["statuses"] == ["PRESENT"] * shape.keys for one in results)
    return answer
