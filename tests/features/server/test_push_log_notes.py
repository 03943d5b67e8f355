"""The log of a server tells since when rows are online: not from when a store refused them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.features.streams.broker import (
    CAR,
    RIDE,
    START,
    TRIPS,
    Down,
    expected,
    features,
    trip,
)

from towpath.core.clock import SimulatedClock
from towpath.core.errors import Unavailable
from towpath.core.instant import from_micros
from towpath.core.segment import read_frames, segments
from towpath.features.online.memory import MemoryStore
from towpath.features.push_log import Entry, known_online
from towpath.features.server.definitions import Definitions
from towpath.features.server.push import Pushes
from towpath.web.message import Request

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.features.online import OnlineStore

SECOND = 1_000_000


def pushes_of(store: OnlineStore, folder: Path, at: int) -> Pushes:
    known = Definitions(store, {"ride": RIDE}, {"car": CAR}, {"trips": TRIPS})
    return Pushes(known, folder, clock=SimulatedClock(from_micros(at)))


def pushed(number: int) -> Request:
    columns = {name: [value] for name, value in trip(number).items()}
    body = {"push_source_name": "trips", "df": columns, "to": "online_and_offline"}
    return Request("POST", "/push", msgspec.json.encode(body))


def logged(folder: Path) -> tuple[list[Entry], list[Entry]]:
    """Return the entries of rows, and those that say since when rows are online."""
    decode = msgspec.msgpack.Decoder(Entry).decode
    found = [decode(frame) for path in segments(folder) for frame in read_frames(path)]
    return [one for one in found if not one.since], [one for one in found if one.since]


def test_rows_that_the_store_refused_are_not_said_to_be_online(tmp_path: Path) -> None:
    with closing(pushes_of(Down(1), tmp_path, START)) as pushes:
        with pytest.raises(Unavailable):
            pushes.push(pushed(1))
        assert not known_online(tmp_path)
        pushes.push(pushed(1))
    rows, notes = logged(tmp_path)
    assert [one.id for one in notes] == [rows[1].id]


def test_rows_for_the_lake_alone_are_never_said_to_be_online(tmp_path: Path) -> None:
    request = pushed(1)
    body = request.body.replace(b"online_and_offline", b"offline")
    with closing(pushes_of(MemoryStore(), tmp_path, START)) as pushes:
        pushes.push(Request("POST", "/push", body))
    rows, notes = logged(tmp_path)
    assert (len(rows), notes) == (1, [])


def test_what_only_the_log_had_is_online_from_the_next_start(tmp_path: Path) -> None:
    with closing(pushes_of(Down(1), tmp_path, START)) as pushes:
        with pytest.raises(Unavailable):
            pushes.push(pushed(1))
        pushes.push(pushed(2))
        pushes.push(pushed(3))
    for start in (1, 2):
        store = MemoryStore()
        with closing(pushes_of(store, tmp_path, START + start * SECOND)) as again:
            assert again.replay() == 3
        assert features(store) == expected([1, 2, 3])
    rows, notes = logged(tmp_path)
    assert [one.arrived for one in notes] == [START, START, START + SECOND]
    assert {one.id for one in notes} == {one.id for one in rows}
