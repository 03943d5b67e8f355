"""The rules of online reads that Feast's clients rely on, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.features.server.taxi import NOW

if TYPE_CHECKING:
    from tests.features.server.taxi import Answer, Server

pytestmark = pytest.mark.e2e
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KNOWN = "PRESENT"
Keys = dict[str, list[object]]


def column(answer: Answer, name: str) -> dict[str, list[Any]]:
    assert answer.status == 200, answer
    place = answer.body["metadata"]["feature_names"].index(name)
    found: dict[str, list[Any]] = answer.body["results"][place]
    return found


def values(answer: Answer, name: str) -> list[Any]:
    return column(answer, name)["values"]


def test_s1_rows_come_in_order_with_repeats(server: Server) -> None:
    asked: list[object] = [2, 1, 2, 1, 1]
    found = server.online({"driver_id": asked}, features=["driver:tip", "driver:count_7d"])
    assert values(found, "driver_id") == asked
    assert values(found, "tip") == [None, 2.0, None, 2.0, 2.0]
    assert values(found, "count_7d") == [1, 2, 1, 2, 2]


def test_s2_unknown_null_and_expired_are_told_apart(server: Server) -> None:
    found = server.online({"driver_id": [1, 2, 3, 4]}, features=["driver:tip"])
    assert column(found, "tip")["statuses"] == [KNOWN, "NULL_VALUE", "OUTSIDE_MAX_AGE", "NOT_FOUND"]
    assert values(found, "tip") == [2.0, None, None, None]


def test_s2_a_window_that_reaches_further_than_the_ttl_is_present(server: Server) -> None:
    found = server.online(
        {"driver_id": [3, 4]}, features=["driver:count_7d", "driver:fare_mean_7d"]
    )
    assert column(found, "count_7d")["statuses"] == [KNOWN, "NOT_FOUND"]
    assert values(found, "count_7d") == [1, 0]
    assert column(found, "fare_mean_7d")["statuses"] == [KNOWN, "NOT_FOUND"]


def test_s3_keys_come_first_and_columns_are_parallel(server: Server) -> None:
    asked = ["crew:count_7d"]
    found = server.online({"zone": ["north", "south"], "driver_id": [1, 4]}, features=asked)
    assert found.body["metadata"]["feature_names"] == ["zone", "driver_id", "count_7d"]
    assert found.body["status"] is True
    lengths = {len(part) for one in found.body["results"] for part in one.values()}
    assert lengths == {2}
    moments = [datetime.fromisoformat(one) for one in column(found, "count_7d")["event_timestamps"]]
    assert moments == [NOW - timedelta(hours=3), EPOCH]


def test_s4_a_feature_service_equals_its_list(server: Server) -> None:
    rows: Keys = {"driver_id": [1, 2], "zone": ["north", "south"], "seats": [2, 4]}
    full = server.online(rows, feature_service="rank", full_feature_names=True)
    names = full.body["metadata"]["feature_names"]
    refs = [name.replace("__", ":", 1) for name in names if "__" in name]
    keys: Keys = {name: rows[name] for name in ("driver_id", "zone")}
    listed = server.online(keys, features=refs, full_feature_names=True)
    assert names[:3] == list(rows)
    for name in (name for name in names if "__" in name):
        assert column(full, name) == column(listed, name), name


def test_s4_a_service_and_a_list_exclude_each_other(server: Server) -> None:
    both = {"feature_service": "rank", "features": ["driver:tip"]}
    for asked in (both, {}):
        assert server.online({"driver_id": [1]}, **asked).status == 422


def test_s4_names_that_would_be_twice_are_named(server: Server) -> None:
    keys: Keys = {"driver_id": [1], "zone": ["north"]}
    found = server.online(keys, features=["driver:fare", "zone:fare"])
    assert found.status == 422
    assert "driver__fare and zone__fare" in found.body["detail"]
    assert server.online(keys, features=["driver:tip", "driver:tip"]).status == 422


@pytest.mark.parametrize("key", ["1", 1.0, 1])
def test_s5_a_whole_number_may_be_text_or_float(server: Server, key: object) -> None:
    found = server.online({"driver_id": [key]}, features=["driver:tip"])
    assert values(found, "driver_id") == [1]
    assert values(found, "tip") == [2.0]


@pytest.mark.parametrize("key", ["abc", 1.5, True, 2**63, [1], {"a": 1}, None, "", float("inf")])
def test_s5_anything_else_is_no_whole_number(server: Server, key: object) -> None:
    body = {"entities": {"driver_id": [key]}, "features": ["driver:tip"]}
    found = server.post("/get-online-features", body)
    assert found.status in (400, 422)


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        ({}, "'driver_id' is missing"),
        ({"driver_id": []}, "0 rows"),
        ({"driver_id": [None]}, "null in row 0"),
        ({"driver_id": [1], "zone": ["north"]}, "'zone' is not one"),
        ({"drivr_id": [1]}, "'drivr_id' is not one"),
    ],
)
def test_s6_wrong_keys_are_refused_by_the_names_that_are_needed(
    server: Server, entities: dict[str, list[object]], message: str
) -> None:
    found = server.online(entities, features=["driver:tip"])
    assert found.status == 422
    assert message in found.body["detail"]
    assert found.body["data"].get("keys", ["driver_id"]) == ["driver_id"]


def test_s6_columns_of_keys_are_of_one_length(server: Server) -> None:
    keys: Keys = {"driver_id": [1, 2], "zone": ["north"]}
    found = server.online(keys, features=["crew:count_7d"])
    assert found.status == 422
    assert "driver_id 2, zone 1" in found.body["detail"]


@pytest.mark.parametrize(
    ("reference", "status"),
    [("driver:tpi", 404), ("drivr:tip", 404), ("driver", 422), (":tip", 422), ("driver:", 422)],
)
def test_s6_unknown_features_suggest_a_near_one(
    server: Server, reference: str, status: int
) -> None:
    found = server.online({"driver_id": [1]}, features=[reference])
    assert found.status == status
    assert status == 422 or "Did you mean" in found.body["hint"]


def test_s6_an_unknown_feature_service_is_not_found(server: Server) -> None:
    assert server.online({"driver_id": [1]}, feature_service="rnk").status == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"entities": 3}', b'{"features": ["a:b"]}'])
def test_s6_a_body_of_another_shape_is_refused(server: Server, body: bytes) -> None:
    assert server.post("/get-online-features", body).status in (400, 422)


def test_s12_every_type_is_as_it_was_stored(server: Server) -> None:
    names = ["fare", "seats", "card", "note", "began", "last_fares"]
    features = [f"driver:{name}" for name in names]
    found = server.online({"driver_id": [1, 2]}, features=features)
    began = [int((NOW - timedelta(hours=ago, minutes=30)).timestamp()) for ago in (1, 2)]
    expected = {
        "fare": [0.1, "Infinity"],
        "seats": [2**62 + 1, -1],
        "card": [False, True],
        "note": ["", None],
        "began": began,
        "last_fares": [[0.1, 10.5], ["Infinity"]],
    }
    assert {name: values(found, name) for name in names} == expected


def test_s13_a_derived_feature_equals_its_function_of_the_inputs(server: Server) -> None:
    by_key = server.online({"request_id": [100]}, feature_service="rank", full_feature_names=True)
    mean = values(by_key, "driver__fare_mean_7d")[0]
    assert values(by_key, "fare_by_seat") == [mean / 2]
    given: Keys = {"driver_id": [1], "zone": ["north"], "seats": [5]}
    by_row = server.online(given, feature_service="rank", full_feature_names=True)
    assert values(by_row, "fare_by_seat") == [mean / 5]


def test_a_key_that_the_spine_does_not_have_is_not_found(server: Server) -> None:
    keys = {"request_id": [100, 999]}
    found = server.online(keys, feature_service="rank", full_feature_names=True)
    for name in found.body["metadata"]["feature_names"][1:]:
        assert column(found, name)["statuses"][1] == "NOT_FOUND", name
        assert column(found, name)["values"][1] is None, name


def test_a_derived_feature_of_a_set_can_be_named(server: Server) -> None:
    found = server.online({"request_id": [100]}, features=["rank:fare_by_seat", "rank:seats"])
    assert values(found, "seats") == [2]
