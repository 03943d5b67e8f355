"""The one record base: the same class is Python API, YAML, HTTP body, event and JSON Schema."""

from __future__ import annotations

import hashlib
from typing import Self, TypeVar

import msgspec

from towpath.core.errors import Invalid
from towpath.core.source import source_hash

T = TypeVar("T")

FINGERPRINT_LENGTH = 16


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every definition and message: frozen, strict, comparable, JSON-ready.

    Example:
        >>> class Point(Record, frozen=True):
        ...     x: int
        ...     y: int = 0
        >>> Point(1).replace(y=2)
        Point(x=1, y=2)
    """

    def replace(self, **changes: object) -> Self:
        """Return a copy with some fields changed; the record itself never changes."""
        return msgspec.structs.replace(self, **changes)


def _encode_function(value: object) -> object:
    """Stand in for a Python function by its name and the hash of its source and of what it uses."""
    if not callable(value):
        message = f"{type(value).__name__} has no JSON form"
        raise NotImplementedError(message)
    return {"function": getattr(value, "__qualname__", repr(value)), "source": source_hash(value)}


def to_json(value: object) -> bytes:
    """Encode a record (or builtin) as JSON with fields in a fixed order.

    Example:
        >>> to_json({"b": 1, "a": 2})
        b'{"a":2,"b":1}'
    """
    return msgspec.json.encode(value, enc_hook=_encode_function, order="deterministic")


def to_builtins(value: object) -> object:
    """Turn a record into plain dicts, lists, strings and numbers.

    Example:
        >>> class Point(Record, frozen=True):
        ...     x: int
        >>> to_builtins(Point(1))
        {'x': 1}
    """
    return msgspec.to_builtins(value, enc_hook=_encode_function)


def from_json(data: bytes | str, kind: type[T]) -> T:
    """Decode JSON strictly into ``kind``.

    Raises:
        msgspec.ValidationError: the data does not fit; its text names the path.

    Example:
        >>> class Point(Record, frozen=True):
        ...     x: int
        >>> from_json('{"x": 1}', Point)
        Point(x=1)
    """
    return msgspec.json.decode(data, type=kind)


def check_types(record: Record) -> None:
    """Check what Python does not: that each field, however deep, holds what it is declared as.

    Raises:
        Invalid: a field holds something else; the message names it.

    Example:
        >>> class Point(Record, frozen=True):
        ...     x: int
        >>> check_types(Point("a"))
        Traceback (most recent call last):
            ...
        towpath.core.errors.Invalid: The field 'x' of Point: Expected `int`, got `str`. Mend it.
    """
    for field in msgspec.structs.fields(type(record)):
        value = getattr(record, field.name)
        try:
            msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            message = f"The field {field.name!r} of {type(record).__name__}: {error}."
            raise Invalid(message, hint="Mend it.") from error
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Record):
                check_types(inner)


def from_builtins(value: object, kind: type[T]) -> T:
    """Convert plain dicts and lists strictly into ``kind``.

    Raises:
        msgspec.ValidationError: the value does not fit; its text names the path.

    Example:
        >>> from_builtins([1, 2], tuple[int, ...])
        (1, 2)
    """
    return msgspec.convert(value, type=kind)


def fingerprint(value: object) -> str:
    """Hash the content of a record: the version of a definition.

    Example:
        >>> fingerprint({"a": 1}) == fingerprint({"a": 1})
        True
    """
    return hashlib.sha256(to_json(value)).hexdigest()[:FINGERPRINT_LENGTH]
