"""What only streams of Valkey have: fields, trimming, names of other things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.features.streams.broker import read_all

from towpath.core.errors import Invalid
from towpath.core.instant import from_micros
from towpath.features.streams import open_source

if TYPE_CHECKING:
    from tests.valkey import Valkey

    from towpath.features.streams import Source

pytest_plugins = ("tests.services",)
pytestmark = pytest.mark.e2e


def source_of(valkey: Valkey, stream: str, options: str = "") -> Source:
    return open_source(valkey.url(f"stream={stream}&claim=1{options}"), "towpath")


def test_an_entry_without_the_field_is_a_fault(valkey: Valkey, stream: str) -> None:
    with valkey.client() as client:
        client.xadd(stream, {"payload": b"{}"})
        client.xadd(stream, {"data": b"[]", "other": b"\xff"})
    source = source_of(valkey, stream)
    odd, fine = read_all(source, 2)
    source.close()
    assert (odd.fault, odd.content) == ("the entry has no field 'data'", b'{"payload":"{}"}')
    assert (fine.fault, fine.content) == ("", b"[]")


def test_the_url_may_name_another_field(valkey: Valkey, stream: str) -> None:
    with valkey.client() as client:
        client.xadd(stream, {"payload": b"[1]"})
    source = source_of(valkey, stream, "&field=payload")
    assert [one.content for one in read_all(source, 1)] == [b"[1]"]
    source.close()


def test_the_highest_id_that_there_is_has_a_time_that_can_be_shown(
    valkey: Valkey, stream: str
) -> None:
    with valkey.client() as client:
        client.xadd(stream, {"data": b"1"}, id="18446744073709551615-1")
    source = source_of(valkey, stream)
    (found,) = read_all(source, 1)
    source.close()
    assert from_micros(found.at).year == 9999


def test_entries_removed_from_the_stream_hold_nothing_up(valkey: Valkey, stream: str) -> None:
    with valkey.client() as client:
        names = [client.xadd(stream, {"data": b"%d" % number}) for number in range(6)]
        first = source_of(valkey, stream)
        read_all(first, 6, acknowledge=False)
        client.xdel(stream, *names[:3])
        more = [client.xadd(stream, {"data": b"%d" % number}) for number in range(6, 9)]
        client.xdel(stream, more[1])
    second = source_of(valkey, stream)
    found = read_all(second, 5)
    assert sorted(one.content for one in found) == [b"3", b"4", b"5", b"6", b"8"]
    assert second.lag() == 0
    first.close()
    second.close()


def test_a_consumer_that_owes_nothing_leaves_no_trace(valkey: Valkey, stream: str) -> None:
    with valkey.client() as client:
        client.xadd(stream, {"data": b"1"})
        done, owing = source_of(valkey, stream), source_of(valkey, stream)
        read_all(done, 1)
        client.xadd(stream, {"data": b"2"})
        read_all(owing, 1, acknowledge=False)
        done.close()
        owing.close()
        assert [one["pending"] for one in client.xinfo_consumers(stream, "towpath")] == [1]


def test_the_name_of_something_else_is_refused(valkey: Valkey, stream: str) -> None:
    with valkey.client() as client:
        client.set(stream, "text")
    source = source_of(valkey, stream)
    with pytest.raises(Invalid, match="is no stream"):
        source.read(1, seconds=0.1)
    source.close()
