from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

from towpath.core.errors import Invalid
from towpath.lake.checks import check_rows
from towpath.lake.dataset import Check, Column, Dataset
from towpath.lake.predicate import checked_predicate, sealed

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = (("fare", "float64"), ("kind", "string"), ("at", "timestamp"), ("cost", "decimal(9,2)"))


@pytest.mark.parametrize(
    ("predicate", "columns"),
    [
        ("fare > 1", ("fare",)),
        ("fare BETWEEN 1 AND 2 OR kind IN ('a', 'b')", ("fare", "kind")),
        ("kind LIKE '--%;' AND kind <> '/* no */'", ("kind",)),
        ("CASE WHEN fare > 1 THEN kind = 'a' ELSE true END", ("fare", "kind")),
        ("TRY_CAST(kind AS INTEGER) IS NOT NULL", ("kind",)),
        ("\"at\" > TIMESTAMPTZ '2024-01-01 00:00:00Z'", ("at",)),
        ("age(\"at\", TIMESTAMPTZ '2024-01-01 00:00:00Z') < INTERVAL 1 DAY", ("at",)),
        ("nullif(kind, 'x') IS NOT NULL AND fdiv(fare, 2) > 1", ("fare", "kind")),
        ("cost * 2 < 10.5", ("cost",)),
        ("length(kind) = 2 AND regexp_full_match(kind, '[a-z]+')", ("kind",)),
        ("(fare > 1) = (rows.cost > 1)", ("fare", "cost")),
        ("FARE > 1", ("fare",)),
    ],
)
def test_a_predicate_names_the_columns_that_it_reads(
    predicate: str, columns: tuple[str, ...]
) -> None:
    assert checked_predicate(predicate, COLUMNS) == columns


@pytest.mark.parametrize(
    ("predicate", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("1); DROP TABLE rows", "syntax error"),
        ("fare > 1; DROP TABLE rows", "syntax error"),
        ("fare > 1); ATTACH 'x.db'; SELECT (1", "Only SELECT"),
        ("fare > 1) FROM rows; SELECT (1", "more than one"),
        ("fare > 1;", "syntax error"),
        ("fare > 1) FROM rows; COPY rows TO 'x'; SELECT (1", "Only SELECT"),
        ("fare > 1) FROM rows UNION SELECT (true", "more than one"),
        ("fare > 1), (true", "more than one"),
        ("fare > 1, true", "boolean|not true or false|more than one"),
        ("fare > 1 -- all of them", "comment"),
        ("fare > 1) FROM rows --", "comment"),
        ("fare > 1 /* all of them */", "comment"),
        ("fare > 1 /* open", "comment|syntax|unterminated"),
        ("kind = 'open", "syntax|unterminated"),
        ("fare > 1 FROM rows", "syntax error"),
        ("fare > 1 ORDER BY 1", "syntax error"),
        ("fare > 1 AS x", "syntax error"),
        ("read_csv('/etc/passwd')", "read_csv|not true"),
        ("(SELECT true)", "holds a subquery"),
        ("EXISTS (SELECT * FROM read_csv('/etc/passwd'))", "holds a subquery"),
        ("fare IN (SELECT fare FROM rows)", "holds a subquery"),
        ("fare > ALL (SELECT 1)", "holds a subquery"),
        ("fare = (FROM read_text('/etc/passwd'))", "holds a subquery"),
        ("row_number() OVER () > 1", "holds a window"),
        ("*", "holds a star"),
        ("COLUMNS(*) > 1", "holds a star"),
        ("fare > ?", "holds a parameter"),
        ("fare > $1", "holds a parameter"),
        ("#1 > 1", "positional reference"),
        ("count(*) > 1", "aggregates"),
        ("sum(fare) > 1", "aggregates"),
        ("unnest([true])", "UNNEST"),
        ("random() > 0.5", "the function random"),
        ("sleep_ms(1000) IS NULL", "the function sleep_ms"),
        ("write_log('x') IS NULL", "the function write_log"),
        ("nextval('x') > 1", "the function nextval"),
        ("getenv('HOME') = 'x'", "getenv"),
        ("fares > 1", "fares"),
        ("fare", "is DOUBLE, not true or false"),
        ("1", "is INTEGER, not true or false"),
        ("'true'", "not true or false"),
        ("NULL", "not true or false"),
        ("INSTALL httpfs", "syntax error"),
        ("PRAGMA database_list", "syntax error"),
        ("fare > 1 \0", "syntax error"),
    ],
)
def test_what_is_more_than_an_expression_over_a_row_is_refused(predicate: str, words: str) -> None:
    with pytest.raises(Invalid, match=f"no predicate: .*({words})"):
        checked_predicate(predicate, COLUMNS)


