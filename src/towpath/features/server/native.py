"""The typed route of a feature set: keys or rows in, columns out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec

from towpath.core.errors import Invalid, did_you_mean
from towpath.core.instant import format_instant, from_micros, to_micros
from towpath.features.row_type import Instant, columns_type, row_type
from towpath.features.server.encode import cells, view_status
from towpath.features.server.given import ROWS_LIMIT
from towpath.features.server.instant_text import NEVER, instants_json
from towpath.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.core.clock import Clock
    from towpath.features.columns import Columns, Known
    from towpath.features.server.reads import Reads
    from towpath.features.server.source import Asked, Given
    from towpath.lake.dataset import Column
    from towpath.web.message import Request


class SetRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What every request has; keys and rows are typed by the feature set.

    Args:
        at: time that the features are of, now unless given.
        features: names of the features that are wanted; all unless given.
    """

    at: Instant | None = None
    features: tuple[str, ...] | None = None


class ViewColumns(msgspec.Struct, omit_defaults=True):
    """What one view knows of the rows.

    Args:
        newest: time of the newest event of each row, null where there is none.
        status: of each row, ``FOUND``, ``NOT_FOUND``, ``OUTSIDE_MAX_AGE`` or ``DEFAULT``; left out
            where all are found.
    """

    newest: msgspec.Raw
    status: list[str] | None = None


class SetAnswer(msgspec.Struct, omit_defaults=True):
    """The answer to a request.

    Args:
        feature_set: its name.
        version: of its definition.
        at: time that the features are of.
        rows: how many there are.
        columns: the values by feature, null where there is none.
        views: what each view knows of the rows.
        missing: numbers of the rows whose key is not known; all their features are null.
    """

    feature_set: str
    version: str
    at: datetime
    rows: int
    columns: dict[str, list[object] | msgspec.Raw]
    views: dict[str, ViewColumns]
    missing: tuple[int, ...] = ()


class SetReads:
    """Answers the typed route of one feature set.

    Args:
        asked: the feature set.
        clock: tells the time.
        reads: counts what is read.

    Attributes:
        request: the type of a request's body.
        asked: the feature set.
    """

    def __init__(self, asked: Asked, *, clock: Clock, reads: Reads) -> None:
        """Build the types of its requests."""
        self.asked = asked
        self.request = request_type(asked)
        self._clock = clock
        self._reads = reads
        self._places = {one.name: place for place, one in enumerate(asked.features)}
        self._decode = msgspec.json.Decoder(self.request).decode
        self._encode = msgspec.json.Encoder().encode

    @property
    def path(self) -> str:
        """The path at which the set is asked."""
        return f"/v1/feature-sets/{self.asked.name}"

    def answer(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            msgspec.DecodeError: the body is not JSON, or not of the request's type.
            Invalid: neither keys nor rows, both, too many, or a time that is yet to come.
        """
        body = self._decode(request.body)
        now = to_micros(self._clock.now())
        at = now if body.at is None else to_micros(body.at)
        if at > now:
            message = f"The time {format_instant(from_micros(at))} is yet to come."
            raise Invalid(message, hint="Leave out 'at' for the features of now.")
        places = self._wanted(body.features)
        keys, rows = getattr(body, "keys", None), getattr(body, "rows", None)
        if (keys is None) == (rows is None):
            raise Invalid("The request must give either keys or rows.", hint="See /openapi.json.")
        by_key = keys is not None
        given = _given(keys if by_key else rows, self.asked.key if by_key else self.asked.row)
        rows = len(next(iter(given.values())))
        columns = self.asked.read(given, at, rows=rows, by_key=by_key)
        if self._reads.due():
            self._reads.note(self.asked, columns, at)
        return Response(self._encode(self._made(columns, places, at)))

    def _wanted(self, features: tuple[str, ...] | None) -> Sequence[int]:
        """Return the places of the features that are wanted."""
        if features is None:
            return range(len(self.asked.features))
        for name in features:
            if name not in self._places:
                message = f"Feature set {self.asked.name!r} has no feature {name!r}."
                raise Invalid(message, hint=did_you_mean(name, self._places))
        return [self._places[name] for name in features]

    def _made(self, columns: Columns, places: Sequence[int], at: int) -> SetAnswer:
        """Put an answer together."""
        features = self.asked.features
        return SetAnswer(
            feature_set=self.asked.name,
            version=self.asked.version,
            at=from_micros(at),
            rows=columns.rows,
            columns={
                features[place].name: cells(columns.features[place], features[place])
                for place in places
            },
            views=dict(zip(self.asked.views, map(_view, columns.views), strict=True)),
            missing=columns.missing,
        )


def request_type(asked: Asked) -> type[SetRequest]:
    """Build the type of a feature set's requests: keys or rows, by row or by column."""
    title = "".join(part.capitalize() for part in asked.name.split("_"))
    fields: list[tuple[str, Any, Any]] = [
        (name, _many(f"{title}{name.capitalize()}", columns), None)
        for name, columns in (("keys", asked.key), ("rows", asked.row))
        if columns
    ]
    made = msgspec.defstruct(
        f"{title}Request", fields, bases=(SetRequest,), forbid_unknown_fields=True, kw_only=True
    )
    return cast("type[SetRequest]", made)


def _many(name: str, columns: Sequence[Column]) -> Any:  # noqa: ANN401 - a type made at run time
    """Return the type of rows as a list, or by column."""
    size = msgspec.Meta(min_length=1, max_length=ROWS_LIMIT)
    row = row_type(name.removesuffix("s"), columns)
    return Annotated[list[row], size] | columns_type(name, columns) | None  # type: ignore[valid-type]  # made at run time


def _given(given: object, columns: Sequence[Column]) -> Given:
    """Return rows by column, times as microseconds and dates as text, as engines take them."""
    if isinstance(given, list):
        found = {one.name: [getattr(row, one.name) for row in given] for one in columns}
    else:
        found = {one.name: getattr(given, one.name) for one in columns}
    lengths = {len(values) for values in found.values() if values is not None}
    if len(lengths) != 1 or not 0 < min(lengths) <= ROWS_LIMIT:
        message = f"The columns have {', '.join(map(str, sorted(lengths))) or 'no'} values."
        raise Invalid(
            message, hint=f"Give 1 to {ROWS_LIMIT} of each, as many of one as of another."
        )
    for one in columns:
        values = found[one.name]
        if values is None:
            found[one.name] = [None] * min(lengths)
        elif one.dtype == "timestamp":
            found[one.name] = [None if value is None else to_micros(value) for value in values]
        elif one.dtype == "date":
            found[one.name] = [None if value is None else value.isoformat() for value in values]
    return found


def _view(known: Known) -> ViewColumns:
    """Return what a view knows of the rows."""
    newest = instants_json(known.newest).replace(NEVER, b"null")
    return ViewColumns(msgspec.Raw(newest), view_status(known))
