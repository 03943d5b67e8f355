"""A batch that is tried again is logged once, and online from when the store had it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.features.streams.broker import (
    CAR,
    START,
    TRIPS,
    Down,
    packed,
    trip,
)

from towpath.core.clock import SimulatedClock
from towpath.core.errors import Unavailable
from towpath.core.instant import from_micros
from towpath.core.segment import read_frames, segments
from towpath.features.push_log import Entry, entries, known_online
from towpath.features.streams import Message
from towpath.features.streams.take import Goal, Taker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECOND = 1_000_000
BOTH = [Message("0-1", packed(trip(1)), 0), Message("0-2", b"no json", 0)]
MORE = [Message("0-3", packed(trip(2)), 0)]


class Tried:
    """Takes messages until they are taken; each try comes a second after the one before."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(from_micros(START))
        self.folder, self.dead = folder / "pushed", folder / "dead"
        goal = Goal(TRIPS, [CAR], "online_and_offline", Down(3), self.folder, self.dead)
        self.taker = Taker(goal, "redis://h/0?stream=a", clock=self.clock)

    def close(self) -> None:
        self.taker.close()

    def take(self, messages: list[Message]) -> int:
        """Return how many tries it took."""
        tries = 1
        while True:
            try:
                self.taker.take(messages)
            except Unavailable:
                tries += 1
                self.clock.move_to(from_micros(START + tries * SECOND))
            else:
                return tries

    def ids(self) -> list[object]:
        """Return the trips in the log, by entry."""
        return [one.table["id"].to_pylist() for one in entries(self.folder)]

    def letters(self) -> int:
        return sum(1 for path in segments(self.dead) for _ in read_frames(path))


@pytest.fixture
def tried(tmp_path: Path) -> Iterator[Tried]:
    with closing(Tried(tmp_path)) as found:
        yield found


def test_what_is_tried_again_is_logged_once(tried: Tried) -> None:
    assert tried.take(BOTH) == 4
    assert [one.arrived for one in entries(tried.folder)] == [START]
    assert tried.letters() == 1
    tried.take(MORE)
    assert tried.ids() == [[1], [2]]
    assert known_online(tried.folder) == {one.id for one in entries(tried.folder)}


def test_what_is_tried_again_is_online_from_when_it_was(tried: Tried) -> None:
    tried.take(BOTH)
    frames = (frame for path in segments(tried.folder) for frame in read_frames(path))
    told = [one for one in map(msgspec.msgpack.Decoder(Entry).decode, frames) if one.since]
    assert [one.arrived for one in told] == [START + 4 * SECOND]


def test_other_messages_than_those_that_failed_are_looked_at(tried: Tried) -> None:
    with pytest.raises(Unavailable):
        tried.taker.take(BOTH[:1])
    tried.take(MORE)
    assert tried.ids() == [[1], [2]]
    assert len(known_online(tried.folder)) == 1


def test_dead_letters_are_kept_once_when_the_log_of_rows_fails(tried: Tried) -> None:
    tried.folder.write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be written"):
        tried.taker.take(BOTH)
    tried.folder.unlink()
    tried.take(BOTH)
    assert tried.letters() == 1
    assert tried.ids() == [[1]]
