"""The suite that every online store passes.

Subclass it in a test module and give it a fixture named ``stores``: a function that opens the
store, each time on the same data. A store that outlives its process passes the suite of
``towpath.testing.durable_online``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from towpath.core.errors import Conflict
from towpath.features.online import (
    LONGEST_KEY,
    LONGEST_PART,
    META_KEY,
    Edit,
    Get,
    Item,
    OnlineStore,
    Parts,
    Row,
)

Open = Callable[[], OnlineStore]
LONG = 300_000
# All that the suite writes to; each of its tests begins with none of them.
AREAS = ("car", "bus", "spine.trips")
MANY = 2_500
KEYS = (b"a", b"b", b"c")
PARTS = tuple(b"h%d" % number for number in range(10))


def setting(**values: bytes | None) -> Edit:
    """Return an edit that sets parts by name, ``root`` for the root."""
    parts = {b"" if name == "root" else name.encode(): one for name, one in values.items()}
    return lambda _, __: parts


def _set(part: bytes, value: bytes, _: bytes, __: Get) -> Parts:
    return {part: value}


def add_one(_: bytes, get: Get) -> Parts:
    """Count in a key's root, and say so in another part."""
    count = int(bytes(get(b"") or b"0")) + 1
    assert count == int(bytes(get(b"twin") or b"0")) + 1
    return {b"": b"%d" % count, b"twin": b"%d" % count}


def meta_of(store: OnlineStore, area: str) -> bytes | None:
    """Return an area's meta text."""
    (found,) = store.read([Item(area, META_KEY)])
    return None if found is None else bytes(found)


def values(store: OnlineStore, area: str, *keys: bytes) -> list[bytes | None]:
    """Return the roots of keys."""
    found = store.read([Item(area, key) for key in keys])
    return [None if one is None else bytes(one) for one in found]


def fill(store: OnlineStore, area: str = "car", meta: bytes = b"old") -> None:
    """Write an area of two keys."""
    store.write(area, [(b"a", b"", b"1"), (b"b", b"", b"1")], meta, replaces=None)


@contextmanager
def reading(store: OnlineStore, items: list[Item]) -> Iterator[list[object]]:
    """Let three threads read the items; yield what they find where the values are not all equal."""
    done, torn = threading.Event(), list[object]()

    def read() -> None:
        while not done.is_set():
            found = {None if one is None else bytes(one) for one in store.read(items)}
            if len(found) != 1:
                torn.append(found)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    yield torn
    done.set()
    for reader in readers:
        reader.join()


