"""The routes of a server: predictions, discovery, health, metrics."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

import msgspec

from towpath.core.instant import from_micros
from towpath.serving.message import BATCH_LIMIT
from towpath.serving.openapi import document
from towpath.serving.pointer import Arm
from towpath.serving.predict import MICROSECONDS, Answering, predict_path
from towpath.web.app import App
from towpath.web.message import Request, Response
from towpath.web.metrics import Counter, Gauge, exposition
from towpath.web.route import Limits, Route

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class EndpointStatus(msgspec.Struct, frozen=True):
    """What discovery says of one endpoint.

    Args:
        name: its name.
        description: what it is for.
        owner: who answers for it.
        model: the model that answers.
        predict: where to ask.
        arms: the versions that answer at present.
        failure: why the newest deployment is not followed, empty if it is.
        unknown_key: what a key without a row gets.
        batch_limit: most keys or rows in one request.
        key: dtype of each column of a key.
        row: dtype of each column of a row, empty where only keys are taken.
        features: dtype of each feature.
        freshness: up to which time each view was materialised.
    """

    name: str
    description: str
    owner: str
    model: str
    predict: str
    arms: tuple[Arm, ...]
    failure: str
    unknown_key: str
    batch_limit: int
    key: dict[str, str]
    row: dict[str, str]
    features: dict[str, str]
    freshness: dict[str, datetime]


class ServerStatus(msgspec.Struct, frozen=True):
    """What ``GET /`` answers.

    Args:
        version: version of towpath.
        openapi: where the description of the API is.
        endpoints: what is served.
    """

    version: str
    openapi: str
    endpoints: tuple[EndpointStatus, ...]


class Server:
    """The routes over a set of endpoints.

    Args:
        endpoints: what answers.
        limits: what is accepted.

    Attributes:
        app: the application.
    """

    def __init__(self, endpoints: tuple[Answering, ...], *, limits: Limits) -> None:
        """Build the table of routes."""
        self._endpoints = endpoints
        self._version = version("towpath")
        described = document(endpoints, version=self._version)
        self._document = Response(msgspec.json.encode(described))
        self.app = App(
            (
                Route("GET", "/", self._discover),
                Route("GET", "/healthz", _healthy),
                Route("GET", "/readyz", self._ready),
                Route("GET", "/metrics", self._measure),
                Route("GET", "/openapi.json", self._describe),
                *(Route("POST", predict_path(one), one.answer, queued=True) for one in endpoints),
            ),
            limits=limits,
        )

    def _discover(self, _: Request) -> Response:
        """Say what is served, by which versions and how fresh."""
        endpoints = tuple(status(one) for one in self._endpoints)
        found = ServerStatus(self._version, "/openapi.json", endpoints)
        return Response(msgspec.json.encode(found))

    def _describe(self, _: Request) -> Response:
        """Return the OpenAPI document."""
        return self._document

    def _ready(self, _: Request) -> Response:
        """Name the versions that answer; routes exist only once they are loaded and proved."""
        arms = {
            one.served.endpoint.name: one.live.loaded.deployment.arms for one in self._endpoints
        }
        found = {
            name: {arm.alias: f"{arm.model}/{arm.version}" for arm in each}
            for name, each in arms.items()
        }
        return Response(msgspec.json.encode({"status": "ready", "endpoints": found}))

    def _measure(self, _: Request) -> Response:
        """Write the metrics of this process."""
        answered = Counter(
            "predictions_total", "Predictions.", labels=("endpoint", "arm", "version")
        )
        swaps = Counter("deployments_total", "Deployments followed.", labels=("endpoint",))
        refused = Gauge("deployment_refused", "1 if the newest is refused.", labels=("endpoint",))
        fresh = Gauge(
            "feature_watermark_seconds", "Time of the views.", labels=("endpoint", "view")
        )
        lag = Gauge(
            "feature_lag_seconds", "Time since the oldest view's watermark.", labels=("endpoint",)
        )
        for one in self._endpoints:
            name = one.served.endpoint.name
            seconds = one.lag()
            if seconds is not None:
                lag.put(seconds, (name,))
            for (arm, number), count in one.answered.items():
                answered.add((name, arm, str(number)), count)
            swaps.add((name,), one.live.swaps)
            refused.put(int(bool(one.live.failure)), (name,))
            for view, micros in one.served.source.freshness().items():
                fresh.put(micros / MICROSECONDS, (name, view))
        app = self.app
        metrics = (app.requests, app.seconds, app.waiting, answered, swaps, refused, fresh, lag)
        return Response(exposition(metrics), media_type=METRICS_TYPE)


def status(answering: Answering) -> EndpointStatus:
    """Say what one endpoint takes and what answers at present."""
    served, endpoint = answering.served, answering.served.endpoint
    return EndpointStatus(
        name=endpoint.name,
        description=endpoint.description,
        owner=endpoint.owner,
        model=endpoint.model,
        predict=predict_path(answering),
        arms=answering.live.loaded.deployment.arms,
        failure=answering.live.failure,
        unknown_key=endpoint.unknown_key,
        batch_limit=BATCH_LIMIT,
        key={one.name: one.dtype for one in served.key},
        row={one.name: one.dtype for one in served.row},
        features=served.schema,
        freshness={view: from_micros(at) for view, at in served.source.freshness().items()},
    )


def _healthy(_: Request) -> Response:
    """Answer while the event loop turns."""
    return Response(b'{"status":"alive"}')
