from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.catalog.database import Database
from towpath.core.clock import SimulatedClock
from towpath.core.instant import parse_instant
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TRIPS = Dataset(
    "trips",
    (
        Column("id", "int64"),
        Column("fare", "float64", nullable=True, minimum=0.0, maximum=500.0),
        Column("kind", "string", nullable=True, allowed=("day", "night")),
        Column("at", "timestamp"),
    ),
    key=("id",),
    event_time="at",
    source="trips.csv",
)


@pytest.fixture
def trips() -> Dataset:
    return TRIPS


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(parse_instant("2024-01-01"))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open("sqlite:catalog.db", tmp_path) as database:
        yield database


@pytest.fixture
def store(tmp_path: Path, db: Database, clock: SimulatedClock) -> DeltaTableStore:
    return DeltaTableStore("file:lake", tmp_path, db, clock=clock)


@pytest.fixture
def lake(store: DeltaTableStore, db: Database, clock: SimulatedClock, tmp_path: Path) -> Lake:
    return Lake(store, db, {"trips": TRIPS}, clock=clock, root=tmp_path)


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Write lines under the header of trips; a line without commas left out stands as given."""

    def write(*lines: str, header: str = "id,fare,kind,at", name: str = "trips.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join((header, *lines)) + "\n")
        return path

    return write
