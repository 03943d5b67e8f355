from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.seaweed import file_system

from towpath.core.errors import Conflict, Contract, Denied, Invalid, NotFound, Unavailable
from towpath.core.instant import parse_instant
from towpath.lake.dataset import Column, Dataset
from towpath.lake.source_spec import SourceSpec
from towpath.lake.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.services import Bucket

pytest_plugins = ("tests.services",)

AT = "2013-01-01T00:00:00Z"
HEADER = "id,fare,kind,at"
LINES = f"{HEADER}\n1,2.5,day,{AT}\n2,,night,2013-01-01T01:00:00+00:00\n"
OBJECTS = (
    f'{{"id":1,"fare":2.5,"kind":"day","at":"{AT}"}}\n\n{{"kind":"night","id":2,"at":"{AT}"}}\n'
)
ROWS = [
    {"id": 1, "fare": 2.5, "kind": "day"},
    {"id": 2, "fare": None, "kind": "night"},
]


def read(dataset: Dataset, source: object, root: Path, since: object = None) -> pa.Table:
    opened = open_source(dataset, source, root=root, since=since)
    pieces = [piece for part in opened.parts() for piece in opened.read(part)]
    return pa.concat_tables(pieces) if pieces else pa.table({})


def zipped(name: str, data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return packed.getvalue()


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    at = pa.array([0, 0], pa.timestamp("ns", "America/New_York"))
    table = pa.table({"id": [1, 2], "fare": [2.5, None], "kind": ["day", "night"], "at": at})
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


FORMS: dict[str, Callable[[], bytes]] = {
    "trips.csv": LINES.encode,
    "TRIPS.CSV": LINES.encode,
    "trips.csv.gz": lambda: gzip.compress(LINES.encode()),
    "two_members.csv.gz": lambda: b"".join(
        gzip.compress(one.encode()) for one in (LINES[:30], LINES[30:])
    ),
    "trips.csv.zip": lambda: zipped("any.txt", LINES.encode()),
    "trips.tsv": lambda: LINES.replace(",", "\t").encode(),
    "trips.jsonl": OBJECTS.encode,
    "trips.ndjson": OBJECTS.rstrip().encode,
    "trips.jsonl.gz": lambda: gzip.compress(OBJECTS.encode()),
    "trips.jsonl.zip": lambda: zipped("trips.jsonl", OBJECTS.encode()),
    "trips.parquet": parquet,
}


@pytest.mark.parametrize("name", FORMS)
def test_each_kind_of_file_gives_the_same_rows(trips: Dataset, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMS[name]())
    table = read(trips, name, tmp_path)
    assert table.drop_columns(["at"]).to_pylist() == ROWS
    assert table.schema.field("at").type == pa.timestamp("us", "UTC")


def test_a_folder_gives_its_files_in_the_order_of_their_names(
    trips: Dataset, tmp_path: Path
) -> None:
    for name in ("b/2.csv", "a.jsonl", "_SUCCESS", ".b.csv.swp", "_tmp/x.csv", "notes.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FORMS["trips.jsonl" if name.endswith("jsonl") else "trips.csv"]())
    source = open_source(trips, "in", root=tmp_path)
    names = [Path(part.origin).relative_to(tmp_path).as_posix() for part in source.parts()]
    assert names == ["in/a.jsonl", "in/b/2.csv"]


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("in/*.csv", 1), ("in/*/*.csv", 2), ("in/**/*.csv", 3), ("in/?/[01].csv", 2), ("in/**", 3)],
)
def test_a_glob_may_reach_into_folders(
    trips: Dataset, tmp_path: Path, pattern: str, count: int
) -> None:
    for name in ("0.csv", "a/0.csv", "b/1.csv"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LINES)
    assert len(list(open_source(trips, pattern, root=tmp_path).parts())) == count


def test_a_name_with_the_signs_of_a_glob_is_a_name_first(trips: Dataset, tmp_path: Path) -> None:
    (tmp_path / "trips[1].csv").write_text(LINES)
    assert read(trips, "trips[1].csv", tmp_path).num_rows == 2


def test_a_key_tells_the_content_and_not_the_name(trips: Dataset, tmp_path: Path) -> None:
    for name, text in (("a.csv", LINES), ("b.csv", LINES), ("c.csv", LINES + "\n")):
        (tmp_path / name).write_text(text)
    first, second, third = (part.key for part in open_source(trips, ".", root=tmp_path).parts())
    assert first == second != third


def test_a_delta_table_is_not_taken_for_a_folder_of_files(trips: Dataset, tmp_path: Path) -> None:
    (tmp_path / "table" / "_delta_log").mkdir(parents=True)
    (tmp_path / "table" / "_delta_log" / "0.json").write_text("{}")
    with pytest.raises(Invalid, match="is a Delta table"):
        open_source(trips, "table", root=tmp_path)


