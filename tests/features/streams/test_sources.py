"""What every source of messages promises, on a real server of each kind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.features.streams.broker import opened, packed, read_all, trip

from towpath.core.errors import Invalid, NotFound, Unavailable
from towpath.features.streams import open_source

if TYPE_CHECKING:
    from tests.features.streams.broker import Broker

    from towpath.features.streams import Message, Source

pytestmark = pytest.mark.e2e
CONTENTS = [packed(trip(number)) for number in range(50)]


def contents(messages: list[Message]) -> list[bytes]:
    return [one.content for one in messages]


def until_unavailable(source: Source) -> None:
    """A client may take a moment to notice that its server is gone."""
    for _ in range(60):
        try:
            source.read(10, seconds=0.2)
            source.lag()
        except Unavailable:
            return
    pytest.fail("it is down, and nothing was said")


def test_messages_come_in_order_with_their_time_and_an_id(broker: Broker, stream: str) -> None:
    broker.make(stream)
    before = time.time()
    broker.put(stream, CONTENTS)
    source = opened(broker, stream)
    found = read_all(source, 50)
    source.close()
    assert contents(found) == CONTENTS
    assert len({one.id for one in found}) == 50
    assert all(abs(one.at / 1e6 - before) < 60 for one in found)


def test_what_is_acknowledged_does_not_come_again(broker: Broker, stream: str) -> None:
    broker.make(stream)
    broker.put(stream, CONTENTS[:30])
    first = opened(broker, stream)
    read_all(first, 30)
    first.close()
    broker.put(stream, CONTENTS[30:])
    second = opened(broker, stream)
    assert contents(read_all(second, 20)) == CONTENTS[30:]
    assert second.lag() == 0
    second.close()


def test_what_is_not_acknowledged_comes_again(broker: Broker, stream: str) -> None:
    broker.make(stream)
    broker.put(stream, CONTENTS)
    first = opened(broker, stream)
    taken = read_all(first, 50, acknowledge=False)
    first.acknowledge(taken[:20])
    first.close()
    second = opened(broker, stream)
    assert sorted(contents(read_all(second, 30))) == sorted(CONTENTS[20:])
    second.close()


def test_the_lag_counts_what_nobody_has_acknowledged(broker: Broker, stream: str) -> None:
    broker.make(stream)
    source = opened(broker, stream)
    assert source.lag() == 0
    broker.put(stream, CONTENTS)
    assert source.lag() == 50
    taken = read_all(source, 50, acknowledge=False)
    assert source.lag() == 50
    source.acknowledge(taken)
    assert source.lag() == 0
    source.close()


def test_consumers_of_one_group_share_and_lose_nothing(broker: Broker, stream: str) -> None:
    broker.make(stream, 2)
    both = [opened(broker, stream), opened(broker, stream)]
    found: list[list[Message]] = [[], []]
    for source in both:
        source.read(1, seconds=0.1)
    broker.put(stream, CONTENTS)
    for _ in range(60):
        for place, source in enumerate(both):
            some = source.read(5, seconds=0.2)
            source.acknowledge(some)
            found[place] += some
        if both[0].lag() == 0:
            break
    for source in both:
        source.close()
    assert {*contents(found[0]), *contents(found[1])} == {*CONTENTS}
    assert found[0]
    assert found[1]


def test_another_group_begins_with_the_oldest(broker: Broker, stream: str) -> None:
    broker.make(stream)
    broker.put(stream, CONTENTS)
    for group in ("one", "two"):
        source = open_source(broker.url(stream), group)
        assert contents(read_all(source, 50)) == CONTENTS
        source.close()


def test_a_stream_that_is_not_there_is_named(broker: Broker) -> None:
    source = opened(broker, "nowhere")
    with pytest.raises(NotFound, match=r"There is no .*'nowhere'"):
        source.read(1, seconds=0.1)
    with pytest.raises(NotFound, match="'nowhere'"):
        source.lag()
    source.close()


def test_a_server_that_was_killed_is_used_again(broker: Broker, stream: str) -> None:
    broker.make(stream)
    broker.put(stream, CONTENTS[:10])
    source = opened(broker, stream)
    assert len(read_all(source, 10)) == 10
    broker.kill()
    until_unavailable(source)
    broker.start()
    broker.put(stream, CONTENTS[10:])
    found: list[Message] = []
    for _ in range(100):
        try:
            some = source.read(100, seconds=0.5)
            source.acknowledge(some)
            found += some
            if {*contents(found)} >= {*CONTENTS[10:]}:
                break
        except Unavailable:
            time.sleep(0.2)
    source.close()
    assert {*contents(found)} >= {*CONTENTS[10:]}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://127.0.0.1:1/0", "names no stream"),
        ("kafka://127.0.0.1:1", "names no topic"),
        ("redis://127.0.0.1:1/0?steam=a", "'steam', which is unknown"),
        ("kafka://127.0.0.1:1/a?security=none", "an option that does not fit"),
        ("kafka://127.0.0.1:99999/a", "the port 99999 is not from 1 to 65535"),
        ("redis://127.0.0.1:1/abc?stream=a", "the database 'abc', which is no number"),
        ("redis://127.0.0.1:1/0?stream=a&claim=0", "claim=0 is not from 0.001"),
    ],
)
def test_a_url_that_cannot_be_right_is_refused(url: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        open_source(url, "towpath")


@pytest.mark.parametrize(
    ("url", "kind"),
    [("redis://h:1/0?stream=a", "ValkeySource"), ("kafka://h:1/a", "KafkaSource")],
)
def test_the_scheme_of_a_url_chooses_the_source(url: str, kind: str) -> None:
    source = open_source(url, "towpath")
    assert type(source).__name__ == kind
    source.close()


def test_a_password_is_not_in_the_name() -> None:
    for url in ("redis://ada:secret@h:1/0?stream=a", "kafka://ada:secret@h:1/a"):
        source = open_source(url, "towpath")
        assert "secret" not in source.name
        source.close()
