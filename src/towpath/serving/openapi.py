"""The OpenAPI document, from the same types that decode requests and encode answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from towpath.serving.message import Answer
from towpath.serving.predict import predict_path
from towpath.web.problem import MEDIA_TYPE, STATUS, TITLES, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.serving.predict import Answering

REFERENCE = "#/components/schemas/{name}"
Schema = dict[str, object]


def document(endpoints: tuple[Answering, ...], *, version: str) -> Schema:
    """Describe the API of a server.

    Example:
        >>> document((), version="1.0")["openapi"]
        '3.1.0'
    """
    requests = [one.request for one in endpoints]
    schemas, components = msgspec.json.schema_components(
        [Answer, Problem, *requests], ref_template=REFERENCE, schema_hook=_anything
    )
    for request in requests:
        _give_one_of(components[request.__name__])
    paths: dict[str, Schema] = {
        "/": _read("What is served, by which versions, how fresh."),
        "/healthz": _read("Whether the process turns."),
        "/readyz": _read("Whether predictions are answered."),
        "/metrics": _read("Counters in the text form of Prometheus.", media="text/plain"),
        "/openapi.json": _read("This document."),
    }
    answer, problem, *asked = schemas
    for one, schema in zip(endpoints, asked, strict=True):
        paths[predict_path(one)] = {"post": _predict(one, schema, (answer, problem))}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Towpath", "version": version},
        "paths": paths,
        "components": {"schemas": components},
    }


def _anything(kind: type) -> Schema:
    """Describe a value of any type."""
    if kind is object:
        return {"description": "any value"}
    raise NotImplementedError(kind)


def _give_one_of(schema: Schema) -> None:
    """Say that keys and rows exclude each other, neither of them null."""
    properties = schema["properties"]
    if not isinstance(properties, dict):
        return
    lists = [name for name in ("keys", "rows") if name in properties]
    for name in lists:
        properties[name] = properties[name]["anyOf"][0]
    schema["oneOf"] = [{"required": [name]} for name in lists]


def _read(summary: str, *, media: str = "application/json") -> Schema:
    """Describe a route that is only read."""
    content = {media: {"schema": {"type": "string" if media == "text/plain" else "object"}}}
    return {"get": {"summary": summary, "responses": {"200": _content(summary, content)}}}


def _predict(answering: Answering, asked: Schema, replies: tuple[Schema, Schema]) -> Schema:
    """Describe the route of one endpoint."""
    endpoint = answering.served.endpoint
    answer, problem = replies
    return {
        "summary": endpoint.description or f"Predictions of {endpoint.model}.",
        "operationId": f"predict_{endpoint.name}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
        "responses": {
            "200": _content("Predictions, in order.", {"application/json": {"schema": answer}}),
            **{
                str(code): _content(TITLES[code], {MEDIA_TYPE: {"schema": problem}})
                for code in sorted(STATUS)
            },
        },
    }


def _content(description: str, content: Mapping[str, object]) -> Schema:
    """Describe one answer."""
    return {"description": description, "content": content}