def test_another_kind_of_url_is_refused(trips: Dataset, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no source of the kind gs://"):
        open_source(trips, "gs://lake/trips.csv", root=tmp_path)


def test_files_that_do_not_count_leave_a_folder_empty(trips: Dataset, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("")
    with pytest.raises(NotFound, match="no file"):
        open_source(trips, "in", root=tmp_path)


def test_a_file_that_goes_away_is_named(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_text(LINES)
    source = open_source(trips, path, root=tmp_path)
    path.unlink()
    with pytest.raises(NotFound, match=r"trips\.csv any more"):
        list(source.parts())


def test_a_file_that_grows_while_it_is_read_is_refused(trips: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "trips.csv"
    path.write_text(LINES)
    source = open_source(trips, path, root=tmp_path)
    pieces = source.read(next(source.parts()))
    next(pieces)
    with path.open("a") as file:
        file.write(f"3,1,day,{AT}\n")
    with pytest.raises(Conflict, match="while it was read"):
        list(pieces)


def test_rows_from_the_watermark_on_are_read(trips: Dataset, tmp_path: Path) -> None:
    for name in ("trips.csv", "trips.parquet"):
        (tmp_path / name).write_bytes(FORMS[name]())
    seen = parse_instant("2013-01-01T00:30:00Z")
    assert read(trips, "trips.csv", tmp_path, since=seen)["id"].to_pylist() == [2]
    assert read(trips, "trips.csv", tmp_path, since=AT)["id"].to_pylist() == [1, 2]
    assert read(trips, "trips.parquet", tmp_path, since=seen).num_rows == 0
    by_id = SourceSpec(path="trips.csv", watermark="id")
    assert read(trips, by_id, tmp_path, since=2)["id"].to_pylist() == [2]


@pytest.mark.parametrize(
    ("column", "since", "words"),
    [
        ("fare", 1.0, "'fare' of dataset 'trips' may be missing"),
        ("id", "many", "'many' is no value of the column 'id'"),
        ("", "2013-01-01T00:00:00", "has no time zone"),
        ("", 7.5, "7.5 is no value"),
    ],
)
def test_a_watermark_that_orders_nothing_is_refused(
    trips: Dataset, tmp_path: Path, column: str, since: object, words: str
) -> None:
    (tmp_path / "trips.csv").write_text(LINES)
    spec = SourceSpec(path="trips.csv", watermark=column)
    with pytest.raises(Invalid, match=words):
        open_source(trips, spec, root=tmp_path, since=since)


def test_a_dataset_without_event_time_needs_a_watermark(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no event_time"):
        open_source(Dataset("sizes", (Column("id", "int64"),)), "x.csv", root=tmp_path, since=1)


def test_large_tables_come_in_pieces_and_small_ones_together(tmp_path: Path) -> None:
    sizes = Dataset("sizes", (Column("id", "int64"),))
    pq.write_table(pa.table({"id": range(1_200_000)}), tmp_path / "sizes.parquet")
    source = open_source(sizes, "sizes.parquet", root=tmp_path)
    rows = [piece.num_rows for piece in source.read(next(source.parts()))]
    assert sum(rows) == 1_200_000
    assert 400_000 < min(rows[:-1]) <= max(rows) <= 500_000


def test_wide_rows_come_in_smaller_pieces(tmp_path: Path) -> None:
    notes = Dataset("notes", (Column("text", "string"),))
    (tmp_path / "notes.jsonl").write_text(f'{{"text":"{"x" * 1_000_000}"}}\n' * 200)
    source = open_source(notes, "notes.jsonl", root=tmp_path)
    sizes = [piece.nbytes for piece in source.read(next(source.parts()))]
    assert sum(sizes) > 200_000_000
    assert max(sizes) <= 64 << 20


@pytest.fixture
def bucket(s3: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A prefix of our own with each kind of file, and the environment that opens it."""
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    prefix = f"{s3.bucket}/{tmp_path.name}"
    files = file_system(s3.endpoint)
    for name, content in FORMS.items():
        with files.open_output_stream(f"{prefix}/{name}", compression=None) as file:
            file.write(content())
    return f"s3://{prefix}"


@pytest.mark.parametrize("name", FORMS)
def test_files_in_a_bucket_are_read(trips: Dataset, bucket: str, name: str) -> None:
    assert read(trips, f"{bucket}/{name}", Path()).drop_columns(["at"]).to_pylist() == ROWS


def test_a_glob_in_a_bucket_finds_files(trips: Dataset, bucket: str) -> None:
    source = open_source(trips, f"{bucket}/trips.*", root=Path())
    origins = [part.origin for part in source.parts()]
    assert origins == [f"{bucket}/{name}" for name in sorted(FORMS) if name.startswith("trips.")]


def test_other_content_in_a_bucket_has_another_key(trips: Dataset, bucket: str, s3: Bucket) -> None:
    def key() -> str:
        return next(open_source(trips, f"{bucket}/trips.csv", root=Path()).parts()).key

    first = key()
    with file_system(s3.endpoint).open_output_stream(f"{bucket[5:]}/trips.csv") as file:
        file.write(LINES.replace("2.5", "2.6").encode())
    second = key()
    with file_system(s3.endpoint).open_output_stream(f"{bucket[5:]}/trips.csv") as file:
        file.write(LINES.encode())
    assert (first == second, first == key()) == (False, True)


def test_an_error_in_a_bucket_names_file_and_line(trips: Dataset, bucket: str, s3: Bucket) -> None:
    with file_system(s3.endpoint).open_output_stream(f"{bucket[5:]}/bad.csv") as file:
        file.write(f"{LINES}x,1,day,{AT}\n".encode())
    with pytest.raises(Contract, match=rf"{bucket}/bad\.csv:4: Column 'id' holds 'x'"):
        read(trips, f"{bucket}/bad.csv", Path())


def test_what_is_not_in_a_bucket_is_named(trips: Dataset, bucket: str) -> None:
    with pytest.raises(NotFound, match=f"{bucket}/none.csv"):
        open_source(trips, f"{bucket}/none.csv", root=Path())


def test_a_bucket_that_is_closed_to_us_is_denied(
    trips: Dataset, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    with pytest.raises(Denied, match="may not be read") as caught:
        read(trips, f"{bucket}/trips.csv", Path())
    assert "another-secret" not in str(caught.value)


@pytest.mark.slow
def test_a_bucket_that_nobody_serves_is_unavailable(
    trips: Dataset, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be reached"):
        open_source(trips, f"{bucket}/trips.csv", root=Path())


def test_a_definition_says_how_cells_are_written(trips: Dataset, tmp_path: Path) -> None:
    text = f"id;fare;kind;at\n1;2,5;dí@;{AT}\n"
    (tmp_path / "trips.csv").write_text(text, encoding="windows-1252")
    spec = SourceSpec(path="trips.csv", delimiter=";", decimal_point=",", encoding="windows-1252")
    row = read(trips, spec, tmp_path).to_pylist()[0]
    assert (row["fare"], row["kind"]) == (2.5, "dí@")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_text_of_another_encoding_is_read_where_the_source_says_so(
    trips: Dataset, tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "trips.csv").write_text(LINES, encoding=encoding)
    spec = SourceSpec(path="trips.csv", encoding=encoding)
    assert read(trips, spec, tmp_path).drop_columns(["at"]).to_pylist() == ROWS


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "a path or a url"),
        ({"path": "a.csv", "url": "sqlite:///a"}, "a path or a url"),
        ({"url": "sqlite:///a"}, "a table or a query"),
        ({"url": "sqlite:///a", "table": "a", "query": "SELECT 1"}, "a table or a query"),
        ({"path": "a.csv", "table": "a"}, "no table"),
        ({"path": "a.csv", "delimiter": "::"}, "cut into cells"),
        ({"path": "a.csv", "decimal_point": ";"}, "no decimal point"),
        ({"path": "a.csv", "delimiter": ",", "decimal_point": ","}, "both"),
        ({"path": "a.csv", "encoding": "utf-9"}, "Did you mean 'utf-8'"),
    ],
)
def test_a_definition_that_contradicts_itself_is_refused(
    fields: dict[str, str], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        SourceSpec(**fields)


def test_values_of_every_type_come_from_json(tmp_path: Path) -> None:
    dtypes = ("bool", "int64", "float64", "decimal(5,2)", "string", "date", "binary")
    columns = tuple(Column(f"c{at}", dtype, nullable=True) for at, dtype in enumerate(dtypes))
    dataset = Dataset("things", (*columns, Column("c7", "list<float64>", nullable=True)))
    values = [True, 1.0, 2, "1.50", "", "2013-10-01", "YQ==", [1, None]]
    line = json.dumps({f"c{at}": value for at, value in enumerate(values)})
    (tmp_path / "things.jsonl").write_text(f"{line}\n{{}}\n")
    first, second = (
        list(one.values()) for one in read(dataset, "things.jsonl", tmp_path).to_pylist()
    )
    assert first[:3] == [True, 1, 2.0]
    assert (str(first[3]), first[4], first[5].isoformat()) == ("1.50", "", "2013-10-01")
    assert first[6:] == [b"a", [1.0, None]]
    assert second == [None] * 8
