"""The real way: lake, views, online store, look-up, endpoint, log, lake."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow as pa
import pytest

from towpath.catalog.database import Database
from towpath.core.clock import SimulatedClock
from towpath.core.errors import Conflict, Invalid, NotFound
from towpath.core.instant import parse_instant, parse_span, to_micros
from towpath.core.segment import segments
from towpath.features.derived import derived
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.feature_set import FeatureSet
from towpath.features.lookup import Lookup
from towpath.features.materialize import materialize, materialize_spine
from towpath.features.online.lmdb import LmdbStore
from towpath.features.training import training_set
from towpath.features.view import Aggregate, FeatureView, Latest
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore
from towpath.modelling.plan import Plan
from towpath.serving.bundle import Bundle
from towpath.serving.compact import compact
from towpath.serving.endpoint import Endpoint
from towpath.serving.live import Live, Loaded, Taken
from towpath.serving.log import Logged, read_segment
from towpath.serving.pointer import Deployment
from towpath.serving.predictors.plan import PlanPredictor
from towpath.serving.run import Options, log_folder, opened
from towpath.serving.score import score
from towpath.serving.served import from_lookup
from towpath.web.message import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.serving.conftest import FlightProject

    from towpath.features.arrays import Array
    from towpath.serving.pointer import Arm
    from towpath.serving.predict import Answering

NOW = parse_instant("2013-03-01T12:00:00Z")
MINUTE = timedelta(minutes=1)
FLIGHTS = Dataset(
    "flights",
    (
        Column("flight_id", "string"),
        Column("at", "timestamp"),
        Column("carrier", "string"),
        Column("distance", "float64", nullable=True),
    ),
    key=("flight_id",),
)
DELAYS = Dataset(
    "delays",
    (
        Column("carrier", "string"),
        Column("known_at", "timestamp"),
        Column("minutes", "float64", nullable=True),
    ),
    event_time="known_at",
)
DATASETS = {"flights": FLIGHTS, "delays": DELAYS}
CARRIER = FeatureView(
    "carrier",
    source="delays",
    keys=("carrier",),
    features=(
        Aggregate("count", window=parse_span("3h")),
        Aggregate("mean", "minutes", parse_span("1d")),
        Latest("minutes"),
    ),
)


@derived(inputs=("at",), dtype="int64")
def hour(at: Array) -> Array:
    return at // 3_600_000_000 % 24


FEATURES = FeatureSet(
    "flight", "flights", "at", ("carrier",), columns=("distance", "carrier"), derived=(hour,)
)


class Served(NamedTuple):
    answering: Answering
    lake: Lake
    options: Options

    def ask(self, body: object) -> list[dict[str, object]]:
        request = Request("POST", "/", msgspec.json.encode(body))
        found: list[dict[str, object]] = json.loads(self.answering.answer(request).body)[
            "predictions"
        ]
        return found

    def log(self) -> list[Logged]:
        folder = log_folder(self.options.state, "delay")
        return [one for path in segments(folder) for one in read_segment(path)]

    def logged(self) -> list[list[object]]:
        return [one.values for one in self.log()]


class Swapping(PlanPredictor):
    """Answers, and lets other versions take over meanwhile."""

    def __init__(self, plan: Plan, swap: Callable[[], None]) -> None:
        super().__init__(plan)
        self._swap = swap

    @classmethod
    def load(cls, bundle: Path) -> Swapping:
        return cls(Plan.load(bundle), lambda: None)

    def predict_one(self, values: Sequence[object]) -> float:
        self._swap()
        return super().predict_one(values)


def flights(count: int) -> pa.Table:
    return pa.table(
        {
            "flight_id": [f"f{at}" for at in range(count)],
            "at": pa.array([NOW - at * MINUTE for at in range(count)], pa.timestamp("us", "UTC")),
            "carrier": [("UA", "B6", "none")[at % 3] for at in range(count)],
            "distance": [None if at % 5 == 0 else 100.5 * at for at in range(count)],
        }
    )


def delays(count: int) -> pa.Table:
    times = [NOW - timedelta(minutes=7 * at, seconds=at) for at in range(count)]
    return pa.table(
        {
            "carrier": [("UA", "B6")[at % 2] for at in range(count)],
            "known_at": pa.array(times, pa.timestamp("us", "UTC")),
            "minutes": [None if at % 7 == 0 else at / 3 for at in range(count)],
        }
    )


def answers_from(project: FlightProject, lookup: Lookup) -> Arm:
    project.definition = lookup.definition
    return project.bundle(1, schema=lookup.schema, number="hour")


@pytest.fixture
def served(project: FlightProject) -> Iterator[Served]:
    clock = SimulatedClock(NOW)
    options = Options(state=project.state, artifacts=project.artifacts)
    with Database.open("sqlite:catalog.db", project.folder) as db:
        lake = Lake(DeltaTableStore("file:lake", project.folder, db), db, DATASETS, clock=clock)
        lake.ingest("flights", flights(60))
        lake.ingest("delays", delays(200))
        store = LmdbStore("lmdb:online", project.folder)
        materialize(lake, store, CARRIER, until=NOW, history=timedelta(days=1))
        materialize_spine(lake, store, "flights", until=NOW)
        lookup = Lookup(store, FEATURES, {"carrier": CARRIER}, DATASETS)
        project.deploy(answers_from(project, lookup))
        endpoint = from_lookup(Endpoint("delay", model="late"), lookup, FLIGHTS)
        with opened([endpoint], options, clock=clock) as (answering,):
            yield Served(answering, lake, options)
        store.close()


def test_logged_features_equal_the_training_set_bit_for_bit(served: Served) -> None:
    spine = flights(60)
    for row in spine.to_pylist():
        served.ask({"keys": [{"flight_id": row["flight_id"]}], "at": row["at"]})
    offline = training_set(
        served.lake, FEATURES, {"carrier": CARRIER}, spine=spine, engine=EmbeddedEngine()
    )
    names = list(served.answering.served.schema)
    wanted = [list(row) for row in zip(*(offline[name].to_pylist() for name in names), strict=True)]
    assert served.logged() == wanted


def test_batch_and_replay_store_what_the_server_answered(served: Served) -> None:
    spine = flights(30)
    for row in spine.to_pylist():
        served.ask({"keys": [{"flight_id": row["flight_id"]}], "at": row["at"]})
    offline = training_set(
        served.lake, FEATURES, {"carrier": CARRIER}, spine=spine, engine=EmbeddedEngine()
    )
    replayed = score(served.answering.live.loaded, offline, key=["flight_id"], at="at")
    compact(log_folder(served.options.state, "delay"), served.lake)
    columns = ["key", "at", "features", "probability", "decision", "model", "version", "arm"]
    asked = served.lake["predictions"].scan(columns).select(columns)
    assert sorted(map(str, asked.to_pylist())) == sorted(
        map(str, replayed.select(columns).to_pylist())
    )


def test_row_gets_the_features_of_its_key(served: Served) -> None:
    served.ask({"keys": [{"flight_id": "f1"}]})
    served.ask({"rows": [{"flight_id": "f1", "carrier": "B6", "distance": 100.5}]})
    by_key, by_row = served.logged()
    assert by_key == by_row


def test_row_without_what_a_feature_needs_is_refused(served: Served) -> None:
    with pytest.raises(Invalid, match="carrier"):
        served.ask({"rows": [{"flight_id": "f1"}]})


def test_time_before_the_history_is_refused(served: Served) -> None:
    with pytest.raises(Invalid, match="as far back"):
        served.ask({"keys": [{"flight_id": "f1"}], "at": "2012-01-01T00:00:00Z"})


def test_unknown_key_of_a_batch_logs_nothing(served: Served) -> None:
    with pytest.raises(NotFound, match="nope"):
        served.ask({"keys": [{"flight_id": "f1"}, {"flight_id": "nope"}]})
    assert served.logged() == []


def test_log_says_what_the_values_come_from_and_how_fresh_they_are(served: Served) -> None:
    served.ask({"keys": [{"flight_id": "f1"}]})
    served.ask({"rows": [{"flight_id": "f1", "carrier": "B6", "distance": 100.5}]})
    until = to_micros(NOW)
    told = [(one.features_from, one.features_until) for one in served.log()]
    assert told == [("key", until), ("row", until)]
    compact(log_folder(served.options.state, "delay"), served.lake)
    columns = ["origin", "features_from", "features_until"]
    [first, _] = served.lake["predictions"].scan(columns).select(columns).to_pylist()
    assert first == {"origin": "live", "features_from": "key", "features_until": NOW}


def test_versions_are_not_swapped_within_a_request(served: Served) -> None:
    live = served.answering.live
    after = live.loaded
    arm = after.deployment.arms[0].replace(version=7)
    plan = Plan.load(served.options.artifacts / arm.bundle)
    swapping = Swapping(plan, lambda: setattr(live, "loaded", after))
    bundle = Bundle(after.bundles[0].contract, swapping)
    live.loaded = Loaded(Deployment("delay", (arm,)), (bundle,), (1.0,))
    keys = [{"flight_id": "f1"}, {"flight_id": "f2"}]
    assert [one["version"] for one in served.ask({"keys": keys})] == [7, 7]
    assert [one["version"] for one in served.ask({"keys": keys})] == [1, 1]


def test_discovery_tells_how_fresh_the_views_are(served: Served) -> None:
    assert served.answering.served.source.freshness() == {"carrier": to_micros(NOW)}


def test_server_does_not_start_before_views_are_materialised(project: FlightProject) -> None:
    store = LmdbStore("lmdb:online", project.folder)
    lookup = Lookup(store, FEATURES, {"carrier": CARRIER}, DATASETS)
    project.deploy(answers_from(project, lookup))
    endpoint = from_lookup(Endpoint("delay", model="late"), lookup, FLIGHTS)
    options = Options(state=project.state, artifacts=project.artifacts)
    with (
        pytest.raises(NotFound, match="'carrier'"),
        opened([endpoint], options, clock=SimulatedClock(NOW)),
    ):
        pass


def test_a_version_of_another_definition_is_refused(project: FlightProject) -> None:
    store = LmdbStore("lmdb:online", project.folder)
    longer = CARRIER.replace(ttl=timedelta(days=9))
    lookup = Lookup(store, FEATURES, {"carrier": CARRIER}, DATASETS)
    project.deploy(answers_from(project, Lookup(store, FEATURES, {"carrier": longer}, DATASETS)))
    endpoint = from_lookup(Endpoint("delay", model="late"), lookup, FLIGHTS)
    taken = Taken(endpoint.schema, endpoint.definition)
    with pytest.raises(Conflict, match="their definition"):
        Live("delay", taken, state=project.state, artifacts=project.artifacts)
