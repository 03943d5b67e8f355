"""One column as a property of the Open Data Contract Standard, both ways."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

from towpath.core.errors import Invalid
from towpath.lake.column_types import arrow_type, bound_value
from towpath.lake.dataset import LIST, LISTED, Column, Sensitivity
from towpath.lake.odcs.document import CustomProperty, Item, Options, Property, Quality
from towpath.lake.odcs.document import Relationship as To
from towpath.lake.pattern import checked_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    from towpath.lake.column_types import Bound

    Notes = list[str]


class Logical(NamedTuple):
    """A type of the standard."""

    name: str
    format: str = ""


LOGICAL = {
    "bool": Logical("boolean"),
    "int64": Logical("integer", "i64"),
    "float64": Logical("number", "f64"),
    "string": Logical("string"),
    "timestamp": Logical("timestamp"),
    "date": Logical("date"),
    "binary": Logical("string", "binary"),
    LIST: Logical("array"),
}
# What a type is taken for where its physical name is none of ours; the first that fits.
PHYSICAL = (
    (r"(decimal|numeric)\((\d+)(?:, ?(\d+))?\)", "decimal"),
    (r"(tiny|small|medium|big|long)?int(eger)?\d?\d?|long|short", "int64"),
    (r"float\d?\d?|double( precision)?|real|number", "float64"),
    (r"(n?var)?char2?(\(.*\))?|text|string", "string"),
    (r"bool(ean)?", "bool"),
    (r"timestamp.*|datetime.*", "timestamp"),
    (r"date", "date"),
    (r"(var)?binary(\(.*\))?|bytea|bytes|blob", "binary"),
)
ANCHORED = re.compile(r"\^(?:\(\?:(?P<whole>.*)\)|(?P<plain>[^|]*))(?<!\\)\$", re.DOTALL)
KNOWN_FORMATS = {"", "binary", "i64", "f64"}


def to_property(column: Column, position: int) -> Property:
    """Write a column; ``position`` counts key columns from 1, 0 for no part of the key.

    Example:
        >>> to_property(Column("fare", "float64", minimum=0.0), 0).logical_type_options.minimum
        0.0
    """
    logical = LOGICAL.get(column.dtype, Logical("number"))
    custom = [
        CustomProperty(field, bound)
        for field, bound in (("minimum", column.minimum), ("maximum", column.maximum))
        if isinstance(bound, str) and logical.name == "number"
    ]
    if column.severity != "block":
        custom.append(CustomProperty("severity", column.severity))
    allowed = Quality(
        metric="invalidValues", arguments={"validValues": list(column.allowed)}, must_be=0
    )
    return Property(
        column.name,
        logical_type=logical.name,
        physical_type=column.dtype,
        logical_type_options=_options(column, logical),
        items=Item("number", "float64") if column.dtype == LIST else None,
        required=not column.nullable,
        unique=column.unique,
        primary_key=position > 0,
        primary_key_position=position or -1,
        classification=column.sensitivity,
        description=column.doc,
        relationships=(To(column.references),) if column.references else (),
        quality=(allowed,) if column.allowed else (),
        custom_properties=tuple(custom),
    )


def from_property(given: Property, notes: Notes) -> Column:
    """Read a column; what it has no place for is added to the notes.

    Raises:
        Invalid: the name cannot be that of a column.

    Example:
        >>> from_property(Property("id", logical_type="integer", required=True), []).dtype
        'int64'
    """
    dtype = _dtype(given, notes)
    custom = custom_values(given.custom_properties, {"minimum", "maximum", "severity"}, notes)
    options = given.logical_type_options or Options()
    if options.format not in KNOWN_FORMATS:
        notes.append(f"{given.name}: the format {options.format!r}")
    checks = _checks(given, dtype, notes)
    patterns = [one for one in (options.pattern, checks.pattern) if one]
    text = dtype == "string"
    notes += [f"{given.name}: the pattern {one!r}" for one in patterns[1 if text else 0 :]]
    return Column(
        given.name,
        dtype,
        nullable=not (given.required or checks.required),
        minimum=_bound(given.name, dtype, custom.get("minimum", options.minimum), notes),
        maximum=_bound(given.name, dtype, custom.get("maximum", options.maximum), notes),
        allowed=checks.allowed,
        severity="warn" if custom.get("severity") == "warn" else "block",
        doc=given.description,
        pattern=_pattern(given.name, patterns[0], notes) if patterns and text else "",
        unique=given.unique or checks.unique,
        references=_reference(given, notes),
        max_length=options.max_length if text else None,
        sensitivity=_sensitivity(given, notes),
    )


def custom_values(
    given: Iterable[CustomProperty], known: set[str], notes: Notes
) -> dict[str, object]:
    """Return the custom properties that are ours; the others are noted.

    Example:
        >>> notes, given = [], [CustomProperty("source", "a.csv"), CustomProperty("x")]
        >>> custom_values(given, {"source"}, notes)
        {'source': 'a.csv'}
        >>> notes
        ['the custom property x']
    """
    notes += [f"the custom property {one.property}" for one in given if one.property not in known]
    return {one.property: one.value for one in given if one.property in known}


class Checks(NamedTuple):
    """What the quality rules of a property come to."""

    allowed: tuple[str | int, ...]
    pattern: str
    required: bool
    unique: bool


def _options(column: Column, logical: Logical) -> Options | None:
    """Write the limits of a column, None where there are none."""
    numbers = [
        float(bound) if isinstance(bound, str) and logical.name == "number" else bound
        for bound in (column.minimum, column.maximum)
    ]
    options = Options(
        minimum=numbers[0],
        maximum=numbers[1],
        max_length=column.max_length,
        pattern=f"^(?:{column.pattern})$" if column.pattern else "",
        format=logical.format,
    )
    return None if options == Options() else options


def _dtype(given: Property, notes: Notes) -> str:
    """Choose the type of a column."""
    try:
        arrow_type(given.physical_type)
    except Invalid:
        pass
    else:
        return given.physical_type
    physical = given.physical_type.lower().strip()
    for pattern, dtype in PHYSICAL:
        found = re.fullmatch(pattern, physical)
        if found and dtype == "decimal":
            return _decimal(given, f"decimal({found[2]},{found[3] or 0})", notes)
        if found and not given.logical_type:
            return dtype
    item = given.items.logical_type if given.items else ""
    if given.logical_type == "array" and item in {"number", "integer"}:
        return LIST
    logical = {one.name: dtype for dtype, one in reversed(LOGICAL.items()) if dtype != LIST}
    if given.logical_type not in logical:
        told = given.logical_type or given.physical_type or "no type"
        notes.append(f"{given.name}: the type {told}, taken for string")
    return logical.get(given.logical_type, "string")


def _decimal(given: Property, dtype: str, notes: Notes) -> str:
    """Return a decimal type if there can be such, else float64."""
    try:
        arrow_type(dtype)
    except Invalid:
        notes.append(f"{given.name}: the type {given.physical_type}, taken for float64")
        return "float64"
    return dtype


def _bound(name: str, dtype: str, bound: object, notes: Notes) -> Bound | None:
    """Return a bound that the type can have."""
    if bound is None:
        return None
    kept = cast("Bound", bound)
    try:
        bound_value(dtype, kept)
    except Invalid:
        notes.append(f"{name}: the bound {bound!r}")
        return None
    return kept


def _pattern(name: str, pattern: str, notes: Notes) -> str:
    """Turn a pattern that is searched for into one that a whole text matches."""
    found = ANCHORED.fullmatch(pattern)
    inner = (found["whole"] or found["plain"]) if found else None
    for form in (inner, f"(?s:.*)(?:{pattern})(?s:.*)"):
        try:
            if form:
                return checked_pattern(form)
        except Invalid:
            continue
    notes.append(f"{name}: the pattern {pattern!r}, which RE2 cannot run")
    return ""


def _reference(given: Property, notes: Notes) -> str:
    """Return the one column that the values refer to."""
    simple = [
        one.to for one in given.relationships if isinstance(one.to, str) and one.to.count(".") == 1
    ]
    if len(given.relationships) > len(simple[:1]):
        notes.append(f"{given.name}: relationships other than one to TABLE.COLUMN")
    return simple[0] if simple else ""


def _sensitivity(given: Property, notes: Notes) -> Sensitivity:
    """Choose who may see the values."""
    level = given.classification.lower()
    for known in get_args(Sensitivity):
        if level == known:
            return cast("Sensitivity", known)
    if level:
        notes.append(f"{given.name}: the classification {given.classification!r}")
    return "confidential" if level in {"restricted", "sensitive", "secret"} else "internal"


def _checks(given: Property, dtype: str, notes: Notes) -> Checks:
    """Read the quality rules that a column has a place for."""
    allowed: tuple[str | int, ...] = ()
    pattern, required, unique = "", False, False
    for rule in given.quality:
        values = rule.arguments.get("validValues")
        if rule.must_be != 0 or rule.type != "library":
            notes.append(f"{given.name}: the quality rule {rule.name or rule.metric or rule.type}")
        elif rule.metric == "nullValues":
            required = True
        elif rule.metric == "duplicateValues":
            unique = dtype != LIST
        elif rule.metric == "invalidValues" and _listed(dtype, values):
            allowed = tuple(cast("list[str | int]", values))
        elif rule.metric == "invalidValues" and isinstance(rule.arguments.get("pattern"), str):
            pattern = str(rule.arguments["pattern"])
        else:
            notes.append(f"{given.name}: the quality rule {rule.name or rule.metric}")
    return Checks(allowed, pattern, required, unique)


def _listed(dtype: str, values: object) -> bool:
    """Tell whether values are a list that a column of the type can allow."""
    kind = LISTED.get(dtype)
    return (
        kind is not None and isinstance(values, list) and all(type(one) is kind for one in values)
    )
