"""Features by key over HTTP: one worker of ours, of Feast's server, and of a bare handler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, ROOT, peer_python, run_json, towpath
from benchmarks.listening import server

if TYPE_CHECKING:
    from pathlib import Path

RUNS, SECONDS = 3, 4
DRIVERS, VIEWS, FEATURES = 10_000, 5, 10
FEAST = ["feast[redis]==0.67.0"]
PATH = "/get-online-features"
CONNECTIONS = (1, 16)
OUT = BUILD / "bench" / "online"
NAMES = [f"view_{view}_feature_{place}" for view in range(VIEWS) for place in range(FEATURES)]
REFERENCES = [f"{name[:6]}:{name}" for name in NAMES]
PEER = "feast serve --max-requests 0, sqlite"
BARE = "a bare granian handler that returns the same bytes"


class Shape(NamedTuple):
    """What one request asks: so many keys and features, and what is promised of it."""

    keys: int
    features: int
    faster: dict[int, float]

    @property
    def name(self) -> str:
        return f"{self.keys} key{'s' if self.keys > 1 else ''} x {self.features} features"

    @property
    def bodies(self) -> Path:
        return OUT / f"{self.keys}.jsonl"

    @property
    def answer(self) -> Path:
        return OUT / f"{self.keys}.json"


SHAPES = (Shape(1, 10, {1: 5.0, 16: 12.0}), Shape(100, 50, {1: 20.0, 16: 40.0}))
Figures = dict[tuple[str, int, int], list[dict[str, Any]]]


def measure() -> list[Claim]:
    data, project, repository = OUT / "drivers.parquet", OUT / "ours", OUT / "feast"
    write_data(data)
    python = peer_python("feast", FEAST)
    write_project(project, data)
    write_repository(repository, data, python)
    ours = [sys.executable, "-m", "towpath", "feature", "serve", "--port"]
    with server(ours, project) as port:
        for shape in SHAPES:
            shape.answer.write_bytes(ask(port, shape))
    feast = [str(python.parent / "feast"), "serve", "--no-access-log", "--max-requests", "0", "-p"]
    figures: Figures = {}
    for _ in range(RUNS):
        with server(
            [sys.executable, "-m", "towpath", "feature", "serve", "--port"], project
        ) as port:
            run("ours", port, SHAPES, figures)
        with server(feast, repository) as port:
            for shape in SHAPES:
                ask(port, shape)
            run("peer", port, SHAPES, figures)
        for shape in SHAPES:
            bare = str(ROOT / "benchmarks" / "peers" / "granian_bytes.py")
            with server([sys.executable, bare, str(shape.answer)], OUT) as port:
                run("bare", port, (shape,), figures)
    return claims(figures)


def claims(figures: Figures) -> list[Claim]:
    """Say how much faster ours is."""
    found = []
    for shape in SHAPES:
        for connections in CONNECTIONS:
            what = f"{shape.name}, {connections} connection{'s' if connections > 1 else ''}, LMDB"
            who = {one: figures[one, shape.keys, connections] for one in ("ours", "peer", "bare")}
            rates = {one: [each["rate"] for each in runs] for one, runs in who.items()}
            tails = {one: [each["p99_ms"] for each in runs] for one, runs in who.items()}
            target = shape.faster[connections]
            found += [
                compare(
                    f"{what}", rates["ours"], (PEER, rates["peer"]), unit="req/s", target=target
                ),
                compare(
                    f"{what}: p99", tails["ours"], (PEER, tails["peer"]), unit="ms", target=10.0
                ),
                compare(f"{what}", rates["ours"], (BARE, rates["bare"]), unit="req/s", target=0.4),
            ]
    return found


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


def write_data(path: Path) -> None:
    """Write one row of fifty floats for each driver, and the requests."""
    OUT.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    start = np.datetime64("2025-10-01T00:00:00", "us")
    moments = start + random.integers(0, 15 * 86_400_000_000, DRIVERS).astype("timedelta64[us]")
    columns = {name: random.normal(size=DRIVERS) for name in NAMES}
    times = pa.array(moments).cast(pa.timestamp("us", "UTC"))
    ids = pa.array(np.arange(DRIVERS))
    pq.write_table(pa.table({"driver_id": ids, "event_timestamp": times, **columns}), path)
    for shape in SHAPES:
        with shape.bodies.open("w") as file:
            for _ in range(200):
                chosen = random.choice(DRIVERS, shape.keys, replace=False).tolist()
                asked = {
                    "features": REFERENCES[: shape.features],
                    "entities": {"driver_id": chosen},
                }
                file.write(json.dumps(asked) + "\n")


def write_project(folder: Path, data: Path) -> None:
    """Make our project, with its views in the online store."""
    if (folder / ".made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("datasets", "features"):
        (folder / name).mkdir(parents=True)
    (folder / "towpath.toml").write_text('name = "drivers"\n')
    floats = "".join(f"  - {{name: {name}, dtype: float64}}\n" for name in NAMES)
    (folder / "datasets" / "drivers.yaml").write_text(
        f"name: drivers\nkey: [driver_id]\nevent_time: event_timestamp\nsource: {data}\ncolumns:\n"
        f"  - {{name: driver_id, dtype: int64}}\n  - {{name: event_timestamp, dtype: timestamp}}\n"
        f"{floats}"
    )
    requests = folder / "requests.parquet"
    drivers = pq.read_table(data, columns=["driver_id", "event_timestamp"])
    pq.write_table(drivers.rename_columns(["driver_id", "at"]), requests)
    (folder / "datasets" / "requests.yaml").write_text(
        f"name: requests\nkey: [driver_id]\nsource: {requests}\ncolumns:\n"
        "  - {name: driver_id, dtype: int64}\n  - {name: at, dtype: timestamp}\n"
    )
    (folder / "features" / "drivers.py").write_text(
        "from towpath.features.feature_set import FeatureSet\n"
        "from towpath.features.view import FeatureView, Latest\n"
        f"views = {{f'view_{{n}}': FeatureView(f'view_{{n}}', 'drivers', ('driver_id',), tuple(\n"
        f"    Latest(f'view_{{n}}_feature_{{place}}') for place in range({FEATURES})))\n"
        f"    for n in range({VIEWS})}}\n"
        "globals().update(views)\n"
        "rank = FeatureSet('rank', 'requests', 'at', tuple(views))\n"
    )
    towpath(folder, "apply")
    for name in ("drivers", "requests"):
        towpath(folder, "data", "ingest", name)
    towpath(folder, "feature", "materialize")
    (folder / ".made").touch()


def write_repository(folder: Path, data: Path, python: Path) -> None:
    """Make Feast's repository, with its views in the online store."""
    if (folder / ".made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    store = json.dumps({"type": "sqlite", "path": str(folder / "online.db")})
    script = str(ROOT / "benchmarks" / "peers" / "feast_repository.py")
    subprocess.run([str(python), script, str(folder), store, str(data)], check=True)
    (folder / ".made").touch()
