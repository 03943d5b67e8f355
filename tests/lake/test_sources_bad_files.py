"""JSON Lines and Parquet that are not what they should be."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from towpath.core.errors import Contract, Invalid
from towpath.lake.dataset import Column, Dataset
from towpath.lake.source_spec import SourceSpec
from towpath.lake.sources import open_source

if TYPE_CHECKING:
    from pathlib import Path

AT = "2013-01-01T00:00:00Z"
GOOD = f'{{"id":1,"fare":2.5,"kind":"day","at":"{AT}"}}'


def read(dataset: Dataset, path: Path) -> pa.Table:
    source = open_source(dataset, SourceSpec(path=str(path)), root=path.parent)
    pieces = [piece for part in source.parts() for piece in source.read(part)]
    return pa.concat_tables(pieces)


def line(**fields: object) -> str:
    return json.dumps({"id": 2, "fare": 1.0, "kind": "day", "at": AT, **fields})


BAD_LINES: dict[str, tuple[str, str]] = {
    "no json": ("hello", r"jsonl:3: The line is no JSON"),
    "cut": ('{"id":2,', r"jsonl:3: The line is no JSON"),
    "two objects": (GOOD + GOOD, r"jsonl:3: The line is no JSON"),
    "list": ("[1]", r"jsonl:3: The line is no object"),
    "unknown field": (line(fares=1), r"jsonl:3: .*field 'fares'.*Did you mean 'fare'"),
    "not a number": (line(fare=float("nan")), r"jsonl:3: .*it holds NaN.*write null"),
    "infinite": (line(fare=float("-inf")), r"jsonl:3: .*it holds -Infinity"),
    "too large": ('{"fare":1e999}', r"jsonl:3: Column 'fare' holds"),
    "text for a number": (line(fare="1.0"), r"jsonl:3: Column 'fare' holds '1.0'.*It is text"),
    "number for text": (line(kind=1), r"jsonl:3: Column 'kind' holds '1', which is not string"),
    "flag for a number": (line(id=True), r"jsonl:3: Column 'id' holds 'true'"),
    "huge": (line(id=10**40), r"jsonl:3: Column 'id' holds '1000"),
    "65 bits": (line(id=2**63), r"jsonl:3: Column 'id' holds '9223372036854775808'"),
    "not whole": (line(id=1.5), r"jsonl:3: Column 'id' holds '1.5', which is not int64"),
    "nested": (line(kind={"a": 1}), r"""jsonl:3: Column 'kind' holds '{"a": 1}'.*Nested values"""),
    "listed": (line(fare=[1]), r"jsonl:3: Column 'fare' holds '\[1\]'.*Nested values"),
    "naive": (line(at="2013-01-01T00:00:00"), r"jsonl:3: .*has no time zone"),
    "no time": (line(at="noon"), r"jsonl:3: Column 'at' holds 'noon', which is not timestamp"),
    "nanoseconds": (line(at="2013-01-01T00:00:00.123456789Z"), r"jsonl:3: Column 'at'"),
    "deep": (line(kind=0).replace("0}", "[" * 100_000 + "]" * 100_000 + "}"), r"jsonl:3: "),
    "nul": (line().replace("day", "d\0y"), r"jsonl:3: The line holds a NUL byte"),
    "half a pair": (line(kind="\ud800"), r"jsonl:3: The line is no JSON"),
    "long": (line(kind="x" * (18 << 20)), r"jsonl:3: The line has more than 16 MiB"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_of_json_is_named(trips: Dataset, tmp_path: Path, name: str) -> None:
    bad, words = BAD_LINES[name]
    path = tmp_path / "trips.jsonl"
    path.write_text(f"{GOOD}\n\n{bad}\n{GOOD}\n")
    with pytest.raises((Contract, Invalid), match=f"(?s){words}"):
        read(trips, path)


@pytest.mark.slow
def test_a_bad_line_far_down_is_named_by_its_number(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.jsonl"
    path.write_text(f"{GOOD}\n" * 300_000 + f"\n{line(at='noon')}\n{GOOD}\n")
    with pytest.raises(Contract, match=r"trips\.jsonl:300002: Column 'at' holds 'noon'"):
        read(trips, path)


def test_text_of_another_encoding_is_named(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.jsonl"
    path.write_bytes(f"{GOOD}\n{GOOD.replace('day', 'são')}\n".encode("latin-1"))
    with pytest.raises(Contract, match=r"jsonl:2: The text is not UTF-8; it seems to be Latin-1"):
        read(trips, path)


def test_a_packed_file_that_is_cut_short_is_named(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.jsonl.gz"
    path.write_bytes(gzip.compress(f"{GOOD}\n".encode() * 100)[:-9])
    with pytest.raises(Contract, match="is cut short"):
        read(trips, path)


def test_numbers_of_a_decimal_keep_their_digits(tmp_path: Path) -> None:
    costs = Dataset("costs", (Column("cost", "decimal(5,2)"),))
    path = tmp_path / "costs.jsonl"
    path.write_text('{"cost":0.10}\n{"cost":1e2}\n')
    assert [str(one) for one in read(costs, path)["cost"].to_pylist()] == ["0.10", "100.00"]
    for bad in ("0.105", "12345", '"NaN"', "1e400", '"much"'):
        path.write_text(f'{{"cost":0.10}}\n{{"cost":{bad}}}\n')
        with pytest.raises(Contract, match=r"costs\.jsonl:2: Column 'cost' holds"):
            read(costs, path)


def test_columns_may_have_the_names_of_python_s_own_words(tmp_path: Path) -> None:
    odd = Dataset("odd", (Column("class", "int64"), Column("def", "string")))
    path = tmp_path / "odd.jsonl"
    path.write_text('{"class":1,"def":"a"}\n')
    assert read(odd, path).to_pylist() == [{"class": 1, "def": "a"}]
    path.write_text('{"class":"b","def":"a"}\n')
    with pytest.raises(Contract, match="Column 'class' holds 'b'"):
        read(odd, path)


def trips_table() -> pa.Table:
    at = pa.array([0, 1], pa.timestamp("us", "UTC"))
    return pa.table({"id": [1, 2], "fare": [1.0, 2.0], "kind": ["day", "night"], "at": at})


BAD_COLUMNS: dict[str, tuple[str, pa.Array[pa.Scalar[pa.DataType]], str]] = {
    "text": ("fare", pa.array(["1", "2"]), "is string, the contract says float64"),
    "fractions": ("id", pa.array([1.5, 2.0]), "Column 'id' .*does not fit int64"),
    "overflow": ("id", pa.array([1, 2**63], pa.uint64()), "Column 'id' .*does not fit int64"),
    "naive": ("at", pa.array([0, 1], pa.timestamp("us")), "times without a time zone"),
    "nanoseconds": ("at", pa.array([0, 1], pa.timestamp("ns", "UTC")), "does not fit timestamp"),
    "nested": ("kind", pa.array([{"a": 1}, None]), "is struct<a: int64>"),
    "nothing": ("kind", pa.array([[1], []]), "is list<"),
}


@pytest.mark.parametrize("name", BAD_COLUMNS)
def test_a_parquet_column_of_another_type_is_named(
    trips: Dataset, tmp_path: Path, name: str
) -> None:
    column, values, words = BAD_COLUMNS[name]
    path = tmp_path / "trips.parquet"
    table = trips_table()
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, values), path)
    with pytest.raises((Contract, Invalid), match=f"(?s){words}") as caught:
        read(trips, path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("place", ["footer", "length", "start", "page", "half", "none"])
def test_a_broken_parquet_is_named(trips: Dataset, tmp_path: Path, place: str) -> None:
    path = tmp_path / "trips.parquet"
    pq.write_table(trips_table(), path, write_page_checksum=True, compression="none")
    data = bytearray(path.read_bytes())
    if place == "half":
        del data[len(data) // 2 :]
    elif place == "none":
        data.clear()
    else:
        footer = int.from_bytes(data[-8:-4], "little") + 8
        at = {"footer": -footer, "length": -6, "start": -1, "page": data.index(b"night")}[place]
        data[at] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(Contract, match=r"trips\.parquet"):
        read(trips, path)


def test_a_parquet_with_a_column_twice_is_refused(trips: Dataset, tmp_path: Path) -> None:
    table = trips_table()
    path = tmp_path / "trips.parquet"
    pq.write_table(table.append_column("id", table["id"]), path)
    with pytest.raises(Contract, match="has the column 'id' twice"):
        read(trips, path)


class Keys(pe.KmsClient):
    """Wraps keys by doing nothing: enough to write an encrypted file."""

    def __init__(self, _: object) -> None:
        super().__init__()

    def wrap_key(self, key_bytes: bytes, _: str) -> bytes:  # type: ignore[override]  # as documented
        return key_bytes.hex().encode()


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_an_encrypted_parquet_is_named(
    trips: Dataset, tmp_path: Path, plaintext_footer: bool
) -> None:
    path = tmp_path / "trips.parquet"
    config = pe.EncryptionConfiguration(
        footer_key="footer",
        column_keys={"column": ["id", "fare", "kind", "at"]},
        plaintext_footer=plaintext_footer,
    )
    factory = pe.CryptoFactory(Keys)
    encryption = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
    table = trips_table()
    with pq.ParquetWriter(path, table.schema, encryption_properties=encryption) as writer:
        writer.write_table(table)
    with pytest.raises(Contract, match="is encrypted"):
        read(trips, path)
