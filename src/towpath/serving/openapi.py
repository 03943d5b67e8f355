"""The OpenAPI document, from the same types that decode requests and encode answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from towpath.serving.message import Answer
from towpath.serving.predict import predict_path
from towpath.web import openapi
from towpath.web.openapi import REFERENCE, Schema, read_route
from towpath.web.problem import Problem

if TYPE_CHECKING:
    from towpath.serving.predict import Answering


def document(endpoints: tuple[Answering, ...], *, version: str) -> Schema:
    """Describe the API of a server.

    Example:
        >>> document((), version="1.0")["openapi"]
        '3.1.0'
    """
    requests = [one.request for one in endpoints]
    schemas, components = msgspec.json.schema_components(
        [Answer, Problem, *requests], ref_template=REFERENCE, schema_hook=openapi.anything
    )
    for request in requests:
        openapi.give_one_of(components[request.__name__], ("keys", "rows"))
    paths: dict[str, Schema] = {
        "/": read_route("What is served, by which versions, how fresh."),
        "/healthz": read_route("Whether the process turns."),
        "/readyz": read_route("Whether predictions are answered."),
        "/metrics": read_route("Counters in the text form of Prometheus.", media="text/plain"),
        "/openapi.json": read_route("This document."),
    }
    answer, problem, *asked = schemas
    replies = openapi.answers("Predictions, in order.", answer, problem=problem)
    for one, schema in zip(endpoints, asked, strict=True):
        endpoint = one.served.endpoint
        paths[predict_path(one)] = openapi.post_route(
            endpoint.description or f"Predictions of {endpoint.model}.",
            f"predict_{endpoint.name}",
            bodies={"application/json": schema},
            replies=replies,
        )
    return openapi.document("Towpath", version, paths=paths, schemas=components)
