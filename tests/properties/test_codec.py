from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.feature_set import FeatureSet, feature_schema
from towpath.features.lookup import Lookup
from towpath.features.materialize import view_rows
from towpath.features.online.codec import HEADER, WORD, Block, encode_key, pack, read_string
from towpath.features.online.memory import MemoryStore
from towpath.features.view import FeatureView, Latest, aggregates
from towpath.lake.dataset import Column, Dataset

Event = tuple[int, int, float | None, str | None]

ENGINE = EmbeddedEngine(workers=1)
SECOND = 1_000_000
SPINE = Dataset("trips", (Column("car", "int64"), Column("at", "timestamp")))
FARES = Dataset(
    "fares",
    (
        Column("car", "int64"),
        Column("fare", "float64", nullable=True),
        Column("place", "string", nullable=True),
        Column("paid", "timestamp"),
    ),
    event_time="paid",
)
DATASETS = {"trips": SPINE, "fares": FARES}
VIEW = FeatureView(
    "car",
    "fares",
    ("car",),
    (
        *(
            one
            for function in ("count", "sum", "mean", "min", "max")
            for one in aggregates(function, "fare", windows=["2s", "9s"])
        ),
        *aggregates("count", "place", windows=["9s"], exclude_current=True),
        Latest("fare"),
        Latest("place"),
    ),
    ttl=timedelta(seconds=5),
)
TRIP = FeatureSet("trip", "trips", "at", ("car",))
fares = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 30), st.none() | st.floats(), st.none() | st.text()
    ),
    max_size=20,
)
parts = st.tuples(st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans(), st.text())


def events_of(rows: list[Event]) -> pa.Table:
    return pa.table(
        {
            "car": pa.array([row[0] for row in rows], pa.int64()),
            "_t": pa.array([row[1] * SECOND for row in rows], pa.int64()),
            "fare": pa.array([row[2] for row in rows], pa.float64()),
            "place": pa.array([row[3] for row in rows], pa.string()),
            "_seq": pa.array(range(len(rows)), pa.int64()),
        }
    )


def online(events: pa.Table, car: int, at: int, *, since: int) -> list[object]:
    store = MemoryStore()
    store.write("car", view_rows(VIEW, events, since=since)[0], b"{}")
    return Lookup(store, TRIP, {"car": VIEW}, DATASETS).by_rows([{"car": car}], at)[0]


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Compile before the first example is timed."""
    events = events_of([(1, 1, 0.1, "a"), (1, 1, 0.3, None)])
    ENGINE.compute(VIEW, events, pa.table({"car": [1], "_t": [2]}))
    online(events, 1, 2, since=0)


@given(fares, st.integers(0, 3), st.integers(0, 30), st.integers(0, 30))
def test_online_equals_offline_on_any_events(
    rows: list[Event], car: int, second: int, earlier: int
) -> None:
    at = second * SECOND
    labels = pa.table({"car": pa.array([car], pa.int64()), "_t": pa.array([at], pa.int64())})
    offline = ENGINE.compute(VIEW, events_of(rows), labels).to_pylist()[0]
    found = online(events_of(rows), car, at, since=at - earlier * SECOND)
    assert len(found) == len(feature_schema(TRIP, {"car": VIEW}, DATASETS))
    assert [repr(value) for value in found] == [repr(value) for value in offline.values()]


@given(st.integers(0, 9), st.integers(0, 4), st.lists(st.text(), max_size=4))
def test_a_block_reads_back_as_written(events: int, columns: int, strings: list[str]) -> None:
    random = np.random.default_rng(events * 5 + columns)
    bits = random.integers(-(2**62), 2**62, (columns + 2, events))
    valid = random.integers(0, 2, (columns, events)).astype(np.uint8)
    data = pack(Block(bits[0], bits[1], bits[2:], valid, tuple(strings), 2**55, -7))
    sizes = [events, columns, len(strings), 2**55, -7]
    assert np.frombuffer(data, np.int64, HEADER)[1:].tolist() == sizes
    assert data[HEADER * WORD :].startswith(bits.tobytes() + valid.tobytes())
    assert [read_string(data, number) for number in range(len(strings))] == strings


@given(parts, parts)
def test_distinct_keys_have_distinct_bytes(
    one: tuple[object, ...], two: tuple[object, ...]
) -> None:
    same = [(type(part), part) for part in one] == [(type(part), part) for part in two]
    assert (encode_key(one) == encode_key(two)) == same
    assert 0 < len(encode_key(one)) <= 511
