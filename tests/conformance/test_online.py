from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import Denied
from towpath.features.online.lmdb import LmdbStore
from towpath.features.online.memory import MemoryStore
from towpath.testing.online import DurableOnlineStoreSuite, OnlineStoreSuite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from towpath.features.online import OnlineStore


class TestMemoryStore(OnlineStoreSuite):
    @pytest.fixture
    def stores(self) -> Callable[[], OnlineStore]:
        return MemoryStore


class TestLmdbStore(DurableOnlineStoreSuite):
    @pytest.fixture
    def stores(self, tmp_path: Path) -> Callable[[], OnlineStore]:
        return lambda: LmdbStore("lmdb:online", tmp_path)

    def test_another_process_sees_a_write_within_a_tenth_of_a_second(self, tmp_path: Path) -> None:
        reader = LmdbStore("lmdb:online", tmp_path)
        LmdbStore("lmdb:online", tmp_path).write("car", [(b"a", b"1")], b"{}")
        assert reader.read("car", [b"a"]) == [b"1"]
        LmdbStore("lmdb:online", tmp_path).write("car", [(b"a", b"2")], b"{}")
        time.sleep(0.1)
        assert reader.read("car", [b"a"]) == [b"2"]
        reader.close()

    def test_a_forked_child_reads(self, tmp_path: Path) -> None:
        store = LmdbStore("lmdb:online", tmp_path)
        store.write("car", [(b"a", b"1" * 9000)], b"{}")
        store.read("car", [b"a"])
        fork = multiprocessing.get_context("fork")
        child = fork.Process(target=_expect, args=(store, b"1" * 9000))
        child.start()
        child.join()
        assert child.exitcode == 0
        assert store.read("car", [b"a"]) == [b"1" * 9000]
        store.close()

    def test_two_stores_in_one_process_read_the_same_generation(self, tmp_path: Path) -> None:
        one, two = LmdbStore("lmdb:online", tmp_path), LmdbStore("lmdb:online", tmp_path)
        one.write("car", [(b"a", b"1" * 9000)], b"{}")
        assert one.read("car", [b"a"]) == two.read("car", [b"a"])
        one.close()
        assert two.read("car", [b"a"]) == [b"1" * 9000]
        two.close()

    def test_only_the_present_generation_is_kept_on_disk(self, tmp_path: Path) -> None:
        store = LmdbStore("lmdb:online", tmp_path)
        for number in range(3):
            store.write("car", [(b"a", b"%d" % number)], b"{}")
        assert len(list((tmp_path / "online" / "car").glob("*.lmdb"))) == 1
        store.close()

    def test_a_folder_in_the_way_is_denied(self, tmp_path: Path) -> None:
        (tmp_path / "online").write_text("not a folder")
        with pytest.raises(Denied, match="online"):
            LmdbStore("lmdb:online", tmp_path).write("car", [], b"{}")


def _expect(store: LmdbStore, value: bytes) -> None:
    assert store.read("car", [b"a"]) == [value]
