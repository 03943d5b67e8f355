from __future__ import annotations

import sqlite3
import uuid
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pytest
from sqlalchemy import make_url

from towpath.core.errors import (
    Contract,
    Denied,
    Invalid,
    MissingExtra,
    NotFound,
    TowpathError,
    Unavailable,
)
from towpath.core.instant import parse_instant
from towpath.lake.dataset import Column, Dataset
from towpath.lake.source_spec import SourceSpec
from towpath.lake.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("tests.services",)

ORDERS = Dataset(
    "orders",
    (
        Column("id", "int64"),
        Column("cost", "decimal(7,2)", nullable=True),
        Column("note", "string", nullable=True),
        Column("at", "timestamp"),
    ),
    key=("id",),
    event_time="at",
)
THREE = [
    (3, "0.10", None, "2013-01-03T00:00:00+00:00"),
    (1, "12.50", "a:b %s ? ' \"", "2013-01-01T01:00:00+01:00"),
    (2, None, "çé", "2013-01-02T00:00:00+00:00"),
]
MAKE = """CREATE TABLE "orders" (id BIGINT, cost {decimal}, note TEXT, at {time}, secret TEXT)"""


def read(spec: object, root: Path, *, dataset: Dataset = ORDERS, since: object = None) -> pa.Table:
    source = open_source(dataset, spec, root=root, since=since)
    pieces = [piece for part in source.parts() for piece in source.read(part)]
    return pa.concat_tables(pieces) if pieces else pa.table({"id": []})


@pytest.fixture
def lite(tmp_path: Path) -> str:
    """A file of SQLite with three orders."""
    connection = sqlite3.connect(tmp_path / "shop.db")
    with connection:
        connection.execute(MAKE.format(decimal="TEXT", time="TEXT"))
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, 'x')", THREE)
    connection.close()
    return "sqlite:///shop.db"


@pytest.fixture
def schema(postgres_server: str) -> Iterator[str]:
    """A schema of PostgreSQL with three orders."""
    name = f"s{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        connection.execute(f"SET search_path TO {name}")
        connection.execute(MAKE.format(decimal="NUMERIC(9,2)", time="TIMESTAMPTZ"))
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s, %s, 'x')", THREE)
        yield name
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> SourceSpec:
    """The same orders in both databases."""
    if request.param == "sqlite":
        return SourceSpec(url=request.getfixturevalue("lite"), table="orders")
    schema = request.getfixturevalue("schema")
    uri = request.getfixturevalue("postgres_server")
    return SourceSpec(url=uri, table=f"{schema}.orders")


def as_query(shop: SourceSpec, rest: str = "") -> SourceSpec:
    text = f"SELECT id, cost, note, at FROM {shop.table} {rest}"
    return shop.replace(table="", query=text)


def test_a_table_is_read_in_the_order_of_its_key(shop: SourceSpec, tmp_path: Path) -> None:
    for spec in (shop, as_query(shop)):
        table = read(spec, tmp_path)
        assert table.column_names == list(ORDERS.names)
        assert table["id"].to_pylist() == [1, 2, 3]
        assert [str(one) for one in table["cost"].to_pylist()] == ["12.50", "None", "0.10"]
        assert table["note"].to_pylist() == ["a:b %s ? ' \"", "çé", None]
        assert {str(one)[:19] for one in table["at"].to_pylist()} == {
            f"2013-01-0{day} 00:00:00" for day in (1, 2, 3)
        }


def test_the_same_rows_have_the_same_key(shop: SourceSpec, tmp_path: Path) -> None:
    def key(spec: SourceSpec) -> str:
        return next(open_source(ORDERS, spec, root=tmp_path).parts()).key

    assert key(shop) == key(shop) == key(as_query(shop))
    assert key(shop) != key(as_query(shop, "WHERE id > 1"))


def test_a_query_may_hold_any_sign(shop: SourceSpec, tmp_path: Path) -> None:
    spec = as_query(shop, "WHERE note LIKE 'a:b %' AND CAST(':x 10:30' AS TEXT) <> '%(a)s';")
    assert read(spec, tmp_path)["id"].to_pylist() == [1]


@pytest.mark.parametrize("column", ["", "id", "note"])
def test_rows_from_the_watermark_on_are_read(shop: SourceSpec, tmp_path: Path, column: str) -> None:
    since = {"": parse_instant("2013-01-02T00:00:00Z"), "id": 2, "note": "b"}[column]
    dataset = ORDERS.replace(
        columns=tuple(one.replace(nullable=one.name == "cost") for one in ORDERS.columns)
    )
    for spec in (shop, as_query(shop)):
        named = spec.replace(watermark=column)
        found = read(named, tmp_path, dataset=dataset, since=since)["id"].to_pylist()
        assert found == [2, 3]
        if not column:
            later = parse_instant("2013-01-03T00:00:01Z")
            assert read(named, tmp_path, dataset=dataset, since=later).num_rows == 0