class OnlineStoreSuite:
    """What ``towpath.features.online.OnlineStore`` promises, as tests."""

    def test_values_are_answered_in_the_order_of_the_items(self, stores: Open) -> None:
        """Over areas, keys and parts; what is not there is None, in its place."""
        store = stores()
        store.write("car", [(b"b", b"", b"2"), (b"a", b"p", b"1")], b"{}", replaces=None)
        store.write("spine.trips", [(b"a", b"p", b"3")], b"{}", replaces=None)
        items = [
            Item("car", b"a", b"p"),
            Item("car", b"a"),
            Item("spine.trips", b"a", b"p"),
            Item("none", b"a", b"p"),
            Item("car", b"b"),
            Item("car", b"a", b"p"),
        ]
        assert store.read(items) == [b"1", None, b"3", None, b"2", b"1"]
        assert store.read([]) == []
        store.close()

    @pytest.mark.parametrize("verb", ["write", "change"])
    def test_values_of_any_length_come_back(self, stores: Open, verb: str) -> None:
        """Empty and long values, the longest key and part, and bytes of all kinds."""
        store = stores()
        rows: dict[tuple[bytes, bytes], bytes] = {
            (b"\x00", b""): b"",
            (b"k" * LONGEST_KEY, b"\xff" * LONGEST_PART): bytes(range(256)),
            (b"k" * LONGEST_KEY, b""): b"root",
            (bytes(range(256)), b"\x00"): b"\x00",
            (b"*[a]?", b""): b"\r\n",
            (b"long", b"p"): b"\xff\x00" * LONG,
        }
        if verb == "write":
            given = ((key, part, value) for (key, part), value in rows.items())
            store.write("car", given, b"{}", replaces=None)
        for (key, part), value in rows.items() if verb == "change" else ():
            store.change("car", [key], partial(_set, part, value))
        found = store.read([Item("car", *address) for address in rows])
        assert [None if one is None else bytes(one) for one in found] == list(rows.values())
        assert sorted(store.keys("car")) == sorted({key for key, _ in rows})
        store.close()

    def test_a_write_replaces_the_whole_area(self, stores: Open) -> None:
        """Keys and parts of before are gone."""
        store = stores()
        rows = [(b"a", b"", b"1"), (b"b", b"", b"1"), (b"b", b"p", b"1")]
        store.write("car", rows, b"old", replaces=None)
        store.write("car", iter([(b"b", b"", b"2")]), b"new", replaces=b"old")
        items = [Item("car", b"a"), Item("car", b"b"), Item("car", b"b", b"p")]
        assert store.read(items) == [None, b"2", None]
        assert meta_of(store, "car") == b"new"
        assert list(store.keys("car")) == [b"b"]
        store.close()

    @pytest.mark.parametrize("replaces", [None, b"other", b""])
    def test_a_write_over_a_state_it_did_not_know_is_a_conflict(
        self, stores: Open, replaces: bytes | None
    ) -> None:
        """Nothing is changed by it."""
        store = stores()
        fill(store)
        with pytest.raises(Conflict, match="car"):
            store.write("car", [(b"a", b"", b"2")], b"new", replaces=replaces)
        assert values(store, "car", b"a") == [b"1"]
        with pytest.raises(Conflict, match="bus"):
            store.write("bus", [(b"a", b"", b"2")], b"new", replaces=b"old")
        assert meta_of(store, "car") == b"old"
        assert meta_of(store, "bus") is None
        store.close()

    @pytest.mark.parametrize("there", [True, False])
    def test_a_write_overtaken_by_another_state_is_a_conflict(
        self, stores: Open, *, there: bool
    ) -> None:
        """A change with a meta text, while the rows are still coming, is not written over."""
        store = stores()
        if there:
            fill(store)

        def overtaken() -> Iterator[Row]:
            yield b"a", b"", b"2"
            store.change("car", [b"c"], setting(root=b"3"), meta=lambda _: b"newer")

        with pytest.raises(Conflict):
            store.write("car", overtaken(), b"new", replaces=b"old" if there else None)
        assert values(store, "car", b"a", b"c") == [b"1" if there else None, b"3"]
        assert meta_of(store, "car") == b"newer"
        store.close()

    def test_a_write_that_fails_changes_nothing(self, stores: Open) -> None:
        """The rows may come from a generator that raises half-way."""
        store = stores()
        fill(store)

        def broken() -> Iterator[Row]:
            yield b"a", b"", b"2"
            raise KeyError

        with pytest.raises(KeyError):
            store.write("car", broken(), b"new", replaces=b"old")
        assert values(store, "car", b"a") == [b"1"]
        assert meta_of(store, "car") == b"old"
        store.close()

    def test_a_change_sees_what_is_there_and_leaves_the_rest(self, stores: Open) -> None:
        """Parts are added, replaced and removed; other parts and keys stay."""
        store = stores()
        rows = [(b"a", b"", b"1"), (b"a", b"old", b"1"), (b"a", b"kept", b"1"), (b"b", b"", b"1")]
        store.write("car", rows, b"{}", replaces=None)
        seen = {}

        def edit(key: bytes, get: Get) -> Parts:
            seen[key] = [get(b""), get(b"old"), get(b"none")]
            return {b"": b"2", b"old": None, b"none": None, b"new": b"2"}

        store.change("car", [b"a", b"x"], edit)
        assert seen == {b"a": [b"1", b"1", None], b"x": [None, None, None]}
        items = [Item("car", b"a", part) for part in (b"", b"old", b"kept", b"new")]
        assert store.read(items) == [b"2", None, b"1", b"2"]
        assert values(store, "car", b"b", b"x") == [b"1", b"2"]
        store.close()

    def test_a_key_without_parts_is_gone(self, stores: Open) -> None:
        """And may come again."""
        store = stores()
        fill(store)
        store.change("car", [b"a", b"never"], setting(root=None))
        assert list(store.keys("car")) == [b"b"]
        store.change("car", [b"a"], setting(root=b"2"))
        assert sorted(store.keys("car")) == [b"a", b"b"]
        store.close()

    def test_a_change_makes_a_missing_area(self, stores: Open) -> None:
        """Its text is what the caller makes of None, or an empty object."""
        store = stores()
        store.change("car", [b"a"], setting(root=b"1"))
        store.change("bus", [], setting(root=b"1"), meta=lambda before: b"from %r" % before)
        assert values(store, "car", b"a") == [b"1"]
        assert meta_of(store, "car") == b"{}"
        assert meta_of(store, "bus") == b"from None"
        store.close()

    def test_a_change_may_replace_the_text(self, stores: Open) -> None:
        """The new one may be made of the present one; without being asked, it stays."""
        store = stores()
        fill(store)
        store.change("car", [b"a"], setting(root=b"2"))
        assert meta_of(store, "car") == b"old"
        store.change("car", [b"a"], setting(root=b"3"), meta=lambda before: (before or b"") + b"er")
        assert meta_of(store, "car") == b"older"
        assert values(store, "car", b"a", b"b") == [b"3", b"1"]
        store.close()

    def test_an_edit_that_raises_leaves_its_key_as_it_was(self, stores: Open) -> None:
        """Its error reaches the caller, and the store goes on."""
        store = stores()
        fill(store)

        def broken(_: bytes, get: Get) -> Parts:
            raise KeyError(get(b""))

        with pytest.raises(KeyError, match="1"):
            store.change("car", [b"a"], broken)
        assert values(store, "car", b"a") == [b"1"]
        store.change("car", [b"a"], setting(root=b"2"))
        assert values(store, "car", b"a") == [b"2"]
        store.close()

    def test_an_area_never_written_is_empty(self, stores: Open) -> None:
        """Nothing in it, no keys, no text, and dropping it is no error."""
        store = stores()
        assert values(store, "car", b"a") == [None]
        assert list(store.keys("car")) == []
        assert meta_of(store, "car") is None
        store.drop("car")
        store.close()

    def test_a_dropped_area_is_gone(self, stores: Open) -> None:
        """Others are not, and it can be written and changed again."""
        store = stores()
        fill(store)
        fill(store, "bus")
        store.drop("car")
        store.drop("car")
        assert values(store, "car", b"a") == [None]
        assert values(store, "bus", b"a") == [b"1"]
        assert meta_of(store, "car") is None
        store.change("car", [b"c"], setting(root=b"3"))
        assert values(store, "car", b"a", b"c") == [None, b"3"]
        store.drop("car")
        fill(store, meta=b"again")
        assert values(store, "car", b"a", b"c") == [b"1", None]
        store.close()

    def test_an_empty_area_is_there(self, stores: Open) -> None:
        """No rows is not the same as never written."""
        store = stores()
        store.write("car", [], b"none", replaces=None)
        assert values(store, "car", b"a") == [None]
        assert meta_of(store, "car") == b"none"
        store.close()

    def test_all_keys_are_listed_once(self, stores: Open) -> None:
        """However many there are, and however many parts they have."""
        store = stores()
        keys = {b"%d" % number for number in range(MANY)}
        rows = [(key, part, b"1") for key in keys for part in (b"", b"p")]
        store.write("car", rows, b"{}", replaces=None)
        found = list(store.keys("car"))
        assert len(found) == MANY
        assert set(found) == keys
        store.close()

    def test_readers_see_whole_areas(self, stores: Open) -> None:
        """All values of one read of an area are of one write."""
        store = stores()
        rows = [[(key, part, b"%d" % one) for key in KEYS for part in PARTS] for one in range(16)]
        store.write("car", rows[0], b"{}", replaces=None)
        items = [Item("car", key, part) for key in KEYS for part in PARTS]
        with reading(store, items) as torn:
            for each in rows[1:]:
                store.write("car", each, b"{}", replaces=b"{}")
        assert not torn
        store.close()

    def test_readers_see_whole_keys(self, stores: Open) -> None:
        """All parts of a key in one read are of one change."""
        store = stores()
        rows = [(b"a", part, b"0") for part in PARTS]
        store.write("car", rows, b"{}", replaces=None)
        with reading(store, [Item("car", b"a", part) for part in PARTS]) as torn:
            for number in range(15):
                parts = {part.decode(): b"%d" % number for part in PARTS}
                store.change("car", [b"a"], setting(**parts))
        assert not torn
        store.close()

    def test_no_change_of_a_thread_is_lost(self, stores: Open) -> None:
        """Eight threads count in the same keys, in one store."""
        store = stores()
        wrong: list[BaseException] = []

        def count() -> None:
            try:
                for _ in range(10):
                    store.change("car", KEYS, add_one, meta=lambda before: (before or b"") + b".")
            except BaseException as error:
                wrong.append(error)
                raise

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert values(store, "car", *KEYS) == [b"80"] * 3
        assert meta_of(store, "car") == b"." * 80
        store.close()

    def test_one_threads_error_is_not_anothers(self, stores: Open) -> None:
        """Threads that change at the same time each hear of their own."""
        store = stores()
        heard: list[str] = []

        def edit(name: str) -> Edit:
            def broken(_: bytes, __: Get) -> Parts:
                raise KeyError(name)

            return broken if name.startswith("bad") else setting(root=b"1")

        def change(name: str) -> None:
            for _ in range(10):
                try:
                    store.change("car", [name.encode()], edit(name))
                except KeyError as error:
                    heard.append(f"{name} {error.args[0]}")

        names = ["good1", "bad1", "good2", "bad2"]
        threads = [threading.Thread(target=change, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(heard) == ["bad1 bad1"] * 10 + ["bad2 bad2"] * 10
        assert sorted(store.keys("car")) == [b"good1", b"good2"]
        store.close()
