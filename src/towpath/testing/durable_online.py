"""The suite that every online store passes which outlives its process.

The function of the fixture ``stores`` can be pickled, such as
``functools.partial(LmdbStore, url, root)``, as other processes open the store with it.
"""

from __future__ import annotations

import multiprocessing
import warnings
from typing import TYPE_CHECKING

from towpath.testing.online import (
    KEYS,
    OnlineStoreSuite,
    Open,
    add_one,
    fill,
    meta_of,
    setting,
    values,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.features.online import OnlineStore


class DurableOnlineStoreSuite(OnlineStoreSuite):
    """What a store that outlives its process promises too."""

    def test_values_are_there_after_reopening(self, stores: Open) -> None:
        """Closing and opening loses nothing."""
        store = stores()
        fill(store)
        store.change("car", [b"c"], setting(root=b"3"), meta=lambda _: b"new")
        store.close()
        again = stores()
        assert values(again, "car", b"a", b"c") == [b"1", b"3"]
        assert meta_of(again, "car") == b"new"
        again.close()

    def test_two_stores_of_one_process_see_the_same(self, stores: Open) -> None:
        """Closing one leaves the other open."""
        one, two = stores(), stores()
        fill(one)
        assert values(two, "car", b"a") == [b"1"]
        one.change("car", [b"a"], setting(root=b"2"))
        assert values(two, "car", b"a") == [b"2"]
        one.close()
        assert values(two, "car", b"a") == [b"2"]
        two.close()

    def test_another_process_is_seen_with_the_next_read(self, stores: Open) -> None:
        """Its changes, the areas that it replaces, and those that it drops."""
        store = stores()
        fill(store)
        assert values(store, "car", b"a") == [b"1"]
        for verb, found in (("change", [b"2"]), ("write", [b"3"]), ("drop", [None])):
            _elsewhere(_do, stores, verb)
            assert values(store, "car", b"a") == found
        store.change("car", [b"a"], setting(root=b"4"))
        assert values(store, "car", b"a") == [b"4"]
        store.close()

    def test_a_change_after_another_process_replaced_the_area_is_kept(self, stores: Open) -> None:
        """It goes to the new area, not to the old one that this process knew."""
        store = stores()
        fill(store)
        assert values(store, "car", b"a") == [b"1"]
        _elsewhere(_do, stores, "write")
        store.change("car", [b"b"], setting(root=b"5"))
        again = stores()
        assert values(again, "car", b"a", b"b") == [b"3", b"5"]
        again.close()
        store.close()

    def test_no_change_of_a_process_is_lost(self, stores: Open) -> None:
        """Three processes count in the same keys."""
        spawn = multiprocessing.get_context("spawn")
        processes = [spawn.Process(target=_count, args=(stores, 20)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0, 0]
        store = stores()
        assert values(store, "car", *KEYS) == [b"60"] * 3
        store.close()

    def test_a_forked_child_reads_and_changes(self, stores: Open) -> None:
        """And so does its parent, before and after."""
        store = stores()
        fill(store)
        assert values(store, "car", b"a") == [b"1"]
        fork = multiprocessing.get_context("fork")
        child = fork.Process(target=_expect_and_change, args=(store,))
        with warnings.catch_warnings():
            # The parent has threads, of the suite's own and of clients: that is what is tried.
            warnings.simplefilter("ignore", DeprecationWarning)
            child.start()
        child.join()
        assert child.exitcode == 0
        assert values(store, "car", b"a") == [b"2"]
        store.change("car", [b"a"], setting(root=b"3"))
        assert values(store, "car", b"a") == [b"3"]
        store.close()


def _elsewhere(target: Callable[..., None], *given: object) -> None:
    """Do something in another process."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=given)
    process.start()
    process.join()
    assert process.exitcode == 0


def _do(stores: Open, verb: str) -> None:
    store = stores()
    if verb == "change":
        store.change("car", [b"a"], setting(root=b"2"))
    elif verb == "write":
        store.write("car", [(b"a", b"", b"3")], b"newer", replaces=b"old")
    else:
        store.drop("car")
    store.close()


def _count(stores: Open, times: int) -> None:
    store = stores()
    for _ in range(times):
        store.change("car", KEYS, add_one)
    store.close()


def _expect_and_change(store: OnlineStore) -> None:
    assert values(store, "car", b"a") == [b"1"]
    store.change("car", [b"a"], setting(root=b"2"))
    assert values(store, "car", b"a") == [b"2"]