def test_a_table_that_is_not_there_is_named(shop: SourceSpec, tmp_path: Path) -> None:
    missing = shop.replace(table=shop.table.replace("orders", "order"))
    with pytest.raises(NotFound, match=r"no table .*Did you mean 'orders'"):
        read(missing, tmp_path)


def test_a_column_that_is_not_there_is_named(shop: SourceSpec, tmp_path: Path) -> None:
    other = ORDERS.replace(columns=(*ORDERS.columns, Column("notes", "string")))
    with pytest.raises(Contract, match=r"lacks the column 'notes'.*Did you mean 'note'"):
        read(shop, tmp_path, dataset=other)
    with pytest.raises(Contract, match="lacks the column 'notes'"):
        read(as_query(shop, "WHERE id > 9"), tmp_path, dataset=other)
    with pytest.raises(Contract, match="has the column 'secret'"):
        read(shop.replace(table="", query=f"SELECT * FROM {shop.table}"), tmp_path)


def test_a_query_that_cannot_run_is_refused(shop: SourceSpec, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read as the source says"):
        read(shop.replace(table="", query="SELECT FROM WHERE"), tmp_path)


@pytest.mark.parametrize("verb", ["DELETE FROM", "DROP TABLE", "INSERT INTO"])
def test_a_source_never_writes(shop: SourceSpec, tmp_path: Path, verb: str) -> None:
    rest = " VALUES (9)" if verb.startswith("INSERT") else ""
    for query in (f"{verb} {shop.table}{rest}", f"SELECT 1; {verb} {shop.table}{rest}; SELECT 1"):
        with pytest.raises(TowpathError):
            read(shop.replace(table="", query=query), tmp_path)
    assert read(shop, tmp_path).num_rows == 3


@pytest.mark.parametrize(
    ("dtype", "value", "words"),
    [
        ("int64", "many", "row 2: Column 'v' holds 'many', which is not int64"),
        ("float64", b"x", "row 2: Column 'v' holds"),
        ("string", 1, "row 2: Column 'v' holds '1', which is not string"),
        ("bool", 2, "row 2: Column 'v' holds '2', which is not bool"),
        ("decimal(5,2)", "1.005", "row 2: Column 'v' holds '1.005'"),
        ("date", "2013-02-30", "row 2: Column 'v' holds '2013-02-30'"),
        ("timestamp", "2013-01-01 00:00:00", "row 2: .*no time zone"),
        ("timestamp", "noon", "row 2: Column 'v' holds 'noon', which is not timestamp"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_row(
    tmp_path: Path, dtype: str, value: object, words: str
) -> None:
    good = {"string": "a", "date": "2013-01-01", "timestamp": "2013-01-01T00:00:00Z"}
    connection = sqlite3.connect(tmp_path / "shop.db")
    with connection:
        connection.execute("CREATE TABLE things (v)")
        connection.execute("INSERT INTO things VALUES (?)", [good.get(dtype, 1)])
        connection.execute("INSERT INTO things VALUES (?)", [value])
    connection.close()
    things = Dataset("things", (Column("v", dtype),))
    with pytest.raises((Contract, Invalid), match=words):
        read(SourceSpec(url="sqlite:///shop.db", table="things"), tmp_path, dataset=things)


def test_types_that_sqlite_lacks_are_read(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.db")
    with connection:
        connection.execute("CREATE TABLE things (flag BOOLEAN, cost, day, at, blob BLOB)")
        row = (1, "1.5", "2013-01-01", "2013-01-01 01:00:00+01:00", b"\0a")
        connection.execute("INSERT INTO things VALUES (?, ?, ?, ?, ?)", row)
    connection.close()
    kinds = {"flag": "bool", "cost": "decimal(5,2)", "day": "date", "at": "timestamp"}
    columns = [Column(name, dtype) for name, dtype in kinds.items()]
    things = Dataset("things", (*columns, Column("blob", "binary")))
    spec = SourceSpec(url="sqlite:///shop.db", table="things")
    found = read(spec, tmp_path, dataset=things).to_pylist()[0]
    assert (found["flag"], str(found["cost"]), str(found["day"])) == (True, "1.50", "2013-01-01")
    assert (found["at"].hour, found["blob"]) == (0, b"\0a")


def test_types_of_postgresql_are_read(postgres_server: str, tmp_path: Path) -> None:
    query = """SELECT true AS flag, 7::smallint AS small, 1.5::real AS real, 1.50 AS cost,
        gen_random_uuid() AS id, DATE '2013-01-01' AS day, 'a'::bytea AS blob,
        ARRAY[1.0, 2.5]::float8[] AS list, NULL::text AS nothing"""
    kinds = [
        "bool",
        "int64",
        "float64",
        "decimal(5,2)",
        "string",
        "date",
        "binary",
        "list<float64>",
        "string",
    ]
    names = ["flag", "small", "real", "cost", "id", "day", "blob", "list", "nothing"]
    columns = tuple(
        Column(name, kind, nullable=True) for name, kind in zip(names, kinds, strict=True)
    )
    row = read(
        SourceSpec(url=postgres_server, query=query), tmp_path, dataset=Dataset("odd", columns)
    )
    found = row.to_pylist()[0]
    assert len(found.pop("id")) == 36
    assert str(found.pop("cost")) == "1.50"
    assert str(found.pop("day")) == "2013-01-01"
    assert list(found.values()) == [True, 7, 1.5, b"a", [1.0, 2.5], None]


def test_a_naive_time_of_postgresql_is_refused(postgres_server: str, tmp_path: Path) -> None:
    naive = Dataset("naive", (Column("at", "timestamp"),))
    query = "SELECT TIMESTAMP '2013-01-01 00:00:00' AS at"
    with pytest.raises(Invalid, match=r"Column 'at' of The query of postgresql://.*time zone"):
        read(SourceSpec(url=postgres_server, query=query), tmp_path, dataset=naive)


def test_a_password_is_never_shown(
    postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2/@:")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'hunter2/@:'")
    reader = make_url(postgres_server).set(username="reader", password="unset")
    url = reader.render_as_string(hide_password=False).replace("unset", "${SHOP_PASSWORD}")
    secret = Dataset("secret", (Column("rolpassword", "string"),))
    for spec in (
        SourceSpec(url=url, table="pg_catalog.pg_authid"),
        SourceSpec(url=url, query="SELECT 'hunter2/@:' FROM nowhere"),
    ):
        with pytest.raises(TowpathError) as caught:
            read(spec, tmp_path, dataset=secret)
        shown = f"{caught.value!s} {caught.value.message} {caught.value.data}"
        assert "hunter2" not in shown
    with pytest.raises(Denied, match="permission denied"):
        read(SourceSpec(url=url, query="SELECT * FROM pg_authid"), tmp_path, dataset=secret)


def test_an_url_that_makes_no_sense_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        read(SourceSpec(url="postgresql//u:hunter2@h", table="a"), tmp_path)
    assert "hunter2" not in str(caught.value)


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    for url in ("postgresql://u:${NO_SUCH}@h/d", "${NO_SUCH}"):
        with pytest.raises(Invalid, match="variable NO_SUCH"):
            read(SourceSpec(url=url, table="a"), tmp_path)


def test_a_whole_url_may_come_from_a_variable(
    lite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", lite)
    assert read(SourceSpec(url="${SHOP}", table="orders"), tmp_path).num_rows == 3


def test_a_file_of_sqlite_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no database .*none\.db"):
        read(SourceSpec(url="sqlite:///none.db", table="a"), tmp_path)
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("not what the name says" * 100)
    with pytest.raises(Invalid, match="file is not a database"):
        read(SourceSpec(url="sqlite:///shop.db", table="a"), tmp_path)


def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"postgresql://127\.0\.0\.1:9/shop does not answer"):
        read(SourceSpec(url="postgresql://u@127.0.0.1:9/shop", table="a"), tmp_path)


def test_a_database_without_its_driver_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match="No driver is installed for mysql://h/d"):
        read(SourceSpec(url="mysql://h/d", table="a"), tmp_path)


@pytest.mark.slow
def test_many_rows_of_postgresql_come_in_pieces(postgres_server: str, tmp_path: Path) -> None:
    numbers = Dataset("numbers", (Column("id", "int64"), Column("half", "float64")))
    query = "SELECT id, id / 2.0::float8 AS half FROM generate_series(1, 600000) AS id"
    source = open_source(numbers, SourceSpec(url=postgres_server, query=query), root=tmp_path)
    part = next(source.parts())
    for _ in range(2):
        pieces = list(source.read(part))
        assert sum(piece.num_rows for piece in pieces) == 600_000
        assert len(pieces) == 2
    assert pieces[-1]["half"][-1].as_py() == 300_000.0
