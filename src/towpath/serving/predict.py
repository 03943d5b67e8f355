"""Answering for one endpoint: features, arm, probability, log, reply."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from towpath.core.errors import Invalid, NotFound
from towpath.core.instant import format_instant, from_micros, to_micros
from towpath.serving.log import Logged
from towpath.serving.message import Answer, Asked, Prediction, request_type
from towpath.web.message import Response

if TYPE_CHECKING:
    from towpath.core.clock import Clock
    from towpath.serving.live import Live
    from towpath.serving.log import PredictionLog
    from towpath.serving.served import Served
    from towpath.web.message import Request

Values = Sequence[object]
Key = dict[str, object]


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
            NotFound: a key is unknown and the endpoint has no defaults for it.
            Unavailable: the prediction log does not take the answer.
        """
        asked = self._decode(request.body)
        now = to_micros(self._clock.now())
        at = self._checked_at(asked, now)
        rows = self._rows(asked, at)
        logged = [self._predict(key, values, (at, now)) for key, values in rows]
        self._log.append(logged)
        self.answered.update((one.arm, one.version) for one in logged)
        moment = from_micros(at)
        replies = [_reply(one, key, moment) for one, (key, _) in zip(logged, rows, strict=True)]
        return Response(self._encode(Answer(self.served.endpoint.name, replies)))

    def _checked_at(self, asked: Asked, now: int) -> int:
        """Return the time to predict at, which has passed."""
        if asked.at is None:
            return now
        at = to_micros(asked.at)
        if at > now:
            message = f"The time {format_instant(asked.at)} is yet to come."
            raise Invalid(message, hint="Leave out 'at' to predict now.")
        return at

    def _rows(self, asked: Asked, at: int) -> list[tuple[Key, Values]]:
        """Return each key with its features' values."""
        keys: list[msgspec.Struct] | None = getattr(asked, "keys", None)
        rows: list[msgspec.Struct] | None = getattr(asked, "rows", None)
        if (keys is None) == (rows is None):
            allowed = "either keys or rows" if self.served.row else "keys"
            raise Invalid(f"The request must give {allowed}.", hint="See /openapi.json.")
        if keys is not None:
            return self._by_keys([msgspec.structs.asdict(key) for key in keys], at)
        return self._by_rows([msgspec.structs.asdict(row) for row in rows or ()], at)

    def _by_keys(self, keys: list[Key], at: int) -> list[tuple[Key, Values]]:
        """Look the features of keys up."""
        found = self.served.source.by_keys([_inside(key) for key in keys], at)
        return [
            (
                key,
                self._unknown(key)
                if features is None
                else [features[name] for name in self._names],
            )
            for key, features in zip(keys, found, strict=True)
        ]

    def _by_rows(self, rows: list[Key], at: int) -> list[tuple[Key, Values]]:
        """Compute the features of rows that the caller gave."""
        values = self.served.source.by_rows([_inside(row) for row in rows], at)
        keys = (
            {name: row[name] for name in self._key_names if row.get(name) is not None}
            for row in rows
        )
        return list(zip(keys, values, strict=True))

    def _unknown(self, key: Key) -> Values:
        """Return the values for a key without a row, where the endpoint has some."""
        if self.served.endpoint.unknown_key == "defaults":
            return self._defaults
        shown = self._encode(key).decode()
        message = f"Endpoint {self.served.endpoint.name!r} knows no key {shown}."
        hint = "Check the key, or materialise newer rows: towpath run"
        raise NotFound(message, hint=hint, key=key)

    def _predict(self, key: Key, values: Values, times: tuple[int, int]) -> Logged:
        """Ask the arm of a key."""
        text = self._encode(key)
        loaded = self.live.loaded
        place = loaded.place(text)
        arm, bundle = loaded.deployment.arms[place], loaded.bundles[place]
        probability = bundle.predictor.predict_one(values)
        at, now = times
        return Logged(
            id=f"{self._prefix}{next(self._count):012x}",
            arm=arm.alias,
            model=arm.model,
            version=arm.version,
            key=text.decode(),
            at=at,
            logged_at=now,
            values=list(values),
            probability=probability,
            decision=probability >= bundle.contract.threshold,
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
