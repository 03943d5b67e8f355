from __future__ import annotations

import itertools
import os
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest
from cassandra.cluster import Cluster

from towpath.core.errors import Conflict, Denied, Invalid
from towpath.features.online.breaker import BreakingStore
from towpath.features.online.cassandra import CassandraStore
from towpath.features.online.change import Contended
from towpath.features.online.lmdb import LmdbStore
from towpath.features.online.memory import MemoryStore
from towpath.features.online.redis import RedisStore
from towpath.testing.durable_online import DurableOnlineStoreSuite
from towpath.testing.online import AREAS, OnlineStoreSuite, add_one, fill, setting, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cassandra_server import CassandraServers
    from tests.valkey import Valkey

    from towpath.features.online import Get, OnlineStore, Parts, Row

pytest_plugins = ("tests.services",)
numbers = itertools.count()


def assert_only_its_key_is_contended(
    stores: Callable[[], OnlineStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer is faster each time; the breaker lets the changes of other keys through."""
    for engine in ("redis", "cassandra"):
        monkeypatch.setattr(f"towpath.features.online.{engine}.ATTEMPTS", 2)
    store, other = BreakingStore(stores(), limit=2), stores()
    fill(other)

    def overtaken(key: bytes, _: Get) -> Parts:
        other.change("car", [key], add_one)
        return {b"": b"mine"}

    for _ in range(3):
        with pytest.raises(Contended, match="too many writers"):
            store.change("car", [b"c"], overtaken)
    store.change("car", [b"b"], setting(root=b"2"))
    assert values(other, "car", b"b") == [b"2"]
    store.close()
    other.close()


class TestMemoryStore(OnlineStoreSuite):
    @pytest.fixture
    def stores(self) -> Callable[[], OnlineStore]:
        return MemoryStore


class TestLmdbStore(DurableOnlineStoreSuite):
    @pytest.fixture
    def stores(self, tmp_path: Path) -> Callable[[], OnlineStore]:
        return partial(LmdbStore, "lmdb:online", tmp_path)

    def test_only_the_present_file_is_kept_on_disk(self, tmp_path: Path) -> None:
        store = LmdbStore("lmdb:online", tmp_path)
        fill(store)
        for number in range(3):
            store.write("car", [(b"a", b"", b"%d" % number)], b"old", replaces=b"old")
        assert len(list((tmp_path / "online" / "car").glob("*.lmdb"))) == 1
        store.close()

    def test_a_folder_in_the_way_is_denied(self, tmp_path: Path) -> None:
        (tmp_path / "online").write_text("not a folder")
        with pytest.raises(Denied, match="online"):
            fill(LmdbStore("lmdb:online", tmp_path))

    def test_a_process_forks_while_threads_read_and_change(self, tmp_path: Path) -> None:
        store = LmdbStore("lmdb:online", tmp_path)
        fill(store)
        done, wrong = threading.Event(), list[object]()

        def use() -> None:
            while not done.is_set():
                store.change("car", [b"n"], add_one)
                found = values(store, "car", b"a")
                if found != [b"1"]:
                    wrong.append(found)

        threads = [threading.Thread(target=use) for _ in range(3)]
        for thread in threads:
            thread.start()
        children = []
        for _ in range(10):
            child = os.fork()
            if child == 0:
                store.change("car", [b"child"], add_one)
                os._exit(0)
            children.append(child)
        exits = [os.waitpid(child, 0)[1] for child in children]
        done.set()
        for thread in threads:
            thread.join()
        assert (exits, wrong) == ([0] * 10, [])
        assert values(store, "car", b"child") == [b"10"]
        store.close()


class TestRedisStore(DurableOnlineStoreSuite):
    @pytest.fixture
    def stores(self, valkey: Valkey) -> Callable[[], OnlineStore]:
        return partial(RedisStore, valkey.url(f"prefix=t{next(numbers)}*:&timeout=5"))

    def test_a_key_that_too_many_write_opens_no_breaker(
        self, stores: Callable[[], OnlineStore], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert_only_its_key_is_contended(stores, monkeypatch)


class TestCassandraStore(DurableOnlineStoreSuite):
    @pytest.fixture
    def stores(self, cassandra: CassandraServers) -> Callable[[], OnlineStore]:
        stores = partial(CassandraStore, cassandra.url("suite", "timeout=20&connect_timeout=20"))
        # To make a keyspace for each test would take longer than the tests.
        store = stores()
        for area in AREAS:
            store.drop(area)
        store.close()
        return stores

    def test_a_key_that_too_many_write_opens_no_breaker(
        self, stores: Callable[[], OnlineStore], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert_only_its_key_is_contended(stores, monkeypatch)

    def test_replaced_generations_are_removed(
        self, cassandra: CassandraServers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Once no reader can still ask for them; the present one is kept, whatever is noted."""
        monkeypatch.setattr("towpath.features.online.cassandra.GRACE_SECONDS", 0.0)
        store = CassandraStore(cassandra.url("removal", "timeout=20&connect_timeout=20"))
        fill(store)
        store.write("car", [(b"a", b"", b"2")], b"old", replaces=b"old")
        with Cluster(cassandra.hosts, port=cassandra.port) as cluster:
            session = cluster.connect("removal")
            (present,) = session.execute("SELECT generation FROM areas").one()
            note = "INSERT INTO leftovers (area, generation, until) VALUES ('car', %s, 0)"
            session.execute(note, [present])

            def overtaken() -> Iterator[Row]:
                yield b"a", b"", b"3"
                store.change("car", [b"b"], setting(root=b"4"), meta=lambda _: b"new")

            with pytest.raises(Conflict):
                store.write("car", overtaken(), b"lost", replaces=b"old")
            found = {row.generation for row in session.execute("SELECT generation FROM parts")}
        assert found == {present}
        assert values(store, "car", b"a", b"b") == [b"2", b"4"]
        store.close()

    def test_a_consistency_that_would_miss_changes_is_refused(self) -> None:
        with pytest.raises(Invalid, match="QUORUM"):
            CassandraStore("cassandra://127.0.0.1/k?consistency=one")
