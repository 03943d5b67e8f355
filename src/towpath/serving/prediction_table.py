"""Predictions as a table, in the contract of the lake's dataset ``predictions``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from towpath.lake.contract import arrow_schema
from towpath.lake.system import LIVE, PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.serving.log import Logged

SCHEMA = arrow_schema(PREDICTIONS)


def prediction_table(
    endpoint: str, features: Sequence[str], logged: Sequence[Logged], *, origin: str = LIVE
) -> pa.Table:
    """Turn logged predictions into rows; numbers in ``features`` read back bit for bit.

    A NaN is written as null, an infinity as the text ``inf`` or ``-inf``: JSON has neither.

    Example:
        >>> from towpath.serving.log import Logged
        >>> one = Logged("a", "champion", "late", 1, "{}", 0, 0, [7, 0.1], 0.5, True)
        >>> prediction_table("late", ["hour", "wind"], [one])["features"][0].as_py()
        '{"hour":7,"wind":0.1}'
    """
    encode = msgspec.json.Encoder().encode
    columns: dict[str, list[object]] = {
        "id": [one.id for one in logged],
        "endpoint": [endpoint] * len(logged),
        "arm": [one.arm for one in logged],
        "model": [one.model for one in logged],
        "version": [str(one.version) for one in logged],
        "key": [one.key for one in logged],
        "at": [one.at for one in logged],
        "logged_at": [one.logged_at for one in logged],
        "features": [encode(_readable(features, one)).decode() for one in logged],
        "probability": [one.probability for one in logged],
        "decision": [one.decision for one in logged],
        "origin": [origin] * len(logged),
        "features_from": [one.features_from for one in logged],
        "features_until": [one.features_until for one in logged],
    }
    return pa.table(columns, schema=SCHEMA)


def _readable(features: Sequence[str], logged: Logged) -> dict[str, object]:
    """Name the values, with infinities as text."""
    return {
        name: repr(value) if isinstance(value, float) and math.isinf(value) else value
        for name, value in zip(features, logged.values, strict=True)
    }
