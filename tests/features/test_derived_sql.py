from __future__ import annotations

import pickle
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.features.conftest import DELAY, VIEWS, times

from towpath.core.errors import Invalid
from towpath.core.instant import from_micros, to_micros
from towpath.core.record import check_types
from towpath.features.condition import satisfying
from towpath.features.derived import Derived, derived, derived_sql
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.feature_set import (
    FeatureSet,
    definition_version,
    feature_schema,
    validate,
)
from towpath.features.lookup import Lookup
from towpath.features.materialize import materialize, materialize_spine
from towpath.features.online.memory import MemoryStore
from towpath.features.training import training_set
from towpath.features.view import FeatureView, Latest
from towpath.lake.dataset import Column, Dataset

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from tests.features.conftest import World

END = 1_356_998_400_000_000 + 25 * 24 * 3_600_000_000


@derived(inputs=("slow",), dtype="float64")
def slower(slow: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return slow * 2


WRITTEN = (
    derived_sql("speed", "distance / nullif(seats - 100, 0)"),
    derived_sql("slow", "coalesce(speed, 0) < carrier__delay_mean_2d"),
    slower,
    derived_sql("many", "carrier__passengers_max_2d * 1000000000000000 + seats"),
    derived_sql("sky", "upper(coalesce(weather__sky, 'none')) || '-' || origin"),
    derived_sql("weekday", "isodow(at) * 100 + hour(tail__landed)"),
    derived_sql("curve", "ln(distance) + sin(2 * pi() * hour(at) / 24)"),
    derived_sql("last_early", "TRY_CAST(right(flight, 2) AS BIGINT) < 50 AND tail__diverted"),
)
SQL = DELAY.replace(derived=WRITTEN, name="by_sql")


def test_inputs_and_types_follow_from_the_text(world: World) -> None:
    validate(SQL, VIEWS, world.lake.datasets)
    schema = feature_schema(SQL, VIEWS, world.lake.datasets)
    kinds = ("float64", "bool", "float64", "int64", "string", "int64", "float64", "bool")
    assert tuple(schema[one.name] for one in WRITTEN) == kinds
    assert WRITTEN[1].inputs == ("speed", "carrier__delay_mean_2d")


def test_online_equals_offline_bit_for_bit(world: World) -> None:
    store = MemoryStore()
    history = timedelta(days=30)
    for view in VIEWS.values():
        materialize(world.lake, store, view, until=from_micros(END), history=history)
    materialize_spine(world.lake, store, "schedule", until=from_micros(END))
    lookup = Lookup(store, SQL, VIEWS, world.lake.datasets)
    rows = world.lake["schedule"].scan()
    table = training_set(world.lake, SQL, VIEWS, spine=rows, engine=EmbeddedEngine(2))
    names = [one.name for one in WRITTEN]
    for row in table.select(["flight", "at", *names]).to_pylist()[::7]:
        found = lookup.by_key({"flight": row["flight"]}, to_micros(row["at"]))
        assert found is not None
        assert [found[name] for name in names] == [row[name] for name in names]
    assert all(0 < table[name].null_count < table.num_rows for name in ("speed", "many", "curve"))


def test_whole_numbers_that_may_be_missing_stay_exact(world: World) -> None:
    large = derived_sql("large", "coalesce(tail__landed_us, 0) + 9007199254740993")
    chained = FeatureSet(
        "large",
        "schedule",
        "at",
        ("tail",),
        derived=(derived_sql("tail__landed_us", "epoch_us(tail__landed)"), large),
    )
    rows = world.lake["schedule"].scan()
    table = training_set(world.lake, chained, VIEWS, spine=rows, engine=EmbeddedEngine(2))
    landed = table["tail__landed_us"].to_pylist()
    assert None in landed
    assert table["large"].to_pylist() == [(one or 0) + 2**53 + 1 for one in landed]


def test_a_request_gives_the_columns_that_only_an_expression_reads() -> None:
    spine = Dataset("trips", (Column("at", "timestamp"), Column("km", "int64", nullable=True)))
    fare = FeatureSet("fare", "trips", "at", derived=(derived_sql("fee", "km * 2 + 1"),))
    lookup = Lookup(MemoryStore(), fare, {}, {"trips": spine})
    assert lookup.by_rows([{"km": 2**60}, {"km": None}, {"km": 2**62}], 0) == [
        [2**61 + 1],
        [None],
        [None],
    ]


def test_a_definition_is_pickled_and_versioned_by_its_text() -> None:
    trips = {"trips": Dataset("trips", (Column("at", "timestamp"), Column("km", "int64")))}
    one, other = (
        FeatureSet("fare", "trips", "at", derived=(derived_sql("fee", text),))
        for text in ("km * 2", "km * 3")
    )
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - made one line above
    check_types(one)
    assert definition_version(one, {}, trips) != definition_version(other, {}, trips)
    assert definition_version(one, {}, trips) == definition_version(one.replace(), {}, trips)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("distence * 2", r"feature 'x': .*no column 'distence' \(at character 1\).*'distance'"),
        ("carrier__delay_mean_2 > 0", "no column.*Did you mean 'carrier__delay_mean_2d'"),
        ("later + 1", "no column 'later'"),
        ("at", "is a time.*epoch_us"),
        ("origin + 1", "int64 and string"),
    ],
)
def test_an_expression_that_does_not_fit_is_refused(world: World, text: str, problem: str) -> None:
    wrong = DELAY.replace(derived=(derived_sql("x", text), derived_sql("later", "seats")))
    with pytest.raises(Invalid, match=problem):
        validate(wrong, VIEWS, world.lake.datasets)


@pytest.mark.parametrize("text", ["1 + 1", "a +", "sum(", ""])
def test_what_is_no_expression_is_refused_where_it_is_written(text: str) -> None:
    with pytest.raises(Invalid, match="The derived feature 'x'"):
        derived_sql("x", text)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"dtype": "int64"},
        {"dtype": "int64", "sql": "a"},
        {"function": abs},
        {"function": abs, "sql": "a"},
    ],
)
def test_a_feature_is_computed_in_one_way(given: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="one way"):
        Derived("x", ("a",), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("delay > 10 AND NOT diverted", [True, False, False, False]),
        ("landed >= '2013-01-01T01:00:00Z'", [False, True, True, True]),
        ("carrier LIKE 'U%' OR delay IS NULL", [True, False, True, True]),
        ("delay / nullif(delay, 0) = 1", [True, True, False, False]),
        ("hour(landed) IN (1, 3)", [False, True, False, True]),
        ("fee > 0.1", [False, True, False, False]),
    ],
)
def test_a_condition_chooses_the_rows_of_which_it_is_true(where: str, kept: list[bool]) -> None:
    hour = 3_600_000_000
    rows = pa.table(
        {
            "carrier": pa.array(["UA", "AA", None, "UA"]).dictionary_encode(),
            "delay": [20.0, 5.0, float("nan"), None],
            "diverted": [False, False, False, True],
            "landed": times([END - 25 * 24 * hour + number * hour for number in range(4)]),
            "fee": pa.array([Decimal("0.10"), Decimal("0.20"), None, Decimal(0)]).cast(
                pa.decimal128(9, 2)
            ),
            "unread": [[1.0], [], None, [2.0]],
        }
    )
    view = FeatureView("v", "arrivals", ("carrier",), (Latest("delay"),), where=where)
    assert satisfying(rows, view).tolist() == kept
