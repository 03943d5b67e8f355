from __future__ import annotations

import json
from datetime import timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.core.errors import Invalid, NotFound
from towpath.core.instant import format_span
from towpath.lake.dataset import Check, Column, Dataset
from towpath.lake.odcs import from_odcs, to_odcs
from towpath.lake.source_spec import SourceSpec

if TYPE_CHECKING:
    from towpath.core.finding import Severity

TEXT = st.text(max_size=12)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
SEVERITY: st.SearchStrategy[Severity] = st.sampled_from(["block", "warn"])
SENSITIVITY = st.sampled_from(["public", "internal", "confidential", "personal"])
PATTERNS = st.sampled_from(["", "[a-z]+", "a|b", "(?:a)(b)", "^a$", r"\$", "(?i)a", ".*"])
FINITE = st.floats(allow_nan=False, allow_infinity=False)
BOUNDS = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": FINITE | st.integers(-(2**53), 2**53),
    "decimal(9,2)": st.sampled_from(["0.10", "12", 3, 0.5]),
    "date": st.dates().map(lambda day: day.isoformat()),
    "timestamp": st.sampled_from(["2013-10-01", "2024-01-01T00:00:00+02:00"]),
}
DTYPES = [*BOUNDS, "bool", "string", "binary", "list<float64>"]


@st.composite
def columns(draw: st.DrawFn, name: str) -> Column:
    dtype = draw(st.sampled_from(DTYPES))
    fields: dict[str, Any] = {
        "nullable": draw(st.booleans()),
        "severity": draw(SEVERITY),
        "sensitivity": draw(SENSITIVITY),
        "doc": draw(TEXT),
    }
    if dtype in BOUNDS:
        fields[draw(st.sampled_from(["minimum", "maximum"]))] = draw(st.none() | BOUNDS[dtype])
    if dtype == "string":
        fields["allowed"] = draw(st.lists(TEXT, max_size=3).map(tuple))
        fields["pattern"] = draw(PATTERNS)
        fields["max_length"] = draw(st.none() | st.integers(0, 99))
    if dtype == "int64":
        fields["allowed"] = draw(st.lists(st.integers(-9, 9), max_size=3).map(tuple))
    if dtype != "list<float64>":
        fields["unique"] = draw(st.booleans())
        fields["references"] = draw(st.sampled_from(["", "planes.tailnum"]))
    return Column(name, dtype, **fields)


SOURCES = [
    SourceSpec(path="sales.csv", delimiter=";", decimal_point=","),
    SourceSpec(url="postgresql://shop/db", query="SELECT 1"),
]


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    given_ = [draw(columns(name)) for name in names]
    keys = [one.name for one in given_ if not one.nullable and one.dtype != "list<float64>"]
    times = [one.name for one in given_ if one.dtype == "timestamp"]
    event_time = draw(st.sampled_from(["", *times]))
    span = st.timedeltas(timedelta(seconds=1), timedelta(days=364_000)).map(format_span)
    least = draw(st.none() | st.integers(0, 9))
    first = given_[0].name
    rules = (
        Check("known", f'"{first}" IS NOT NULL', doc=draw(TEXT)),
        Check("odd", f"\"{first}\" IS NULL OR (')' = ')')", severity="warn"),
    )
    return Dataset(
        draw(NAMES),
        tuple(given_),
        key=tuple(draw(st.permutations(keys))),
        event_time=event_time,
        source=draw(TEXT | st.sampled_from(SOURCES)),
        mode=draw(st.sampled_from(["overwrite", "append"])),
        owner=draw(TEXT),
        description=draw(TEXT),
        tags=tuple(draw(st.lists(TEXT, max_size=3, unique=True))),
        checks=draw(st.sampled_from([(), rules[:1], rules])),
        freshness=draw(st.sampled_from(["", "2d", "1d12h", "2w", "02d"]) | span)
        if event_time
        else "",
        minimum_rows=least,
        maximum_rows=draw(st.none() | st.integers(least or 0, 12)),
        batch_severity=draw(SEVERITY),
    )


@given(datasets())
def test_a_contract_comes_back_as_it_went(dataset: Dataset) -> None:
    document = json.loads(json.dumps(to_odcs(dataset)))
    assert from_odcs(document) == (dataset, ())


def schema() -> dict[str, Any]:
    """Return the standard's JSON schema, as its own package ships it."""
    reason = "the schema is in the package open-data-contract-standard"
    package = pytest.importorskip("open_data_contract_standard", reason=reason).__name__
    text = resources.files(package).joinpath("schema.json").read_text(encoding="utf-8")
    decoded: dict[str, Any] = json.loads(text)
    return decoded


@given(datasets())
def test_a_contract_is_valid_by_the_schema_of_the_standard(dataset: Dataset) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft201909Validator(schema())
    assert [error.message for error in validator.iter_errors(to_odcs(dataset))] == []


