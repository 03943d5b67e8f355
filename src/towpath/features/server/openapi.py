"""The OpenAPI document of a feature server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from towpath.features.push import PushReport
from towpath.features.server.feast import OnlineAnswer, OnlineRequest
from towpath.features.server.native import SetAnswer
from towpath.features.server.push import PushRequest, RowsRequest, WriteRequest, push_path
from towpath.web import openapi
from towpath.web.message import ARROW
from towpath.web.openapi import REFERENCE, Schema, read_route
from towpath.web.problem import Problem

if TYPE_CHECKING:
    from towpath.features.server.native import SetReads
    from towpath.features.server.push import Pushes

PLAIN = "application/json"
PUSHED = (PushRequest, WriteRequest, RowsRequest, PushReport)


def described(sets: tuple[SetReads, ...], pushes: Pushes | None, *, version: str) -> Schema:
    """Describe the API of a server.

    Example:
        >>> sorted(described((), None, version="1.0")["paths"])[:3]
        ['/', '/get-online-features', '/health']
    """
    requests = [one.request for one in sets]
    kinds = [SetAnswer, Problem, OnlineRequest, OnlineAnswer, *PUSHED, *requests]
    schemas, components = msgspec.json.schema_components(
        kinds, ref_template=REFERENCE, schema_hook=openapi.anything
    )
    for request in requests:
        openapi.give_one_of(components[request.__name__], ("keys", "rows"))
    answer, problem, feast, online, pushed, written, rows, report, *asked = schemas
    paths: dict[str, Schema] = {
        "/": read_route("What is served, and how fresh."),
        "/health": read_route("Whether the process turns, as Feast's clients ask."),
        "/healthz": read_route("Whether the process turns."),
        "/readyz": read_route("Which views can be read."),
        "/metrics": read_route("Counters in the text form of Prometheus.", media="text/plain"),
        "/openapi.json": read_route("This document."),
        "/get-online-features": openapi.post_route(
            "Features by key, as Feast's feature server answers.",
            "get_online_features",
            bodies={PLAIN: feast},
            replies=openapi.answers("Entities, then features.", online, problem=problem),
        ),
    }
    replies = openapi.answers("Columns of features.", answer, problem=problem)
    for one, schema in zip(sets, asked, strict=True):
        name = one.asked.name
        paths[one.path] = openapi.post_route(
            f"Features of {name}.", f"read_{name}", bodies={PLAIN: schema}, replies=replies
        )
    if pushes is not None:
        taken = openapi.answers("What became of the rows.", report, problem=problem)
        paths |= _push_paths(pushes, (pushed, written, rows), taken)
    return openapi.document("Towpath features", version, paths=paths, schemas=components)


def _push_paths(
    pushes: Pushes, bodies: tuple[Schema, Schema, Schema], replies: Schema
) -> dict[str, Schema]:
    """Describe the routes that take rows in."""
    pushed, written, rows = bodies
    found: dict[str, Schema] = {
        "/push": openapi.post_route(
            "Take rows in, as Feast's server does.", "push", bodies={PLAIN: pushed}, replies=replies
        ),
        "/write-to-online-store": openapi.post_route(
            "Take rows of a view in, as Feast's server does.",
            "write_to_online_store",
            bodies={PLAIN: written},
            replies=replies,
        ),
    }
    either: dict[str, Schema] = {PLAIN: rows, ARROW: {"type": "string", "format": "binary"}}
    for dataset in pushes.datasets():
        found[push_path(dataset)] = openapi.post_route(
            f"Take rows of {dataset.name} in.",
            f"push_{dataset.name}",
            bodies=either,
            replies=replies,
        )
    return found
