"""Messages from a topic of Kafka, taken by a consumer group."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka import Message as Record

from towpath.core.errors import Denied, Invalid, NotFound, Unavailable, did_you_mean
from towpath.features.online.server_url import ServerUrl, read_server_url
from towpath.features.streams import LONGEST_READ, Message, sent_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PORT = 9092
TEXTS = {"security": "", "mechanism": "PLAIN", "ca": ""}
NUMBERS = {"timeout": 5.0, "session_timeout": 10.0}
REFUSED = {
    KafkaError._AUTHENTICATION,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
}
NO_TOPIC = {KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART}
# To wait does not help.
CERTAIN = REFUSED | NO_TOPIC
# The group went on without this consumer: what it took comes again, to it or to another.
OVERTAKEN = {
    KafkaError._ASSIGNMENT_LOST,
    KafkaError._STATE,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.STALE_MEMBER_EPOCH,
    KafkaError.UNKNOWN_MEMBER_ID,
}


class KafkaSource:
    """Reads a topic of Kafka; see ``Source`` for what it promises.

    The id of a message is its partition and its offset, such as ``2:1041``. What is acknowledged
    is committed as an offset of the group, so messages of a partition are acknowledged in order.

    Args:
        url: such as ``kafka://127.0.0.1:9092/trips`` or
            ``kafka://ada:secret@one,two:9092/trips?security=SASL_SSL&mechanism=SCRAM-SHA-512``;
            also ``ca``, a file of certificates, and time-outs in seconds.
        group: name of the group of consumers.
    """

    def __init__(self, url: str, group: str) -> None:
        found = read_server_url(url, PORT, options=TEXTS, numbers=NUMBERS)
        if not found.name:
            message = f"The URL {found.shown} names no topic."
            raise Invalid(message, hint="Write it as kafka://HOST:9092/TOPIC.")
        self.name = found.shown
        self._topic = found.name
        self._timeout = found.numbers["timeout"]
        self._partitions: tuple[int, ...] = ()
        # Up to where each partition was read to its end; markers of transactions lie before it.
        self._ends: dict[int, int] = {}
        # The offset after the last message of each partition that is not acknowledged yet.
        self._owed: dict[int, int] = {}
        # What the client or a partition told that is not raised yet.
        self._trouble: KafkaError | None = None
        try:
            self._client = Consumer(_settings(found, group), error_cb=self._hear)
        except KafkaException as error:
            message = f"The URL {self.name} has an option that does not fit: {_error(error).str()}."
            raise Invalid(message, hint="Check security, mechanism and ca.") from error

    def read(self, limit: int, *, seconds: float) -> Sequence[Message]:
        """Take what comes next in the partitions that the group gave to this consumer.

        News of trouble that came together with messages is raised by the next call: the client is
        past these messages, and gives them to nobody else as long as this consumer lives.
        """
        self._tell()
        with self._explained():
            self._subscribed()
            found = self._client.consume(limit, min(seconds, LONGEST_READ))
        taken = [one for one in found if not self._noted(one)]
        for one in taken:
            self._owed[_number(one.partition())] = _number(one.offset()) + 1
        if not taken:
            self._tell()
        return [_message(one) for one in taken]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Commit the offset after the last message of each partition."""
        offsets: dict[int, int] = {}
        for one in messages:
            partition, offset = map(int, one.id.split(":"))
            offsets[partition] = max(offset + 1, offsets.get(partition, 0))
        done = [self._at(partition, offset) for partition, offset in offsets.items()]
        if not done:
            return
        with self._explained():
            try:
                self._client.commit(offsets=done, asynchronous=False)
            except KafkaException as error:
                if _error(error).code() not in OVERTAKEN:
                    raise
        for partition, offset in offsets.items():
            if self._owed.get(partition, 0) <= offset:
                self._owed.pop(partition, None)

    def lag(self) -> int:
        """Add up how far the group is behind the end of each partition."""
        with self._explained():
            self._subscribed()
            asked = [self._at(partition) for partition in self._partitions]
            total = 0
            for one in self._client.committed(asked, timeout=self._timeout):
                low, high = self._client.get_watermark_offsets(one, timeout=self._timeout)
                done = low if one.offset == OFFSET_INVALID else one.offset
                seen = 0 if one.partition in self._owed else self._ends.get(one.partition, 0)
                total += max(0, high - max(low, done, seen))
        return total

    def close(self) -> None:
        """Leave the group."""
        self._client.close()

    def _subscribed(self) -> None:
        """Join the group, once it is sure that there is such a topic."""
        if self._partitions:
            return
        try:
            topics = self._client.list_topics(timeout=self._timeout).topics
        except KafkaException:
            # A refused login is told to ``_hear`` alone, which is called from here. Nothing is
            # subscribed to yet, so that no message can come.
            self._client.poll(0)
            raise
        if self._topic not in topics:
            message = f"There is no topic {self._topic!r} at {self.name}."
            known = [name for name in topics if not name.startswith("__")]
            raise NotFound(message, hint=did_you_mean(self._topic, known), topic=self._topic)
        self._client.subscribe([self._topic], on_revoke=self._revoked, on_lost=self._revoked)
        self._partitions = tuple(topics[self._topic].partitions)

    def _revoked(self, _: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Forget what was seen of partitions that are another consumer's from now on."""
        for one in partitions:
            self._ends.pop(one.partition, None)
            self._owed.pop(one.partition, None)

    def _noted(self, record: Record) -> bool:
        """Tell whether something is no message but news of its partition, and note that."""
        error = record.error()
        if error is None:
            return False
        if error.code() == KafkaError._PARTITION_EOF:
            self._ends[_number(record.partition())] = _number(record.offset())
        else:
            self._keep(error)
        return True

    def _hear(self, error: KafkaError) -> None:
        """Note that no broker answers, or lets it in; the client goes on trying by itself."""
        if error.code() in {KafkaError._ALL_BROKERS_DOWN, *REFUSED}:
            self._keep(error)

    def _keep(self, error: KafkaError) -> None:
        """Keep an error to raise; what the caller must do something about is kept before all."""
        if self._trouble is None or self._trouble.code() not in CERTAIN:
            self._trouble = error

    def _tell(self) -> None:
        """Raise what is kept, once."""
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            self._refuse(trouble)

    def _at(self, partition: int, offset: int = OFFSET_INVALID) -> TopicPartition:
        return TopicPartition(self._topic, partition, offset)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what an error of the client or the broker means for the caller."""
        try:
            yield
        except KafkaException as error:
            if self._trouble is not None and self._trouble.code() in REFUSED:
                # Such as the time-out of an answer for which it is never let in.
                self._tell()
            self._refuse(_error(error))

    def _refuse(self, error: KafkaError) -> NoReturn:
        """Raise what an error means."""
        if error.code() in REFUSED:
            message = f"{self.name} refuses: {error.str()}."
            raise Denied(message, hint="Check the user, the password and its rights.")
        if error.code() in NO_TOPIC:
            message = f"There is no topic {self._topic!r} at {self.name} any more."
            raise NotFound(message, hint="Check its name, or make it.", topic=self._topic)
        message = f"{self.name} does not work: {error.str()}."
        raise Unavailable(message, hint="Start the broker, or wait until it answers.")


def _settings(found: ServerUrl, group: str) -> dict[str, Any]:
    """Return what the client is told."""
    security = found.options["security"] or ("SASL_PLAINTEXT" if found.user else "PLAINTEXT")
    session = int(found.numbers["session_timeout"] * 1000)
    settings: dict[str, Any] = {
        "bootstrap.servers": ",".join(f"{host}:{found.port}" for host in found.hosts),
        "group.id": group,
        "client.id": "towpath",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "session.timeout.ms": session,
        # A third, lest one late answer of the broker costs the consumer its place.
        "heartbeat.interval.ms": max(1, session // 3),
        "socket.timeout.ms": max(1000, int(found.numbers["timeout"] * 1000)),
        "reconnect.backoff.max.ms": 2000,
        "security.protocol": security,
        # What the client would print of brokers comes as errors too.
        "log_level": 0,
    }
    if found.user:
        settings["sasl.mechanism"] = found.options["mechanism"]
        settings["sasl.username"], settings["sasl.password"] = found.user, found.password
    if found.options["ca"]:
        settings["ssl.ca.location"] = found.options["ca"]
    return settings


def _message(record: Record) -> Message:
    """Return a record as a message."""
    partition, offset = _number(record.partition()), _number(record.offset())
    content = record.value()
    fault = "the message has no content" if content is None else ""
    at = sent_at(record.timestamp()[1])
    return Message(f"{partition}:{offset}", content or b"", at, fault)


def _error(error: KafkaException) -> KafkaError:
    """Return what an exception is about."""
    found: KafkaError = error.args[0]
    return found


def _number(found: int | None) -> int:
    """Tell the types that a record which was read has a place."""
    return -1 if found is None else found
