"""What killed servers had only in the log comes into the online store, whatever else happens."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.core.clock import SystemClock
from towpath.core.errors import Contract, Unavailable
from towpath.features.online.memory import MemoryStore
from towpath.features.push import push
from towpath.features.push_log import PushLog, entry_of
from towpath.features.server.definitions import Definitions
from towpath.features.server.push import Pushes
from towpath.features.server.replay import Replay
from towpath.features.view import FeatureView, Latest
from towpath.lake.dataset import Column, Dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COLUMNS = (Column("id", "int64"), Column("car", "string"), Column("at", "timestamp"))
TRIPS = Dataset("trips", COLUMNS, key=("id",), event_time="at")
CAR = FeatureView("car", "trips", ("car",), (Latest("id"),))
CLOCK = SystemClock()


def trips(number: int) -> pa.Table:
    at = pa.array([CLOCK.now()], pa.timestamp("us", "UTC"))
    return pa.table({"id": [number], "car": ["a"], "at": at})


def pushes_of(folder: Path, store: MemoryStore) -> Pushes:
    return Pushes(Definitions(store, {}, {"car": CAR}, {"trips": TRIPS}), folder, clock=CLOCK)


def test_an_entry_that_no_longer_keeps_the_contract_does_not_hide_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, rows = MemoryStore(), trips(1)
    with PushLog(tmp_path) as log:
        for name, table in (("trips", pa.table({"km": [1.5]})), ("gone", rows), ("trips", rows)):
            log.append(entry_of(name, table, arrived=5, online=True))
    assert pushes_of(tmp_path, store).replay() == 1
    assert push(store, TRIPS, [CAR], rows, now=CLOCK.now()).repeated == 1
    assert "'trips' in the log cannot be pushed" in caplog.text


def test_a_replay_that_is_stopped_leaves_the_rest(tmp_path: Path) -> None:
    with PushLog(tmp_path) as log:
        for number in range(3):
            log.append(entry_of("trips", trips(number), arrived=5, online=True))
    asked = iter([False, True])
    assert pushes_of(tmp_path, MemoryStore()).replay(lambda: next(asked)) == 1


def test_a_store_that_is_down_is_waited_for_while_the_server_starts() -> None:
    back, replayed = threading.Event(), threading.Event()

    def work(_: Callable[[], bool]) -> None:
        if not back.is_set():
            raise Unavailable("down")
        replayed.set()

    replay = Replay(work, again_seconds=0.01)
    replay.start()
    assert not replayed.is_set()
    back.set()
    assert replayed.wait(60)
    replay.close()


@pytest.mark.parametrize("error", [Contract("damaged"), OSError("unreadable")])
def test_what_cannot_be_replayed_does_not_keep_a_server_from_its_start(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: Callable[[], bool]) -> None:
        raise error

    replay = Replay(work)
    replay.start()
    replay.close()
    assert "cannot be replayed" in caplog.text


def test_a_long_log_does_not_keep_a_server_from_its_start_or_its_end() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(stopped: Callable[[], bool]) -> None:
        begun.set()
        while not stopped():
            time.sleep(0.001)
        ended.set()

    replay = Replay(work, start_seconds=0)
    replay.start()
    assert begun.wait(60)
    assert not ended.is_set()
    replay.close()
    assert ended.is_set()
