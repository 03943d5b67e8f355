"""A consumer on a real server of each kind: each event has effect once."""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.features.streams.broker import (
    TRIPS,
    Ear,
    arrow,
    expected,
    features,
    opened,
    packed,
    read_all,
    taker_of,
    trip,
)

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.core.errors import Invalid, NotFound, Unavailable
from towpath.features.online.memory import MemoryStore
from towpath.features.push_log import flush
from towpath.features.streams import open_source
from towpath.features.streams.consume import Consumer, Progress
from towpath.features.streams.dead_letters import bring_in, dead_letters
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.features.streams.broker import Broker

    from towpath.features.online import OnlineStore
    from towpath.features.push import Target
    from towpath.features.streams import Message, Source

pytestmark = pytest.mark.e2e
LONGEST_SECONDS = 60.0
NOWHERE = "redis://127.0.0.1:1/0?stream=a"


class Failing:
    """A source whose server takes some acknowledgements and says that it did not."""

    def __init__(self, source: Source, failures: int) -> None:
        self.name = source.name
        self._source = source
        self._left = failures

    def read(self, limit: int, *, seconds: float) -> Sequence[Message]:
        return self._source.read(min(limit, 10), seconds=seconds)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self._source.acknowledge(messages)
        if self._left:
            self._left -= 1
            raise Unavailable("it does not answer")

    def lag(self) -> int:
        return self._source.lag()

    def close(self) -> None:
        self._source.close()


class FailingStore(MemoryStore):
    """A store that writes some changes and says that it did not."""

    left = 3

    def change(self, *given: object, **options: object) -> None:
        super().change(*given, **options)  # type: ignore[arg-type]  # passed on as given
        if self.left:
            self.left -= 1
            raise Unavailable("the store does not answer")


def consume_all(
    source: Source, store: OnlineStore, folder: Path, to: Target = "online"
) -> tuple[Progress, Ear]:
    ear = Ear()
    with closing(source), closing(taker_of(source, store, folder, to)) as taker:
        return Consumer(source, taker, listener=ear).run(once=True), ear


@contextmanager
def lake_at(root: Path) -> Iterator[Lake]:
    with Database.open("sqlite:catalog.db", root) as db:
        store = DeltaTableStore("file:lake", root, db)
        yield Lake(store, db, {"trips": TRIPS}, clock=SystemClock())


@contextmanager
def running(consumer: Consumer) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=consumer.run)
    thread.start()
    try:
        yield thread
    finally:
        consumer.stop()
        thread.join()


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_events_are_online_and_the_lag_falls_to_nothing(
    broker: Broker, stream: str, tmp_path: Path
) -> None:
    broker.make(stream)
    store = MemoryStore()
    broker.put(stream, [packed(trip(number)) for number in range(2500)])
    found, ear = consume_all(opened(broker, stream), store, tmp_path)
    assert features(store) == expected(range(2500))
    assert (found.taken.rows, found.taken.accepted, found.lag) == (2500, 2500, 0)
    assert ear.heard[-1] == found


def test_rows_arrays_and_arrow_streams_may_be_mixed(
    broker: Broker, stream: str, tmp_path: Path
) -> None:
    broker.make(stream)
    store = MemoryStore()
    many = packed(*(trip(number) for number in range(1, 50)))
    streamed = arrow(*(trip(number) for number in range(50, 90)))
    broker.put(stream, [packed(trip(0)), many, streamed])
    found, _ = consume_all(opened(broker, stream), store, tmp_path)
    assert features(store) == expected(range(90))
    assert (found.taken.messages, found.taken.rows) == (3, 90)


def test_what_is_delivered_again_has_effect_once(
    broker: Broker, stream: str, tmp_path: Path
) -> None:
    broker.make(stream)
    broker.put(stream, [packed(trip(number)) for number in range(60)])
    store = MemoryStore()
    source = opened(broker, stream)
    with closing(taker_of(source, store, tmp_path, "online_and_offline")) as taker:
        # It dies after taking them in and before acknowledging.
        taker.take(read_all(source, 60, acknowledge=False))
    source.close()
    broker.put(stream, [packed(trip(number)) for number in range(40, 90)])
    found, _ = consume_all(opened(broker, stream), store, tmp_path, "online_and_offline")
    assert features(store) == expected(range(90))
    assert (found.taken.accepted, found.taken.repeated) == (30, 80)
    with lake_at(tmp_path) as lake:
        flush(tmp_path / "pushed", lake)
        kept = lake["trips"].scan(["id"]).sort_by("id")
        assert kept["id"].to_pylist() == [*range(90)]


def test_a_store_or_server_that_fails_half_way_is_waited_for(
    broker: Broker, stream: str, tmp_path: Path
) -> None:
    broker.make(stream)
    broker.put(stream, [packed(trip(number)) for number in range(30)])
    store = FailingStore()
    found, ear = consume_all(Failing(opened(broker, stream), 2), store, tmp_path)
    assert features(store) == expected(range(30))
    assert (found.outages, len(ear.outages)) == (5, 5)
    assert "0.2" in ear.outages[0]
    assert "0.8" in ear.outages[2]


