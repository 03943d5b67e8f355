from __future__ import annotations

import math
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from towpath.core.errors import Conflict, Invalid, Unavailable
from towpath.core.segment import segments
from towpath.serving.log import read_segment
from towpath.web.run import allowed_hosts, claimed_port, resolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving.conftest import FlightProject, Server

pytestmark = pytest.mark.e2e
PATH = "/endpoints/delay/predict"
KEY = {"flight_id": "f100"}
HEAVY = {"pandas", "sklearn", "mlflow", "deltalake", "fastapi", "polars", "pyspark"}
# numba loads scipy.linalg for its own linear algebra; nothing else of scipy may come along.
HEAVY_SCIPY = {"scipy.stats", "scipy.sparse", "scipy.special", "scipy.optimize"}


def expected(number: int, weight: float) -> float:
    return 1 / (1 + math.exp(-weight * number))


def logged(project: FlightProject) -> set[str]:
    return {one.id for path in segments(project.log) for one in read_segment(path)}


def test_answers_go_to_their_askers(shared: FlightProject) -> None:
    def ask(start: int) -> int:
        wrong = 0
        with shared.server.client() as client:
            for at in range(start, start + 200):
                size = 1 + at % 3
                keys = [{"flight_id": f"f{(at * 7 + more) % 1000}"} for more in range(size)]
                answers = client.predict("delay", keys=keys)
                right = [expected(int(key["flight_id"][1:]), 0.01) for key in keys]
                wrong += [one.key for one in answers] != keys
                wrong += [one.probability for one in answers] != pytest.approx(right, rel=1e-12)
        return wrong

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(0, 3200, 200))) == 0


def test_server_loads_no_heavy_library(project: FlightProject) -> None:
    project.deploy(project.bundle(1))
    server = project.start()
    with server.client() as client:
        client.predict("delay", keys=[KEY])
    modules = set(server.stop()[0].split())
    numba, heavy = "numba" in modules, modules & (HEAVY | HEAVY_SCIPY)
    assert numba
    assert not heavy


def test_request_under_way_is_finished_at_the_end(project: FlightProject) -> None:
    project.deploy(project.bundle(1))
    server = project.start(delay=0.5)

    def ask() -> float:
        with server.client() as client:
            return client.predict("delay", keys=[KEY])[0].probability

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask)
        time.sleep(0.2)
        server.stop()
        assert answer.result(timeout=10) == pytest.approx(expected(100, 0.01))
    assert server.process.returncode == 0


class Load:
    """Asks without pause from some threads until told to stop."""

    def __init__(self, server: Server, *, threads: int) -> None:
        self.probabilities: set[tuple[int, float]] = set()
        self.errors: list[Exception] = []
        self.answers = 0
        self._server = server
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def _ask(self) -> None:
        with self._server.client() as client:
            while not self._stopped.is_set():
                try:
                    [one] = client.predict("delay", keys=[KEY])
                except Unavailable as error:
                    self.errors.append(error)
                    continue
                self.probabilities.add((one.version, one.probability))
                self.answers += 1

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def test_versions_are_swapped_under_load_without_an_error(
    shared: FlightProject,
    wait_until: Callable[[Callable[[], bool]], bool],
    discover: Callable[[Server], dict[str, Any]],
) -> None:
    arms = [shared.bundle(version, weight=version / 100) for version in (2, 3, 4)]
    server = shared.server
    with Load(server, threads=4) as load:
        for arm in [*arms, *arms]:
            shared.deploy(arm)
            version = arm.version
            assert wait_until(lambda: discover(server)["arms"][0]["version"] == version)  # noqa: B023
            time.sleep(0.05)
    assert load.errors == []
    assert {version for version, _ in load.probabilities} >= {2, 3, 4}
    for version, probability in load.probabilities:
        assert probability == pytest.approx(expected(100, version / 100))


@pytest.mark.parametrize("fault", ["golden", "schema", "damaged", "missing"])
def test_version_that_may_not_answer_leaves_the_present_one(
    shared: FlightProject,
    fault: str,
    wait_until: Callable[[Callable[[], bool]], bool],
    discover: Callable[[Server], dict[str, Any]],
) -> None:
    server = shared.server
    version = 10 + len(list((shared.artifacts / "late").iterdir()))
    shared.deploy(shared.bundle(version))
    assert wait_until(lambda: discover(server)["arms"][0]["version"] == version)
    bad = shared.bundle(
        version + 1,
        golden=0.9 if fault == "golden" else None,
        schema={"number": "float64"} if fault == "schema" else None,
    )
    if fault == "damaged":
        path = shared.artifacts / bad.bundle / "plan.npz"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    shared.deploy(bad.replace(bundle="late/9") if fault == "missing" else bad)
    assert wait_until(lambda: bool(discover(server)["failure"]))
    with server.client() as client:
        assert client.predict("delay", keys=[KEY])[0].version == version
        assert 'deployment_refused{endpoint="delay"} 1' in client.read("/metrics").decode()
    shared.deploy(shared.bundle(version + 2))
    assert wait_until(lambda: not discover(server)["failure"])


