"""A small project of taxi rides, and its feature server as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from towpath.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NUMBERS = count(1000)
# A worker that dies younger is not started again.
LIFE = 5.5
NOW = datetime.now(UTC).replace(microsecond=123456)
STAMP = pa.timestamp("us", "UTC")
RIDES = """\
name: rides
key: [ride_id]
event_time: ended
source: rides.parquet
columns:
  - {name: ride_id, dtype: int64}
  - {name: driver_id, dtype: int64}
  - {name: zone, dtype: string}
  - {name: fare, dtype: float64}
  - {name: tip, dtype: float64, nullable: true}
  - {name: seats, dtype: int64}
  - {name: card, dtype: bool}
  - {name: note, dtype: string, nullable: true}
  - {name: began, dtype: timestamp}
  - {name: ended, dtype: timestamp}
"""
REQUESTS = """\
name: requests
key: [request_id]
source: requests.parquet
columns:
  - {name: request_id, dtype: int64}
  - {name: driver_id, dtype: int64}
  - {name: zone, dtype: string}
  - {name: seats, dtype: int64}
  - {name: at, dtype: timestamp}
"""
# Nobody takes rows of it into the lake.
SHIFTS = """\
name: shifts
key: [shift_id]
event_time: ended
columns:
  - {name: shift_id, dtype: int64}
  - {name: driver_id, dtype: int64}
  - {name: hours, dtype: float64}
  - {name: ended, dtype: timestamp}
"""
FEATURES = """
from datetime import timedelta

from towpath.features.derived import derived
from towpath.features.feature_set import FeatureSet
from towpath.features.view import Aggregate, FeatureView, Latest, aggregates

driver = FeatureView(
    "driver",
    "rides",
    ("driver_id",),
    (
        *map(Latest, ("fare", "tip", "seats", "card", "note", "began")),
        *aggregates("count", windows=["7d"]),
        *aggregates("mean", "fare", windows=["7d"]),
        Aggregate("last_k", "fare", timedelta(days=7), k=3, name="last_fares"),
    ),
    ttl=timedelta(days=2),
)
most = aggregates("max", "fare", windows=["7d"])
zone = FeatureView("zone", "rides", ("zone",), (Latest("fare"), *most))
crew = FeatureView("crew", "rides", ("driver_id", "zone"), aggregates("count", windows=["7d"]))


@derived(inputs=("driver__fare_mean_7d", "seats"), dtype="float64")
def fare_by_seat(fare, seats):
    return fare / seats


