"""Stored rows held against a contract that became stricter after they came."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.core.errors import Conflict, NotFound
from towpath.core.finding import blocking
from towpath.core.instant import parse_instant
from towpath.lake.dataset import Check, Column
from towpath.lake.recheck import recheck

if TYPE_CHECKING:
    from towpath.core.clock import SimulatedClock
    from towpath.lake.lake import Lake

AT = parse_instant("2024-01-01")


@pytest.fixture(autouse=True)
def three(lake: Lake) -> None:
    rows = {"id": [1, 2, 3], "fare": [5.0, 50.0, None], "kind": ["day", "night", None]}
    lake.ingest("trips", pa.table({**rows, "at": pa.array([AT] * 3, pa.timestamp("us", "UTC"))}))


def stricter(lake: Lake, **changes: object) -> None:
    lake.datasets["trips"] = lake.datasets["trips"].replace(**changes)


def test_rows_that_kept_their_contract_still_do(lake: Lake) -> None:
    found = recheck(lake, "trips", shown=3)
    assert (found.dataset, found.version, found.rows) == ("trips", 0, 3)
    assert found.findings
    assert not [one for one in found.findings if not one.passed]
    assert found.examples == ()


def test_failing_rows_are_shown_with_their_key(lake: Lake) -> None:
    stricter(lake, checks=(Check("cheap", "fare < 10", "warn"), Check("known", "kind = 'day'")))
    found = recheck(lake, "trips", shown=1)
    failed = {one.check: one.observed for one in found.findings if not one.passed}
    assert failed == {"cheap": 2, "known": 2}
    assert [one.check for one in blocking(found.findings)] == ["known"]
    assert [one.values for one in found.examples] == [
        {"id": 2, "fare": 50.0},
        {"id": 2, "kind": "night"},
    ]


def test_a_new_column_counts_as_missing(lake: Lake) -> None:
    columns = lake.datasets["trips"].columns
    stricter(lake, columns=(*columns, Column("note", "string", nullable=True)))
    assert not blocking(recheck(lake, "trips").findings)
    stricter(lake, columns=(*columns, Column("note", "string")))
    with pytest.raises(Conflict, match="lack 'note'"):
        recheck(lake, "trips")


def test_freshness_is_judged_as_of_the_version(lake: Lake, clock: SimulatedClock) -> None:
    stricter(lake, freshness="2d")
    assert not blocking(recheck(lake, "trips").findings)
    clock.move_to(clock.now() + timedelta(days=3))
    assert [one.check for one in blocking(recheck(lake, "trips").findings)] == ["freshness"]
    lake.store.append("trips", lake["trips"].scan().drop(["_seq"]), batch="again")
    assert not blocking(recheck(lake, "trips", version=0).findings[:1])
    assert [one.check for one in blocking(recheck(lake, "trips").findings)] == [
        "freshness",
        "unique_key",
    ]


def test_the_size_of_batches_is_not_that_of_the_table(lake: Lake) -> None:
    stricter(lake, minimum_rows=10, maximum_rows=20)
    assert not blocking(recheck(lake, "trips").findings)


def test_a_reference_is_looked_up_in_the_lake(lake: Lake) -> None:
    columns = lake.datasets["trips"].columns
    kind = columns[2].replace(references="kinds.kind")
    kinds = lake.datasets["trips"].replace(
        name="kinds", columns=(Column("kind", "string"),), key=(), event_time=""
    )
    lake.datasets["kinds"] = kinds
    stricter(lake, columns=(*columns[:2], kind, columns[3]))
    with pytest.raises(NotFound, match="kinds"):
        recheck(lake, "trips")
    lake.ingest("kinds", pa.table({"kind": ["day"]}))
    failed = [one for one in recheck(lake, "trips").findings if not one.passed]
    assert [(one.check, one.observed) for one in failed] == [("references", 1)]


def test_what_is_not_there_is_not_found(lake: Lake) -> None:
    with pytest.raises(NotFound, match="no version 7"):
        recheck(lake, "trips", version=7)
    with pytest.raises(NotFound, match="no data yet"):
        recheck(lake, "predictions")
