from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from towpath.core.instant import EPOCH
from towpath.modelling.kernel import COLUMN, linear_arrays
from towpath.modelling.plan import Layout, Plan, Slot
from towpath.registry.bundle import seal
from towpath.registry.golden import Golden, write_golden
from towpath.registry.model import ModelVersion
from towpath.serving.client import Client
from towpath.serving.pointer import Arm, Deployment, write_pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCRIPT = Path(__file__).with_name("flight_server.py")
SCHEMA = {"number": "float64", "late": "bool", "carrier": "string"}


def plan_of(weight: float, schema: dict[str, str], number: str = "number") -> Plan:
    """A model whose probability is the logistic function of a weight times one feature."""
    columns = np.array([(0, -1, np.nan, 0.0, 1.0)], COLUMN)
    arrays = linear_arrays(columns, np.empty(0), np.array([weight]))
    return Plan(Layout(schema, (Slot(number),), 0.0), arrays)


class Server:
    """A server process, stopped by its own number only."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        self.port = int(url.rpartition(":")[2]) if url else 0

    def client(self) -> Client:
        return Client(self.url)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self) -> tuple[str, str]:
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=20)


class FlightProject:
    """A folder with state and artifacts, as a project has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.artifacts = folder / "artifacts"
        self.log = self.state / "predictions" / "delay"
        self.definition = ""
        self._servers: list[Server] = []

    @property
    def server(self) -> Server:
        """The server that was started first."""
        return self._servers[0]

    def bundle(
        self,
        version: int,
        *,
        weight: float = 0.01,
        schema: dict[str, str] | None = None,
        number: str = "number",
        golden: float | None = None,
    ) -> Arm:
        """Write a version's files; ``golden`` is a wrong answer to its golden row."""
        schema = schema or SCHEMA
        aside = self.artifacts / f"aside-{version}"
        plan = plan_of(weight, schema, number)
        plan.save(aside)
        row = tuple(5.0 if name == number else None for name in schema)
        answer = plan.predict_one(row) if golden is None else golden
        write_golden(Golden(rows=(row,), probabilities=(answer,)), aside)
        record = ModelVersion(
            model="late",
            version=version,
            estimator="baseline",
            feature_set="flight",
            feature_set_version=self.definition,
            schema=schema,
            predictor="plan",
            threshold=0.5,
            created_at=EPOCH,
        )
        digest = seal(aside, record, self.artifacts / "late" / str(version))
        return Arm("champion", 1.0, "late", version, f"late/{version}", sha256=digest)

    def deploy(self, *arms: Arm) -> None:
        write_pointer(self.state, Deployment("delay", arms))

    def start(self, **config: object) -> Server:
        """Start a server and wait until it answers, or has ended."""
        name = f"config-{len(self._servers)}.json"
        path = self.folder / name
        path.write_bytes(msgspec.json.encode({"folder": str(self.folder), **config}))
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert process.stdout is not None
        server = Server(process, process.stdout.readline().strip())
        self._servers.append(server)
        return server

    def close(self) -> None:
        for server in self._servers:
            if server.process.poll() is None:
                server.kill()
            for stream in (server.process.stdout, server.process.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[FlightProject]:
    made = FlightProject(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlightProject]:
    """A project with a running server that the tests of a module share."""
    made = FlightProject(tmp_path_factory.mktemp("flights"))
    made.deploy(made.bundle(1))
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(shared: FlightProject) -> Server:
    """The shared project's server."""
    return shared.server


def eventually(check: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    """Tell whether something comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], bool]:
    return eventually


def status(server: Server) -> dict[str, object]:
    with server.client() as client:
        found: dict[str, object] = json.loads(client.read("/"))["endpoints"][0]
    return found


@pytest.fixture
def discover() -> Callable[[Server], dict[str, object]]:
    return status