rank = FeatureSet(
    "rank", "requests", "at", ("driver", "zone"), columns=("seats",), derived=(fare_by_seat,)
)
columns = ("driver_id", "zone", "fare", "tip", "seats", "card", "note", "began")
ride = FeatureView("ride", "rides", ("ride_id",), tuple(map(Latest, columns)))
shift = FeatureView("shift", "shifts", ("driver_id",), (Latest("hours"),))
crews = FeatureSet("crews", "requests", "at", ("crew",))
"""
# By driver: two rides of 1, a null and odd values of 2, an old one of 3. Nobody knows 4.
ROWS: list[dict[str, object]] = [
    {"ride_id": 1, "driver_id": 1, "zone": "north", "fare": 10.5, "tip": 1.0, "seats": 4,
     "card": True, "note": "Größe \"L\"", "ago": 3},
    {"ride_id": 2, "driver_id": 1, "zone": "south", "fare": 0.1, "tip": 2.0, "seats": 2**62 + 1,
     "card": False, "note": "", "ago": 1},
    {"ride_id": 3, "driver_id": 2, "zone": "north", "fare": float("inf"), "tip": None, "seats": -1,
     "card": True, "note": None, "ago": 2},
    {"ride_id": 4, "driver_id": 3, "zone": "north", "fare": 7.0, "tip": 3.0, "seats": 1,
     "card": True, "note": "old", "ago": 72},
]  # fmt: skip
ASKED = [(100, 1, "north", 2), (101, 2, "south", 4), (102, 3, "north", 1), (103, 4, "east", 1)]


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    body: Any
    headers: dict[str, str]


class Server(NamedTuple):
    """A running feature server."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> Answer:
        return _answer(httpx.get(self.url + path, timeout=30))

    def post(self, path: str, body: object, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return _answer(httpx.post(self.url + path, content=data, headers=given, timeout=30))

    def online(self, entities: Mapping[str, Sequence[object]], /, **asked: object) -> Answer:
        return self.post("/get-online-features", {"entities": entities, **asked})


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it does not come to hold"
        time.sleep(0.02)


def kill_workers(server: Server, count: int, begun: float) -> None:
    """Kill some workers, once they are old enough to be started again, and wait until they are."""
    time.sleep(max(0.0, LIFE - (time.monotonic() - begun)))
    process = server.process.pid
    children = Path(f"/proc/{process}/task/{process}/children")
    before = {int(one) for one in children.read_text().split()}
    for one in sorted(before)[:count]:
        os.kill(one, signal.SIGKILL)
    eventually(lambda: len({*map(int, children.read_text().split())} - before) == count)


def _answer(response: httpx.Response) -> Answer:
    """Read an answer, also one that refuses."""
    plain = "json" in response.headers.get("content-type", "")
    body = response.json() if plain else response.text
    return Answer(response.status_code, body, dict(response.headers))


def rides(rows: list[dict[str, object]] | None = None) -> pa.Table:
    """Rides as they are in the lake; each began half an hour before it ended."""
    plain = [dict(row) for row in (ROWS if rows is None else rows)]
    for row in plain:
        row["ended"] = NOW - timedelta(hours=float(str(row.pop("ago"))))
        row["began"] = row["ended"] - timedelta(minutes=30)  # type: ignore[operator]
    table = pa.Table.from_pylist(plain)
    for name in ("ended", "began"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(STAMP))
    return table


def towpath(folder: Path, *arguments: str) -> str:
    """Run the command line in a project."""
    command = [sys.executable, "-m", "towpath", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_project(folder: Path, *, online: str = "", features: str = FEATURES) -> Path:
    """Write the project, take its data in and bring it into the online store."""
    (folder / "datasets").mkdir(parents=True)
    (folder / "features").mkdir()
    settings = f'online = "{online}"\n' if online else ""
    (folder / "towpath.toml").write_text(f'name = "taxi"\n{settings}')
    (folder / "datasets" / "rides.yaml").write_text(RIDES)
    (folder / "datasets" / "requests.yaml").write_text(REQUESTS)
    (folder / "datasets" / "shifts.yaml").write_text(SHIFTS)
    (folder / "features" / "taxi.py").write_text(features)
    pq.write_table(rides(), folder / "rides.parquet")
    names = ("request_id", "driver_id", "zone", "seats")
    asked = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in ASKED])
    at = pa.array([NOW] * asked.num_rows, STAMP)
    pq.write_table(asked.append_column("at", at), folder / "requests.parquet")
    towpath(folder, "apply")
    for name in ("rides", "requests"):
        towpath(folder, "data", "ingest", name)
    towpath(folder, "feature", "materialize", "--history", "6h")
    return folder


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    """Serve a project on a free port."""
    command = [sys.executable, "-m", "towpath", "feature", "serve", "--port", "0", *options]
    environment = {**os.environ, "COLUMNS": "200"}
    with subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        told = ""
        while "serving features at" not in (line := process.stderr.readline()):
            assert line, f"the server ended: {told}"
            # What it logs before it answers, such as a wait for the lake.
            told += line
        try:
            yield Server(line.split()[-1], process)
        finally:
            process.terminate()


def ride(driver: int, ago: float, fare: float, **other: object) -> dict[str, object]:
    ended = NOW - timedelta(hours=ago)
    return {
        "ride_id": next(NUMBERS), "driver_id": driver, "zone": "west", "fare": fare, "tip": None,
        "seats": 1, "card": True, "note": "pushed", "began": ended.isoformat(),
        "ended": ended.isoformat(), **other,
    }  # fmt: skip


def push(server: Server, *rows: dict[str, object], to: str = "online") -> Answer:
    df = {name: [row[name] for row in rows] for name in rows[0]}
    return server.post("/push", {"push_source_name": "rides", "df": df, "to": to})


def driver_fare(server: Server, driver: int) -> tuple[object, object]:
    found = server.online({"driver_id": [driver]}, features=["driver:fare", "driver:count_7d"])
    assert found.status == 200, found
    latest, times = (one["values"][0] for one in found.body["results"][1:])
    return latest, times


def lake_fares(project: Path, driver: int) -> list[float]:
    with Workspace.find(project) as workspace:
        table = workspace.lake["rides"].scan(["driver_id", "fare"])
    return [row["fare"] for row in table.to_pylist() if row["driver_id"] == driver]
