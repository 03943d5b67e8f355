from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pytest

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.core.errors import Contract, Unavailable
from towpath.core.instant import to_micros
from towpath.core.segment import segments
from towpath.features.push_log import (
    Entry,
    PushLog,
    entries,
    entry_of,
    flush,
    known_online,
    oldest_waiting,
    since_of,
)
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from towpath.lake.report import IngestReport

TRIPS = Dataset("trips", (Column("id", "int64"), Column("km", "float64")), key=("id",))
STAMP = pa.timestamp("us", "UTC")
RIDES = Dataset(
    "rides", (Column("id", "int64"), Column("at", "timestamp")), key=("id",), event_time="at"
)


class Interrupted(Exception):
    """Stands for a kill right after the lake has the batch."""


class FailingLake(Lake):
    """A lake whose caller dies after the next batch is stored."""

    def ingest(self, *args: object, **options: object) -> IngestReport:
        super().ingest(*args, **options)  # type: ignore[arg-type]  # passed on as given
        raise Interrupted


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open("sqlite:catalog.db", tmp_path) as opened:
        yield opened


def lake_of(db: Database, root: Path, kind: type[Lake] = Lake) -> Lake:
    store = DeltaTableStore("file:lake", root, db)
    return kind(store, db, {"trips": TRIPS, "rides": RIDES}, clock=SystemClock())


def trips(*rows: tuple[int, float]) -> Entry:
    table = pa.table({"id": [one for one, _ in rows], "km": [km for _, km in rows]})
    return entry_of("trips", table, arrived=5, online=False)


def ride(number: int, *, arrived: int) -> Entry:
    table = pa.table({"id": [number], "at": pa.array([number], STAMP)})
    return entry_of("rides", table, arrived=arrived, online=True)


def arrivals(lake: Lake) -> list[tuple[int, int]]:
    table = lake["push_arrivals"]
    if not table.exists():
        return []
    rows = table.scan(["happened", "arrived"]).to_pylist()
    return sorted((to_micros(row["happened"]), to_micros(row["arrived"])) for row in rows)


def held(lake: Lake) -> list[tuple[int, float]]:
    table = lake["trips"].scan(["id", "km"])
    return sorted((row["id"], row["km"]) for row in table.to_pylist())


def test_rows_are_in_their_dataset_once(tmp_path: Path, db: Database) -> None:
    lake, folder = lake_of(db, tmp_path), tmp_path / "log"
    with PushLog(folder) as log:
        log.append(trips((1, 1.5), (2, 2.5)))
        log.append(trips((1, 9.0), (3, 3.5)))
        assert flush(folder, lake) == 4
        log.append(trips((4, 4.5)))
        assert flush(folder, lake) == 1
    assert flush(folder, lake) == 0
    assert held(lake) == [(1, 1.5), (2, 2.5), (3, 3.5), (4, 4.5)]
    assert segments(folder) == []


def test_a_kill_between_the_lake_and_the_note_of_it_takes_nothing_twice(
    tmp_path: Path, db: Database
) -> None:
    folder = tmp_path / "log"
    with PushLog(folder) as log:
        log.append(trips((1, 1.5)))
        with pytest.raises(Interrupted):
            flush(folder, lake_of(db, tmp_path, FailingLake))
        log.append(trips((2, 2.5)))
    lake = lake_of(db, tmp_path)
    before = lake["trips"].version()
    flush(folder, lake)
    assert held(lake) == [(1, 1.5), (2, 2.5)]
    assert lake["trips"].version() == (before or 0) + 1


def test_rows_are_said_to_be_online_from_when_the_store_had_them(
    tmp_path: Path, db: Database
) -> None:
    lake, folder = lake_of(db, tmp_path), tmp_path / "log"
    with PushLog(folder) as log:
        refused, tried_again = ride(1, arrived=10), ride(1, arrived=20)
        log.append(refused)
        log.append(tried_again)
        assert flush(folder, lake) == 2
        assert arrivals(lake) == []
        log.note(since_of(tried_again, tried_again.table, RIDES, now=30))
        assert oldest_waiting(folder) == 30
        assert flush(folder, lake) == 0
    assert arrivals(lake) == [(1, 30)]
    assert flush(folder, lake) == 0
    assert segments(folder) == []


def test_the_log_tells_which_rows_it_knows_to_be_online(tmp_path: Path) -> None:
    one, two = ride(1, arrived=10), ride(2, arrived=10)
    with PushLog(tmp_path) as log:
        log.append(one)
        log.note(since_of(one, one.table, RIDES, now=11))
        log.append(two)
    assert known_online(tmp_path) == {one.id}
    assert [entry.id for entry in entries(tmp_path)] == [one.id, two.id]


def test_an_entry_of_the_first_format_is_read() -> None:
    old = msgspec.msgpack.encode(["trips", 5, True, b""])
    assert msgspec.msgpack.decode(old, type=Entry) == Entry("trips", 5, True, b"")


def test_threads_share_syncs_and_every_entry_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    real = os.fdatasync

    def sync(handle: int) -> None:
        syncs.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fdatasync", sync)
    with PushLog(tmp_path) as log:

        def write(start: int) -> None:
            for number in range(start, start + 50):
                log.append(trips((number, 0.5)))

        threads = [threading.Thread(target=write, args=(at * 50,)) for at in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    kept = [one.table["id"][0].as_py() for one in entries(tmp_path)]
    assert sorted(kept) == list(range(400))
    assert len(syncs) < 400


def test_what_the_disk_does_not_take_is_told_and_what_follows_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write

    def half(handle: int, data: bytes) -> int:
        return real(handle, data[: len(data) // 2])

    def failing(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with PushLog(tmp_path) as log:
        log.append(trips((1, 1.0)))
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(Unavailable, match="Free space"):
            log.append(trips((2, 1.0)))
        monkeypatch.setattr(os, "write", real)
        log.append(trips((3, 1.0)))
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(Unavailable, match="Free space"):
            log.note(trips((3, 1.0)))
        monkeypatch.setattr(os, "write", real)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", failing)
            with pytest.raises(Unavailable, match="Input/output"):
                log.append(trips((4, 1.0)))
    kept = [one.table["id"][0].as_py() for one in entries(tmp_path)]
    assert kept[:2] == [1, 3]


def test_a_damaged_segment_is_named(tmp_path: Path) -> None:
    with PushLog(tmp_path) as log:
        for number in range(3):
            log.append(trips((number, 1.0)))
    path = segments(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    with pytest.raises(Contract, match=f"{path.name}.* damaged"):
        list(entries(tmp_path))


def test_damage_of_a_segment_does_not_hide_the_others(tmp_path: Path) -> None:
    for number in range(2):
        with PushLog(tmp_path) as log:
            log.append(trips((number, 1.0)))
            log.append(trips((number, 2.0)))
    path = segments(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    found = entries(tmp_path)
    assert [next(found).table["id"][0].as_py() for _ in range(2)] == [1, 1]
    with pytest.raises(Contract, match=f"{path.name}.* damaged"):
        next(found)


def test_a_segment_that_is_removed_while_the_log_is_read_is_passed_over(
    tmp_path: Path, db: Database
) -> None:
    for number in range(3):
        with PushLog(tmp_path / "log") as log:
            log.append(trips((number, 1.0)))
    found = entries(tmp_path / "log")
    assert next(found).table["id"][0].as_py() == 0
    assert flush(tmp_path / "log", lake_of(db, tmp_path)) == 3
    assert list(found) == []
