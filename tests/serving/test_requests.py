from __future__ import annotations

import http.client
import json
import math
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from towpath.core.errors import Invalid, NotFound, Unavailable
from towpath.serving.client import Client

if TYPE_CHECKING:
    from tests.serving.conftest import FlightProject, Server

PATH = "/endpoints/delay/predict"
pytestmark = pytest.mark.e2e


def post(server: Server, body: str, **headers: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Content-Type": "application/json"} | headers
    connection.request("POST", PATH, body=body.encode(), headers=headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def test_key_is_answered_with_its_version(running: Server) -> None:
    status, answer = post(running, '{"keys":[{"flight_id":"f7"}]}')
    [prediction] = answer["predictions"]
    assert status == 200
    assert answer["endpoint"] == "delay"
    assert prediction["key"] == {"flight_id": "f7"}
    assert prediction["probability"] == pytest.approx(1 / (1 + math.exp(-0.07)))
    assert prediction["decision"] is True
    assert (prediction["model"], prediction["version"], prediction["arm"]) == (
        "late",
        1,
        "champion",
    )


def test_batch_is_answered_in_order(running: Server) -> None:
    with running.client() as client:
        found = client.predict("delay", keys=[{"flight_id": f"f{at}"} for at in (3, 1, 2)])
    assert [one.key["flight_id"] for one in found] == ["f3", "f1", "f2"]
    assert len({one.id for one in found}) == 3


def test_row_is_answered_without_being_known(running: Server) -> None:
    rows = [{"flight_id": "new", "number": -100.0, "carrier": None}]
    with running.client() as client:
        [found] = client.predict("delay", rows=rows)
    assert found.key == {"flight_id": "new"}
    assert found.decision is False


def test_nullable_columns_of_a_row_may_be_left_out(running: Server) -> None:
    with running.client() as client:
        assert client.predict("delay", rows=[{"flight_id": "new", "number": 1}])


def test_past_time_is_taken_and_told(running: Server) -> None:
    at = datetime(2013, 10, 1, 8, 30, tzinfo=UTC)
    with running.client() as client:
        [found] = client.predict("delay", keys=[{"flight_id": "f1"}], at=at)
    assert found.at == at


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("{", 400, "truncated"),
        ("", 400, "truncated"),
        ("[]", 422, "object"),
        ("{}", 422, "keys or rows"),
        ('{"keys":[]}', 422, "length"),
        ('{"keys":null}', 422, "keys or rows"),
        ('{"keys":[{}]}', 422, "flight_id"),
        ('{"keys":[{"flight_id":7}]}', 422, "$.keys[0].flight_id"),
        ('{"keys":[{"flight_id":"f1","day":1}]}', 422, "day"),
        ('{"keys":[{"flight_id":"f1"}],"kyes":[]}', 422, "kyes"),
        ('{"rows":[{"flight_id":"f1","number":1,"weather":1}]}', 422, "weather"),
        ('{"rows":[{"flight_id":"f1"}]}', 422, "number"),
        (
            '{"rows":[{"flight_id":"a","number":1,"scheduled":"2013-10-01T00:00"}]}',
            422,
            "scheduled",
        ),
        ('{"keys":[{"flight_id":"f1"}],"rows":[{"flight_id":"f1","number":1}]}', 422, "either"),
        ('{"keys":[{"flight_id":"f1"}],"at":"2013-10-01T08:00:00"}', 422, "$.at"),
        ('{"keys":[{"flight_id":"f1"}],"at":"yesterday"}', 422, "$.at"),
        ('{"keys":[{"flight_id":"f1"}],"at":"2999-01-01T00:00:00Z"}', 422, "yet to come"),
        ('{"keys":[{"flight_id":"f1000"}]}', 404, '{"flight_id":"f1000"}'),
        ('{"keys":[{"flight_id":"f1"},{"flight_id":"f1000"}]}', 404, "f1000"),
    ],
)
def test_bad_request_is_refused_and_told_why(
    running: Server, body: str, status: int, told: str
) -> None:
    found, problem = post(running, body)
    assert found == status, problem
    assert told in problem["detail"]
    assert problem["hint"]


def test_batch_over_the_limit_is_refused(running: Server) -> None:
    with running.client() as client, pytest.raises(Invalid, match="length"):
        client.predict("delay", keys=[{"flight_id": "f1"}] * 1001)


def test_body_over_the_limit_is_refused(running: Server) -> None:
    with running.client() as client, pytest.raises(Invalid, match="1048576 bytes"):
        client.predict("delay", keys=[{"flight_id": "f" * 1_100_000}])


def test_deeply_nested_body_harms_nothing(running: Server) -> None:
    assert post(running, '{"keys":' + "[" * 100_000)[0] in (400, 422)
    assert post(running, '{"keys":[{"flight_id":"f1"}]}')[0] == 200


def test_unknown_endpoint_suggests_a_near_one(running: Server) -> None:
    with running.client() as client, pytest.raises(NotFound, match="/endpoints/delay/predict"):
        client.predict("dely", keys=[{"flight_id": "f1"}])


