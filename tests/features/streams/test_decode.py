from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.features.streams.broker import TRIPS, arrow, packed, rows_of, streamed, trip

from towpath.features.online.memory import MemoryStore
from towpath.features.push import Pusher
from towpath.features.streams import Message
from towpath.features.streams.decode import sort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.streams.decode import Sorted

PUSHER = Pusher(MemoryStore(), TRIPS, [])
DEEP = b"[" * 100_000
NO_TEXT = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
BAD = {
    b"": "neither an Arrow stream nor JSON",
    b"no json": "neither",
    b"5": "neither",
    b'["a"]': "neither",
    b'"\xff"': "neither",
    DEEP: "neither",
    b"\xff\xff\xff\xff broken": "no Arrow stream",
    streamed(rows_of(trip(1)).set_column(1, "car", NO_TEXT)): "The column 'car' of the Arrow",
    packed(trip(1, color="red")): "has the column 'color', 'trips' has not",
    packed(trip(1, km=-1.0)): "km is below 0",
    packed(trip(1, km="far")): "The column 'km' is not float64",
    packed(trip(1, id=2**70)): "The column 'id' is not int64",
    packed(trip(1, id=1.5)): "The column 'id' is not int64",
    packed(trip(1, ended="noon")): "The column 'ended' is not timestamp",
    packed(trip(1, ended=10**17)): "The column 'ended' is not timestamp",
    packed({"id": 1, "car": "a"}): "ended is null",
    packed(trip(1), trip(2, km=-1.0), trip(3), trip(4, car=None)): "2 of 4 rows are refused: row 1",
}  # fmt: skip


def sorted_out(*contents: bytes) -> Sorted:
    messages = [Message(str(number), one, 0) for number, one in enumerate(contents)]
    return sort(messages, TRIPS, PUSHER)


def ids(rows: pa.Table) -> Sequence[int]:
    return [one for one in rows["id"].to_pylist() if one is not None]


@pytest.mark.parametrize(("content", "reason"), BAD.items())
def test_a_message_that_cannot_be_pushed_is_refused_with_the_reason(
    content: bytes, reason: str
) -> None:
    assert reason in sorted_out(content).refused[0]


def test_json_of_one_row_of_many_and_arrow_come_to_the_same() -> None:
    one = sorted_out(*(packed(trip(number)) for number in range(6)))
    many = sorted_out(packed(*(trip(number) for number in range(6))))
    streamed = sorted_out(arrow(*(trip(number) for number in range(6))))
    assert (one.refused, many.refused, streamed.refused) == ({}, {}, {})
    assert one.rows == many.rows == streamed.rows


def test_a_column_that_a_row_lacks_is_null() -> None:
    short = trip(1)
    del short["km"]
    found = sorted_out(packed(short), packed(trip(2)))
    assert found.rows["km"].to_pylist() == [None, 0.5]


def test_of_a_message_with_wrong_rows_the_others_are_pushed() -> None:
    found = sorted_out(packed(trip(1), trip(2, km=-1.0), trip(3)), packed(trip(4)))
    assert ids(found.rows) == [1, 3, 4]
    assert [*found.refused] == [0]


def test_an_array_of_nothing_is_no_fault() -> None:
    assert sorted_out(b"[]").refused == {}


def test_a_fault_of_the_source_is_the_reason() -> None:
    found = sort([Message("0-1", b"{}", 0, "no field")], TRIPS, PUSHER)
    assert found.refused == {0: "no field"}


@given(st.lists(st.sampled_from([*BAD, *map(packed, map(trip, range(9))), arrow(trip(9))])))
def test_whether_a_message_is_refused_does_not_depend_on_the_others(contents: list[bytes]) -> None:
    found = sorted_out(*contents)
    alone = [sorted_out(one) for one in contents]
    assert [*sorted(found.refused)] == [at for at, one in enumerate(alone) if one.refused]
    assert {at: found.refused[at] for at in found.refused} == {
        at: one.refused[0] for at, one in enumerate(alone) if one.refused
    }
    assert sorted(ids(found.rows)) == sorted(number for one in alone for number in ids(one.rows))
