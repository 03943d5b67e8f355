"""Connections to Valkey or Redis that send many commands at once, for nothing but reads.

The library's own connections take longer over a command than the server does. What is asked here is
bytes, made by the caller, and all answers of a batch are parsed in one call.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import hiredis
import redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from towpath.features.online.server_url import ServerUrl

    # Some commands as a server takes them, and how many answers there will be.
    Commands = tuple[bytes, int]
    # Of a command that asks for one value, and for several.
    Reply = bytes | list[bytes | None] | None

Answer = TypeVar("Answer")

LATE = "Timeout reading from socket"
MICROSECONDS = 1_000_000
BUFFER_BYTES = 1 << 17
# So much is sent before its answers are read: what no network on the way need hold back for long,
# and what a server answers in a small part of any time-out.
BATCH_BYTES = 1 << 16
# By so much of what is left may a wait exceed it, so that the socket is seldom told another limit.
SLACK = 0.02
# What a server says first when it refuses, and how the library calls that.
REFUSALS: dict[str, type[redis.RedisError]] = {
    "NOAUTH": redis.exceptions.AuthenticationError,
    "WRONGPASS": redis.exceptions.AuthenticationError,
    "NOPERM": redis.exceptions.NoPermissionError,
    "READONLY": redis.exceptions.ReadOnlyError,
}
# Older servers refuse a login without saying so first.
LOGIN = re.compile("AUTH|password")


def command(*words: bytes) -> bytes:
    r"""Write a command as a server takes it.

    Example:
        >>> command(b"GET", b"a")
        b'*2\r\n$3\r\nGET\r\n$1\r\na\r\n'
    """
    return b"*%d\r\n%b" % (
        len(words),
        b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words]),
    )


class Connection:
    """One connection, for one thread at a time; after any error it is closed and of no more use.

    Args:
        stream: is connected.
        seconds: for logging in.
    """

    def __init__(self, stream: socket.socket, seconds: float) -> None:
        self.process = os.getpid()
        self._stream = stream
        self._buffer = bytearray(BUFFER_BYTES)
        self._refused: list[redis.RedisError] = []
        self._reader = hiredis.Reader(
            protocolError=redis.exceptions.InvalidResponse,
            replyError=partial(_refusal, self._refused),
        )
        # The kernel waits, not the library of Python, which would ask before each answer.
        self._limit = self._until = 0.0
        self._began = False
        stream.settimeout(None)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.allow(seconds)

    def __del__(self) -> None:
        self.close()

    def allow(self, seconds: float) -> None:
        """Let all that is asked from now on take so long together."""
        self._until = time.monotonic() + seconds
        self._began = False
        self._limit_waits(seconds)

    def ask(self, commands: Sequence[Commands]) -> list[Reply]:
        """Send commands and return their answers.

        Raises:
            RedisError: as the library would raise it.
        """
        try:
            replies = self._exchanged(commands)
        except BlockingIOError as error:
            raise redis.TimeoutError(LATE) from error
        except OSError as error:
            message = f"Error while talking to the server: {error.strerror or error}"
            raise redis.ConnectionError(message) from error
        if self._refused:
            raise self._refused[0]
        if self._reader.has_data():
            raise redis.exceptions.InvalidResponse("The server said more than it was asked")
        return replies

    def log_in(self, found: ServerUrl) -> None:
        """Say who reads, and in which database, as the URL has it."""
        if found.user or found.password:
            user = [found.user.encode()] if found.user else []
            try:
                self.ask([(command(b"AUTH", *user, found.password.encode()), 1)])
            except redis.ResponseError as error:
                if LOGIN.search(str(error)):
                    raise redis.exceptions.AuthenticationError(str(error)) from error
                raise
        if found.database:
            self.ask([(command(b"SELECT", b"%d" % found.database), 1)])

    def close(self) -> None:
        """Close it; in a forked child, that of the parent goes on."""
        self._stream.close()

    def _exchanged(self, commands: Sequence[Commands]) -> list[Reply]:
        """Send commands, and wait for the answers to each batch before the next."""
        replies: list[Reply] = []
        for data, count in _batches(commands):
            if self._began:
                self._look_at_clock()
            self._began = True
            sent = self._stream.send(data)
            while sent < len(data):
                self._look_at_clock()
                sent += self._stream.send(memoryview(data)[sent:])
            # All answers together are one list: it is parsed in one call.
            self._reader.feed(b"*%d\r\n" % count)
            replies += self._received()
        return replies

    def _received(self) -> list[Reply]:
        """Wait until all answers are there."""
        while True:
            size = self._stream.recv_into(self._buffer)
            if not size:
                # It may have said why.
                closed = redis.ConnectionError("Connection closed by server")
                raise next(iter(self._refused), closed)
            self._reader.feed(self._buffer, 0, size)  # type: ignore[arg-type]  # takes any buffer
            found = self._reader.gets()
            if found is not False:
                return cast("list[Reply]", found)
            self._look_at_clock()

    def _look_at_clock(self) -> None:
        """Do not wait again for as long as the first time."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise redis.TimeoutError(LATE)
        self._limit_waits(left)

    def _limit_waits(self, seconds: float) -> None:
        """Let the kernel end a wait, unless it would do so at about that time already."""
        if abs(self._limit - seconds) > SLACK * seconds:
            # Nothing at all would be for ever.
            limit = divmod(max(1, int(seconds * MICROSECONDS)), MICROSECONDS)
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                self._stream.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", *limit))
            self._limit = seconds


