"""The typed route of a feature set, and what the server says about itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import jsonschema
import pytest
from tests.features.server.taxi import NOW, serving, towpath

if TYPE_CHECKING:
    from pathlib import Path

    from tests.features.server.taxi import Server

pytestmark = pytest.mark.e2e
PATH = "/v1/feature-sets/rank"
ROW = {"driver_id": 1, "zone": "north", "seats": 2}


def test_keys_by_row_and_by_column_are_answered_alike(server: Server) -> None:
    rows = server.post(PATH, {"keys": [{"request_id": 100}, {"request_id": 101}]})
    columns = server.post(PATH, {"keys": {"request_id": [100, 101]}})
    assert rows.status == columns.status == 200
    assert rows.body["columns"] == columns.body["columns"]
    assert rows.body["rows"] == 2


def test_the_row_of_a_key_and_the_same_row_given_are_answered_alike(server: Server) -> None:
    stored = server.post(PATH, {"keys": [{"request_id": 100}]}).body
    given = server.post(PATH, {"rows": [ROW]}).body
    assert stored["columns"] == given["columns"]
    assert stored["views"] == given["views"]


def test_values_are_typed_and_views_tell_what_they_know(server: Server) -> None:
    rows = {"driver_id": [1, 3, 4], "zone": ["north", "north", "east"], "seats": [1, 1, 1]}
    found = server.post(PATH, {"rows": rows}).body
    assert found["columns"]["driver__note"] == ["", None, None]
    assert found["columns"]["driver__began"][0].startswith(
        (NOW - timedelta(minutes=90)).isoformat()[:23]
    )
    assert found["columns"]["driver__count_7d"] == [2, 1, 0]
    assert found["views"]["driver"]["status"] == ["FOUND", "OUTSIDE_MAX_AGE", "NOT_FOUND"]
    assert found["views"]["driver"]["newest"][2] is None
    assert "missing" not in found


def test_only_the_features_that_are_wanted_are_sent(server: Server) -> None:
    found = server.post(PATH, {"rows": [ROW], "features": ["fare_by_seat", "driver__tip"]}).body
    assert list(found["columns"]) == ["fare_by_seat", "driver__tip"]


def test_an_unknown_key_is_named_by_its_number(server: Server) -> None:
    found = server.post(PATH, {"keys": {"request_id": [999, 100]}}).body
    assert found["missing"] == [0]
    assert found["columns"]["driver__tip"] == [None, 2.0]


def test_a_past_time_is_answered_as_of_then(server: Server) -> None:
    at = (NOW - timedelta(minutes=30)).isoformat()
    found = server.post(PATH, {"rows": [ROW], "at": at}).body
    assert found["columns"]["driver__count_7d"] == [2]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rows": [ROW], "keys": [{"request_id": 100}]},
        {"rows": []},
        {"rows": [{**ROW, "color": "red"}]},
        {"rows": [{**ROW, "driver_id": "1"}]},
        {"rows": [{"driver_id": 1}]},
        {"keys": {"request_id": []}},
        {"rows": {"driver_id": [1, 2], "zone": ["north"], "seats": [1]}},
        {"keys": [{"request_id": 100}], "features": ["driver__tpi"]},
        {"keys": [{"request_id": 100}], "at": "2100-01-01T00:00:00Z"},
        {"keys": [{"request_id": 100}], "at": "2020-01-01T00:00:00Z"},
        {"keys": [{"request_id": 100}], "at": "2020-01-01T00:00:00"},
        {"rows": [ROW] * 5001},
    ],
)
def test_a_request_that_cannot_be_right_is_refused(server: Server, body: object) -> None:
    assert server.post(PATH, body).status == 422


def test_the_document_describes_the_requests_that_are_taken(server: Server) -> None:
    document = server.get("/openapi.json").body
    assert document["openapi"] == "3.1.0"
    body = document["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = {**body, "components": document["components"]}
    for good in ({"rows": [ROW]}, {"keys": {"request_id": [1]}}, {"keys": [{"request_id": 1}]}):
        jsonschema.validate(good, schema)
    for bad in ({}, {"rows": [ROW], "keys": [{"request_id": 1}]}, {"rows": [{**ROW, "x": 1}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


def test_every_route_is_in_the_document(server: Server) -> None:
    paths = server.get("/openapi.json").body["paths"]
    for path, methods in paths.items():
        method = next(iter(methods))
        found = server.get(path) if method == "get" else server.post(path, {"x": 1})
        assert found.status in (200, 400, 422), path


def test_the_server_says_what_it_serves_and_how_fresh(server: Server) -> None:
    found = server.get("/").body
    assert {one["name"]: one["row"] for one in found["feature_sets"]}["rank"] == {
        "driver_id": "int64", "zone": "string", "seats": "int64"
    }  # fmt: skip
    assert set(found["freshness"]) == {"driver", "zone", "crew"}
    assert server.get("/health").status == server.get("/healthz").status == 200
    assert server.get("/readyz").body["status"] == "ready"


def test_metrics_tell_what_was_found_of_each_view(server: Server) -> None:
    for _ in range(20):
        server.post(PATH, {"rows": [ROW]})
    text = server.get("/metrics").body
    assert 'http_requests_total{path="/v1/feature-sets/rank",status="200"}' in text
    assert 'feature_lag_seconds{view="driver"}' in text
    assert 'feature_rows_found_total{view="zone"}' in text


def test_tokens_are_asked_for_where_they_are_wanted(taxi: Path) -> None:
    token = towpath(taxi, "feature", "token", "ranker").strip()
    with serving(taxi, "--tokens") as server:
        assert server.get("/healthz").status == 200
        refused = server.post(PATH, {"rows": [ROW]})
        given = server.post(PATH, {"rows": [ROW]}, authorization=f"Bearer {token}")
    assert (refused.status, given.status) == (401, 200)
    assert refused.headers["www-authenticate"] == "Bearer"


def test_several_workers_answer_from_one_store_and_end_together(taxi: Path) -> None:
    with serving(taxi, "--workers", "2") as server:
        answers = [server.post(PATH, {"rows": [ROW]}) for _ in range(20)]
    assert {one.status for one in answers} == {200}
    assert server.process.returncode == 0
