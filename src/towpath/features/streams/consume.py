"""The loop of a consumer: read, take in, acknowledge; it waits out whatever does not answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from towpath.core.errors import Unavailable
from towpath.core.record import Record
from towpath.features.streams import LONGEST_READ
from towpath.features.streams.take import Taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from towpath.features.streams import Source
    from towpath.features.streams.take import Taker

T = TypeVar("T")

MESSAGES = 1000
LAG_SECONDS = 1.0
# The pauses between tries, in seconds: the first, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
LOOK_SECONDS = 0.05


class Progress(Record, frozen=True):
    """How far a consumer is.

    Args:
        taken: what became of messages so far.
        lag: messages that the group had not acknowledged when last asked; None before.
        outages: how often something did not answer.
    """

    taken: Taken = Taken()
    lag: int | None = None
    outages: int = 0


class Listener(Protocol):
    """Hears of a consumer. It is called by the thread that consumes, and returns soon."""

    def progress(self, progress: Progress) -> None:
        """Hear how far it is, after each batch and about once a second without any."""
        ...

    def outage(self, error: Unavailable, *, seconds: float) -> None:
        """Hear that something does not answer, and after how long it is tried again."""
        ...


class Stopped(Exception):
    """The consumer was told to stop while it waited: what it has in hand comes again."""


class Consumer:
    """Takes in what is on a stream; what it acknowledged is durable.

    Each message is taken in at least once. The effect is that of once, as an event that comes
    again is known by its time and its key.

    Args:
        source: where messages come from.
        taker: takes them in.
        listener: hears of it.

    Attributes:
        progress: how far it is.

    Example:
        >>> from towpath.core.clock import SystemClock
        >>> from towpath.features.streams import open_source
        >>> def consume(goal, listener):
        ...     source = open_source("redis://127.0.0.1:6379/0?stream=trips", "towpath")
        ...     taker = Taker(goal, source.name, clock=SystemClock())
        ...     return Consumer(source, taker, listener=listener).run(once=True)
    """

    def __init__(self, source: Source, taker: Taker, *, listener: Listener) -> None:
        self.progress = Progress()
        self._source = source
        self._taker = taker
        self._listener = listener
        self._stopped = False
        self._ask_lag_at = 0.0

    def stop(self) -> None:
        """Let ``run`` return after the batch that it has in hand; from any thread or signal."""
        # A lock could be held by the very code that a signal interrupts.
        self._stopped = True

    def run(self, *, once: bool = False) -> Progress:
        """Consume until it is stopped.

        Args:
            once: stop when the group has acknowledged all that is on the stream.

        Raises:
            NotFound: there is no such stream.
            Denied: the server refuses.
            Invalid: the stream's name is that of something else.
        """
        try:
            while not self._stopped:
                taken = self._batch()
                if not taken or time.monotonic() >= self._ask_lag_at:
                    self._measure()
                self._listener.progress(self.progress)
                if once and not taken and not self.progress.lag:
                    break
        except Stopped:
            pass
        return self.progress

    def _batch(self) -> int:
        """Take one batch in; return how many messages it had."""
        messages = self._patiently(lambda: self._source.read(MESSAGES, seconds=LONGEST_READ))
        if messages:
            taken = self._patiently(lambda: self._taker.take(messages))
            self._patiently(lambda: self._source.acknowledge(messages))
            self.progress = self.progress.replace(taken=self.progress.taken + taken)
        return len(messages)

    def _measure(self) -> None:
        """Ask how much is left."""
        lag = self._patiently(self._source.lag)
        self.progress = self.progress.replace(lag=lag)
        self._ask_lag_at = time.monotonic() + LAG_SECONDS

    def _patiently(self, action: Callable[[], T]) -> T:
        """Do something, again and again while a server or the disk does not answer."""
        pause = FIRST_PAUSE
        while True:
            try:
                return action()
            except Unavailable as error:
                self.progress = self.progress.replace(outages=self.progress.outages + 1)
                self._listener.outage(error, seconds=pause)
                self._pause(pause)
                if self._stopped:
                    raise Stopped from error
                pause = min(2 * pause, LONGEST_PAUSE)

    def _pause(self, seconds: float) -> None:
        """Wait, unless it is stopped meanwhile."""
        until = time.monotonic() + seconds
        while not self._stopped and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
