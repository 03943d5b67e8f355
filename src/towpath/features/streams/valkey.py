"""Messages from a stream of Valkey or Redis, taken by a consumer group."""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import redis

from towpath.core.errors import Invalid, NotFound, TowpathError
from towpath.features.online.redis_client import explained, open_client
from towpath.features.online.server_url import read_server_url
from towpath.features.streams import LONGEST_READ, Message, sent_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PORT = 6379
TEXTS = {"stream": "", "field": "data"}
# In seconds; what nobody acknowledged for as long as ``claim`` is taken from who has it.
NUMBERS = {"timeout": 5.0, "connect_timeout": 1.0, "claim": 60.0}
# Where a group begins that is new, and where a look through what waits begins and ends.
START = b"0-0"
COUNTED_AT_ONCE = 10_000
NO_GROUP = re.compile("NOGROUP|no such key|requires the key to exist")


class Group(NamedTuple):
    """What the server says of the group: messages taken, the last of them, and those not taken."""

    pending: int
    last: bytes
    waiting: int | None


class ValkeySource:
    """Reads a stream of Valkey or Redis; see ``Source`` for what it promises.

    A message is one field of an entry, ``data`` unless the URL names another. Acknowledged entries
    stay in the stream: who writes it trims it. What was trimmed before it was taken is lost.

    Args:
        url: such as ``redis://127.0.0.1:6379/0?stream=trips&field=data&claim=60``; ``claim`` is
            how many seconds a message of a consumer that does not acknowledge it is left to it.
        group: name of the group of consumers; it is made where it is missing.
    """

    def __init__(self, url: str, group: str) -> None:
        found = read_server_url(url, PORT, options=TEXTS, numbers=NUMBERS)
        self._stream, self._field = found.options["stream"], found.options["field"].encode()
        if not self._stream:
            message = f"The URL {found.shown} names no stream."
            raise Invalid(message, hint=f"Write it as {found.shown}?stream=NAME.")
        self.name = f"{found.shown}?stream={self._stream}"
        self._group = group
        self._consumer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._claim_seconds = found.numbers["claim"]
        self._claim_at, self._claim_from = 0.0, START
        self._client = open_client(found, timeout=found.numbers["timeout"] + LONGEST_READ)

    def read(self, limit: int, *, seconds: float) -> Sequence[Message]:
        """Take over what others left, else take what is new."""
        with self._explained():
            try:
                entries = self._left(limit) or self._fresh(limit, seconds)
            except redis.ResponseError as error:
                self._begin(error)
                entries = self._fresh(limit, seconds)
        return [self._message(entry, fields) for entry, fields in entries]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Take messages off the list of what the group has taken."""
        if messages:
            with self._explained():
                self._client.xack(self._stream, self._group, *(one.id for one in messages))

    def lag(self) -> int:
        """Add what is not taken to what is not acknowledged."""
        with self._explained():
            try:
                found = self._about()
            except redis.ResponseError as error:
                self._begin(error)
                found = self._about()
            waiting = self._counted(found.last) if found.waiting is None else found.waiting
        return found.pending + waiting

    def close(self) -> None:
        """Take the consumer out of the group, if it owes nothing, and close the connections."""
        with suppress(TowpathError), self._explained():
            for one in self._client.xinfo_consumers(self._stream, self._group):
                if _bytes(one["name"]) == self._consumer.encode() and not one["pending"]:
                    self._client.xgroup_delconsumer(self._stream, self._group, self._consumer)
        self._client.close()

    def _left(self, limit: int) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        """Take what other consumers have not acknowledged for long, looked for now and then."""
        if time.monotonic() < self._claim_at:
            return []
        idle = int(self._claim_seconds * 1000)
        after, entries, *_ = self._client.xautoclaim(
            self._stream, self._group, self._consumer, idle, start_id=self._claim_from, count=limit
        )
        self._claim_from = _bytes(after)
        if self._claim_from == START:
            self._claim_at = time.monotonic() + self._claim_seconds / 2
        return list(_entries(entries))

    def _fresh(self, limit: int, seconds: float) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        """Take what nobody has taken."""
        found: Any = self._client.xreadgroup(
            self._group,
            self._consumer,
            {self._stream: ">"},
            count=limit,
            block=max(1, int(min(seconds, LONGEST_READ) * 1000)),
        )
        streams = found.values() if isinstance(found, dict) else (one[1] for one in found or ())
        return [entry for entries in streams for entry in _entries(entries)]

    def _begin(self, error: redis.ResponseError) -> None:
        """Make the group if that is what an error is about."""
        if not NO_GROUP.search(str(error)):
            raise error
        try:
            self._client.xgroup_create(self._stream, self._group, id=START)
        except redis.ResponseError as again:
            if NO_GROUP.search(str(again)):
                message = f"There is no stream {self._stream!r} at {self.name}."
                hint = "Check its name and the database, or put a first message on it."
                raise NotFound(message, hint=hint, stream=self._stream) from again
            # Another consumer has just made it.
            if not str(again).startswith("BUSYGROUP"):
                raise

    def _about(self) -> Group:
        """Ask how far the group is."""
        groups: Any = self._client.xinfo_groups(self._stream)
        for one in groups:
            if _bytes(one["name"]) == self._group.encode():
                return Group(one["pending"], _bytes(one["last-delivered-id"]), one.get("lag"))
        raise redis.ResponseError("NOGROUP")

    def _counted(self, last: bytes) -> int:
        """Count entries after one, up to a limit, where the server has lost count.

        It has where entries after those taken were removed.
        """
        after = b"(" + last
        found: Any = self._client.xrange(self._stream, min=after, count=COUNTED_AT_ONCE)
        return len(found)

    def _message(self, entry: bytes, fields: Mapping[bytes, bytes]) -> Message:
        """Return an entry as a message."""
        at = sent_at(int(entry.partition(b"-")[0]))
        content = fields.get(self._field)
        if content is not None:
            return Message(entry.decode(), content, at)
        given = {_text(name): _text(value) for name, value in fields.items()}
        fault = f"the entry has no field {_text(self._field)!r}"
        return Message(entry.decode(), msgspec.json.encode(given), at, fault)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what an error of the client or the server means for the caller."""
        with explained(self.name, "Check the user, the password and its rights."):
            try:
                yield
            except redis.ResponseError as error:
                if not str(error).startswith("WRONGTYPE"):
                    raise
                message = f"{self._stream!r} at {self.name} is no stream."
                raise Invalid(message, hint="Name a key that XADD wrote to.") from error


def _entries(given: Iterable[Any]) -> Iterator[tuple[bytes, Mapping[bytes, bytes]]]:
    """Leave out entries that are gone from the stream."""
    return ((entry, fields) for entry, fields in given if fields is not None)


def _bytes(found: bytes | str) -> bytes:
    """Tell the types what the library returns to a client that asks for bytes."""
    return found if isinstance(found, bytes) else found.encode()


def _text(content: bytes) -> str:
    """Show bytes that are not always text."""
    return content.decode(errors="replace")