def test_a_bad_message_is_listed_once_and_stops_no_other(
    broker: Broker, stream: str, tmp_path: Path
) -> None:
    broker.make(stream)
    bad = [b"no json", packed(trip(7, km=-1.0)), packed(trip(8), trip(9, car=None))]
    broker.put(stream, [packed(trip(0)), *bad, packed(trip(1))])
    store = MemoryStore()
    source = opened(broker, stream)
    with closing(taker_of(source, store, tmp_path)) as taker:
        taker.take(read_all(source, 5, acknowledge=False))
    source.close()
    found, _ = consume_all(opened(broker, stream), store, tmp_path)
    assert (found.taken.messages, found.taken.dead, found.lag) == (5, 3, 0)
    assert features(store) == expected([0, 1, 8])
    with lake_at(tmp_path) as lake:
        bring_in(tmp_path / "dead", lake)
        kept = dead_letters(lake, "trips").to_pylist()
    assert {one["content"] for one in kept} == {*bad}
    assert [one["stream"] for one in kept] == [source.name] * 3
    assert {one["reason"] for one in kept} >= {
        "km is below 0.0",
        "1 of 2 rows are refused: row 1: car is null",
    }


def test_rows_for_the_lake_alone_are_not_online(
    broker: Broker, stream: str, tmp_path: Path
) -> None:
    broker.make(stream)
    broker.put(stream, [packed(trip(number)) for number in range(9)])
    store = MemoryStore()
    consume_all(opened(broker, stream), store, tmp_path, "offline")
    with pytest.raises(NotFound, match="not in the online store"):
        features(store)
    with lake_at(tmp_path) as lake:
        assert flush(tmp_path / "pushed", lake) == 9


def test_two_consumers_of_a_group_share_the_work(
    broker: Broker, stream: str, tmp_path: Path
) -> None:
    broker.make(stream, 2)
    store = MemoryStore()
    sources = [opened(broker, stream), opened(broker, stream)]
    takers = [taker_of(source, store, tmp_path / str(at)) for at, source in enumerate(sources)]
    both = [
        Consumer(source, taker, listener=Ear())
        for source, taker in zip(sources, takers, strict=True)
    ]

    def rows() -> list[int]:
        return [one.progress.taken.rows for one in both]

    sent = 0
    with running(both[0]), running(both[1]):
        while min(rows()) == 0:
            broker.put(stream, [packed(trip(number)) for number in range(sent, sent + 20)])
            sent += 20
            assert sent < 20_000
            time.sleep(0.1)
        wait_for(lambda: sum(rows()) >= sent)
    for source in sources:
        source.close()
    assert features(store) == expected(range(sent))


def test_it_goes_on_when_a_broker_that_was_killed_is_back(
    broker: Broker, stream: str, tmp_path: Path
) -> None:
    broker.make(stream)
    broker.put(stream, [packed(trip(number)) for number in range(40)])
    store, ear, source = MemoryStore(), Ear(), opened(broker, stream)
    with closing(source), closing(taker_of(source, store, tmp_path)) as taker:
        consumer = Consumer(source, taker, listener=ear)
        with running(consumer) as thread:
            wait_for(lambda: consumer.progress.taken.rows >= 40)
            broker.kill()
            wait_for(lambda: bool(ear.outages))
            broker.start()
            broker.put(stream, [packed(trip(number)) for number in range(40, 80)])
            wait_for(lambda: features(store) == expected(range(80)))
            wait_for(lambda: consumer.progress.lag == 0)
            assert thread.is_alive()


def test_it_can_be_stopped_while_it_waits_for_a_server(tmp_path: Path) -> None:
    source = open_source(NOWHERE, "towpath")
    ear = Ear()
    with closing(source), closing(taker_of(source, MemoryStore(), tmp_path)) as taker:
        consumer = Consumer(source, taker, listener=ear)
        with running(consumer) as thread:
            wait_for(lambda: len(ear.outages) > 1)
            consumer.stop()
            thread.join(LONGEST_SECONDS)
            assert not thread.is_alive()


def test_a_stream_that_is_not_there_ends_it(broker: Broker, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="'nowhere'"):
        consume_all(opened(broker, "nowhere"), MemoryStore(), tmp_path)


def test_a_dataset_without_views_has_no_place_online(tmp_path: Path) -> None:
    source = open_source(NOWHERE, "towpath")
    with pytest.raises(Invalid, match="'trips' have no place online: no view"):
        taker_of(source, MemoryStore(), tmp_path, views=False)
    taker_of(source, MemoryStore(), tmp_path, "offline", views=False).close()
    source.close()
