from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from towpath.catalog import intervals
from towpath.core.errors import Invalid, NotFound
from towpath.core.instant import parse_instant
from towpath.features.materialize import materialize, materialize_spine
from towpath.features.online.lmdb import LmdbStore
from towpath.features.online.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa
    from tests.features.conftest import World

UNTIL = parse_instant("2013-01-26")
HISTORY = timedelta(days=3)
ROWS = 4_000

WRITER = """
    import sys
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from towpath.features.online.lmdb import LmdbStore

    store = LmdbStore("lmdb:online", Path(sys.argv[1]))
    print("ready", flush=True)
    for number in range(1, 1_000):
        value = b"%d" % number
        store.write("car", [(b"%d" % key, value * 50) for key in range(4_000)], value)
        print(number, flush=True)
"""


def test_the_same_again_writes_nothing(world: World, tmp_path: Path) -> None:
    store = LmdbStore("lmdb:online", tmp_path)
    first = materialize(world.lake, store, world.views["carrier"], until=UNTIL, history=HISTORY)
    files = list((tmp_path / "online" / "carrier").glob("*.lmdb"))
    again = materialize(world.lake, store, world.views["carrier"], until=UNTIL, history=HISTORY)
    assert (first.unchanged, again.unchanged) == (False, True)
    assert (first.keys, first.events) == (again.keys, again.events)
    assert list((tmp_path / "online" / "carrier").glob("*.lmdb")) == files
    assert again.since == UNTIL - HISTORY
    assert (
        len(
            [
                one
                for one in intervals.read(world.lake.db, "carrier")
                if one.interval.start == UNTIL - HISTORY
            ]
        )
        == 1
    )
    store.close()


def test_a_changed_view_is_written_again(world: World) -> None:
    store = MemoryStore()
    view = world.views["tail"]
    materialize(world.lake, store, view, until=UNTIL, history=HISTORY)
    other = view.replace(ttl=timedelta(days=1))
    assert not materialize(world.lake, store, other, until=UNTIL, history=HISTORY).unchanged


def test_events_after_until_are_left_out(world: World) -> None:
    view = world.views["carrier"]
    early = parse_instant("2013-01-03")
    few = materialize(world.lake, MemoryStore(), view, until=early, history=timedelta(days=60))
    all_of_them = materialize(
        world.lake, MemoryStore(), view, until=UNTIL, history=timedelta(days=60)
    )
    assert 0 < few.events < all_of_them.events == 3000


def test_a_spine_holds_one_row_a_key(world: World) -> None:
    store = MemoryStore()
    report = materialize_spine(world.lake, store, "schedule", until=UNTIL)
    assert (report.keys, report.view) == (3000, "spine.schedule")
    assert materialize_spine(world.lake, store, "schedule", until=UNTIL).unchanged


def test_a_spine_without_key_is_refused(world: World) -> None:
    with pytest.raises(Invalid, match="'weather' has no key"):
        materialize_spine(world.lake, MemoryStore(), "weather", until=UNTIL)


def test_a_naive_time_is_refused(world: World) -> None:
    naive = datetime(2013, 1, 1)  # noqa: DTZ001 - what is tested
    with pytest.raises(Invalid, match="no time zone"):
        materialize(world.lake, MemoryStore(), world.views["carrier"], until=naive, history=HISTORY)


def test_a_source_without_rows_is_named(
    make_world: Callable[[Path, dict[str, pa.Table]], World], tmp_path: Path
) -> None:
    empty = make_world(tmp_path, {})
    with pytest.raises(NotFound, match="'arrivals' has no rows"):
        materialize(empty.lake, MemoryStore(), empty.views["carrier"], until=UNTIL, history=HISTORY)
    empty.lake.db.close()


@pytest.mark.slow
def test_a_kill_while_writing_leaves_the_old_or_the_new_generation(tmp_path: Path) -> None:
    dice = random.Random(11)
    for _ in range(10):
        script = [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)]
        with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(dice.uniform(0.02, 0.2))
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged = [int(line) for line in writer.stdout if line.endswith("\n")]
        store = LmdbStore("lmdb:online", tmp_path)
        meta = store.meta("car")
        if acknowledged:
            assert meta is not None
            assert int(meta) in (acknowledged[-1], acknowledged[-1] + 1)
        if meta is not None:
            values = store.read("car", [b"%d" % key for key in range(ROWS)])
            assert {bytes(value or b"") for value in values} == {meta * 50}
        store.close()
    store = LmdbStore("lmdb:online", tmp_path)
    store.write("car", [(b"a", b"1")], b"done")
    assert store.read("car", [b"a", b"1"]) == [b"1", None]
    assert len(list((tmp_path / "online" / "car").glob("*.lmdb"))) == 1
    store.close()


@pytest.mark.slow
def test_a_killed_materialisation_is_completed_by_the_next(world: World, tmp_path: Path) -> None:
    dice = random.Random(12)
    view = world.views["tail"]
    expected, written = MemoryStore(), []
    ends = [UNTIL - timedelta(hours=step) for step in range(11)]
    for end in ends:
        materialize(world.lake, expected, view, until=end, history=HISTORY)
        written.append(expected.meta(view.name))
    for end in ends[:10]:
        child = os.fork()
        if child == 0:
            store = LmdbStore("lmdb:online", tmp_path)
            materialize(world.lake, store, view, until=end, history=HISTORY)
            os._exit(0)
        time.sleep(dice.uniform(0.0, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reader = LmdbStore("lmdb:online", tmp_path)
        assert reader.meta(view.name) in (None, *written)
        reader.close()
    store = LmdbStore("lmdb:online", tmp_path)
    report = materialize(world.lake, store, view, until=ends[10], history=HISTORY)
    assert store.meta(view.name) == written[10]
    assert report.until == ends[10]
    store.close()