def test_server_does_not_start_on_a_wrong_version(project: FlightProject) -> None:
    project.deploy(project.bundle(1, golden=0.9))
    server = project.start()
    assert server.process.wait(timeout=10) == 1
    assert "Golden row" in server.process.communicate()[1]


def test_server_does_not_start_without_a_version(project: FlightProject) -> None:
    server = project.start()
    assert "Nothing is deployed" in server.process.communicate(timeout=10)[1]


def test_traffic_is_split_by_key(
    shared: FlightProject, wait_until: Callable[[Callable[[], bool]], bool]
) -> None:
    champion = shared.bundle(101, weight=1.01).replace(share=0.5)
    challenger = shared.bundle(102, weight=1.02).replace(alias="challenger", share=0.5)
    shared.deploy(champion, challenger)
    keys = [{"flight_id": f"f{at}"} for at in range(400)]
    with shared.server.client() as client:
        assert wait_until(lambda: b"challenger" in client.read("/readyz"))
        first, second = (client.predict("delay", keys=keys) for _ in range(2))
    arms = [one.arm for one in first]
    assert arms == [one.arm for one in second]
    assert 140 < arms.count("challenger") < 260
    for number, one in enumerate(first):
        assert one.probability == pytest.approx(expected(number, one.version / 100))


def test_killed_server_loses_no_acknowledged_prediction(project: FlightProject) -> None:
    project.deploy(project.bundle(1))
    acknowledged: set[str] = set()
    for trial in range(3):
        server = project.start()
        done = threading.Event()

        def ask(server: Server = server, done: threading.Event = done) -> None:
            with server.client() as client:
                while not done.is_set():
                    try:
                        found = client.predict("delay", keys=[KEY] * 3)
                    except Unavailable:
                        return
                    acknowledged.update(one.id for one in found)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.1 + 0.13 * trial)
        server.kill()
        done.set()
        for thread in threads:
            thread.join()
    assert len(acknowledged) > 100
    assert acknowledged <= logged(project)


def test_overload_is_turned_away_at_once_and_passes(project: FlightProject) -> None:
    """A hundred ask without pause where 64 can wait: some are served, none hangs."""
    project.deploy(project.bundle(1))
    server = project.start(delay=0.01)
    with Load(server, threads=100) as load:
        time.sleep(2)
    assert load.errors
    assert "busy" in str(load.errors[0])
    assert load.answers > 60
    with server.client() as client:
        start = time.perf_counter()
        client.predict("delay", keys=[KEY])
    assert time.perf_counter() - start < 1


def test_refusal_says_when_to_come_back(project: FlightProject) -> None:
    project.deploy(project.bundle(1))
    server = project.start(delay=0.05)
    body = b'{"keys":[{"flight_id":"f1"}]}'
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with ThreadPoolExecutor(90) as pool:

        def ask(_: int) -> bytes:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
                raw.sendall(head.encode() + body)
                return raw.recv(4096)

        answers = list(pool.map(ask, range(90)))
    refused = [one for one in answers if b" 503 " in one]
    assert len(refused) < 90
    assert refused
    assert all(b"retry-after: 1" in one.lower() for one in refused)


def test_port_of_another_process_is_refused_by_number(project: FlightProject) -> None:
    project.deploy(project.bundle(1))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = project.start(port=port)
        told = server.process.communicate(timeout=10)[1]
    assert f"Conflict: Port {port} at 127.0.0.1 is taken" in told
    assert f"--port {port + 1}" in told


def test_forgotten_server_keeps_its_port(shared: FlightProject) -> None:
    second = shared.start(port=shared.server.port)
    assert "Conflict" in second.process.communicate(timeout=10)[1]
    with shared.server.client() as client:
        assert client.read("/healthz")


def test_port_is_held_before_it_is_listened_at() -> None:
    with (
        claimed_port("127.0.0.1", 0) as port,
        pytest.raises(Conflict, match="held by process"),
        claimed_port("127.0.0.1", port),
    ):
        pass
    with claimed_port("127.0.0.1", port) as again:
        assert again == port


@pytest.mark.parametrize("port", [-1, 70_000])
def test_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(Invalid, match=str(port)), claimed_port("127.0.0.1", port):
        pass


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Invalid, match="cannot be used"), claimed_port("192.0.2.1", 0):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.5"])
def test_loopback_server_answers_under_its_own_names_only(host: str) -> None:
    address = resolved(host)
    assert {"localhost", "127.0.0.1", "[::1]", address} <= allowed_hosts(address)
    assert not allowed_hosts("0.0.0.0")  # noqa: S104


@pytest.mark.slow
def test_half_open_head_is_closed_and_blocks_nobody(shared: FlightProject) -> None:
    server = shared.server
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    try:
        for one in idle:
            one.sendall(b"POST /endpoints/delay/predict HTTP/1.1\r\nHost: local")
        with server.client() as client:
            assert client.predict("delay", keys=[KEY])
        for one in idle:
            one.settimeout(10)
        assert all(one.recv(4096) == b"" or b" 408 " for one in idle)
    finally:
        for one in idle:
            one.close()
