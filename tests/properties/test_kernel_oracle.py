from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.view import Aggregate, FeatureView, Latest

MICROSECOND = timedelta(microseconds=1)
MANTISSA = 53
NUMERIC = ("sum", "mean", "min", "max", "std")
ANY = ("count", "distinct", "first", "last", "last_k", "share")
TYPES = {
    "name": pa.string(),
    "number": pa.int64(),
    "whole": pa.int64(),
    "real": pa.float64(),
    "flag": pa.bool_(),
    "text": pa.string(),
    "money": pa.decimal128(9, 2),
    "_t": pa.int64(),
    "_seq": pa.int64(),
}
SOUGHT: dict[str, int | float | str | bool] = {
    "whole": 1,
    "real": 0.0,
    "flag": True,
    "text": "b",
    "money": "1.50",
}
SHARED = {"whole": 1, "real": 0.0, "flag": True, "text": "b", "money": Decimal("1.50")}

Value = int | float | str | bool | Decimal
Row = dict[str, Value | None]


class Case(NamedTuple):
    events: list[Row]
    labels: list[Row]
    view: FeatureView


extreme = [-(2**63), -(2**63) + 5, 2**63 - 1, 2**63 - 4]
times = st.integers(0, 30) | st.sampled_from(extreme)
names, numbers = st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, None])
events_of = st.lists(
    st.fixed_dictionaries(
        {
            "name": names,
            "number": numbers,
            "whole": st.none() | st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1),
            "real": st.none()
            | st.sampled_from([0.0, -0.0, 0.1, 0.2, 1e-300, math.nan])
            | st.floats(),
            "flag": st.none() | st.booleans(),
            "text": st.none() | st.sampled_from(["a", "b", "ü"]),
            "money": st.none() | st.decimals(-5, 5, places=2),
            "_t": times | st.none(),
        }
    ),
    max_size=25,
)
labels_of = st.lists(
    st.fixed_dictionaries({"name": names, "number": numbers, "_t": times}), min_size=1, max_size=10
)
windows = st.none() | st.integers(1, 40)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    events: list[Row] = [{**row} for row in draw(events_of)]
    for row, place in zip(events, draw(st.permutations(range(len(events)))), strict=True):
        row["_seq"] = place
    features: list[Aggregate | Latest] = []
    for column, sought in SOUGHT.items():
        for function in ANY if column == "text" else ANY + NUMERIC:
            width = draw(windows)
            features.append(
                Aggregate(
                    function,  # type: ignore[arg-type]
                    column,
                    None if width is None else width * MICROSECOND,
                    f"{column}_{function}",
                    exclude_current=draw(st.booleans()),
                    k=2 if function == "last_k" else 0,
                    value=sought if function == "share" else None,
                )
            )
        features.append(Latest(column))
    keys = draw(st.sampled_from([(), ("name",), ("name", "number")]))
    ttl = draw(windows)
    limit = None if ttl is None else ttl * MICROSECOND
    view = FeatureView("v", "source", keys, tuple(features), ttl=limit)
    return Case(events, [{**row} for row in draw(labels_of)], view)


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Compile before the first example is timed."""
    view = FeatureView("v", "source", (), (Aggregate("count", "", MICROSECOND),))
    EmbeddedEngine(1).compute(view, as_table([{"_t": 1, "_seq": 0}]), as_table([{"_t": 1}]))


def as_table(rows: list[Row]) -> pa.Table:
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], kind) for name, kind in TYPES.items()}
    )


@given(cases())
def test_engine_equals_a_naive_loop(case: Case) -> None:
    found = EmbeddedEngine(2).compute(case.view, as_table(case.events), as_table(case.labels))
    check(case, found)


@given(cases(), st.integers(1, 5), st.integers(0, 25))
def test_neither_rounds_nor_pieces_change_anything(case: Case, at_once: int, cut: int) -> None:
    pieces = [as_table(case.events[:cut]), as_table(case.events[cut:])]
    engine = EmbeddedEngine(1, at_once=at_once)
    check(case, engine.compute(case.view, iter(pieces), as_table(case.labels)))


def check(case: Case, found: pa.Table) -> None:
    for label, row in zip(case.labels, found.to_pylist(), strict=True):
        for feature in case.view.features:
            wanted = expected(feature, case, label)
            assert same(row[feature.name], wanted), (feature, label, row[feature.name], wanted)


def same(found: object, wanted: object) -> bool:
    """Compare, telling nothing of the sign of zero, but of the type."""
    alike = type(found) is type(wanted)
    return alike and (found == wanted)


def expected(feature: Aggregate | Latest, case: Case, label: Row) -> object:
    """Compute a feature from its definition alone."""
    rows = (row for row in case.events if matches(row, label, case.view))
    seen = [row for row in rows if sees(feature, row, label, case.view)]
    seen.sort(key=lambda row: (row["_t"], row["_seq"]))
    values = [row[feature.column] for row in seen]
    if isinstance(feature, Latest):
        return None if not values or missing(values[-1]) else values[-1]
    kept = [value for value in values if value is not None and not missing(value)]
    if feature.function in ANY:
        return of_any(feature, kept)
    return of_numbers(feature, kept)  # type: ignore[arg-type]


def matches(row: Row, label: Row, view: FeatureView) -> bool:
    return all(row[key] is not None and row[key] == label[key] for key in view.keys)


def sees(feature: Aggregate | Latest, row: Row, label: Row, view: FeatureView) -> bool:
    time, at = row["_t"], label["_t"]
    if time is None:
        return False
    assert isinstance(time, int)
    assert isinstance(at, int)
    if isinstance(feature, Latest):
        return time <= at and (view.ttl is None or time >= at - view.ttl // MICROSECOND)
    before = time < at if feature.exclude_current else time <= at
    if feature.window is None:
        return before
    start = at - feature.window // MICROSECOND
    return before and (time >= start if feature.exclude_current else time > start)


def missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def of_any(feature: Aggregate, values: list[Value]) -> object:
    if feature.function in {"count", "distinct"}:
        return len(values if feature.function == "count" else set(values))
    if not values:
        return None
    if feature.function == "share":
        return sum(value == SHARED[feature.column] for value in values) / len(values)
    if feature.function == "last_k":
        return values[::-1][: feature.k]
    return values[0 if feature.function == "first" else -1]


def of_numbers(feature: Aggregate, values: list[float | Decimal]) -> object:
    scale = 100 if feature.column == "money" else 1
    units = [value * scale for value in values]
    if feature.function == "std":
        return deviation(units, scale)
    if feature.function == "sum":
        return typed_sum(units, feature.column)
    if not values:
        return None
    if feature.function == "mean":
        total = summed(units)
        return None if missing(total) else rounded(total) / len(values) / scale
    best = min(values) if feature.function == "min" else max(values)
    return int(best) if isinstance(best, bool) else best


def typed_sum(units: list[float | Decimal], column: str) -> object:
    total = summed(units)
    if column == "real":
        return None if missing(total) else rounded(total)
    if not -(2**63) <= total < 2**63:
        return None
    return Decimal(int(total)).scaleb(-2) if column == "money" else int(total)


def summed(values: list[float | Decimal]) -> Fraction | float:
    infinite = [float(value) for value in values if math.isinf(value)]
    return sum(infinite) if infinite else sum(map(Fraction, values), Fraction())


def rounded(total: Fraction | float) -> float:
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def deviation(values: list[float | Decimal], scale: int) -> float | None:
    """Round the exact numerator to 53 bits, of whatever exponent, before dividing."""
    count = len(values)
    if count < 2 or any(math.isinf(value) for value in values):
        return None
    exact = [Fraction(value) for value in values]
    zero = Fraction()
    numerator = count * sum((value * value for value in exact), zero) - sum(exact, zero) ** 2
    if not numerator:
        return 0.0
    power = 0
    while numerator >= 2**MANTISSA:
        numerator, power = numerator / 4, power + 2
    while numerator < 2 ** (MANTISSA - 2):
        numerator, power = numerator * 4, power - 2
    return math.ldexp(math.sqrt(float(numerator) / (count * (count - 1))), power // 2) / scale
