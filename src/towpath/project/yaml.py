"""YAML text to a record, with the file, the line and the allowed fields in every error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar, get_args, get_type_hints

import msgspec
import yaml

from towpath.core.errors import Invalid, TowpathError, did_you_mean
from towpath.core.record import to_builtins

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T", bound=msgspec.Struct)
Lines = dict[tuple[str | int, ...], int]

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
FOLD_WIDTH = 100
UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")
PATH = re.compile(r" - at `(key in )?\$([^`]*)`")
PATH_PART = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


class Loader(yaml.SafeLoader):
    """The safe loader, except that times stay text for the record's own types to read."""


Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_record(path: Path, kind: type[T], *, shown: str = "") -> T:
    """Read one YAML file as a record of ``kind``.

    Args:
        path: the file.
        kind: the record type; its fields are the allowed fields.
        shown: how to name the file in errors, the path itself unless given.

    Raises:
        Invalid: not YAML, an unknown or ill-typed field, or a definition that refuses itself.
    """
    name = shown or str(path)
    data = path.read_bytes()
    if len(data) > MAX_BYTES:
        message = f"The file is {len(data):,} bytes long, more than {MAX_BYTES:,}."
        raise Invalid(message, where=name, hint="Split the definition.")
    return parse_record(data.decode("utf-8", "replace"), kind, name=name)


def parse_record(text: str, kind: type[T], *, name: str) -> T:
    """Turn YAML text into a record of ``kind``; ``name`` stands for the file in errors.

    Raises:
        Invalid: not YAML, an unknown or ill-typed field, or a definition that refuses itself.

    Example:
        >>> from towpath.core.settings import Settings
        >>> parse_record("name: taxi", Settings, name="taxi.yaml").name
        'taxi'
    """
    lines: Lines = {}
    value = _builtins(_compose(text, name), (), lines, name)
    if not isinstance(value, dict):
        message = "The file must hold fields, each as 'name: value'."
        allowed = ", ".join(_fields(kind))
        hint = f"Fields: {allowed}." if allowed else "Check that it is the right file."
        raise Invalid(message, where=f"{name}:1", hint=hint)
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        raise _located(error, kind, lines, name) from error


def _compose(text: str, name: str) -> yaml.Node:
    """Parse the text into nodes that know their lines; refuse anchors, which can bomb."""
    try:
        for token in yaml.scan(text, Loader=Loader):
            if isinstance(token, yaml.AliasToken):
                message = f"The alias *{token.value} is not allowed."
                line = token.start_mark.line + 1
                raise Invalid(message, where=f"{name}:{line}", hint="Write the value out.")
        node: yaml.Node | None = yaml.compose(text, Loader=Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or str(error)
        raise Invalid(f"Not valid YAML: {problem}.", where=where, hint="Mend the line.") from error
    if node is None:
        raise Invalid("The file is empty.", where=name, hint="Write the definition, or delete it.")
    return node


def _builtins(node: yaml.Node, path: tuple[str | int, ...], lines: Lines, name: str) -> object:
    """Turn a node into dicts, lists and scalars, noting the line of each path."""
    lines[path] = node.start_mark.line + 1
    if len(path) > MAX_DEPTH:
        raise Invalid("The file is nested too deeply.", where=f"{name}:{lines[path]}")
    if node.tag not in Loader.yaml_constructors:
        where = f"{name}:{lines[path]}"
        raise Invalid(
            f"The tag {node.tag} is not allowed.", where=where, hint="Write a plain value."
        )
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, name)
    if isinstance(node, yaml.SequenceNode):
        return [
            _builtins(child, (*path, index), lines, name) for index, child in enumerate(node.value)
        ]
    return _scalar(node, f"{name}:{lines[path]}")


def _mapping(
    node: yaml.MappingNode, path: tuple[str | int, ...], lines: Lines, name: str
) -> dict[str, object]:
    """Turn a mapping node into a dict; a key written twice is an error."""
    result: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        line = key_node.start_mark.line + 1
        if key in result:
            message = f"The field {key!r} is written twice."
            raise Invalid(message, where=f"{name}:{line}", hint="Keep one of them.")
        result[key] = _builtins(value_node, (*path, key), lines, name)
        lines[(*path, key)] = line
    return result


def _scalar(node: yaml.Node, where: str) -> object:
    """Construct a scalar by the safe rules."""
    try:
        value: object = Loader.yaml_constructors[node.tag](Loader(""), node)
    except (ValueError, yaml.YAMLError) as error:
        raise Invalid(f"Not a value: {error}.", where=where, hint="Quote it.") from error
    return value


def _located(error: msgspec.ValidationError, kind: type, lines: Lines, name: str) -> Invalid:
    """Give a validation error its line and the fields allowed there."""
    text = str(error)
    cause = error.__cause__
    found = PATH.search(text)
    path = _path(found.group(2)) if found else ()
    unknown = UNKNOWN_FIELD.search(text)
    line = lines.get((*path, unknown.group(1)) if unknown else path, 0) or _nearest(lines, path)
    where = f"{name}:{line}"
    if isinstance(cause, TowpathError):
        return Invalid(cause.message, where=where, hint=cause.hint, **cause.data)
    message = PATH.sub("", text)
    label = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    place = f" in {label.lstrip('.')}" if label else ""
    allowed = _fields(_kind_at(kind, path))
    if unknown:
        hint = f"{did_you_mean(unknown.group(1), allowed)} Fields: {', '.join(allowed)}."
        return Invalid(f"Unknown field {unknown.group(1)!r}{place}.", where=where, hint=hint)
    hint = f"Fields: {', '.join(allowed)}." if allowed else "Mend the value."
    return Invalid(f"{message}{place}.", where=where, hint=hint)


def _path(text: str) -> tuple[str | int, ...]:
    """Split ``.columns[0].dtype`` into its parts."""
    parts = PATH_PART.findall(text.replace("[...]", ""))
    return tuple(int(index) if index else name for name, index in parts)


def _nearest(lines: Lines, path: tuple[str | int, ...]) -> int:
    """Return the line of the longest known beginning of the path."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _kind_at(kind: object, path: tuple[str | int, ...]) -> object:
    """Follow a path through the types of a record to the type that stands there."""
    for part in path:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            names = {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
            kind = get_type_hints(kind).get(names.get(str(part), str(part)))
        else:
            inner = [one for one in get_args(kind) if one not in {Ellipsis, type(None), str}]
            kind = inner[0] if inner else None
    return kind


def _fields(kind: object) -> tuple[str, ...]:
    """Name the fields of a record type; none for any other type."""
    options = (kind, *get_args(kind))
    for one in options:
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return tuple(field.encode_name for field in msgspec.structs.fields(one))
    return ()


def write_record(record: msgspec.Struct) -> str:
    r"""Write a record as YAML that ``parse_record`` reads back, defaults left out.

    Example:
        >>> from towpath.core.settings import Settings
        >>> write_record(Settings("taxi"))
        'name: taxi\n'
    """
    text: str = yaml.safe_dump(
        to_builtins(record), sort_keys=False, allow_unicode=True, width=FOLD_WIDTH
    )
    return text
