"""The routes of the feature server."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from towpath.core.errors import Unavailable
from towpath.core.instant import from_micros, to_micros
from towpath.features.online.breaker import BreakingStore
from towpath.features.server.definitions import Definitions, asked_set
from towpath.features.server.feast import FeastReads
from towpath.features.server.freshness import freshness, freshness_metrics
from towpath.features.server.native import SetReads
from towpath.features.server.openapi import described
from towpath.features.server.outage import told
from towpath.features.server.push import BODY_BYTES, Pushes, push_path
from towpath.features.server.push_metrics import push_metrics
from towpath.features.server.reads import Reads
from towpath.features.warm import empty_row, warm
from towpath.web.message import ARROW, JSON, Request, Response
from towpath.web.metrics import exposition
from towpath.web.route import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.core.clock import Clock
    from towpath.web.app import App
    from towpath.web.metrics import Metric, Sheet

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class SetStatus(msgspec.Struct, frozen=True):
    """What discovery says of one feature set.

    Args:
        name: its name.
        description: what it is for.
        owner: who answers for it.
        version: of its definition.
        read: where to ask.
        key: dtype of each column of a key.
        row: dtype of each column that features are computed from.
        features: dtype of each feature.
    """

    name: str
    description: str
    owner: str
    version: str
    read: str
    key: dict[str, str]
    row: dict[str, str]
    features: dict[str, str]


class ServerStatus(msgspec.Struct, frozen=True):
    """What ``GET /`` answers.

    Args:
        version: version of towpath.
        openapi: where the description of the API is.
        feature_sets: what is served.
        freshness: up to which time each view was materialised, null for never.
    """

    version: str
    openapi: str
    feature_sets: tuple[SetStatus, ...]
    freshness: dict[str, datetime | None]


class FeatureServer:
    """The routes over the feature sets and views of a project.

    Args:
        known: its definitions.
        app: makes the application of its routes.
        clock: tells the time.
        pushes: takes rows in.
        sheet: where the numbers for ``/metrics`` are kept; those of other workers are there too.

    Attributes:
        app: the application.

    Raises:
        Invalid: a definition does not fit the views and datasets.
    """

    def __init__(
        self,
        known: Definitions,
        app: Callable[[tuple[Route, ...]], App],
        *,
        clock: Clock,
        pushes: Pushes,
        sheet: Sheet,
    ) -> None:
        """Build the table of routes."""
        self._pushes = pushes
        self._known = known
        self._clock = clock
        self._reads = Reads(sheet)
        self._version = version("towpath")
        self._sets = tuple(self._served(name) for name in known.feature_sets)
        feast = FeastReads(known, clock=clock, reads=self._reads)
        document = described(self._sets, pushes, version=self._version)
        self._document = Response(msgspec.json.encode(document))
        self.app = app((*self._looks(), *self._asks(feast), *_push_routes(pushes)))

    def warm(self) -> None:
        """Read each feature set once, by made-up values."""
        at = to_micros(self._clock.now())
        for one in self._sets:
            row = {name: [value] for name, value in empty_row(one.asked.row).items()}
            warm(f"feature set {one.asked.name}", partial(one.asked.read, row, at, by_key=False))

    def _looks(self) -> tuple[Route, ...]:
        """Return the routes that tell of the server itself.

        What may wait for another process has no place on the event loop, here and below.
        """
        look = partial(Route, "GET", threads="look" if self._known.store.remote else "")
        return (
            Route("GET", "/health", self._health),
            Route("GET", "/healthz", _healthy),
            Route("GET", "/openapi.json", self._describe, scope="read"),
            look("/", told(self._discover), scope="read"),
            look("/readyz", told(self._ready)),
            look("/metrics", self._measure, scope="read"),
        )

    def _asks(self, feast: FeastReads) -> tuple[Route, ...]:
        """Return the routes that read features."""
        store = self._known.store
        ask = partial(Route, "POST", queued=True, scope="read")
        if isinstance(store, BreakingStore):
            ask = partial(
                Route, "POST", threads="read", prompt=lambda: store.is_prompt, scope="read"
            )
        return (
            ask("/get-online-features", told(feast.answer), together=feast.together),
            *(ask(one.path, told(one.answer)) for one in self._sets),
        )

    def _served(self, name: str) -> SetReads:
        """Open one feature set."""
        return SetReads(asked_set(self._known, name), clock=self._clock, reads=self._reads)

    def _watermarks(self) -> dict[str, int | None]:
        """Return up to which time each view was materialised."""
        return freshness(one.asked for one in self._sets)

    def _discover(self, _: Request) -> Response:
        """Say what is served, and how fresh."""
        fresh = {
            view: None if micros is None else from_micros(micros)
            for view, micros in self._watermarks().items()
        }
        sets = tuple(self._status(one) for one in self._sets)
        return Response(
            msgspec.json.encode(ServerStatus(self._version, "/openapi.json", sets, fresh))
        )

    def _status(self, one: SetReads) -> SetStatus:
        """Describe one feature set."""
        definition = self._known.feature_sets[one.asked.name]
        return SetStatus(
            name=definition.name,
            description=definition.description,
            owner=definition.owner,
            version=one.asked.version,
            read=one.path,
            key={column.name: column.dtype for column in one.asked.key},
            row={column.name: column.dtype for column in one.asked.row},
            features={feature.name: feature.dtype for feature in one.asked.features},
        )

    def _describe(self, _: Request) -> Response:
        """Return the OpenAPI document."""
        return self._document

    def _ready(self, _: Request) -> Response:
        """Say which views can be read; 503 while none can."""
        ready = {view: micros is not None for view, micros in self._watermarks().items()}
        status = "ready" if any(ready.values()) or not ready else "nothing is materialised yet"
        body = msgspec.json.encode({"status": status, "views": ready})
        return Response(body, status=200 if status == "ready" else 503)

    def _health(self, _: Request) -> Response:
        """Answer while the event loop turns; say how pushed rows get into the lake."""
        found = {"status": "alive", "pushes": self._pushes.flusher.status()}
        return Response(msgspec.json.encode(found))

    def _measure(self, _: Request) -> Response:
        """Write the metrics: what all workers counted, and how fresh the views are."""
        metrics: list[Metric] = [self.app.requests, self.app.seconds, self.app.waiting]
        metrics += (*self._reads.metrics, *push_metrics(self._pushes))
        if isinstance(self._known.store, BreakingStore):
            metrics += self._known.store.metrics
        with suppress(Unavailable):
            now = to_micros(self._clock.now())
            metrics += freshness_metrics(self._watermarks(), now=now)
        return Response(exposition(tuple(metrics)), media_type=METRICS_TYPE)


def _push_routes(pushes: Pushes) -> tuple[Route, ...]:
    """Return the routes that take rows in; they wait for a disk, so each runs in a thread."""
    taken = partial(Route, "POST", threads="push", scope="write", body_bytes=BODY_BYTES)
    return (
        taken("/push", told(pushes.push)),
        taken("/write-to-online-store", told(pushes.write)),
        *(
            taken(push_path(one), told(pushes.rows), media_types=(JSON, ARROW))
            for one in pushes.datasets()
        ),
    )


def _healthy(_: Request) -> Response:
    """Answer while the event loop turns."""
    return Response(b'{"status":"alive"}')
