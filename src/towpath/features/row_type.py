"""Types of rows and keys that a caller sends as JSON, made from contracts."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.lake.dataset import Column

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


def row_type(name: str, columns: Sequence[Column]) -> type[msgspec.Struct]:
    """Build the type of a row with these columns; unknown ones are refused.

    Example:
        >>> from towpath.lake.dataset import Column
        >>> Trip = row_type("Trip", (Column("car", "string"), Column("km", "int64", nullable=True)))
        >>> msgspec.json.decode(b'{"car": "a"}', type=Trip)
        Trip(car='a', km=None)
    """
    required = [(one.name, _kind(one)) for one in columns if not one.nullable]
    optional = [(one.name, _kind(one) | None, None) for one in columns if one.nullable]
    return msgspec.defstruct(
        name, [*required, *optional], forbid_unknown_fields=True, kw_only=True, frozen=True
    )


def columns_type(name: str, columns: Sequence[Column]) -> type[msgspec.Struct]:
    """Build the type of many rows given by column; a column that may be missing may be left out.

    Example:
        >>> from towpath.lake.dataset import Column
        >>> Trips = columns_type("Trips", (Column("car", "string"),))
        >>> msgspec.json.decode(b'{"car": ["a", "b"]}', type=Trips)
        Trips(car=['a', 'b'])
    """
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for one in sorted(columns, key=lambda column: column.nullable):
        kind = _kind(one)
        if one.nullable:
            fields.append((one.name, list[kind | None] | None, None))  # type: ignore[valid-type]  # made at run time
        else:
            fields.append((one.name, list[kind]))  # type: ignore[valid-type]  # made at run time
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True, frozen=True)


def _kind(column: Column) -> Any:  # noqa: ANN401 - a type made at run time
    """Return the JSON type of a column."""
    kind: Any = KINDS[column.dtype]
    return Annotated[kind, msgspec.Meta(description=column.doc)] if column.doc else kind
