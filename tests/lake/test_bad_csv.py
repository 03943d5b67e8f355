"""Files that are not what they should be: a named error with its line, and nothing taken in."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.core.errors import Contract, Invalid, TowpathError
from towpath.lake.dataset import Column, Dataset
from towpath.lake.infer import infer
from towpath.lake.source_spec import SourceSpec
from towpath.lake.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from towpath.lake.lake import Lake

AT = "2013-01-01T00:00:00Z"
HEADER = "id,fare,kind,at"
GOOD = f"1,2.5,day,{AT}"
TEXTS = Dataset("texts", (Column("word", "string"), Column("note", "string", nullable=True)))
KINDS = Dataset(
    "kinds",
    (
        Column("id", "int64"),
        Column("cost", "decimal(5,2)", nullable=True),
        Column("day", "date", nullable=True),
        Column("flag", "bool", nullable=True),
    ),
)


def read(dataset: Dataset, path: Path, **form: str) -> pa.Table:
    source = open_source(dataset, SourceSpec(path=str(path), **form), root=path.parent)
    pieces = [piece for part in source.parts() for piece in source.read(part)]
    return pa.concat_tables(pieces)


def csv(*lines: str, header: str = HEADER) -> bytes:
    return "".join(f"{line}\n" for line in (header, *lines)).encode()


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            target.writestr(name, data)
    return packed.getvalue()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


MANY = csv(*(f"{at},2.5,day,{AT}" for at in range(20_000)))
BAD: dict[str, tuple[bytes, str]] = {
    "few cells": (csv(GOOD, "2,1"), r"csv:3: The line has 2 cells, the header 4"),
    "many cells": (csv(GOOD, f"{GOOD},x"), r"csv:3: The line has 5 cells, the header 4"),
    "utf-16": (csv(GOOD).decode().encode("utf-16"), r"csv:1: The text is UTF-16.*encoding: utf-16"),
    "utf-16 without mark": (
        csv(GOOD).decode().encode("utf-16-le"),
        r"csv:1: The text seems to be UTF-16",
    ),
    "latin-1": (
        csv(GOOD, f"2,1,são,{AT}").decode().encode("latin-1"),
        r"csv:3: The text is not UTF-8; it seems to be Latin-1 or Windows-1252 \('2,1,são",
    ),
    "neither": (csv(GOOD) + b"2,1,\x81\xff,\n", r"csv:3: The text is not UTF-8"),
    "cut letter": (csv(GOOD) + b"2,1,\xc3", r"csv:3: The text is not UTF-8"),
    "nul": (csv(GOOD, f"2,1,d\0y,{AT}"), r"csv:3: The line holds a NUL byte"),
    "header again": (csv(GOOD, HEADER, GOOD), r"csv:3: The line is the header again"),
    "column twice": (csv(GOOD, header="id,id,kind,at"), r"has the column 'id' twice"),
    "empty": (b"", r"csv is empty"),
    "mark only": (b"\xef\xbb\xbf", r"csv is empty"),
    "text for a number": (csv(GOOD, f"2,dear,day,{AT}"), r"csv:3: Column 'fare' holds 'dear'"),
    "overflow": (
        csv(GOOD, f"9223372036854775808,1,day,{AT}"),
        r"csv:3: Column 'id' holds '9223372036854775808', which is not int64. It is too large",
    ),
    "float overflow": (csv(GOOD, f"2,1e999,day,{AT}"), r"csv:3: Column 'fare' holds '1e999'"),
    "real for whole": (csv(GOOD, f"2.0,1,day,{AT}"), r"csv:3: Column 'id' holds '2.0'"),
    "naive time": (csv(GOOD, "2,1,day,2013-01-01 00:00:00"), r"csv:3: .* has no time zone"),
    "nanoseconds": (csv(GOOD, "2,1,day,2013-01-01T00:00:00.000000001Z"), r"csv:3: Column 'at'"),
    "quote never closed": (csv(GOOD, f'2,1,"day,{AT}', GOOD, GOOD), r"csv:3: .* is never closed"),
    "quote closed later": (
        csv(GOOD, f'2,1,"day,{AT}', GOOD, f'3,1,"day,{AT}', GOOD),
        r"csv:3: A quote .* is closed in the middle of a cell",
    ),
    "text after a quote": (csv(GOOD, f'2,1,"da"y,{AT}'), r"csv:3: .* in the middle of a cell"),
    "semicolons": (csv(f"1;2,5;day;{AT}", header="id;fare;kind;at"), r"csv:1: .* if ';' stood"),
    "tabs": (csv(GOOD.replace(",", "\t"), header="id\tfare\tkind\tat"), r"delimiter: '\\t'"),
    "decimal comma": (csv(GOOD, f'2,"1,5",day,{AT}'), r"csv:3: .*'1,5'.* decimal_point: ','"),
    "long line": (csv(GOOD, f"2,1,{'x' * (33 << 20)},{AT}"), r"a line of more than 16 MiB"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_csv_is_named_with_its_line(trips: Dataset, tmp_path: Path, name: str) -> None:
    data, words = BAD[name]
    path = tmp_path / "trips.csv"
    path.write_bytes(data)
    with pytest.raises((Contract, Invalid), match=f"(?s){words}"):
        read(trips, path)


@pytest.mark.parametrize("name", BAD)
def test_nothing_of_a_bad_csv_is_taken_in(lake: Lake, tmp_path: Path, name: str) -> None:
    path = tmp_path / "trips.csv"
    path.write_bytes(csv(GOOD))
    lake.ingest("trips", path)
    path.write_bytes(BAD[name][0])
    with pytest.raises(TowpathError):
        lake.ingest("trips", path, mode="append")
    assert lake["trips"].rows() == 1
    assert not lake["trips__rejected"].exists()


def test_a_header_alone_is_refused(lake: Lake, tmp_path: Path) -> None:
    for data in (csv(), csv().rstrip()):
        path = tmp_path / "trips.csv"
        path.write_bytes(data)
        with pytest.raises(Contract, match=r"trips\.csv has no rows"):
            lake.ingest("trips", path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,12345.67,,", r"csv:3: Column 'cost' holds '12345.67', which is not decimal\(5,2\)"),
        ("1,1.005,,", r"csv:3: Column 'cost' holds '1.005'"),
        ("1,dear,,", r"csv:3: Column 'cost' holds 'dear'"),
        ('1,"1,50",,', r"csv:3: Column 'cost' .* decimal comma"),
        ("1,,2013-02-30,", r"csv:3: Column 'day' holds '2013-02-30', which is not date"),
        ("1,,,maybe", r"csv:3: Column 'flag' holds 'maybe', which is not bool"),
    ],
)
def test_cells_of_other_types_are_named(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "kinds.csv"
    path.write_bytes(csv("1,1.50,2013-01-01,true", line, header="id,cost,day,flag"))
    with pytest.raises(Contract, match=words):
        read(KINDS, path)


PACKED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "gz cut short": ("csv.gz", lambda: cut(gzip.compress(MANY)), "is cut short"),
    "gz broken": ("csv.gz", lambda: gzip.compress(MANY)[:40] + b"\0" * 4000, "cannot be unpacked"),
    "no gz": ("csv.gz", lambda: MANY, "cannot be unpacked: Not a gzipped file"),
    "rubbish after gz": ("csv.gz", lambda: gzip.compress(MANY) + b"xyz", "cannot be unpacked"),
    "zip cut short": ("csv.zip", lambda: cut(archive(a=MANY)), "cannot be unpacked"),
    "zip broken": ("csv.zip", lambda: archive(a=MANY).replace(b"PK\1\2", b"PK\1\3"), "unpacked"),
    "zip of two": ("csv.zip", lambda: archive(a=MANY, b=MANY), r"holds 2 files \('a', 'b'\)"),
    "zip of none": ("csv.zip", archive, "it holds no file"),
    "bad line in a zip": ("csv.zip", lambda: archive(a=csv(GOOD, "x,1,day,")), r"zip:3: Column"),
    "bad line in gz": ("csv.gz", lambda: gzip.compress(csv(GOOD, "1")), r"gz:3: The line has 1"),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_bad_packed_file_is_named(trips: Dataset, tmp_path: Path, name: str) -> None:
    suffix, made, words = PACKED[name]
    path = tmp_path / f"trips.{suffix}"
    path.write_bytes(made())
    with pytest.raises(Contract, match=words):
        read(trips, path)


def test_a_flipped_byte_in_a_zip_is_found(trips: Dataset, tmp_path: Path) -> None:
    data = bytearray(archive(a=MANY))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "trips.csv.zip"
    path.write_bytes(bytes(data))
    with pytest.raises(Contract, match=r"trips\.csv\.zip"):
        read(trips, path)


GOOD_TEXTS: dict[str, tuple[bytes, list[str | None]]] = {
    "mark": (b"\xef\xbb\xbfword,note\na,b\n", ["b"]),
    "cr only": (b"word,note\ra,b\rc,d\r", ["b", "d"]),
    "crlf": (b"word,note\r\na,b\r\nc,d", ["b", "d"]),
    "empty lines": (b"word,note\n\na,b\n\n", ["b"]),
    "quotes": (b'word,note\n"a","b ""c"" \n,d"\n"e",""\n', ['b "c" \n,d', None]),
    "quotes doubled at the ends": (b'word,note\na,"""b"""\n', ['"b"']),
    "quote in a plain cell": (b'word,note\na,5" pipe\nb,"c"\n', ['5" pipe', "c"]),
    "quoted header": (b'"word","note"\na,b\n', ["b"]),
    "a million letters": (b"word,note\na," + b"x" * 10**6 + b"\n", ["x" * 10**6]),
    "name of a column": (b"word,note\nword,b\na,note\n", ["b", "note"]),
}


@pytest.mark.parametrize("name", GOOD_TEXTS)
def test_what_is_unusual_but_right_is_read(tmp_path: Path, name: str) -> None:
    data, notes = GOOD_TEXTS[name]
    path = tmp_path / "texts.csv"
    path.write_bytes(data)
    assert read(TEXTS, path)["note"].to_pylist() == notes


def test_a_header_among_texts_is_found(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_bytes(b'word,note\na,"two\nlines"\n"word",note\n')
    with pytest.raises(Contract, match=r"texts\.csv:4: The line is the header again"):
        read(TEXTS, path)


def test_times_of_many_zones_become_utc(trips: Dataset, tmp_path: Path) -> None:
    times = (AT, "2013-01-01T01:00:00+01:00", "2012-12-31 19:00:00-0500", "2013-01-01T05:30+05:30")
    path = tmp_path / "trips.csv"
    path.write_bytes(csv(*(f"{at},,,{time}" for at, time in enumerate(times))))
    assert {str(one) for one in read(trips, path)["at"].to_pylist()} == {
        "2013-01-01 00:00:00+00:00"
    }


def test_infinity_is_read_where_it_is_written(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_bytes(csv(f"1,-inf,day,{AT}", f"2,Infinity,day,{AT}"))
    assert read(trips, path)["fare"].to_pylist() == [float("-inf"), float("inf")]


def test_a_list_has_no_place_in_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "lists.csv"
    path.write_text('values\n"1,2"\n')
    with pytest.raises(Invalid, match="a CSV has no lists"):
        read(Dataset("lists", (Column("values", "list<float64>"),)), path)


@pytest.fixture(scope="module")
def long_csv(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """So long that it is read in several pieces: 1,200,000 rows, 60 MB."""
    lines = [f'{at},2.5,"{"n" * 16}",{AT}' for at in range(1_200_000)]
    return csv(*lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"x,1,day,\n", "Column 'id' holds 'x'"),
        (b"7,1,day\n", "The line has 3 cells"),
        (b"7,1,d\0y,\n", "NUL byte"),
        (b"7,1,d\xe3o,\n", "seems to be Latin-1"),
        (b'7,1,"day,\n', "A quote that is opened in this line"),
        (HEADER.encode() + b"\n", "The line is the header again"),
        (b"7,1e400,day,\n", "Column 'fare' holds '1e400'"),
    ],
)
def test_a_bad_line_far_down_is_named_by_its_number(
    trips: Dataset, tmp_path: Path, long_csv: bytes, line: bytes, words: str
) -> None:
    at = long_csv.index(b"\n1000000,") + 1
    path = tmp_path / "trips.csv"
    path.write_bytes(long_csv[:at] + line + long_csv[at:])
    with pytest.raises(Contract, match=rf"trips\.csv:1000002: .*{words}"):
        read(trips, path)


@pytest.mark.parametrize("name", ["utf-16", "latin-1", "nul", "few cells", "quote never closed"])
def test_no_contract_is_drafted_from_a_bad_csv(tmp_path: Path, name: str) -> None:
    data, words = BAD[name]
    path = tmp_path / "trips.csv"
    path.write_bytes(data)
    with pytest.raises(Contract, match=words):
        infer(path, "trips")
