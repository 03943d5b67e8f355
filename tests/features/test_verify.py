from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from towpath.core.instant import parse_instant, to_micros
from towpath.features.derived import derived
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.feature_set import definition_version
from towpath.features.lookup import Lookup
from towpath.features.materialize import materialize, materialize_spine
from towpath.features.online.memory import MemoryStore
from towpath.features.verify import VerifyReport, verify

if TYPE_CHECKING:
    import numpy.typing as npt
    from tests.features.conftest import World

    from towpath.features.feature_set import FeatureSet

UNTIL = parse_instant("2013-01-26")


@pytest.fixture(scope="module")
def predictions(world: World) -> pa.Table:
    store = MemoryStore()
    for view in world.views.values():
        materialize(world.lake, store, view, until=UNTIL, history=timedelta(days=20))
    materialize_spine(world.lake, store, "schedule", until=UNTIL)
    lookup = Lookup(store, world.delay, world.views, world.lake.datasets)
    random = np.random.default_rng(2)
    keys = [{"flight": f"f{number}"} for number in random.integers(0, 3000, 2000)]
    at = random.integers(to_micros(UNTIL - timedelta(days=19)), to_micros(UNTIL), len(keys))
    found = [lookup.by_key(key, int(moment)) for key, moment in zip(keys, at, strict=True)]
    return pa.table(
        {
            "key": [json.dumps(key) for key in keys],
            "at": pa.array(at, pa.int64()).cast(pa.timestamp("us", "UTC")),
            "features": [json.dumps(features) for features in found],
            "features_from": ["key"] * len(keys),
            "features_until": pa.array([UNTIL] * len(keys), pa.timestamp("us", "UTC")),
            "definition": [lookup.definition] * len(keys),
        }
    )


def with_column(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    kind = table.schema.field(name).type
    return table.set_column(table.column_names.index(name), name, pa.array(values, kind))


def check(
    world: World, predictions: pa.Table, feature_set: FeatureSet | None = None
) -> VerifyReport:
    return verify(
        world.lake,
        feature_set or world.delay,
        world.views,
        EmbeddedEngine(),
        predictions=predictions,
    )


def test_logged_features_equal_the_lake(world: World, predictions: pa.Table) -> None:
    report = check(world, predictions)
    assert (report.checked, report.mismatches, report.stale) == (2000, 0, 0)
    assert report.skipped == {}
    assert report.values == 2000 * 20


def test_a_feature_broken_on_one_side_is_found(world: World, predictions: pa.Table) -> None:
    @derived(inputs=("at",), dtype="int64", name="hour")
    def broken(at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.where(at % 7 == 0, 0, at // 3_600_000_000 % 24)

    changed = world.delay.replace(derived=(broken, *world.delay.derived[1:]))
    version = definition_version(changed, world.views, world.lake.datasets)
    same = with_column(predictions, "definition", [version] * predictions.num_rows)
    report = check(world, same, changed)
    assert report.mismatches > 100
    assert report.by_feature.keys() == {"hour", "mood"}
    assert report.first[0].feature == "hour"


def test_the_last_bit_of_a_float_is_compared(world: World, predictions: pa.Table) -> None:
    row = json.loads(predictions["features"][0].as_py())
    row["carrier__delay_sum_2d"] = np.nextafter(row["carrier__delay_sum_2d"], np.inf)
    one = predictions.slice(0, 1).set_column(2, "features", pa.array([json.dumps(row)]))
    assert check(world, one).by_feature == {"carrier__delay_sum_2d": 1}


def test_a_key_that_the_spine_lacks_is_skipped(world: World, predictions: pa.Table) -> None:
    keys: list[object] = [json.dumps({"flight": name}) for name in ("none", "f1")]
    report = check(world, with_column(predictions.slice(0, 2), "key", keys))
    assert (report.checked, report.skipped) == (1, {"unknown key": 1})


def test_values_that_the_lake_does_not_hold_are_not_compared(
    world: World, predictions: pa.Table
) -> None:
    """Those of a caller's row and of defaults, however far from the lake's."""
    wrong = with_column(predictions.slice(0, 3), "features", ["{}"] * 3)
    report = check(world, with_column(wrong, "features_from", ["row", "defaults", "row"]))
    assert (report.checked, report.mismatches) == (0, 0)
    assert report.skipped == {"asked by row": 2, "answered by defaults": 1}


def test_a_prediction_of_another_definition_is_not_compared(
    world: World, predictions: pa.Table
) -> None:
    fewer = world.delay.replace(columns=world.delay.columns[1:])
    report = check(world, predictions.slice(0, 5), fewer)
    assert (report.checked, report.mismatches) == (0, 0)
    assert report.skipped == {"another definition": 5}


def test_a_time_after_what_was_materialised_is_stale(world: World, predictions: pa.Table) -> None:
    three = predictions.slice(0, 3)
    at: list[Any] = three["at"].to_pylist()
    until = [at[0], at[1] - timedelta(microseconds=1), None]
    wrong = with_column(three, "features", [three["features"][0].as_py(), "{}", "{}"])
    report = check(world, with_column(wrong, "features_until", until))
    assert (report.checked, report.stale, report.skipped) == (2, 1, {})
    assert report.first[0].key == three["key"][2].as_py()


def test_no_predictions_are_no_mismatches(world: World, predictions: pa.Table) -> None:
    assert check(world, predictions.slice(0, 0)).checked == 0
