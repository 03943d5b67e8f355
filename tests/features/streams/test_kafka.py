"""What only Kafka has: news of trouble among messages, and logins."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest
from confluent_kafka import KafkaError
from confluent_kafka import Message as Record
from tests.features.streams.broker import read_all

from towpath.core.errors import Denied, NotFound, Unavailable
from towpath.features.streams import open_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kafka_server import Kafka

    from towpath.features.streams import Source

pytest_plugins = ("tests.services",)


class Topic(NamedTuple):
    partitions: dict[int, None]


class Topics(NamedTuple):
    topics: dict[str, Topic]


class Scripted:
    """A client of Kafka whose reads are given beforehand; no broker can be told to err just so."""

    reads: list[list[Record]]

    def __init__(self, _: dict[str, object], error_cb: Callable[[KafkaError], None]) -> None:
        self.hear = error_cb

    def list_topics(self, **_: float) -> Topics:
        return Topics({"trips": Topic({0: None, 1: None})})

    def subscribe(self, topics: list[str], **_: object) -> None:
        assert topics == ["trips"]

    def consume(self, *_: float) -> list[Record]:
        found = self.reads.pop(0)
        self.hear(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        return found

    def close(self) -> None:
        self.reads = []


def record(offset: int, error: int | None = None) -> Record:
    told = None if error is None else KafkaError(error, "told")
    return Record(topic="trips", partition=0, offset=offset, value=b"%d" % offset, error=told)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, Denied),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, NotFound),
        (KafkaError._TRANSPORT, Unavailable),
    ],
)
def test_messages_that_came_with_an_error_are_not_lost(
    monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
) -> None:
    monkeypatch.setattr("towpath.features.streams.kafka.Consumer", Scripted)
    Scripted.reads = [[record(7), record(-1, code), record(8)], [record(9)]]
    with closing(open_source("kafka://127.0.0.1:1/trips", "towpath")) as source:
        assert [one.id for one in source.read(10, seconds=0.1)] == ["0:7", "0:8"]
        with pytest.raises(kind):
            source.read(10, seconds=0.1)
        assert [one.id for one in source.read(10, seconds=0.1)] == ["0:9"]


def guarded(kafka: Kafka, stream: str, login: str) -> Source:
    return open_source(f"kafka://{login}@{kafka.guarded}/{stream}?timeout=3", "towpath")


@pytest.mark.e2e
def test_a_wrong_password_is_refused_and_not_waited_for(kafka: Kafka, stream: str) -> None:
    kafka.make(stream)
    kafka.put(stream, [b"1"])
    with closing(guarded(kafka, stream, "ada:wrong")) as source:
        with pytest.raises(Denied, match=r"refuses: .*[Aa]uthentication"):
            source.read(1, seconds=0.1)
        with pytest.raises(Denied, match=r"refuses: .*[Aa]uthentication"):
            source.lag()
    with closing(guarded(kafka, stream, "ada:secret")) as source:
        assert [one.content for one in read_all(source, 1)] == [b"1"]
