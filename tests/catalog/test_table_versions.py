from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog import batches, intervals, table_versions
from towpath.catalog.table_versions import TableVersion
from towpath.core.instant import parse_instant
from towpath.core.interval import Interval

if TYPE_CHECKING:
    from towpath.catalog.database import Database

AT = parse_instant("2024-01-01")
MARCH = Interval(parse_instant("2024-03-01"), parse_instant("2024-04-01"))


def version(number: int, rows: int = 1) -> TableVersion:
    return TableVersion("trips", number, rows, {"a.parquet": "0f"}, AT)


def test_versions_are_kept_in_order(db: Database) -> None:
    for number in (0, 2, 1):
        table_versions.record(db, version(number))
    assert table_versions.latest(db, "trips") == version(2)
    assert table_versions.get(db, "trips", 1) == version(1)
    assert table_versions.every(db, "trips") == (version(0), version(1), version(2))


def test_a_kept_version_never_changes(db: Database) -> None:
    table_versions.record(db, version(0))
    table_versions.record(db, version(0, rows=9))
    assert table_versions.latest(db, "trips") == version(0)


def test_a_dataset_without_versions_has_none(db: Database) -> None:
    assert table_versions.latest(db, "trips") is None
    assert table_versions.get(db, "trips", 0) is None


def test_the_report_of_a_batch_belongs_to_its_version(db: Database) -> None:
    batches.record(db, "trips", "a", version=0, report="first")
    batches.record(db, "trips", "a", version=2, report="again")
    assert batches.every(db, "trips") == {"a": "again"}


def test_the_same_interval_is_kept_once(db: Database) -> None:
    for _ in range(2):
        intervals.record(db, "traffic", version="v1", interval=MARCH, at=AT)
    intervals.record(db, "traffic", version="v2", interval=MARCH, at=AT)
    found = intervals.read(db, "traffic")
    assert [(one.version, one.interval) for one in found] == [("v2", MARCH), ("v1", MARCH)]
    assert intervals.read(db, "weather") == ()
