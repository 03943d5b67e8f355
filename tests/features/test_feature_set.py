from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from towpath.core.errors import Contract, Invalid
from towpath.core.record import fingerprint
from towpath.features.arrays import to_arrow
from towpath.features.derived import Derived, derived, evaluate
from towpath.features.feature_set import definition_version, feature_schema, validate
from towpath.features.online.plan import plan_of
from towpath.features.view import Aggregate, FeatureView, Latest, ViewRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.features.conftest import World

    from towpath.features.derived import DerivedType

DAY = timedelta(days=1)


def source(world: World, **changes: object) -> dict[str, FeatureView]:
    return {**world.views, "carrier": world.views["carrier"].replace(**changes)}


def test_schema_lists_views_then_columns_then_derived(world: World) -> None:
    schema = feature_schema(world.delay, world.views, world.lake.datasets)
    assert list(schema)[:2] == ["carrier__count_3h", "carrier__count_2d"]
    assert list(schema)[-6:] == ["origin", "distance", "seats", "hour", "delay_by_mile", "mood"]
    assert schema["tail__landed"] == "timestamp"
    assert schema["carrier__diverted_mean_2d"] == "float64"
    assert schema["carrier__passengers_max_2d"] == "int64"


def test_a_view_can_be_used_twice_under_two_names(world: World) -> None:
    there = ViewRef("weather", {"airport": "origin"}, "there")
    chosen = world.delay.replace(views=(*world.delay.views, there))
    validate(chosen, world.views, world.lake.datasets)
    assert "there__sky" in feature_schema(chosen, world.views, world.lake.datasets)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spine": "scedule"}, "unknown dataset 'scedule'. Did you mean 'schedule'"),
        ({"at": "seats"}, "predicts at 'seats', which is int64"),
        ({"views": ("carier",), "derived": ()}, "unknown view 'carier'. Did you mean 'carrier'"),
        ({"views": ("weather",), "derived": ()}, "column 'airport' that dataset 'schedule'"),
        ({"views": (ViewRef("weather", {"port": "origin"}),), "derived": ()}, "a key 'port'"),
        ({"views": (ViewRef("tail", {"tail": "seats"}),), "derived": ()}, "string key 'tail'"),
        ({"columns": ("distanze",)}, "column 'distanze'.*Did you mean 'distance'"),
        ({"columns": ("seats", "seats")}, "has the feature 'seats' twice"),
        ({"defaults": {"seat": 1}}, "unknown feature 'seat'. Did you mean"),
        ({"defaults": {"seats": "many"}}, "'seats' is 'many', not int64"),
        (
            {
                "views": ("carrier", "listed"),
                "derived": (Derived("x", ("listed__delay_last_2_1d",), "int64", abs),),
            },
            "reads 'listed__delay_last_2_1d', a list<float64>",
        ),
        ({"derived": (Derived("x", ("hours",), "int64", abs),)}, "unknown input 'hours'"),
        ({"derived": (Derived("seats2", ("x",), "int64", abs),)}, "unknown input 'x'"),
        ({"columns": (), "derived": (Derived("seats", ("at",), "int64", abs),)}, "named as a col"),
    ],
)
def test_a_set_that_does_not_fit_is_refused(
    world: World, change: dict[str, object], message: str
) -> None:
    listed = FeatureView(
        "listed", "arrivals", ("carrier",), (Aggregate("last_k", "delay", DAY, k=2),)
    )
    with pytest.raises(Invalid, match=message):
        validate(
            world.delay.replace(**change), {**world.views, "listed": listed}, world.lake.datasets
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "arivals"}, "unknown dataset 'arivals'. Did you mean 'arrivals'"),
        ({"source": "schedule"}, "has no event_time|does not have"),
        ({"keys": ("carier",)}, "column 'carier'.*Did you mean 'carrier'"),
        ({"keys": ("delay",)}, "float64 column arrivals.delay cannot be a key"),
        ({"features": (Latest("dely"),)}, "column 'dely'.*Did you mean 'delay'"),
        ({"columns": {"dely": "late"}}, "column 'dely'.*Did you mean 'delay'"),
        ({"where": "dely > 3"}, "The condition of view 'carrier'.*dely"),
        ({"features": (Aggregate("sum", "tail", DAY),)}, "the sum of 'tail'.*string"),
        (
            {"features": (Latest("delay"),), "defaults": {"delay": "late"}},
            "default of feature 'delay' is 'late', not float64",
        ),
        ({"defaults": {"delay_mean_3h": 1}}, "has defaults, but none for 'count_3h'"),
    ],
)
def test_a_view_that_does_not_fit_its_source_is_refused(
    world: World, change: dict[str, object], message: str
) -> None:
    chosen = world.delay.replace(views=("carrier",), derived=(), defaults={})
    with pytest.raises(Invalid, match=message):
        validate(chosen, source(world, **change), world.lake.datasets)


