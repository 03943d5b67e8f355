"""Every function and operator gives the same on DuckDB, on Spark and in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.features.expression.rows import COLUMNS, EXPRESSIONS, edge_rows
from tests.features.expression.same import by_numpy, differing
from tests.features.expression.written import expressions

from towpath.features.expression.bind import bind
from towpath.features.expression.duckdb import duckdb_sql
from towpath.features.expression.function import FUNCTIONS
from towpath.features.expression.numpy import evaluate
from towpath.features.expression.spark import spark_sql
from towpath.features.expression.vector import vector_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

pytest_plugins = ("tests.spark_session",)
WRITTEN = [text for texts in EXPRESSIONS.values() for text in texts]
ROWS = edge_rows()
AT_ONCE = 40


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        # What a time is does not depend on where the engine believes to be.
        connection.execute("SET TimeZone = 'America/New_York'")
        yield connection


def by_duckdb(database: duckdb.DuckDBPyConnection, text: str, rows: pa.Table) -> list[object]:
    database.register("rows", rows)
    query = f"SELECT {duckdb_sql(bind(text, COLUMNS))} AS found FROM rows"
    found: list[object] = database.sql(query).to_arrow_table()["found"].to_pylist()
    return found


@pytest.mark.parametrize("text", WRITTEN)
def test_duckdb_gives_what_numpy_gives(database: duckdb.DuckDBPyConnection, text: str) -> None:
    found = by_duckdb(database, text, ROWS)
    assert differing(text, by_numpy(bind(text, COLUMNS), ROWS), found) == []


def test_every_function_is_held_against_the_engines() -> None:
    special = {"in", "is null", "case", "cast", "try_cast"}
    assert sorted({*FUNCTIONS, *special} ^ EXPRESSIONS.keys()) == []


@pytest.fixture(scope="module")
def spark(local_spark: str) -> SparkSession:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    for address in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(address, "127.0.0.1")
    session = builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "America/New_York")
    return session


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_spark_gives_what_numpy_gives(spark: SparkSession, ansi: str) -> None:
    spark.conf.set("spark.sql.ansi.enabled", ansi)
    frame = spark.createDataFrame(ROWS).coalesce(1)
    wrong = {}
    for start in range(0, len(WRITTEN), AT_ONCE):
        texts = WRITTEN[start : start + AT_ONCE]
        bound = [bind(text, COLUMNS) for text in texts]
        named = [f"{spark_sql(one)} AS c{number}" for number, one in enumerate(bound)]
        found = frame.selectExpr(*named).toArrow()
        for text, one, column in zip(texts, bound, found.columns, strict=True):
            wrong[text] = differing(text, by_numpy(one, ROWS), column.to_pylist())
    assert {text: rows for text, rows in wrong.items() if rows} == {}


@given(expressions(), st.integers(0, 2**32))
def test_what_is_nested_in_any_way_is_the_same_on_duckdb(
    database: duckdb.DuckDBPyConnection, text: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    count = ROWS.num_rows
    drawn = {name: ROWS[name].take(random.integers(0, count, 50)) for name, _ in COLUMNS}
    rows = pa.table(drawn)
    found = by_duckdb(database, text, rows)
    assert differing(text, by_numpy(bind(text, COLUMNS), rows), found) == []


@pytest.mark.parametrize("text", WRITTEN)
def test_a_row_alone_gets_the_bits_that_it_gets_among_others(text: str) -> None:
    expression = bind(text, COLUMNS)
    columns = {name: vector_of(ROWS[name]) for name in expression.columns}
    values, present = evaluate(expression, columns, rows=ROWS.num_rows)
    for row in range(0, ROWS.num_rows, 41):
        alone = {name: vector_of(ROWS[name].slice(row, 1)) for name in columns}
        value, here = evaluate(expression, alone, rows=1)
        assert here[0] == present[row]
        if here[0]:
            same = value[0] == values[row] if value.dtype == object else None
            assert value.tobytes() == values[row : row + 1].tobytes() if same is None else same


def test_a_zero_has_no_sign() -> None:
    found = evaluate(bind("-x", COLUMNS), {"x": vector_of(ROWS["x"])}, rows=ROWS.num_rows)
    zero = found.values[(found.values == 0) & found.present]
    assert zero.size > 0
    assert not np.signbit(zero).any()
