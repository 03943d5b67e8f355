"""What is read from Valkey while others write, beside what the suite asks of all stores."""

from __future__ import annotations

import itertools
import multiprocessing
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.interrupted import interrupted
from tests.meanwhile import meanwhile

from towpath.features.online import META_KEY, Item
from towpath.features.online.change import Contended
from towpath.features.online.memory import MemoryStore
from towpath.features.online.redis import RedisStore
from towpath.testing.online import fill, setting, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.valkey import Valkey

    from towpath.features.online import Row

pytest_plugins = ("tests.services",)
numbers = itertools.count()
KEYS = tuple(b"k%d" % number for number in range(40))
PARTS = (b"p", b"q", b"r")
ALL = (Item("car", META_KEY), Item("car", b"first"), Item("car", b"second"))


@pytest.fixture
def stores(valkey: Valkey) -> Callable[[], RedisStore]:
    return partial(RedisStore, valkey.url(f"prefix=r{next(numbers)}:&timeout=10"))


def rows_of(number: int, keys: Sequence[bytes] = KEYS) -> Iterator[Row]:
    return ((key, b"", b"%d" % number) for key in keys)


def said(text: bytes, _: bytes | None) -> bytes:
    return text


def replace_again_and_again(stores: Callable[[], RedisStore], times: int) -> None:
    store = stores()
    for number in range(times):
        store.write("car", rows_of(number + 1), b"%d" % (number + 1), replaces=b"%d" % number)
    store.close()


def test_what_another_store_did_is_read_at_once(stores: Callable[[], RedisStore]) -> None:
    """Though this one remembers where it found the area."""
    store, other = stores(), stores()
    items = [Item("car", META_KEY), Item("car", b"a"), Item("bus", b"a")]
    with closing(store), closing(other):
        assert store.read(items) == [None] * 3
        fill(other)
        fill(other, "bus")
        assert store.read(items) == [b"old", b"1", b"1"]
        other.write("car", [(b"b", b"", b"2")], b"new", replaces=b"old")
        assert store.read(items) == [b"new", None, b"1"]
        other.drop("car")
        assert store.read(items) == [None, None, b"1"]
        other.change("car", [b"a"], setting(root=b"3"))
        assert store.read(items) == [b"{}", b"3", b"1"]


@pytest.mark.parametrize(
    ("verbs", "wanted"),
    [
        (("change",), [b"0", b"0", b"1"]),
        (("write",), [b"1"] * 3),
        (("drop",), [None] * 3),
        (("drop", "write"), [b"1"] * 3),
        (("change", "write"), [b"2"] * 3),
    ],
)
def test_what_happens_between_two_keys_of_a_read_tears_nothing(
    valkey: Valkey, verbs: Sequence[str], wanted: list[bytes | None]
) -> None:
    """A change may be seen in some keys, but never in the text and not in a key."""
    url = valkey.url(f"prefix=b{next(numbers)}:&timeout=10")
    other = RedisStore(url)
    state: list[bytes | None] = [b"0"]

    def act() -> None:
        for verb in verbs:
            number = b"%d" % len(state)
            if verb == "drop":
                other.drop("car")
                state[-1] = None
            elif verb == "write":
                rows = rows_of(len(state), (b"first", b"second"))
                other.write("car", rows, number, replaces=state[-1])
                state.append(number)
            else:
                edit = setting(root=number)
                other.change("car", [b"first", b"second"], edit, meta=partial(said, number))
                state.append(number)

    other.write("car", rows_of(0, (b"first", b"second")), b"0", replaces=None)
    with interrupted(valkey.port, b":second\r\n", act) as port, closing(other):
        store = RedisStore(url.replace(f":{valkey.port}/", f":{port}/"))
        with closing(store):
            assert store.read(ALL) == wanted


def test_an_area_that_a_process_replaces_meanwhile_is_read_whole(
    stores: Callable[[], RedisStore],
) -> None:
    """Text and keys of one write, and no key is missing that both have."""
    store = stores()
    store.write("car", rows_of(0), b"0", replaces=None)
    items = [Item("car", META_KEY), *(Item("car", key) for key in KEYS)]
    spawn = multiprocessing.get_context("spawn")
    writer = spawn.Process(target=replace_again_and_again, args=(stores, 150))
    with closing(store):
        writer.start()
        seen: list[int] = []
        while writer.is_alive():
            (found,) = set(store.read(items))
            assert found is not None
            seen.append(int(found))
        writer.join()
        assert writer.exitcode == 0
        assert len(set(seen)) > 10
        assert seen == sorted(seen)
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
    with closing(store), closing(other), meanwhile(make):
        assert {len(set(store.read(items))) for _ in range(400)} == {1}


def test_parts_of_a_key_are_of_one_state_wherever_they_are_asked_for(
    stores: Callable[[], RedisStore],
) -> None:
    """Also twice, and with other keys and areas between."""
    store, other = stores(), stores()
    fill(other, "bus")
    count = itertools.count()

    def change() -> None:
        number = b"%d" % next(count)
        other.change("car", [b"a", b"b"], lambda _, __: dict.fromkeys((b"", *PARTS), number))

    change()
    wanted = [Item("car", b"a", part) for part in (b"", *PARTS, b"")]
    between = [Item("car", b"b", b"q"), Item("bus", b"a"), Item("car", META_KEY)]
    items = [item for one in wanted for item in (one, *between)]
    with closing(store), closing(other), meanwhile(change):
        for _ in range(500):
            found = store.read(items)
            assert len(set(found[::4])) == len(set(found[1::4])) == 1
            assert set(found[2::4]) == {b"1"}


def test_a_read_larger_than_any_buffer_comes_back(stores: Callable[[], RedisStore]) -> None:
    store = stores()
    keys = [b"%0200d" % number for number in range(8_000)]
    with closing(store):
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
    assert redis.read(items) == memory.read(items)
    roots = [item._replace(part=b"") for item in items]
    assert redis.read(roots) == memory.read(roots)


def test_an_area_that_is_always_another_is_contended(
    stores: Callable[[], RedisStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("towpath.features.online.redis_read.ATTEMPTS", 1)
    store, other = stores(), stores()
    with closing(store), closing(other):
        fill(other)
        with pytest.raises(Contended, match="car"):
            values(store, "car", b"a")
        assert values(store, "car", b"a") == [b"1"]
