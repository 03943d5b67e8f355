"""A view with features of every kind, and its state of one key beside the engine's answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from towpath.features.cells import cells_of
from towpath.features.engines.embedded import EmbeddedEngine
from towpath.features.online.decode import TextMemory, decode
from towpath.features.online.events import Events, keyed_events
from towpath.features.online.plan import state_plan
from towpath.features.online.read import begin, finish
from towpath.features.view import Aggregate, FeatureView, Latest

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from towpath.features.online.plan import StatePlan
    from towpath.features.online.state import Change

Row = dict[str, Any]

SECOND = 1_000_000
ENGINE = EmbeddedEngine(1)
DTYPES = {"real": "float64", "whole": "int64", "money": "decimal(9,2)", "text": "string"}
TYPES = {
    "real": pa.float64(),
    "whole": pa.int64(),
    "money": pa.decimal128(9, 2),
    "text": pa.string(),
}
NUMBERS = ("count", "sum", "mean", "min", "max", "std", "first", "last", "distinct")


def _features() -> Iterator[Aggregate | Latest]:
    for seconds in (3, 20, 100, None):
        window = None if seconds is None else timedelta(seconds=seconds)
        for function in NUMBERS:
            for column in ("real", "whole", "money"):
                yield Aggregate(function, column, window)  # type: ignore[arg-type]
        for function in ("first", "last", "distinct"):
            yield Aggregate(function, "text", window)  # type: ignore[arg-type]
        yield Aggregate("share", "text", window, value="a")
        yield Aggregate("share", "whole", window, value=3)
        yield Aggregate("share", "real", window, value=0.0, name=f"none_{seconds or 0}")
        yield Aggregate("last_k", "text", window, k=3)
        yield Aggregate("last_k", "real", window, k=5)
        yield Aggregate("count", window=window)
        if window is not None:
            for function in ("sum", "max", "distinct", "last"):
                name = f"{function}_before_{seconds}"
                yield Aggregate(function, "real", window, name=name, exclude_current=True)  # type: ignore[arg-type]
            yield Aggregate("count", "", window, name=f"before_{seconds}", exclude_current=True)
    yield from map(Latest, DTYPES)


EVERYTHING = FeatureView("everything", "events", ("key",), tuple(_features()))
SHORT = FeatureView(
    "short",
    "events",
    ("key",),
    (Aggregate("sum", "real", timedelta(seconds=20)), Latest("text")),
    ttl=timedelta(seconds=10),
)


def plan_for(view: FeatureView) -> StatePlan:
    """Return the plan of a view of such events."""
    return state_plan(view, {name: DTYPES[name] for name in view.used})


def make(dice: random.Random, count: int, *, span: int, wild: bool) -> list[Row]:
    """Make events of one key, many at equal times; wild ones reach the ends of all types."""
    reals = [None, float("nan"), 0.0, -0.0, dice.random(), dice.gauss(0, 9), 1e-320]
    reals += [1e300, -1e300, float("inf")] if wild else [1.5, 7.0]
    texts = [None, *"abcdef", *map(str, range(99 if wild else 3))]
    return [
        {
            "_t": dice.randrange(span) * SECOND,
            "_seq": number,
            "real": dice.choice(reals) if dice.random() < 0.7 else dice.gauss(0, 100),
            "whole": dice.choice([None, *range(9), 2**62 if wild else 5, -(2**63) if wild else 4]),
            "money": dice.choice([None, "0.10", "-9.99", "1234567.89"]),
            "text": dice.choice(texts),
        }
        for number in range(count)
    ]


def table(rows: Sequence[Row]) -> pa.Table:
    """Return events as a table."""
    columns: dict[str, pa.Array[Any]] = {
        name: pa.array([row[name] for row in rows], pa.int64()) for name in ("_t", "_seq")
    }
    for name, kind in TYPES.items():
        values = pa.array([row[name] for row in rows])
        columns[name] = values.cast(kind)
    return pa.table({**columns, "_id": columns["_seq"], "key": pa.array([7] * len(rows))})


def events_of(plan: StatePlan, rows: Sequence[Row]) -> Events:
    """Return events as the state holds them."""
    return keyed_events(plan, table(rows), ("key",)).events(0)


class Kept:
    """The parts of one key."""

    def __init__(self) -> None:
        self.parts: dict[bytes, bytes] = {}

    def apply(self, change: Change) -> Change:
        """Do what a change says."""
        for part, value in change.parts.items():
            self.parts.pop(part, None)
            if value is not None:
                self.parts[part] = value
        return change

    def read(self, plan: StatePlan, at: int) -> list[object]:
        """Return all features at a time."""
        reading = begin(plan, [self.parts.get(b"")], at)
        assert finish(reading, [self.parts[part] for one in reading.tiled for part in one.parts])
        return [cells_of(one)[0] for one in decode(reading, TextMemory(), None)]


def answer(view: FeatureView, rows: Sequence[Row], at: int) -> list[object]:
    """Return all features as the training set has them."""
    labels = pa.table({"key": [7], "_t": pa.array([at], pa.int64())})
    return list(ENGINE.compute(view, table(rows), labels).to_pylist()[0].values())
