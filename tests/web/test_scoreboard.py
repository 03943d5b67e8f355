from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from towpath.web import scoreboard
from towpath.web.metrics import Counter, Gauge, Histogram
from towpath.web.scoreboard import Scoreboard, SharedSheet

if TYPE_CHECKING:
    import pytest

NAMES = st.text(max_size=9)
ADDED = st.tuples(st.integers(0, 2), NAMES, st.integers(1, 9))


@given(st.lists(ADDED, max_size=40))
def test_any_sheet_has_the_sum_over_all(added: list[tuple[int, str, int]]) -> None:
    board, alone = Scoreboard(3), Counter("a_total", "A.", labels=("path",))
    counters = [
        Counter("a_total", "A.", labels=("path",), sheet=board.sheet(number)) for number in range(3)
    ]
    for number, path, amount in added:
        counters[number].add((path,), amount)
        alone.add((path,), amount)
    assert all(one.lines() == alone.lines() for one in counters)


def test_histograms_add_up() -> None:
    board = Scoreboard(2)
    both = [Histogram("seconds", "S.", bounds=(0.5,), sheet=board.sheet(one)) for one in (0, 1)]
    both[0].observe(0.25)
    both[1].observe(0.25)
    both[1].observe(2)
    assert both[0].lines()[2:] == [
        'seconds_bucket{le="0.5"} 2',
        'seconds_bucket{le="+Inf"} 3',
        "seconds_sum 2.5",
        "seconds_count 3",
    ]


def test_a_killed_process_leaves_what_it_counted_and_the_next_goes_on() -> None:
    board = Scoreboard(2)
    child = os.fork()
    if not child:
        Counter("a_total", "A.", sheet=board.sheet(1)).add(amount=5)
        Gauge("waiting", "W.", sheet=board.sheet(1)).put(7)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    seen = Counter("a_total", "A.", sheet=board.sheet(0))
    assert seen.lines()[-1] == "a_total 5"
    Counter("a_total", "A.", sheet=board.sheet(1)).add()
    assert seen.lines()[-1] == "a_total 6"
    assert Gauge("waiting", "W.", sheet=board.sheet(1)).lines()[-1] == "waiting 0"


def test_a_full_sheet_counts_for_its_worker_alone() -> None:
    board = Scoreboard(2, sheet_bytes=64)
    full, other = (
        Counter("a_total", "A.", labels=("path",), sheet=board.sheet(number)) for number in (0, 1)
    )
    for path in ("/", "/x", "/y", "/x"):
        full.add((path,))
    assert full.lines()[2:] == [
        'a_total{path="/"} 1',
        'a_total{path="/x"} 2',
        'a_total{path="/y"} 1',
    ]
    assert other.lines()[2:] == ['a_total{path="/"} 1']


def test_threads_that_add_names_at_once_write_over_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stands still in the middle of adding a name, so that others begin."""

    def slow(size: int) -> int:
        time.sleep(0.001)
        return padded(size)

    padded, board = scoreboard._padded, Scoreboard(1)
    sheet = board.sheet(0)
    with monkeypatch.context() as patch, ThreadPoolExecutor(8) as pool:
        patch.setattr(scoreboard, "_padded", slow)
        added = [
            pool.submit(sheet.numbers, "a_total", (f"/{number}",), 1)
            for number in range(20)
            for _ in range(4)
        ]
        for one in added:
            one.result()[0] += 1
    assert sheet.sums("a_total") == {(f"/{number}",): [4.0] for number in range(20)}
    assert board.sheet(0).sums("a_total") == sheet.sums("a_total")


@given(st.integers(0, 199), st.integers(0, 255))
def test_damage_stops_neither_a_scrape_nor_a_worker(place: int, byte: int) -> None:
    parts = [memoryview(bytearray(256)) for _ in range(2)]

    def counter(number: int) -> Counter:
        return Counter("a_total", "A.", labels=("path",), sheet=SharedSheet(parts, number))

    damaged, other = counter(0), counter(1)
    for path in ("/", "/x", "/y"):
        damaged.add((path,))
    parts[0][place] = byte
    assert other.lines()
    counter(0).add(("/z",))
    assert 'a_total{path="/z"} 1' in other.lines()
