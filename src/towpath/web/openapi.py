"""Parts of an OpenAPI document that every application shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.web.problem import MEDIA_TYPE, STATUS, TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCE = "#/components/schemas/{name}"
Schema = dict[str, object]


def document(
    title: str, version: str, *, paths: Mapping[str, Schema], schemas: Mapping[str, Schema]
) -> Schema:
    """Describe an API.

    Example:
        >>> document("Towpath", "1.0", paths={}, schemas={})["openapi"]
        '3.1.0'
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def read_route(summary: str, *, media: str = "application/json") -> Schema:
    """Describe a route that is only read."""
    content = {media: {"schema": {"type": "string" if media == "text/plain" else "object"}}}
    return {"get": {"summary": summary, "responses": {"200": described(summary, content)}}}


def post_route(summary: str, name: str, *, bodies: Mapping[str, Schema], replies: Schema) -> Schema:
    """Describe a route that takes a body.

    Args:
        summary: what it does.
        name: of the operation.
        bodies: schema of the body by media type.
        replies: the answers, from ``answers``.
    """
    content = {media: {"schema": schema} for media, schema in bodies.items()}
    return {
        "post": {
            "summary": summary,
            "operationId": name,
            "requestBody": {"required": True, "content": content},
            "responses": replies,
        }
    }


def answers(description: str, answer: Schema, *, problem: Schema) -> Schema:
    """Describe the answers of a route: a good one, and every problem there can be."""
    good = described(description, {"application/json": {"schema": answer}})
    bad = {MEDIA_TYPE: {"schema": problem}}
    return {"200": good, **{str(code): described(TITLES[code], bad) for code in sorted(STATUS)}}


def described(description: str, content: Mapping[str, object]) -> Schema:
    """Describe one answer."""
    return {"description": description, "content": content}


def anything(kind: type) -> Schema:
    """Describe what has no schema of its own: a value of any type.

    Raises:
        NotImplementedError: it is not that either.
    """
    if kind is object or kind.__name__ == "Raw":
        return {"description": "any value"}
    raise NotImplementedError(kind)


def give_one_of(schema: Schema, names: tuple[str, ...]) -> None:
    """Say of a request that some of its fields exclude each other, none of them null."""
    properties = schema["properties"]
    if not isinstance(properties, dict):
        return
    present = [name for name in names if name in properties]
    for name in present:
        options = [one for one in properties[name]["anyOf"] if one != {"type": "null"}]
        properties[name] = options[0] if len(options) == 1 else {"anyOf": options}
    schema["oneOf"] = [{"required": [name]} for name in present]
