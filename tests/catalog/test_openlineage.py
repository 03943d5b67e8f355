from __future__ import annotations

from typing import TYPE_CHECKING, cast
from uuid import UUID

import jsonschema
import pytest
from tests.catalog.standard import FACETS, check, check_event, facets_in

from towpath.catalog.openlineage import Job, Origin, RunEvent, Table, TableColumn, to_openlineage
from towpath.core.instant import parse_instant

if TYPE_CHECKING:
    from towpath.catalog.openlineage import Json

AT = parse_instant("2026-01-01T10:00:00.5+01:00")
FLIGHTS = Table(
    namespace="file:lake",
    name="flights",
    uri="file:///srv/lake/flights",
    columns=(TableColumn("delay", "float64", "Minutes."), TableColumn("carrier")),
)
FEATURES = Table(
    namespace="file:lake",
    name="carrier",
    columns=(TableColumn("late", "float64"),),
    made_of={"late": (Origin("file:lake", "flights", "delay"),)},
    rows=3,
    size=1024,
    version="12",
)
JOB = Job("taxi", "materialize.carrier", "run_7")
NIGHTLY = Job("taxi", "nightly", "run_1")
STARTED = RunEvent("START", JOB, AT, inputs=(FLIGHTS,), parent=NIGHTLY)
COMPLETED = RunEvent("COMPLETE", JOB, AT, inputs=(FLIGHTS,), outputs=(FEATURES,))
FAILED = RunEvent("FAIL", JOB, AT, error="No rows.", trace="carrier.py:3")


@pytest.mark.parametrize("event", [STARTED, COMPLETED, FAILED], ids=["start", "complete", "fail"])
def test_an_event_keeps_the_schema_of_the_standard(event: RunEvent) -> None:
    check_event(to_openlineage(event))


def test_the_check_would_find_a_mistake() -> None:
    made = to_openlineage(STARTED)
    facet = dict(facets_in(made))["schema"]
    wrongs: list[Json] = [{**facet, "colour": 1}, {**facet, "fields": [{"type": "int"}]}, {}]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            check(FACETS["schema"], wrong)


def test_all_that_is_known_is_told() -> None:
    told = dict(facets_in(to_openlineage(COMPLETED)))
    assert told.keys() == {
        "schema",
        "dataSource",
        "columnLineage",
        "outputStatistics",
        "version",
    }
    assert told["version"]["datasetVersion"] == "12"
    assert told["columnLineage"]["fields"] == {
        "late": {"inputFields": [{"namespace": "file:lake", "name": "flights", "field": "delay"}]}
    }
    assert (told["outputStatistics"]["rowCount"], told["outputStatistics"]["size"]) == (3, 1024)
    (error,) = dict(facets_in(to_openlineage(FAILED))).items()
    assert (error[0], error[1]["message"]) == ("errorMessage", "No rows.")


def test_a_run_has_the_same_id_in_all_its_events_and_in_its_parts() -> None:
    ids = {cast("Json", to_openlineage(one)["run"])["runId"] for one in (STARTED, COMPLETED)}
    assert ids == {JOB.run_id}
    assert str(UUID(JOB.run_id)) == JOB.run_id
    parent = dict(facets_in(to_openlineage(STARTED)))["parent"]
    assert parent["run"] == {"runId": NIGHTLY.run_id}
    assert Job("shop", "nightly", "run_1").run_id != NIGHTLY.run_id


def test_times_are_told_in_utc() -> None:
    assert to_openlineage(STARTED)["eventTime"] == "2026-01-01T09:00:00.500000Z"
