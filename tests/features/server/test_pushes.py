"""Pushes over real HTTP, and the rules of Feast's clients for them."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import httpx
import pyarrow as pa
import pytest
from tests.features.server.taxi import (
    NOW,
    driver_fare,
    lake_fares,
    make_project,
    push,
    ride,
    rides,
    serving,
    towpath,
)

from towpath.features.push_log import entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.features.server.taxi import Server

pytestmark = pytest.mark.e2e
ROUTE = "/v1/datasets/rides/rows"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("pushed") / "taxi")


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[Server]:
    with serving(project, "--flush-seconds", "0") as started:
        yield started


def test_s7_what_is_pushed_is_in_the_next_read(server: Server) -> None:
    found = push(server, ride(50, 1.0, 5.0))
    assert (found.status, found.body["accepted"] > 0) == (200, True)
    assert driver_fare(server, 50) == (5.0, 1)


def test_s7_an_older_event_does_not_take_the_place_of_a_newer_one(server: Server) -> None:
    push(server, ride(51, 1.0, 5.0))
    push(server, ride(51, 2.0, 4.0))
    assert driver_fare(server, 51) == (5.0, 2)


def test_s7_of_events_at_one_time_the_later_push_counts(server: Server) -> None:
    push(server, ride(52, 1.0, 5.0))
    push(server, ride(52, 1.0, 6.0))
    assert driver_fare(server, 52) == (6.0, 2)


def test_s7_the_newest_event_of_a_shuffled_batch_counts(server: Server) -> None:
    push(server, ride(53, 3.0, 3.0), ride(53, 1.0, 1.0), ride(53, 2.0, 2.0))
    assert driver_fare(server, 53) == (1.0, 3)


def test_s7_a_repeated_push_changes_nothing(server: Server) -> None:
    one = ride(54, 1.0, 5.0)
    push(server, one)
    assert push(server, one).body["accepted"] == 0
    assert driver_fare(server, 54) == (5.0, 1)


def test_s9_rows_go_where_they_are_sent(server: Server, project: Path) -> None:
    for driver, to in ((60, "online"), (61, "offline"), (62, "online_and_offline")):
        assert push(server, ride(driver, 1.0, 5.0), to=to).status == 200
    assert [driver_fare(server, driver)[1] for driver in (60, 61, 62)] == [1, 0, 1]
    towpath(project, "feature", "flush")
    assert [len(lake_fares(project, driver)) for driver in (60, 61, 62)] == [0, 1, 1]


def test_s8_materialisation_leaves_a_newer_push(server: Server, project: Path) -> None:
    push(server, ride(63, 1.0, 5.0), to="online_and_offline")
    push(server, ride(63, 0.5, 7.0))
    towpath(project, "feature", "flush")
    towpath(project, "feature", "materialize", "--history", "6h")
    assert driver_fare(server, 63) == (7.0, 2)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"push_source_name": "rides", "df": {}, "to": "nowhere"}, 422),
        ({"push_source_name": "rdies", "df": {"driver_id": [1]}}, 404),
        ({"push_source_name": "requests", "df": {"driver_id": [1]}}, 404),
        ({"push_source_name": "rides", "df": {"driver_id": [70]}}, 422),
        ({"df": {"driver_id": [70]}}, 422),
    ],
)
def test_s9_a_push_that_cannot_be_right_is_refused(
    server: Server, body: dict[str, object], status: int
) -> None:
    assert server.post("/push", body).status == status


@pytest.mark.parametrize(
    "wrong",
    [{"fare": "high"}, {"fare": None}, {"ride_id": None}, {"color": "red"}, {"ended": "noon"}],
)
@pytest.mark.parametrize("to", ["online", "offline"])
def test_s9_of_a_batch_with_a_wrong_row_nothing_is_written(
    server: Server, wrong: dict[str, object], to: str
) -> None:
    found = push(server, {**ride(71, 1.0, 5.0), "color": "red"} if "color" in wrong
                 else ride(71, 1.0, 5.0), {**ride(71, 1.0, 5.0), **wrong}, to=to)  # fmt: skip
    assert found.status == 422
    assert driver_fare(server, 71)[1] == 0


def test_rows_are_taken_as_an_arrow_stream_too(server: Server, project: Path) -> None:
    made = {"ride_id": 900, "driver_id": 80, "zone": "west", "fare": 8.0, "tip": 1.0, "seats": 1,
            "card": True, "note": "x", "ago": 1}  # fmt: skip
    table, sink = rides([made]), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    headers = {"content-type": "application/vnd.apache.arrow.stream"}
    url, body = f"{server.url}{ROUTE}", sink.getvalue().to_pybytes()
    found = httpx.post(f"{url}?to=online_and_offline", content=body, headers=headers)
    assert found.status_code == 200, found.text
    assert driver_fare(server, 80) == (8.0, 1)
    assert httpx.post(url, content=b"no stream", headers=headers).status_code == 422
    assert httpx.post(f"{url}?to=nowhere", content=body, headers=headers).status_code == 422


def test_an_arrow_stream_of_damaged_text_is_refused_before_it_is_logged(
    server: Server, project: Path
) -> None:
    made = {"ride_id": 901, "driver_id": 83, "zone": "west", "fare": 8.0, "tip": 1.0, "seats": 1,
            "card": True, "note": "x", "ago": 1}  # fmt: skip
    table, sink = rides([made]), pa.BufferOutputStream()
    text = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    table = table.set_column(table.column_names.index("zone"), "zone", text)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    headers = {"content-type": "application/vnd.apache.arrow.stream"}
    logged = len([*entries(project / ".towpath/state/pushed")])
    for to in ("online", "offline", "online_and_offline"):
        body = sink.getvalue().to_pybytes()
        found = httpx.post(f"{server.url}{ROUTE}?to={to}", content=body, headers=headers)
        assert (found.status_code, "'zone'" in found.text) == (422, True)
    assert len([*entries(project / ".towpath/state/pushed")]) == logged
    assert driver_fare(server, 83)[1] == 0


def test_our_own_route_takes_rows_and_columns(server: Server) -> None:
    one, two = ride(81, 2.0, 1.0), ride(81, 1.0, 2.0)
    assert server.post(ROUTE, {"rows": [one]}).status == 200
    columns = {name: [value] for name, value in two.items()}
    assert server.post(ROUTE, {"rows": columns, "to": "online"}).status == 200
    assert driver_fare(server, 81) == (2.0, 2)


def test_a_view_that_no_set_names_is_read_as_materialised_and_as_pushed(server: Server) -> None:
    one = ride(82, 1.0, 5.0)
    push(server, one)
    asked = ["ride:fare", "ride:note"]
    found = server.online({"ride_id": [one["ride_id"], 1, 9]}, features=asked).body["results"]
    told = [column["values"] for column in found[1:]]
    assert told == [[5.0, 10.5, None], ["pushed", 'Größe "L"', None]]


def test_a_view_of_which_the_lake_has_nothing_is_read_as_pushed(server: Server) -> None:
    asked = {"entities": {"driver_id": [1, 2]}, "features": ["shift:hours"]}
    assert server.post("/get-online-features", asked).status == 503
    one = {"shift_id": 1, "driver_id": 1, "hours": 8.0, "ended": NOW.isoformat()}
    body = {"push_source_name": "shifts", "df": {name: [value] for name, value in one.items()}}
    assert server.post("/push", body).status == 200
    found = server.post("/get-online-features", asked)
    assert found.body["results"][1]["values"] == [8.0, None]


def test_acknowledged_pushes_outlive_a_kill(project: Path) -> None:
    with serving(project) as server:
        kept = [
            driver
            for driver in range(200, 230)
            if push(server, ride(driver, 1.0, 5.0), to="online_and_offline").status == 200
        ]
        os.kill(server.process.pid, signal.SIGKILL)
    with serving(project) as again:
        assert {driver_fare(again, driver) for driver in kept} == {(5.0, 1)}
    towpath(project, "feature", "flush")
    assert all(lake_fares(project, driver) == [5.0] for driver in kept)


def test_what_was_pushed_is_counted(server: Server) -> None:
    push(server, ride(90, 1.0, 5.0))
    text = server.get("/metrics").body
    assert 'feature_pushed_events_total{dataset="rides",outcome="accepted"}' in text


@pytest.mark.parametrize("wrong", [{"ride_id": 1.5}, {"seats": True}, {"ended": 10**17}])
def test_a_value_that_is_another_in_its_type_is_refused(
    server: Server, wrong: dict[str, object]
) -> None:
    assert push(server, {**ride(91, 1.0, 5.0), **wrong}).status == 422
    assert push(server, {**ride(92, 1.0, 5.0), "seats": 2.0}).status == 200
