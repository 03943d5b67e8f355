"""The bodies of a prediction request and its answer, typed for each endpoint."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec

from towpath.features.row_type import Instant, row_type

if TYPE_CHECKING:
    from towpath.serving.served import Served

BATCH_LIMIT = 1000


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
    key = row_type(f"{title}Key", served.key)
    fields: list[tuple[str, Any, Any]] = [("keys", _batch(key), None)]
    if served.row:
        fields.append(("rows", _batch(row_type(f"{title}Row", served.row)), None))
    made = msgspec.defstruct(
        f"{title}Request", fields, bases=(Asked,), forbid_unknown_fields=True, kw_only=True
    )
    return cast("type[Asked]", made)


def _batch(item: type) -> Any:  # noqa: ANN401 - a type made at run time
    """Return the type of a list that is short enough for one request, or nothing."""
    size = msgspec.Meta(min_length=1, max_length=BATCH_LIMIT)
    return Annotated[list[item], size] | None  # type: ignore[valid-type]  # made at run time
