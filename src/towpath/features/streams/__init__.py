"""Streams that events arrive on; one Protocol, one file a kind of server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from towpath.core.plugins import load_plugin, scheme

if TYPE_CHECKING:
    from collections.abc import Sequence

# The longest that a read may be told to wait, in seconds.
LONGEST_READ = 1.0
MICROSECONDS = 1_000
# The last microsecond of the year 9999, after which no clock that shows it goes on.
LATEST = 253_402_300_799_999_999


class Message(NamedTuple):
    """One message of a stream.

    Args:
        id: what no other message of the stream is called.
        content: its bytes.
        at: when it was put on the stream, in microseconds.
        fault: why it cannot be read at all; empty where it can.

    Example:
        >>> Message("1700000000000-0", b'{"id": 1}', 1_700_000_000_000_000).fault
        ''
    """

    id: str
    content: bytes
    at: int
    fault: str = ""


def sent_at(milliseconds: int) -> int:
    """Return when a message was put on a stream, in microseconds.

    Whoever writes a stream may write any number for it; it is brought between 1970 and 9999.

    Args:
        milliseconds: since 1970, as servers of streams have it.

    Example:
        >>> sent_at(1_700_000_000_000), sent_at(-1), sent_at(2**64) == LATEST
        (1700000000000000, 0, True)
    """
    return min(max(milliseconds, 0) * MICROSECONDS, LATEST)


class Source(Protocol):
    """Reads a stream for a group of consumers, which share its messages among them.

    Every implementation promises:

    - ``name`` tells the stream from others: a URL without user, password and time-outs.
    - Nothing is asked of the server before the first call. A group that is new begins with the
      oldest message that there is.
    - Each message is delivered to one consumer of the group, in the stream's order (of a
      partition), and again, to this one or another, until it is acknowledged: what a consumer
      took that died comes back, so that nothing is lost, and some of it comes twice.
    - ``Unavailable`` where the server is down or does not answer in time, ``Denied`` where it
      refuses, ``NotFound`` where it has no such stream, ``Invalid`` where that is no stream. It
      works again, without being opened anew, once the cause is gone.
    - One thread uses it.
    """

    name: str

    def read(self, limit: int, *, seconds: float) -> Sequence[Message]:
        """Return the next messages, at most so many; none if none came in the time.

        Args:
            limit: at most so many.
            seconds: how long to wait for the first of them, at most ``LONGEST_READ``.
        """
        ...

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Say that messages of the last read are done with.

        Those that went to another consumer meanwhile stay that one's; they come twice.
        """
        ...

    def lag(self) -> int:
        """Return how many messages the group has not acknowledged, whoever is to take them."""
        ...

    def close(self) -> None:
        """Leave the group and close the connection; what was not acknowledged goes to others."""
        ...


def open_source(url: str, group: str) -> Source:
    """Return what reads the stream of a URL, found by the URL's scheme.

    Args:
        url: such as ``redis://127.0.0.1:6379/0?stream=trips`` or ``kafka://127.0.0.1:9092/trips``.
        group: name of the group of consumers.

    Raises:
        NotFound: there is no such scheme.
        MissingExtra: the library for it is not installed.
        Invalid: the URL does not name a stream, or has an unknown option.

    Example:
        >>> open_source("redis://127.0.0.1:6379/0?stream=trips", "towpath").name
        'redis://127.0.0.1:6379/0?stream=trips'
    """
    return cast("Source", load_plugin("stream_sources", scheme(url))(url, group))
