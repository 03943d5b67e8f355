from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from towpath.catalog.database import Database
from towpath.core.clock import SimulatedClock
from towpath.core.instant import parse_instant
from towpath.features.derived import Derived, derived
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.feature_set import FeatureSet
from towpath.features.training import training_set
from towpath.features.view import Aggregate, FeatureView, Latest, aggregates
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

HOUR = 3_600_000_000
START = 1_356_998_400_000_000
UTC_MICROS = pa.timestamp("us", "UTC")

SCHEDULE = Dataset(
    "schedule",
    (
        Column("flight", "string"),
        Column("carrier", "string"),
        Column("origin", "string"),
        Column("tail", "string", nullable=True),
        Column("distance", "float64", nullable=True),
        Column("seats", "int64"),
        Column("at", "timestamp"),
    ),
    key=("flight",),
)
ARRIVALS = Dataset(
    "arrivals",
    (
        Column("flight", "string"),
        Column("carrier", "string"),
        Column("tail", "string", nullable=True),
        Column("delay", "float64", nullable=True),
        Column("passengers", "int64", nullable=True),
        Column("diverted", "bool"),
        Column("landed", "timestamp"),
    ),
    event_time="landed",
)
WEATHER = Dataset(
    "weather",
    (
        Column("airport", "string"),
        Column("temperature", "float64", nullable=True),
        Column("sky", "string", nullable=True),
        Column("taken", "timestamp"),
        Column("known", "timestamp"),
    ),
    event_time="known",
)
DATASETS = {one.name: one for one in (SCHEDULE, ARRIVALS, WEATHER)}


@derived(inputs=("at",), dtype="int64")
def hour(at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return at // HOUR % 24


@derived(inputs=("distance", "carrier__delay_mean_2d"), dtype="float64")
def delay_by_mile(
    distance: npt.NDArray[np.float64], delay: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return delay / np.sqrt(distance + 1.0)


@derived(inputs=("weather__sky", "hour"), dtype="string")
def mood(sky: npt.NDArray[np.object_], hours: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
    night = hours < 6
    return np.array(
        [None if one is None else f"{one}{dark}" for one, dark in zip(sky, night, strict=True)],
        dtype=object,
    )


DERIVED: tuple[Derived, ...] = (hour, delay_by_mile, mood)
CARRIER = FeatureView(
    "carrier",
    "arrivals",
    ("carrier",),
    (
        *aggregates("count", windows=["3h", "2d"]),
        *aggregates("mean", "delay", windows=["3h", "2d"]),
        *aggregates("sum", "delay", windows=["2d"]),
        *aggregates("max", "passengers", windows=["2d"]),
        *aggregates("mean", "diverted", windows=["2d"], exclude_current=True),
    ),
)
TAIL = FeatureView(
    "tail",
    "arrivals",
    ("tail", "carrier"),
    (
        Aggregate("min", "delay", timedelta(days=5)),
        Latest("landed"),
        Latest("delay", "last_delay"),
        Latest("diverted"),
    ),
)
SKY = FeatureView(
    "weather",
    "weather",
    ("airport",),
    (Latest("temperature"), Latest("sky"), Aggregate("count", "sky", timedelta(hours=9))),
    ttl=timedelta(hours=6),
)
VIEWS = {one.name: one for one in (CARRIER, TAIL, SKY)}
DELAY = FeatureSet(
    "delay",
    "schedule",
    "at",
    ("carrier", "tail", SKY.on(airport="origin")),
    columns=("origin", "distance", "seats"),
    derived=DERIVED,
    defaults={"seats": 100, "carrier__delay_mean_2d": 0.0},
)


@dataclass
class World:
    """A small airline in a lake, and how to make its training set."""

    lake: Lake
    root: Path
    delay: FeatureSet = DELAY
    views: dict[str, FeatureView] = field(default_factory=lambda: dict(VIEWS))

    def features(self, spine: pa.Table | None = None) -> pa.Table:
        rows = self.lake["schedule"].scan() if spine is None else spine
        return training_set(self.lake, DELAY, VIEWS, spine=rows, engine=EmbeddedEngine(2))


def times(micros: Sequence[int] | npt.NDArray[np.int64]) -> pa.Array[pa.Scalar[pa.DataType]]:
    found: pa.Array[pa.Scalar[pa.DataType]] = pa.array(micros, pa.int64()).cast(UTC_MICROS)
    return found


def gaps(
    random: np.random.Generator, values: npt.NDArray[np.generic]
) -> pa.Array[pa.Scalar[pa.DataType]]:
    found: pa.Array[pa.Scalar[pa.DataType]] = pa.array(
        values, mask=random.random(len(values)) < 0.1
    )
    return found


def airline(flights: int, seed: int = 5) -> dict[str, pa.Table]:
    random = np.random.default_rng(seed)
    names = np.array([f"f{number}" for number in range(flights)])
    carriers = random.choice(["UA", "AA", "DL"], flights)
    tails = gaps(random, random.choice([f"n{number}" for number in range(40)], flights))
    at = START + np.sort(random.integers(0, 20 * 24, flights)) * HOUR
    schedule = {
        "flight": names,
        "carrier": carriers,
        "origin": random.choice(["JFK", "LGA", "EWR", "BOS"], flights),
        "tail": tails,
        "distance": gaps(random, random.integers(100, 3000, flights) / 7),
        "seats": random.integers(50, 300, flights),
        "at": times(at),
    }
    arrivals = {
        "flight": names,
        "carrier": carriers,
        "tail": tails,
        "delay": gaps(random, random.normal(5, 30, flights)),
        "passengers": gaps(random, random.integers(10, 300, flights)),
        "diverted": random.random(flights) < 0.1,
        "landed": times(at + (2 + random.integers(0, 9, flights)) * HOUR),
    }
    hours = np.repeat(np.arange(0, 20 * 24), 3)
    weather = {
        "airport": np.tile(["JFK", "LGA", "EWR"], 20 * 24),
        "temperature": gaps(random, random.normal(10, 5, hours.size)),
        "sky": gaps(random, random.choice(["clear", "rain", "snöw"], hours.size)),
        "taken": times(START + hours * HOUR),
        "known": times(START + (hours + 1) * HOUR),
    }
    keep = random.random(hours.size) < 0.4
    tables = {"schedule": schedule, "arrivals": arrivals, "weather": weather}
    found = {name: pa.table(table) for name, table in tables.items()}
    return {**found, "weather": found["weather"].filter(pa.array(keep))}


@pytest.fixture(scope="session")
def make_world() -> Callable[[Path, dict[str, pa.Table]], World]:
    def make(root: Path, tables: dict[str, pa.Table]) -> World:
        db = Database.open("sqlite:catalog.db", root)
        clock = SimulatedClock(parse_instant("2013-02-01"))
        lake = Lake(DeltaTableStore("file:lake", root, db), db, DATASETS, clock=clock)
        for name, table in tables.items():
            lake.ingest(name, table)
        return World(lake, root)

    return make


@pytest.fixture(scope="session")
def world(
    make_world: Callable[[Path, dict[str, pa.Table]], World],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("world"), airline(3000))
    yield made
    made.lake.db.close()
