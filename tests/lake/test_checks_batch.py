from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from towpath.core.errors import Contract
from towpath.core.instant import parse_instant
from towpath.lake.checks import check_batch, latest_event, refuse_batch
from towpath.lake.dataset import Column, Dataset

NOW = parse_instant("2024-01-03T00:00:00Z")
TRIPS = Dataset(
    "trips",
    (Column("at", "timestamp"),),
    event_time="at",
    freshness="2d",
    minimum_rows=2,
    maximum_rows=1_000,
)
FRESH = NOW - timedelta(days=2)


@pytest.mark.parametrize(
    ("rows", "latest", "message"),
    [
        (2, FRESH, ""),
        (1_000, NOW + timedelta(days=1), ""),
        (1, FRESH, "minimum_rows: 1 row, fewer than 2"),
        (1_001, FRESH, "maximum_rows: 1,001 rows, more than 1,000"),
        (2, FRESH - timedelta(microseconds=1), "the latest event is of 2023-12-31T23:59:59"),
        (2, None, "freshness: there is no event"),
    ],
)
def test_a_batch_outside_its_limits_is_refused(rows: int, latest: object, message: str) -> None:
    findings = check_batch(TRIPS, rows=rows, latest=latest, now=NOW)  # type: ignore[arg-type]  # or None
    assert [one.check for one in findings] == ["minimum_rows", "maximum_rows", "freshness"]
    if not message:
        refuse_batch(TRIPS, findings, origin="trips.csv")
        return
    with pytest.raises(Contract, match=message) as caught:
        refuse_batch(TRIPS, findings, origin="trips.csv")
    assert str(caught.value).startswith("trips.csv does not keep the contract of dataset 'trips'")


def test_a_warning_takes_the_batch_and_reports() -> None:
    lenient = TRIPS.replace(batch_severity="warn")
    findings = check_batch(lenient, rows=1, latest=FRESH, now=NOW)
    refuse_batch(lenient, findings, origin="trips.csv")
    assert [one.check for one in findings if not one.passed] == ["minimum_rows"]


def test_a_contract_without_limits_has_no_findings() -> None:
    plain = Dataset("trips", (Column("id", "int64"),))
    assert check_batch(plain, rows=0, latest=None, now=NOW) == ()


def test_the_latest_event_passes_over_missing_times() -> None:
    times = pa.array([FRESH, None, NOW], pa.timestamp("us", "UTC"))
    assert latest_event(TRIPS, pa.table({"at": times})) == NOW
    assert latest_event(TRIPS, pa.table({"at": times.slice(1, 1)})) is None