def test_page_of_another_host_is_refused(running: Server) -> None:
    status, problem = post(running, '{"keys":[{"flight_id":"f1"}]}', Host="evil.example")
    assert status == 403
    assert "evil.example" in problem["detail"]


def test_page_of_another_site_cannot_send_plain_text(running: Server) -> None:
    body = '{"keys":[{"flight_id":"f1"}]}'
    status, problem = post(running, body, **{"Content-Type": "text/plain"})
    assert status == 415
    assert "application/json" in problem["hint"]


def test_refused_request_is_not_logged(running: Server) -> None:
    def answered(client: Client) -> list[str]:
        text = client.read("/metrics").decode()
        return [line for line in text.splitlines() if line.startswith("predictions_total{")]

    with running.client() as client:
        client.predict("delay", keys=[{"flight_id": "f1"}])
        before = answered(client)
        with pytest.raises(NotFound):
            client.predict("delay", keys=[{"flight_id": "f1"}, {"flight_id": "f1000"}])
        assert answered(client) == before


def test_unknown_key_gets_the_defaults_where_the_endpoint_says_so(project: FlightProject) -> None:
    project.deploy(project.bundle(1))
    server = project.start(unknown_key="defaults")
    with server.client() as client:
        [found] = client.predict("delay", keys=[{"flight_id": "f1000"}])
    assert found.probability == 0.5


def test_discovery_names_versions_contract_and_freshness(running: Server) -> None:
    with running.client() as client:
        found = json.loads(client.read("/"))
    [endpoint] = found["endpoints"]
    assert found["openapi"] == "/openapi.json"
    assert endpoint["predict"] == PATH
    assert endpoint["arms"][0]["version"] == 1
    assert endpoint["key"] == {"flight_id": "string"}
    assert endpoint["features"]["number"] == "float64"
    assert endpoint["freshness"] == {"carrier": "1970-01-01T00:00:01Z"}


def test_health_and_readiness_are_told(running: Server) -> None:
    with running.client() as client:
        assert json.loads(client.read("/healthz")) == {"status": "alive"}
        assert json.loads(client.read("/readyz"))["endpoints"] == {"delay": {"champion": "late/1"}}


def test_document_describes_requests_as_they_are_decoded(running: Server) -> None:
    with running.client() as client:
        document = json.loads(client.read("/openapi.json"))
    schemas = document["components"]["schemas"]
    assert PATH in document["paths"]
    assert schemas["DelayKey"]["required"] == ["flight_id"]
    assert schemas["DelayKey"]["additionalProperties"] is False
    assert schemas["DelayRequest"]["oneOf"] == [{"required": ["keys"]}, {"required": ["rows"]}]
    assert schemas["DelayRequest"]["properties"]["keys"]["maxItems"] == 1000


def test_metrics_count_predictions_by_version(running: Server) -> None:
    with running.client() as client:
        client.predict("delay", keys=[{"flight_id": "f1"}])
        text = client.read("/metrics").decode()
    assert 'predictions_total{endpoint="delay",arm="champion",version="1"}' in text
    assert "# TYPE http_request_seconds histogram" in text
    lag = next(line for line in text.splitlines() if line.startswith("feature_lag_seconds{"))
    assert float(lag.split()[1]) == pytest.approx(time.time() - 1, abs=60)


def test_client_says_that_nothing_answers() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unavailable, match="towpath serve"):
        client.read("/")


def test_client_refuses_what_is_no_address() -> None:
    with pytest.raises(Invalid):
        Client("localhost:8000")


def test_one_instant_is_one_key_in_whichever_zone(project: FlightProject) -> None:
    project.deploy(
        project.bundle(1).replace(share=0.5),
        project.bundle(2).replace(alias="challenger", share=0.5),
    )
    times = ("2013-10-01T08:00:00Z", "2013-10-01T10:00:00+02:00", "2013-10-01T03:30:00-04:30")
    keys = [{"flight_id": f"f{at}", "scheduled": time} for at in range(9) for time in times]
    with project.start(timed=True).client() as client:
        found = client.predict("delay", keys=keys)
    assert {str(one.key["scheduled"]) for one in found} == {times[0]}
    arms = [one.arm for one in found]
    assert arms == [arm for arm in arms[::3] for _ in times]
    assert set(arms) == {"champion", "challenger"}


def test_client_connects_again_after_a_restart(project: FlightProject) -> None:
    project.deploy(project.bundle(1))
    first = project.start()
    with first.client() as client:
        client.read("/healthz")
        first.stop()
        project.start(port=first.port)
        assert client.read("/healthz")


def test_client_raises_what_the_server_raised(running: Server) -> None:
    with running.client() as client:
        future = datetime.now(UTC) + timedelta(hours=1)
        with pytest.raises(Invalid, match="yet to come"):
            client.predict("delay", keys=[{"flight_id": "f1"}], at=future)