FOREIGN: dict[str, Any] = {
    "apiVersion": "v3.0.2",
    "kind": "DataContract",
    "id": "53581432",
    "version": "1.1.0",
    "status": "active",
    "domain": "seller",
    "description": {"purpose": "Payments.", "usage": "Predict sales."},
    "team": [{"username": "mhopper", "role": "Analyst"}, {"username": "daustin", "role": "Owner"}],
    "tags": ["finance"],
    "schema": [
        {
            "name": "receivers",
            "tags": ["finance", "payments"],
            "properties": [
                {
                    "name": "rcvr_id",
                    "primaryKey": True,
                    "primaryKeyPosition": 1,
                    "logicalType": "string",
                    "physicalType": "varchar(18)",
                    "classification": "restricted",
                    "logicalTypeOptions": {"minLength": 2, "maxLength": 18},
                },
                {"name": "amount", "logicalType": "number", "physicalType": "DECIMAL(18, 2)"},
                {"name": "opened", "physicalType": "TIMESTAMP_NTZ", "required": True},
                {
                    "name": "iban",
                    "logicalType": "string",
                    "logicalTypeOptions": {"pattern": "^[A-Z]{2}[0-9]+$"},
                    "quality": [{"metric": "nullValues", "mustBe": 0}],
                },
                {
                    "name": "mail",
                    "logicalType": "string",
                    "logicalTypeOptions": {"pattern": "@|at", "format": "email"},
                    "quality": [{"metric": "nullValues", "mustBeLessThan": 5, "unit": "percent"}],
                },
                {"name": "place", "logicalType": "object", "properties": []},
            ],
            "quality": [{"metric": "rowCount", "mustBeGreaterOrEqualTo": 10}],
        },
        {"name": "other", "businessName": "Other", "properties": [{"name": "a"}]},
    ],
    "slaProperties": [
        {"property": "latency", "value": 4, "unit": "days", "element": "receivers.opened"},
        {"property": "retention", "value": 3, "unit": "y"},
    ],
}


def test_a_contract_written_elsewhere_is_read_and_what_is_lost_is_told() -> None:
    dataset, notes = from_odcs(FOREIGN, "receivers")
    assert dataset == Dataset(
        "receivers",
        (
            Column("rcvr_id", "string", max_length=18, sensitivity="confidential"),
            Column("amount", "decimal(18,2)", nullable=True),
            Column("opened", "timestamp"),
            Column("iban", "string", pattern="[A-Z]{2}[0-9]+"),
            Column("mail", "string", nullable=True, pattern="(?s:.*)(?:@|at)(?s:.*)"),
            Column("place", "string", nullable=True),
        ),
        key=("rcvr_id",),
        event_time="opened",
        owner="daustin",
        description="Payments.",
        tags=("finance", "payments"),
        freshness="4d",
        minimum_rows=10,
    )
    assert set(notes) == {
        "domain",
        "description.usage",
        "schema[0].properties[0].logicalTypeOptions.minLength",
        "schema[0].properties[4].quality[0].mustBeLessThan",
        "schema[0].properties[4].quality[0].unit",
        "schema[0].properties[5].properties",
        "rcvr_id: nulls, which a key cannot have",
        "rcvr_id: the classification 'restricted'",
        "mail: the format 'email'",
        "mail: the quality rule nullValues",
        "place: the type object, taken for string",
        "rowCount of the table, held against each batch instead",
        "members of the team other than the owner",
        "the service level retention",
    }


@pytest.mark.parametrize(
    ("change", "table", "error", "words"),
    [
        ({}, "", Invalid, "2 tables: receivers, other"),
        ({}, "receiver", NotFound, "Did you mean 'receivers'"),
        ({"schema": []}, "", Invalid, "has no schema"),
        ({"schema": "x"}, "", Invalid, "Expected `array`"),
        ({"schema": [{"name": "Big Table"}]}, "", Invalid, "has no columns|'big_table'"),
        ({"apiVersion": "v2.2.2"}, "", Invalid, "version 'v2.2.2'"),
        ({"apiVersion": 3}, "", Invalid, "apiVersion"),
    ],
)
def test_a_document_that_is_no_such_contract_is_refused(
    change: dict[str, object], table: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        from_odcs({**FOREIGN, **change}, table)


@pytest.mark.parametrize(
    ("physical", "logical", "dtype"),
    [
        ("BIGINT", "", "int64"),
        ("double precision", "", "float64"),
        ("numeric(12)", "", "decimal(12,0)"),
        ("numeric(50,2)", "number", "float64"),
        ("bytea", "", "binary"),
        ("datetime2", "", "timestamp"),
        ("whatever", "boolean", "bool"),
        ("whatever", "integer", "int64"),
        ("", "time", "string"),
    ],
)
def test_types_of_other_engines_are_read(physical: str, logical: str, dtype: str) -> None:
    column = {"name": "a", "physicalType": physical, "logicalType": logical}
    document = {"apiVersion": "v3.1.0", "schema": [{"name": "t", "properties": [column]}]}
    assert from_odcs(document)[0].column("a").dtype == dtype


def test_a_pattern_that_cannot_be_run_is_told_of() -> None:
    options = {"pattern": "^(?=a)b$"}
    column = {"name": "a", "logicalType": "string", "logicalTypeOptions": options}
    document = {"apiVersion": "v3.1.0", "schema": [{"name": "t", "properties": [column]}]}
    dataset, notes = from_odcs(document)
    assert dataset.column("a").pattern == ""
    assert notes == ("a: the pattern '^(?=a)b$', which RE2 cannot run",)