def test_defaults_for_an_outage_change_neither_versions_nor_where_values_are(
    world: World,
) -> None:
    view = FeatureView("carrier", "arrivals", ("carrier",), (Latest("delay"),))
    told = view.replace(defaults={"delay": 3})
    chosen = world.delay.replace(views=("carrier",), derived=(), columns=(), defaults={})
    datasets = world.lake.datasets
    versions = {definition_version(chosen, {"carrier": each}, datasets) for each in (view, told)}
    areas = {plan_of(each, datasets["arrivals"]).area for each in (view, told)}
    validate(chosen, {"carrier": told}, datasets)
    assert (len(versions), len(areas)) == (1, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FeatureView("v", "d", ("k", "k"), (Latest("x"),)),
        lambda: FeatureView("v", "d", ("k",), ()),
        lambda: FeatureView("v", "d", ("k",), (Latest("x"), Latest("x"))),
        lambda: FeatureView("v", "d", ("k",), (Latest("x"),), ttl=timedelta()),
        lambda: FeatureView("V", "d", ("k",), (Latest("x"),)),
        lambda: FeatureView("v", "d", ("k",), (Latest("x"),), defaults={"y": 1}),
        lambda: Aggregate("sum", "x"),
        lambda: Aggregate("sum", window=DAY),
        lambda: Derived("x", (), "int64", abs),
    ],
)
def test_a_definition_that_cannot_be_right_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(Invalid):
        make()


def test_a_derived_feature_is_versioned_by_its_source() -> None:
    @derived(inputs=("x",), dtype="int64", name="f")
    def one(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return x + 1

    @derived(inputs=("x",), dtype="int64", name="f")
    def other(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return x + 2

    assert fingerprint(one) == fingerprint(one)
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    ("returned", "message"),
    [(np.zeros(3), "shape"), (np.float64(1), "shape"), (np.array(["a", "b"]), "not int64")],
)
def test_a_derived_feature_must_return_one_value_a_row(
    returned: np.ndarray[Any, Any], message: str
) -> None:
    feature = Derived("f", ("x",), "int64", lambda _: returned)
    with pytest.raises(Contract, match=message):
        evaluate(feature, {"x": np.zeros(2)}, rows=2)


@pytest.mark.parametrize(
    ("dtype", "returned", "told"),
    [
        ("int64", [1.0, 2.5], "returned 2.5, not int64"),
        ("int64", [1.0, np.inf], "returned inf, not int64"),
        ("bool", [0, 2], "returned 2, not bool"),
        ("string", ["a", 7], "returned 7, not string"),
    ],
)
def test_a_value_of_another_type_is_refused_not_changed(
    dtype: DerivedType, returned: list[object], told: str
) -> None:
    kind = object if dtype == "string" else None
    feature = Derived("f", ("x",), dtype, lambda _: np.array(returned, kind))
    with pytest.raises(Contract, match=told):
        evaluate(feature, {"x": np.zeros(2)}, rows=2)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("int64", [3.0, np.nan]), ("bool", [1.0, np.nan]), ("string", ["a", float("nan")])],
)
def test_a_nan_of_any_type_is_a_missing_value(dtype: DerivedType, values: list[object]) -> None:
    kind = object if dtype == "string" else None
    feature = Derived("f", ("x",), dtype, lambda _: np.array(values, kind))
    found, present = evaluate(feature, {"x": np.zeros(2)}, rows=2)
    assert present.tolist() == [True, False]
    assert to_arrow(found, present, dtype).to_pylist()[1] is None


def test_a_prediction_time_whose_check_only_warns_is_refused(world: World) -> None:
    spine = world.lake.datasets["schedule"]
    columns = tuple(
        one.replace(severity="warn") if one.name == "at" else one for one in spine.columns
    )
    datasets = {**world.lake.datasets, "schedule": spine.replace(columns=columns)}
    with pytest.raises(Invalid, match="severity block"):
        validate(world.delay, world.views, datasets)
