"""The bodies of a prediction request and its answer, typed for each endpoint."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.lake.dataset import Column
    from towpath.serving.served import Served

BATCH_LIMIT = 1000
Instant = Annotated[
    datetime, msgspec.Meta(tz=True, description="ISO 8601 with its zone, such as 2013-10-01T08:00Z")
]
Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
KINDS: dict[str, object] = {
    "bool": bool,
    "int64": Whole,
    "float64": float,
    "string": str,
    "timestamp": Instant,
    "date": date,
}


class Prediction(msgspec.Struct):
    """One answer.

    Args:
        id: its name in the prediction log.
        key: the key that was asked for.
        probability: the model's output.
        decision: whether it reached the model's threshold.
        model: name of the model.
        version: number of its version.
        arm: the alias that answered.
        at: time the features are of.
    """

    id: str
    key: dict[str, object]
    probability: float
    decision: bool
    model: str
    version: int
    arm: str
    at: datetime


class Answer(msgspec.Struct):
    """The answer to a request, predictions in the order of its keys or rows."""

    endpoint: str
    predictions: list[Prediction]


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What every request has; keys and rows are typed by the endpoint."""

    at: Instant | None = None


def request_type(served: Served) -> type[Asked]:
    """Build the type of an endpoint's requests: keys, or rows where the endpoint takes them.

    Unknown fields are refused, since a misspelt optional column would go unnoticed.
    """
    title = "".join(part.capitalize() for part in served.endpoint.name.split("_"))
    key = _struct(f"{title}Key", served.key)
    fields: list[tuple[str, Any, Any]] = [("keys", _batch(key), None)]
    if served.row:
        fields.append(("rows", _batch(_struct(f"{title}Row", served.row)), None))
    made = msgspec.defstruct(
        f"{title}Request", fields, bases=(Asked,), forbid_unknown_fields=True, kw_only=True
    )
    return cast("type[Asked]", made)


def _batch(item: type) -> Any:  # noqa: ANN401 - a type made at run time
    """Return the type of a list that is short enough for one request, or nothing."""
    size = msgspec.Meta(min_length=1, max_length=BATCH_LIMIT)
    return Annotated[list[item], size] | None  # type: ignore[valid-type]  # made at run time


def _struct(name: str, columns: Sequence[Column]) -> type[msgspec.Struct]:
    """Build the type of a row with these columns."""
    required = [(one.name, _kind(one)) for one in columns if not one.nullable]
    optional = [(one.name, _kind(one) | None, None) for one in columns if one.nullable]
    return msgspec.defstruct(
        name, [*required, *optional], forbid_unknown_fields=True, kw_only=True, frozen=True
    )


def _kind(column: Column) -> Any:  # noqa: ANN401 - a type made at run time
    """Return the JSON type of a column."""
    kind: Any = KINDS[column.dtype]
    return Annotated[kind, msgspec.Meta(description=column.doc)] if column.doc else kind
