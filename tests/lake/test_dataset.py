from __future__ import annotations

import pytest

from towpath.core.errors import Invalid, NotFound
from towpath.core.record import from_json, to_json
from towpath.lake.dataset import Column, Dataset

ID = Column("id", "string")
AT = Column("at", "timestamp")


def test_a_contract_survives_json(trips: Dataset) -> None:
    assert from_json(to_json(trips), Dataset) == trips


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"columns": (ID, ID)}, "lists the column 'id' twice"),
        ({"columns": (ID,), "key": ("id", "id")}, "lists the key column 'id' twice"),
        ({"columns": (ID,), "key": ("ids",)}, "Did you mean 'id'"),
        ({"columns": (AT,), "event_time": "att"}, "Did you mean 'at'"),
        ({"columns": (ID,), "event_time": "id"}, "is not a timestamp"),
        ({"columns": ()}, "has no columns"),
        ({"columns": (Column("id", "string", nullable=True),), "key": ("id",)}, "is nullable"),
        ({"columns": (ID,), "name": "My Trips"}, "such as 'my_trips'"),
    ],
)
def test_a_contract_that_cannot_hold_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        Dataset(**{"name": "trips", **fields})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dtype": "string", "minimum": 1.0}, "no minimum or maximum"),
        ({"dtype": "int64", "allowed": ("a",)}, "no list of allowed values"),
        ({"dtype": "int64", "minimum": 2.0, "maximum": 1.0}, "minimum above its maximum"),
        ({"name": "Fare", "dtype": "int64"}, "such as 'fare'"),
    ],
)
def test_a_check_that_does_not_fit_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        Column(**{"name": "fare", **fields})  # type: ignore[arg-type]  # wrong on purpose


def test_an_unknown_column_suggests_a_close_one(trips: Dataset) -> None:
    with pytest.raises(NotFound, match="Did you mean 'fare'"):
        trips.column("fares")