class Connections:
    """Connections to one server, as many as there are threads that read at once.

    Args:
        found: where the server is; its numbers have a ``connect_timeout``.
        timeout: how long all answers of a read may take, in seconds.
    """

    def __init__(self, found: ServerUrl, *, timeout: float) -> None:
        self._found, self._timeout = found, timeout
        self._idle: list[Connection] = []
        self._closed = False

    def run(self, read: Callable[[Connection], Answer]) -> Answer:
        """Read with a connection that nobody else has meanwhile.

        One that was idle may have ended since, so that its read is begun again with another.

        Args:
            read: changes nothing on the server.

        Raises:
            RedisError: as the library would raise it.
        """
        while True:
            idle = self._next_idle()
            connection = self._connected() if idle is None else idle
            try:
                connection.allow(self._timeout)
                answer = read(connection)
            except redis.ConnectionError:
                connection.close()
                if idle is None:
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                self._idle.append(connection)
                if self._closed:
                    self.close()
                return answer

    def close(self) -> None:
        """Close the idle ones, and each other one once it has been read from."""
        self._closed = True
        while (connection := self._next_idle()) is not None:
            connection.close()

    def _next_idle(self) -> Connection | None:
        """Take a connection that this process has opened."""
        process = os.getpid()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.process == process:
                return connection
            connection.close()

    def _connected(self) -> Connection:
        """Open a connection."""
        host, port = self._found.hosts[0], self._found.port
        try:
            stream = socket.create_connection((host, port), self._found.numbers["connect_timeout"])
            connection = Connection(stream, self._timeout)
        except TimeoutError as error:
            raise redis.TimeoutError("Timeout connecting to server") from error
        except OSError as error:
            message = f"Error {error.errno} connecting to {host}:{port}: {error.strerror}"
            raise redis.ConnectionError(message) from error
        try:
            connection.log_in(self._found)
        except BaseException:
            connection.close()
            raise
        return connection


def _refusal(refused: list[redis.RedisError], text: str) -> redis.RedisError:
    """Note an answer that is an error, wherever it comes among others."""
    kind = REFUSALS.get(text.partition(" ")[0], redis.ResponseError)
    refused.append(kind(text))
    return refused[-1]


def _batches(commands: Sequence[Commands]) -> Sequence[Commands]:
    """Put commands together as far as they are sent at once."""
    together = b"".join([data for data, _ in commands])
    if len(together) <= BATCH_BYTES:
        return ((together, sum([count for _, count in commands])),)
    return list(_divided(commands))


def _divided(commands: Sequence[Commands]) -> Iterator[Commands]:
    held: list[bytes] = []
    size = total = 0
    for data, count in commands:
        if held and size + len(data) > BATCH_BYTES:
            yield b"".join(held), total
            held, size, total = [], 0, 0
        held.append(data)
        size += len(data)
        total += count
    yield b"".join(held), total
