"""``towpath feature consume`` as a process: killed, stopped, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.features.streams.broker import expected, features, packed, trip

from towpath.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.features.streams.broker import Broker

pytestmark = pytest.mark.e2e
LONGEST_SECONDS = 120.0
TRIPS = """\
name: trips
key: [id]
event_time: ended
columns:
  - {name: id, dtype: int64}
  - {name: car, dtype: string}
  - {name: km, dtype: float64, nullable: true, minimum: 0.0}
  - {name: ended, dtype: timestamp}
"""
ASKS = """\
name: asks
columns:
  - {name: car, dtype: string}
  - {name: at, dtype: timestamp}
"""
FEATURES = """
from towpath.features.feature_set import FeatureSet
from towpath.features.view import FeatureView, Latest, aggregates

sums = aggregates("sum", "km", windows=["7d"])
car = FeatureView(
    "car", "trips", ("car",), (*aggregates("count", windows=["7d"]), *sums, Latest("km"))
)
ride = FeatureSet("ride", "asks", "at", ("car",))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "rides"
    (folder / "datasets").mkdir(parents=True)
    (folder / "features").mkdir()
    (folder / "towpath.toml").write_text('name = "rides"\n')
    (folder / "datasets" / "trips.yaml").write_text(TRIPS)
    (folder / "datasets" / "asks.yaml").write_text(ASKS)
    (folder / "features" / "cars.py").write_text(FEATURES)
    run(folder, "apply")
    return folder


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "towpath", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


@contextmanager
def consuming(folder: Path, url: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command; it has said what it consumes."""
    command = [sys.executable, "-m", "towpath", "feature", "consume", "trips", "--from", url]
    with subprocess.Popen(
        [*command, *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    ) as process:
        assert process.stderr is not None
        assert "consuming" in process.stderr.readline()
        try:
            yield process
        finally:
            process.kill()


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def online(folder: Path) -> list[list[object]]:
    with Workspace.find(folder) as workspace:
        return features(workspace.online)


def lake_ids(folder: Path) -> list[int | None]:
    with Workspace.find(folder) as workspace:
        kept = workspace.lake["trips"].scan(["id"]).sort_by("id")
    return kept["id"].to_pylist()


def metrics(process: subprocess.Popen[str]) -> Callable[[], dict[str, float]]:
    """Return what reads the metrics of the process."""
    assert process.stderr is not None
    url = process.stderr.readline().split()[-1]

    def read() -> dict[str, float]:
        lines = httpx.get(url).text.splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name.partition("{")[0]: float(number) for name, number in pairs}

    return read


def test_a_consumer_that_is_killed_loses_nothing_and_doubles_nothing(
    broker: Broker, stream: str, project: Path
) -> None:
    broker.make(stream)
    count, url, to = 30_000, broker.url(stream), ("--to", "online_and_offline")
    broker.put(stream, [packed(trip(number)) for number in range(count)])
    for share in (0.1, 0.3, 0.6):
        with consuming(project, url, *to, "--metrics-port", "0") as process:
            read = metrics(process)
            wait_for(lambda: _left(read(), count) <= count * (1 - share))  # noqa: B023 - at once
            os.kill(process.pid, signal.SIGKILL)
    told = json.loads(run(project, "feature", "consume", "trips", "--from", url, *to, "--once",
                          "--json"))  # fmt: skip
    assert told["lag"] == 0
    assert online(project) == expected(range(count))
    run(project, "feature", "flush")
    assert lake_ids(project) == [*range(count)]


def _left(found: dict[str, float], count: int) -> float:
    return found.get("towpath_stream_lag_messages", count)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_batch_in_hand(
    broker: Broker, stream: str, project: Path, number: signal.Signals
) -> None:
    broker.make(stream)
    broker.put(stream, [packed(trip(one)) for one in range(50)])
    with consuming(project, broker.url(stream), "--json", "--metrics-port", "0") as process:
        read = metrics(process)
        wait_for(lambda: read()["towpath_stream_rows_total"] == 50)
        process.send_signal(number)
        told, _ = process.communicate(timeout=LONGEST_SECONDS)
        assert process.returncode == 0
    assert json.loads(told)["accepted"] == 50
    assert online(project) == expected(range(50))


def test_dead_letters_are_listed(broker: Broker, stream: str, project: Path) -> None:
    broker.make(stream)
    broker.put(stream, [b"no json", packed(trip(1))])
    url = broker.url(stream)
    told: dict[str, Any] = json.loads(
        run(project, "feature", "consume", "trips", "--from", url, "--once", "--json")
    )
    assert (told["dead"], told["rows"], told["lag"]) == (1, 1, 0)
    found = json.loads(run(project, "feature", "dead-letters", "trips", "--json"))
    assert (found["count"], found["dead_letters"][0]["content"]) == (1, "no json")
    assert "no json" in run(project, "feature", "dead-letters", "trips")
    assert "none yet" in run(project, "feature", "dead-letters", "asks")


def test_what_cannot_be_right_is_told(broker: Broker, project: Path) -> None:
    consume = ("feature", "consume")
    told = run(project, *consume, "trips", "--from", broker.url("nowhere"), code=3)
    assert "There is no" in told
    assert "nowhere" in told
    told = run(project, *consume, "trisp", "--from", broker.url("a"), code=3)
    assert "Did you mean 'trips'?" in told
    told = run(project, *consume, "trips", "--from", "nats://127.0.0.1/a", code=3)
    assert "'nats'" in told


def test_a_broker_that_is_down_is_told_and_waited_for(project: Path) -> None:
    with consuming(project, "redis://127.0.0.1:1/0?stream=a") as process:
        assert process.stderr is not None
        assert "Trying again in 0.2 s" in process.stderr.readline()
        assert "Trying again in 0.4 s" in process.stderr.readline()
        process.terminate()
        process.communicate(timeout=LONGEST_SECONDS)
        assert process.returncode == 0
