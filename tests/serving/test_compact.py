from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from towpath.catalog.database import Database
from towpath.core import drain
from towpath.core.clock import SystemClock
from towpath.core.errors import Conflict, Contract
from towpath.core.lock import acquired, locked
from towpath.core.record import from_json
from towpath.core.segment import segments
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore
from towpath.serving.compact import compact
from towpath.serving.log import Logged, PredictionLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.lake.report import IngestReport

SCRIPT = Path(__file__).with_name("compacting.py")
FEATURES = ("hour", "wind", "carrier", "late")


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


@pytest.fixture
def lake(db: Database, tmp_path: Path) -> Lake:
    return Lake(DeltaTableStore("file:lake", tmp_path, db), db, {}, clock=SystemClock())


def one(number: int) -> Logged:
    values: list[object] = [number, 0.1 + number, "UA", None]
    key = json.dumps({"flight_id": f"f{number}"}, separators=(",", ":"))
    return Logged(str(number), "champion", "late", 3, key, number, number + 1, values, 0.25, False)


def write(folder: Path, numbers: range) -> None:
    with PredictionLog(folder, "delay", features=FEATURES) as log:
        log.append([one(number) for number in numbers])


def stored(lake: Lake) -> list[int]:
    return sorted(int(str(each)) for each in lake["predictions"].scan(["id"])["id"].to_pylist())


def test_every_prediction_is_stored_once(tmp_path: Path, lake: Lake) -> None:
    write(tmp_path / "log", range(50))
    assert compact(tmp_path / "log", lake) == 50
    assert compact(tmp_path / "log", lake) == 0
    assert stored(lake) == list(range(50))


def test_row_holds_what_was_answered_bit_for_bit(tmp_path: Path, lake: Lake) -> None:
    write(tmp_path / "log", range(7, 8))
    compact(tmp_path / "log", lake)
    [row] = lake["predictions"].scan().to_pylist()
    assert json.loads(row["features"]) == {
        "hour": 7,
        "wind": 0.1 + 7,
        "carrier": "UA",
        "late": None,
    }
    assert row["key"] == '{"flight_id":"f7"}'
    assert (row["endpoint"], row["arm"], row["model"]) == ("delay", "champion", "late")
    assert (row["version"], row["probability"], row["decision"]) == ("3", 0.25, False)
    assert (row["at"].microsecond, row["logged_at"].microsecond) == (7, 8)


def test_log_that_grows_meanwhile_is_followed(tmp_path: Path, lake: Lake) -> None:
    with PredictionLog(tmp_path / "log", "delay", features=FEATURES) as log:
        for start in (0, 10, 20):
            log.append([one(number) for number in range(start, start + 10)])
            assert compact(tmp_path / "log", lake) == 10
    assert stored(lake) == list(range(30))


def test_segment_in_the_lake_is_removed_once_it_is_closed(tmp_path: Path, lake: Lake) -> None:
    write(tmp_path / "log", range(10))
    with PredictionLog(tmp_path / "log", "delay", features=FEATURES) as log:
        log.append([one(10)])
        assert compact(tmp_path / "log", lake) == 11
        [left] = segments(tmp_path / "log")
        log.append([one(11)])
    progress = from_json((tmp_path / "log" / drain.PROGRESS).read_bytes(), drain.Progress)
    assert list(progress.done) == [left.name]
    assert compact(tmp_path / "log", lake) == 1
    assert segments(tmp_path / "log") == []
    assert stored(lake) == list(range(12))


def test_damaged_segment_is_kept_and_told(tmp_path: Path, lake: Lake) -> None:
    write(tmp_path / "log", range(10))
    [path] = segments(tmp_path / "log")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Contract, match=path.name):
        compact(tmp_path / "log", lake)
    assert segments(tmp_path / "log") == [path]


def test_small_batches_hold_the_same_as_large_ones(tmp_path: Path, lake: Lake) -> None:
    for start in range(0, 60, 20):
        write(tmp_path / "log", range(start, start + 20))
    assert compact(tmp_path / "log", lake, batch_bytes=500) == 60
    assert stored(lake) == list(range(60))


def test_torn_prediction_is_left_until_it_is_whole(tmp_path: Path, lake: Lake) -> None:
    write(tmp_path / "log", range(3))
    [path] = (tmp_path / "log").glob("*.log")
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with path.open("rb") as writer:
        assert acquired(writer.fileno())
        assert compact(tmp_path / "log", lake) == 2
    path.write_bytes(whole)
    assert compact(tmp_path / "log", lake) == 1
    assert stored(lake) == [0, 1, 2]


def test_batch_that_was_stored_but_not_noted_is_not_stored_again(
    tmp_path: Path, lake: Lake, db: Database
) -> None:
    failing = FailingLake(lake.store, db, {}, clock=SystemClock())
    with PredictionLog(tmp_path / "log", "delay", features=FEATURES) as log:
        log.append([one(number) for number in range(10)])
        with pytest.raises(Interrupted):
            compact(tmp_path / "log", failing)
        log.append([one(number) for number in range(10, 20)])
    compact(tmp_path / "log", lake)
    assert stored(lake) == list(range(20))
    assert lake["predictions"].version() == 1


def test_log_of_no_predictions_is_no_error(tmp_path: Path, lake: Lake) -> None:
    assert compact(tmp_path / "nothing", lake) == 0
    write(tmp_path / "log", range(0))
    assert compact(tmp_path / "log", lake) == 0


def test_one_log_is_compacted_by_one_process(tmp_path: Path, lake: Lake) -> None:
    write(tmp_path / "log", range(3))
    with (
        locked(tmp_path / "log" / drain.LOCK),
        pytest.raises(Conflict, match="Another process"),
    ):
        compact(tmp_path / "log", lake)


@pytest.mark.slow
@pytest.mark.e2e
def test_killed_compaction_is_finished_by_the_next(tmp_path: Path, lake: Lake) -> None:
    write(tmp_path / "log", range(200))
    random.seed(7)
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(tmp_path)], stdout=subprocess.PIPE
        )
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(random.uniform(0, 0.4))
            process.kill()
    compact(tmp_path / "log", lake)
    assert stored(lake) == list(range(200))
