"""A dataset's contract as a document of the Open Data Contract Standard, both ways."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.core.instant import parse_span
from towpath.core.record import fingerprint, from_builtins, to_builtins, to_json
from towpath.lake.dataset import Check, Dataset, Mode
from towpath.lake.odcs.column import custom_values, from_property, to_property
from towpath.lake.odcs.document import (
    API_VERSION,
    KIND,
    CustomProperty,
    Description,
    Document,
    Quality,
    ServiceLevel,
    Table,
    Team,
    unread,
)
from towpath.lake.source_spec import SourceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.core.finding import Severity

    Notes = list[str]

QUERY = "SELECT COUNT(*) FROM {object} WHERE (%s) IS NOT TRUE"
PREDICATE = re.compile(re.escape(QUERY).replace("%s", "(.*)"), re.DOTALL)
BATCH = {"of": "batch"}
SPAN = re.compile(r"([1-9]\d*)([wdhms])")
LATENCY = {"latency", "ly", "freshness"}
CUSTOM = {"eventTime", "source", "mode", "batchSeverity"}
SEVERITIES = {"block": "error", "warn": "warning"}


def to_odcs(dataset: Dataset) -> dict[str, object]:
    """Write a contract as a document of the standard, version 3.1.

    What the standard has no place for is kept in ``customProperties``, so that ``from_odcs``
    returns an equal dataset.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> document = to_odcs(Dataset("trips", (Column("id", "string"),), owner="ada"))
        >>> document["apiVersion"], document["team"]
        ('v3.1.0', {'name': 'ada'})
    """
    document = Document(
        API_VERSION,
        KIND,
        id=dataset.name,
        version=fingerprint(dataset),
        status="active",
        name=dataset.name,
        description=Description(dataset.description) if dataset.description else None,
        tags=dataset.tags,
        team=Team(dataset.owner) if dataset.owner else None,
        schema=(_table(dataset),),
        sla_properties=_service_levels(dataset),
    )
    plain: dict[str, object] = msgspec.json.decode(to_json(document))
    return plain


def from_odcs(document: Mapping[str, object], table: str = "") -> tuple[Dataset, tuple[str, ...]]:
    """Read a contract from a document of the standard, version 3.

    Args:
        document: the document, as plain dicts and lists.
        table: which table of its schema, needed where there are several.

    Returns:
        the contract, and what of the document was not carried over, a note each.

    Raises:
        Invalid: not such a document, or names that no dataset can have.
        NotFound: no such table.

    Example:
        >>> table = {"name": "trips", "properties": [{"name": "id", "logicalType": "string"}]}
        >>> found, notes = from_odcs({"apiVersion": "v3.0.2", "schema": [table], "price": {}})
        >>> found.column("id").dtype, notes
        ('string', ('price',))
    """
    try:
        read = from_builtins(dict(document), Document)
    except msgspec.ValidationError as error:
        message = f"Not a contract of the standard: {error}."
        raise Invalid(message, hint="Check the document against the standard's schema.") from error
    if not read.api_version.startswith("v3."):
        message = f"The document is of version {read.api_version!r} of the standard."
        raise Invalid(message, hint="Convert it to version 3.")
    chosen = _chosen(read, table)
    notes = [one for one in unread(dict(document), read) if _concerns(one, read, chosen)]
    return _dataset(read, chosen, notes), tuple(notes)


def _table(dataset: Dataset) -> Table:
    """Write the columns and the rules over them."""
    custom = {"eventTime": dataset.event_time, "source": to_builtins(dataset.source)}
    if dataset.mode != "overwrite":
        custom["mode"] = dataset.mode
    if dataset.batch_severity != "block":
        custom["batchSeverity"] = dataset.batch_severity
    rules = [
        Quality(
            name=check.name,
            type="sql",
            query=QUERY.replace("%s", check.predicate),
            must_be=0,
            severity=SEVERITIES[check.severity],
            description=check.doc,
        )
        for check in dataset.checks
    ]
    positions = {name: place for place, name in enumerate(dataset.key, start=1)}
    return Table(
        dataset.name,
        logical_type="object",
        physical_type="table",
        description=dataset.description,
        properties=tuple(to_property(one, positions.get(one.name, 0)) for one in dataset.columns),
        quality=(*_volume(dataset), *rules),
        custom_properties=tuple(
            CustomProperty(name, value) for name, value in custom.items() if value
        ),
    )


def _volume(dataset: Dataset) -> tuple[Quality, ...]:
    """Write how many rows a batch has."""
    least, most = dataset.minimum_rows, dataset.maximum_rows
    rule = Quality(metric="rowCount", arguments=dict(BATCH))
    if least is not None and most is not None:
        if least == most:
            return (rule.replace(must_be=least),)
        return (rule.replace(must_be_between=(least, most)),)
    if least is not None:
        return (rule.replace(must_be_greater_or_equal_to=least),)
    return () if most is None else (rule.replace(must_be_less_or_equal_to=most),)


def _service_levels(dataset: Dataset) -> tuple[ServiceLevel, ...]:
    """Write how old the latest event may be."""
    if not dataset.freshness:
        return ()
    element = f"{dataset.name}.{dataset.event_time}"
    plain = SPAN.fullmatch(dataset.freshness)
    if plain is None:
        return (ServiceLevel("latency", dataset.freshness, element=element),)
    return (ServiceLevel("latency", int(plain[1]), plain[2], element),)


def _chosen(document: Document, table: str) -> Table:
    """Choose the table to read."""
    names = [one.name for one in document.schema]
    if not names:
        raise Invalid("The document has no schema.", hint="Give one that lists its columns.")
    if not table and len(names) > 1:
        message = f"The document has {len(names)} tables: {', '.join(names)}."
        raise Invalid(message, hint="Say which one to read.")
    for one in document.schema:
        if one.name == (table or names[0]):
            return one
    message = f"The document has no table {table!r}."
    raise NotFound(message, hint=did_you_mean(table, names))


def _concerns(note: str, document: Document, chosen: Table) -> bool:
    """Tell whether a field that was passed over is not of another table."""
    place = next(place for place, one in enumerate(document.schema) if one is chosen)
    return not note.startswith("schema[") or note.startswith(f"schema[{place}]")


def _dataset(document: Document, table: Table, notes: Notes) -> Dataset:
    """Read the contract of one table."""
    columns = {one.name: from_property(one, notes) for one in table.properties}
    keyed = sorted(
        (one for one in table.properties if one.primary_key),
        key=lambda one: one.primary_key_position,
    )
    for one in keyed:
        if columns[one.name].nullable:
            columns[one.name] = columns[one.name].replace(nullable=False)
            notes.append(f"{one.name}: nulls, which a key cannot have")
    custom = custom_values(table.custom_properties, CUSTOM, notes)
    event_time, freshness = _freshness(document, table, custom, notes)
    if event_time and (event_time not in columns or columns[event_time].dtype != "timestamp"):
        notes.append(f"the event time {event_time}, which is no timestamp")
        event_time = freshness = ""
    least, most = _rows(table, notes)
    purpose = document.description.purpose if document.description else ""
    return Dataset(
        table.name,
        tuple(columns.values()),
        key=tuple(one.name for one in keyed),
        event_time=event_time,
        source=_read_as(str | SourceSpec, custom, "source", notes) or "",
        mode=_read_as(Mode, custom, "mode", notes) or "overwrite",
        owner=_owner(document, notes),
        description=table.description or purpose,
        tags=tuple(dict.fromkeys((*document.tags, *table.tags))),
        checks=_checks(table, notes),
        freshness=freshness,
        minimum_rows=least,
        maximum_rows=most,
        batch_severity="warn" if custom.get("batchSeverity") == "warn" else "block",
    )


def _freshness(
    document: Document, table: Table, custom: Mapping[str, object], notes: Notes
) -> tuple[str, str]:
    """Return the event time and how old the latest may be."""
    event_time, freshness = str(custom.get("eventTime", "")), ""
    for level in document.sla_properties:
        other, _, column = level.element.rpartition(".")
        span = f"{level.value}{level.unit[:1].lower()}"
        if level.property.lower() not in LATENCY or other not in {"", table.name}:
            notes.append(f"the service level {level.property}")
        elif not (event_time or column) or not _is_span(span):
            notes.append(f"the service level {level.property} of {level.value} {level.unit}")
        else:
            event_time, freshness = event_time or column, span
    return event_time, freshness


def _read_as(kind: Any, custom: Mapping[str, object], name: str, notes: Notes) -> Any:  # noqa: ANN401 - any type of a field
    """Return a custom property as a field of ours, None where it is none."""
    try:
        return from_builtins(custom[name], kind) if name in custom else None
    except msgspec.ValidationError as error:
        notes.append(f"the custom property {name}: {error}")
        return None


def _is_span(text: str) -> bool:
    """Tell whether a text is a span of time."""
    try:
        parse_span(text)
    except Invalid:
        return False
    return True


def _rows(table: Table, notes: Notes) -> tuple[int | None, int | None]:
    """Return the fewest and the most rows of a batch."""
    least: int | None = None
    most: int | None = None
    for rule in table.quality:
        if rule.metric != "rowCount":
            continue
        if rule.arguments != BATCH:
            notes.append("rowCount of the table, held against each batch instead")
        if isinstance(rule.must_be, int):
            least = most = rule.must_be
        elif rule.must_be_between is not None:
            least, most = rule.must_be_between
        elif rule.must_be_greater_or_equal_to is not None:
            least = rule.must_be_greater_or_equal_to
        elif rule.must_be_less_or_equal_to is not None:
            most = rule.must_be_less_or_equal_to
    return least, most


def _owner(document: Document, notes: Notes) -> str:
    """Return who answers for the data: a team, or its owner as v3.0 lists members."""
    if not isinstance(document.team, list):
        return document.team.name if document.team else ""
    owners = [one.username for one in document.team if one.role.lower() == "owner"]
    if len(document.team) > len(owners[:1]):
        notes.append("members of the team other than the owner")
    return owners[0] if owners else ""


def _checks(table: Table, notes: Notes) -> tuple[Check, ...]:
    """Read the rules that are predicates over a row."""
    checks: list[Check] = []
    for rule in table.quality:
        found = PREDICATE.fullmatch(rule.query)
        if found and rule.must_be == 0 and rule.name:
            severity: Severity = "warn" if rule.severity == "warning" else "block"
            checks.append(Check(rule.name, found[1], severity, rule.description))
        elif rule.metric != "rowCount":
            notes.append(f"the quality rule {rule.name or rule.metric or rule.type}")
    return tuple(checks)
