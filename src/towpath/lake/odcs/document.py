"""The parts of the Open Data Contract Standard v3.1 that a dataset's contract has a place in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

API_VERSION = "v3.1.0"
KIND = "DataContract"


class Element(Record, frozen=True, rename="camel", forbid_unknown_fields=False):
    """Base of the records here: fields that are not known are passed over, and told of."""


class CustomProperty(Element, frozen=True):
    """What the standard has no place for."""

    property: str
    value: object = None


class Quality(Element, frozen=True):
    """A check; a library metric or an SQL query whose result is compared."""

    name: str = ""
    type: str = "library"
    metric: str = ""
    query: str = ""
    arguments: dict[str, object] = msgspec.field(default_factory=dict)
    must_be: float | int | str | None = None
    must_be_between: tuple[int, int] | None = None
    must_be_greater_or_equal_to: int | None = None
    must_be_less_or_equal_to: int | None = None
    severity: str = ""
    description: str = ""


class Options(Element, frozen=True):
    """Limits of a column's type."""

    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    max_length: int | None = None
    pattern: str = ""
    format: str = ""


class Relationship(Element, frozen=True):
    """A foreign key."""

    to: str | list[str]
    type: str = "foreignKey"


class Item(Element, frozen=True):
    """What a list is made of."""

    logical_type: str = ""
    physical_type: str = ""


class Property(Element, frozen=True):
    """A column."""

    name: str
    logical_type: str = ""
    physical_type: str = ""
    logical_type_options: Options | None = None
    items: Item | None = None
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    primary_key_position: int = -1
    classification: str = ""
    description: str = ""
    relationships: tuple[Relationship, ...] = ()
    quality: tuple[Quality, ...] = ()
    custom_properties: tuple[CustomProperty, ...] = ()


class Table(Element, frozen=True):
    """A table of the schema."""

    name: str
    logical_type: str = ""
    physical_type: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()
    quality: tuple[Quality, ...] = ()
    custom_properties: tuple[CustomProperty, ...] = ()


class Description(Element, frozen=True):
    """What the data is for."""

    purpose: str = ""


class Member(Element, frozen=True):
    """A person of the team, as v3.0 lists them."""

    username: str = ""
    role: str = ""


class Team(Element, frozen=True):
    """Who answers for the data."""

    name: str = ""


class ServiceLevel(Element, frozen=True):
    """A promise about the data as a whole."""

    property: str
    value: int | float | str | bool | None = None
    unit: str = ""
    element: str = ""


class Document(Element, frozen=True):
    """A data contract."""

    api_version: str
    kind: str = ""
    id: str = ""
    version: str = ""
    status: str = ""
    name: str = ""
    description: Description | None = None
    tags: tuple[str, ...] = ()
    team: Team | list[Member] | None = None
    schema: tuple[Table, ...] = ()
    sla_properties: tuple[ServiceLevel, ...] = ()


def unread(given: object, record: object, path: str = "") -> Iterator[str]:
    """Name the fields of a document that its record has no place for.

    Example:
        >>> table = {"name": "trips", "physicalName": "t", "properties": [{"name": "id", "x": 1}]}
        >>> list(unread(table, msgspec.convert(table, type=Table)))
        ['physicalName', 'properties[0].x']
    """
    if isinstance(given, list) and isinstance(record, list | tuple):
        for place, (one, part) in enumerate(zip(given, record, strict=True)):
            yield from unread(one, part, f"{path}[{place}]")
    if isinstance(given, dict) and isinstance(record, Element):
        yield from _unread_fields(given, record, f"{path}." if path else "")


def _unread_fields(given: Mapping[str, object], record: Element, start: str) -> Iterator[str]:
    """Name the fields of an object that its record has no place for."""
    known = {field.encode_name: field.name for field in msgspec.structs.fields(type(record))}
    for name, value in given.items():
        if name not in known:
            yield f"{start}{name}"
        else:
            yield from unread(value, getattr(record, known[name]), f"{start}{name}")
