"""The suite that every online store passes.

Subclass it in a test module and give it a fixture named ``stores``: a function that opens the
store, each time on the same data.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from towpath.core.errors import NotFound
from towpath.features.online import OnlineStore

Open = Callable[[], OnlineStore]
LONG = 300_000


class OnlineStoreSuite:
    """What ``towpath.features.online.OnlineStore`` promises, as tests."""

    def test_values_are_answered_in_the_order_of_the_keys(self, stores: Open) -> None:
        """A key that is not there is None, in its place."""
        store = stores()
        store.write("car", [(b"b", b"2"), (b"a", b"1")], b"{}")
        assert store.read("car", [b"a", b"x", b"b", b"a"]) == [b"1", None, b"2", b"1"]
        store.close()

    def test_values_of_any_length_come_back(self, stores: Open) -> None:
        """Empty and long values, the longest key, and bytes of all kinds."""
        store = stores()
        rows = {b"\x00": b"", b"k" * 511: bytes(range(256)), b"long": b"\xff\x00" * LONG}
        store.write("car", list(rows.items()), b"{}")
        for key, value in rows.items():
            (found,) = store.read("car", [key])
            assert found is not None
            assert bytes(found) == value
        store.close()

    def test_a_write_replaces_the_whole_generation(self, stores: Open) -> None:
        """Keys of the generation before are gone."""
        store = stores()
        store.write("car", [(b"a", b"1"), (b"b", b"1")], b"old")
        store.write("car", iter([(b"b", b"2")]), b"new")
        assert store.read("car", [b"a", b"b"]) == [None, b"2"]
        assert store.meta("car") == b"new"
        store.close()

    @pytest.mark.parametrize("verb", ["write", "update"])
    def test_a_write_or_update_that_fails_changes_nothing(self, stores: Open, verb: str) -> None:
        """The rows may come from a generator that raises half-way."""
        store = stores()
        store.write("car", [(b"a", b"1")], b"old")

        def broken() -> Iterator[tuple[bytes, bytes]]:
            yield b"a", b"2"
            raise KeyError

        with pytest.raises(KeyError):
            getattr(store, verb)("car", broken(), b"new")
        assert store.read("car", [b"a"]) == [b"1"]
        assert store.meta("car") == b"old"
        store.close()

    def test_an_update_keeps_the_other_keys(self, stores: Open) -> None:
        """New keys are added, given ones replaced, and the text is the new one."""
        store = stores()
        store.update("car", [(b"a", b"1"), (b"b", b"1")], b"first")
        store.update("car", iter([(b"b", b"2"), (b"c", b"2")]), b"second")
        assert store.read("car", [b"a", b"b", b"c", b"d"]) == [b"1", b"2", b"2", None]
        assert store.meta("car") == b"second"
        store.update("car", [], b"third")
        assert (store.read("car", [b"c"]), store.meta("car")) == ([b"2"], b"third")
        store.close()

    def test_views_do_not_see_each_other(self, stores: Open) -> None:
        """The same key in two views holds two values."""
        store = stores()
        store.write("car", [(b"a", b"1")], b"car")
        store.write("spine.trips", [(b"a", b"2")], b"trips")
        assert store.read("car", [b"a"]) == [b"1"]
        assert store.read("spine.trips", [b"a"]) == [b"2"]
        store.close()

    def test_a_view_never_written_is_not_found(self, stores: Open) -> None:
        """Reading it is an error; it has no meta."""
        store = stores()
        assert store.meta("car") is None
        with pytest.raises(NotFound, match="car"):
            store.read("car", [b"a"])
        store.close()

    def test_a_dropped_view_is_not_found(self, stores: Open) -> None:
        """Dropping twice is no error, and the view can be written again."""
        store = stores()
        store.write("car", [(b"a", b"1")], b"{}")
        store.read("car", [b"a"])
        store.drop("car")
        store.drop("car")
        with pytest.raises(NotFound):
            store.read("car", [b"a"])
        store.write("car", [(b"a", b"3")], b"{}")
        assert store.read("car", [b"a"]) == [b"3"]
        store.close()

    def test_an_empty_generation_is_there(self, stores: Open) -> None:
        """No rows is not the same as never written."""
        store = stores()
        store.write("car", [], b"none")
        assert store.read("car", [b"a"]) == [None]
        assert store.meta("car") == b"none"
        store.close()

    def test_threads_see_whole_generations(self, stores: Open) -> None:
        """All values of one read are of one generation, while another thread writes."""
        store = stores()
        keys = [b"%d" % number for number in range(50)]
        store.write("car", [(key, b"0") for key in keys], b"{}")
        done, torn = threading.Event(), []

        def read() -> None:
            while not done.is_set():
                found = {bytes(value or b"") for value in store.read("car", keys)}
                if len(found) != 1:
                    torn.append(found)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(20):
            store.write("car", [(key, b"%d" % number) for key in keys], b"{}")
        done.set()
        for reader in readers:
            reader.join()
        assert not torn
        assert store.read("car", keys[:1]) == [b"19"]
        store.close()


class DurableOnlineStoreSuite(OnlineStoreSuite):
    """What a store that outlives its process promises too."""

    def test_values_are_there_after_reopening(self, stores: Open) -> None:
        """Closing and opening loses nothing."""
        store = stores()
        store.write("car", [(b"a", b"1")], b"meta")
        store.close()
        again = stores()
        assert again.read("car", [b"a"]) == [b"1"]
        assert again.meta("car") == b"meta"
        again.close()