@pytest.mark.parametrize(
    "predicate",
    [
        'now() > "at"',
        "now() > TIMESTAMPTZ '2024-01-01 00:00:00Z'",
        'current_timestamp > "at"',
        'current_date > CAST("at" AS DATE)',
        'localtimestamp > CAST("at" AS TIMESTAMP)',
        'today() > CAST("at" AS DATE)',
        'ago(INTERVAL 1 DAY) < "at"',
        'age(CAST("at" AS TIMESTAMP)) < INTERVAL 1 DAY',
        "current_setting('home_directory') = ''",
        "txid_current() > 0",
        "version() = kind",
        "current_schema() = kind",
    ],
)
def test_what_another_day_answers_otherwise_is_refused(predicate: str) -> None:
    with pytest.raises(Invalid, match="more than look at a row"):
        checked_predicate(predicate, COLUMNS)


def test_a_search_may_ask_for_the_time() -> None:
    assert checked_predicate('"at" < now()', COLUMNS, lasting=False) == ("at",)
    with pytest.raises(Invalid, match="more than look at a row"):
        checked_predicate("random() < fare", COLUMNS, lasting=False)


def test_a_column_may_have_the_name_of_a_function() -> None:
    assert checked_predicate("today > 1", (("today", "int64"),)) == ("today",)


@pytest.mark.parametrize("predicate", ["fare > 'x'", "\"at\" > 'soon'", "cost IN (1, 'two')"])
def test_what_can_be_computed_for_no_row_is_refused(predicate: str) -> None:
    with pytest.raises(Invalid, match=r"(?i)convert|invalid"):
        checked_predicate(predicate, COLUMNS)


def test_a_contract_with_such_a_predicate_names_the_check() -> None:
    rule = Check("all", "1); DROP TABLE rows")
    with pytest.raises(Invalid, match=r"Check 'all' of dataset 'trips': '1\); DROP TABLE rows'"):
        Dataset("trips", (Column("fare", "float64"),), checks=(rule,))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "COPY (SELECT 1) TO '{file}.out'",
        "ATTACH '{file}.db'",
        "EXPORT DATABASE '{file}.d'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SELECT * FROM outside",
    ],
)
def test_the_engine_itself_reaches_nothing_outside(tmp_path: Path, statement: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("a\n1\n")
    outside = pa.table({"a": [1]})
    with sealed() as database, pytest.raises(duckdb.Error):
        database.execute(statement.format(file=file)).fetchall()
    assert outside.num_rows == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


@pytest.mark.parametrize("value", ["'; DROP TABLE rows; --", "\\'", "$1", "/*", "a\nb", "{object}"])
def test_values_in_the_data_are_never_read_as_sql(value: str) -> None:
    dataset = Dataset(
        "things", (Column("value", "string"),), checks=(Check("short", "length(value) < 3"),)
    )
    table = pa.table({"value": ["a", value * 3]})
    failures = check_rows(dataset, table)
    assert {one.check: one.rows.tolist() for one in failures} == {"not_null": [], "short": [1]}


def test_a_predicate_of_many_values_stays_within_its_memory() -> None:
    dataset = Dataset(
        "things",
        (Column("value", "int64"),),
        checks=(Check("huge", "list_sum(range(value)) > 0"),),
    )
    table = pa.table({"value": [10**12]})
    with pytest.raises(Exception, match="cannot be held against a predicate"):
        check_rows(dataset, table)
