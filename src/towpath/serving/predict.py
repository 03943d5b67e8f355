"""Answering for one endpoint: features, arm, probability, log, reply."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from towpath.core.errors import Invalid
from towpath.core.instant import format_instant, from_micros, to_micros
from towpath.lake.system import FROM_DEFAULTS, FROM_KEY, FROM_ROW
from towpath.serving.log import Logged
from towpath.serving.message import Answer, Asked, Prediction, request_type
from towpath.web.message import Response
from towpath.web.problem import Missing

if TYPE_CHECKING:
    from towpath.core.clock import Clock
    from towpath.serving.live import Live, Loaded
    from towpath.serving.log import PredictionLog
    from towpath.serving.served import Served
    from towpath.web.message import Request

Values = Sequence[object]
Key = dict[str, object]

MICROSECONDS = 1_000_000


class Found(NamedTuple):
    """What is known of one thing to predict on.

    Args:
        key: its key, times in UTC.
        values: the features' values.
        features_from: what they come from, as the log says it.
    """

    key: Key
    values: Values
    features_from: str


class Moment(NamedTuple):
    """The times of one request, in microseconds.

    Args:
        at: time to predict at.
        now: time of the answer.
        until: events up to here are known; None where no view is read.
    """

    at: int
    now: int
    until: int | None


class Answering:
    """Answers the requests of one endpoint, each in one go on the event loop.

    Args:
        served: the endpoint and its features.
        live: the versions that answer at present.
        log: keeps every prediction before it is sent.
        clock: tells the time.

    Attributes:
        request: the type of a request's body.
        answered: predictions by arm and version since the start.
    """

    def __init__(self, served: Served, live: Live, *, log: PredictionLog, clock: Clock) -> None:
        """Prepare what is the same for all requests."""
        self.served = served
        self.live = live
        self.request = request_type(served)
        self.answered: Counter[tuple[str, int]] = Counter()
        self._log = log
        self._clock = clock
        self._decode = msgspec.json.Decoder(self.request).decode
        self._encode = msgspec.json.Encoder().encode
        self._names = tuple(served.schema)
        self._key_names = tuple(one.name for one in served.key)
        self._defaults = tuple(served.defaults.get(name) for name in self._names)
        # Unique over servers and restarts by its random part, over requests by its count.
        self._prefix = os.urandom(10).hex()
        self._count = itertools.count()

    def answer(self, request: Request) -> Response:
        """Answer a request; either all its predictions are logged and sent, or none.

        Raises:
            msgspec.DecodeError: the body is not JSON, or not of the request's type.
            Invalid: neither keys nor rows, both of them, or a time that is yet to come.
            Missing: a key is unknown and the endpoint has no defaults for it.
            Unavailable: the prediction log does not take the answer.
        """
        asked = self._decode(request.body)
        now = to_micros(self._clock.now())
        # Before the values are read, which may be newer then, but never older.
        moment = Moment(self._checked_at(asked, now), now, self._watermark())
        rows = self._rows(asked, moment.at)
        loaded = self.live.loaded
        logged = [self._predict(loaded, row, moment) for row in rows]
        self._log.append(logged)
        self.answered.update((one.arm, one.version) for one in logged)
        at = from_micros(moment.at)
        replies = [_reply(one, row.key, at) for one, row in zip(logged, rows, strict=True)]
        return Response(self._encode(Answer(self.served.endpoint.name, replies)))

    def lag(self) -> float | None:
        """Return for how many seconds nothing was materialised, None where no view is read."""
        until = self._watermark()
        return None if until is None else (to_micros(self._clock.now()) - until) / MICROSECONDS

    def _watermark(self) -> int | None:
        """Return up to which event time all views are materialised, None where none is read."""
        return min(self.served.source.freshness().values(), default=None)

    def _checked_at(self, asked: Asked, now: int) -> int:
        """Return the time to predict at, which has passed."""
        if asked.at is None:
            return now
        at = to_micros(asked.at)
        if at > now:
            message = f"The time {format_instant(asked.at)} is yet to come."
            raise Invalid(message, hint="Leave out 'at' to predict now.")
        return at

    def _rows(self, asked: Asked, at: int) -> list[Found]:
        """Return what is known of each key or row."""
        keys: list[msgspec.Struct] | None = getattr(asked, "keys", None)
        rows: list[msgspec.Struct] | None = getattr(asked, "rows", None)
        if (keys is None) == (rows is None):
            allowed = "either keys or rows" if self.served.row else "keys"
            raise Invalid(f"The request must give {allowed}.", hint="See /openapi.json.")
        if keys is not None:
            return self._by_keys([msgspec.structs.asdict(key) for key in keys], at)
        return self._by_rows([msgspec.structs.asdict(row) for row in rows or ()], at)

    def _by_keys(self, keys: list[Key], at: int) -> list[Found]:
        """Look the features of keys up."""
        found = self.served.source.by_keys([_inside(key) for key in keys], at)
        return [
            self._unknown(_in_utc(key))
            if features is None
            else Found(_in_utc(key), [features[name] for name in self._names], FROM_KEY)
            for key, features in zip(keys, found, strict=True)
        ]

    def _by_rows(self, rows: list[Key], at: int) -> list[Found]:
        """Compute the features of rows that the caller gave."""
        values = self.served.source.by_rows([_inside(row) for row in rows], at)
        keys = (
            {name: row[name] for name in self._key_names if row.get(name) is not None}
            for row in rows
        )
        return [Found(_in_utc(key), one, FROM_ROW) for key, one in zip(keys, values, strict=True)]

    def _unknown(self, key: Key) -> Found:
        """Return the values for a key without a row, where the endpoint has some."""
        if self.served.endpoint.unknown_key == "defaults":
            return Found(key, self._defaults, FROM_DEFAULTS)
        shown = self._encode(key).decode()
        message = f"Endpoint {self.served.endpoint.name!r} knows no key {shown}."
        hint = "Check the key, or materialise newer rows: towpath run"
        raise Missing(message, hint=hint, key=key)

    def _predict(self, loaded: Loaded, row: Found, moment: Moment) -> Logged:
        """Ask the arm of a key."""
        text = self._encode(row.key)
        place = loaded.place(text)
        arm, bundle = loaded.deployment.arms[place], loaded.bundles[place]
        probability = bundle.predictor.predict_one(row.values)
        return Logged(
            id=f"{self._prefix}{next(self._count):012x}",
            arm=arm.alias,
            model=arm.model,
            version=arm.version,
            key=text.decode(),
            at=moment.at,
            logged_at=moment.now,
            values=list(row.values),
            probability=probability,
            decision=probability >= bundle.contract.threshold,
            features_from=row.features_from,
            features_until=moment.until,
        )


def predict_path(answering: Answering) -> str:
    """Return the path at which an endpoint is asked."""
    return f"/endpoints/{answering.served.endpoint.name}/predict"


def _reply(logged: Logged, key: Key, at: datetime) -> Prediction:
    """Turn a logged prediction into its part of the answer."""
    return Prediction(
        id=logged.id,
        key=key,
        probability=logged.probability,
        decision=logged.decision,
        model=logged.model,
        version=logged.version,
        arm=logged.arm,
        at=at,
    )


def _inside(row: Key) -> Key:
    """Turn times at the edge into the microseconds that engines take."""
    for name, value in row.items():
        if isinstance(value, datetime):
            row = {**row, name: to_micros(value)}
    return row


def _in_utc(key: Key) -> Key:
    """Write the times of a key in UTC: one instant is one key, whichever zone it was given in."""
    for name, value in key.items():
        if isinstance(value, datetime):
            key = {**key, name: value.astimezone(UTC)}
    return key
