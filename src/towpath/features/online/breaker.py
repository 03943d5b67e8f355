"""A breaker before an online store: one that does not answer is not asked for a while.

Without it each request would wait for the time-out, and all of them together for ever.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from towpath.core.errors import TowpathError, Unavailable
from towpath.features.online.change import Contended
from towpath.web.metrics import Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from towpath.features.online import Buffer, Edit, Item, NewMeta, OnlineStore, Row
    from towpath.web.metrics import Sheet

T = TypeVar("T")

FAILURES = 3
PAUSE_SECONDS = 1.0
# A store is prompt whose reads take less than this; each read counts for a tenth, so that one which
# ran into a time-out of half a second counts for the thirty after it.
PROMPT_SECONDS = 0.003
SHARE = 0.1

logger = logging.getLogger(__name__)


class Outage(Unavailable):
    """The store does not answer, or is not asked since it did not; the log knows already."""


class Metrics(NamedTuple):
    """What a breaker counts, by the name of its circuits.

    Args:
        failures: calls that failed.
        opened: whether it is open; the sum over several workers says in how many.
    """

    failures: Counter
    opened: Gauge

    @classmethod
    def made(cls, sheet: Sheet | None = None) -> Metrics:
        """Make them in a sheet."""
        return cls(
            Counter(
                "towpath_online_store_failures_total",
                "Calls of the online store that failed.",
                labels=("operation",),
                sheet=sheet,
            ),
            Gauge(
                "towpath_online_store_breaker_open",
                "Workers that do not ask the online store, since it did not answer.",
                labels=("operation",),
                sheet=sheet,
            ),
        )


class Circuit:
    """Lets calls through (closed) until some have failed in a row; then none (open) for a pause.

    After the pause one call is let through (half-open): if it succeeds the circuit closes, if it
    fails the pause begins anew. Safe to use from several threads.

    Args:
        name: what the calls are, for messages.
        limit: so many failures in a row open it.
        pause: seconds for which it stays open.
        seconds: tells the time.
        metrics: where failures are counted.

    Attributes:
        name: what the calls are.
        metrics: failures, and whether it is open.

    Example:
        >>> circuit = Circuit("reads", limit=1)
        >>> def ask() -> str:
        ...     raise Unavailable("Nobody is there.")
        >>> for _ in range(2):
        ...     try:
        ...         circuit.run(ask)
        ...     except Unavailable as error:
        ...         print(error)
        Nobody is there.
        The reads fail at present. Ask again in a second.
        >>> circuit.is_open
        True
    """

    def __init__(
        self,
        name: str,
        *,
        limit: int = FAILURES,
        pause: float = PAUSE_SECONDS,
        seconds: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        """Start closed."""
        self.name = name
        self._limit = limit
        self._pause = pause
        self._seconds = seconds
        self.metrics = metrics or Metrics.made()
        self._guard = threading.Lock()
        self._in_a_row = 0
        self._until: float | None = None
        self.metrics.opened.put(0, (name,))

    @property
    def is_open(self) -> bool:
        """Whether calls are refused; also while one of them is tried."""
        return self._until is not None

    def run(self, work: Callable[[], T]) -> T:
        """Do what may fail.

        Raises:
            Outage: it failed, or was not tried.
            Contended: the store works, but other writers of the keys were faster.
        """
        until = self._until
        if until is not None:
            self._try_again(until)
        try:
            found = work()
        except TowpathError as error:
            if isinstance(error, Unavailable) and not isinstance(error, Contended):
                self._note_failure(error)
                raise Outage(error.message, hint=error.hint) from error
            # The store has answered.
            self._note_success()
            raise
        if self._in_a_row:
            self._note_success()
        return found

    def _try_again(self, until: float) -> None:
        """Let one call through after the pause, and no other until it has had a pause's time.

        Raises:
            Outage: it is not that one.
        """
        with self._guard:
            now = self._seconds()
            if self._until is None:
                return
            if now < until or until != self._until:
                message = f"The {self.name} fail at present."
                raise Outage(message, hint="Ask again in a second.")
            self._until = now + self._pause

    def _note_failure(self, error: Unavailable) -> None:
        """Count a failure, and open the circuit if it was one too many."""
        logger.warning("online store: of the %s one failed: %s", self.name, error)
        with self._guard:
            self.metrics.failures.add((self.name,))
            self._in_a_row += 1
            if self._in_a_row < self._limit:
                return
            opens = self._until is None
            self._until = self._seconds() + self._pause
            self.metrics.opened.put(1, (self.name,))
        if opens:
            logger.error("online store: the %s rest, since they fail", self.name)

    def _note_success(self) -> None:
        """Close the circuit."""
        with self._guard:
            closes = self._until is not None
            self._in_a_row, self._until = 0, None
            self.metrics.opened.put(0, (self.name,))
        if closes:
            logger.warning("online store: the %s succeed again", self.name)


class BreakingStore:
    """An online store with a circuit for its reads, and one for its changes.

    A disk that is full ends changes, not reads. What replaces or lists an area passes: it is no
    request that others wait behind.

    Args:
        store: what is asked.
        limit: so many failures in a row open a circuit.
        pause: seconds for which it stays open.
        sheet: where failures are counted.

    Attributes:
        metrics: failures, and what is open.

    Example:
        >>> from towpath.features.online import Item
        >>> from towpath.features.online.memory import MemoryStore
        >>> BreakingStore(MemoryStore()).read([Item("car", b"a")])
        [None]
    """

    def __init__(
        self,
        store: OnlineStore,
        *,
        limit: int = FAILURES,
        pause: float = PAUSE_SECONDS,
        sheet: Sheet | None = None,
    ) -> None:
        """Start with both circuits closed."""
        self.remote = store.remote
        self.metrics = Metrics.made(sheet)
        self._reads = Circuit("reads", limit=limit, pause=pause, metrics=self.metrics)
        self._changes = Circuit("changes", limit=limit, pause=pause, metrics=self.metrics)
        self._store = store
        self._read_seconds = 0.0

    @property
    def is_prompt(self) -> bool:
        """Whether reads have come back so soon of late that an event loop may wait for one."""
        return self._read_seconds < PROMPT_SECONDS

    def write(self, area: str, rows: Iterable[Row], meta: bytes, *, replaces: bytes | None) -> None:
        """Replace an area."""
        self._store.write(area, rows, meta, replaces=replaces)

    def change(
        self, area: str, keys: Sequence[bytes], edit: Edit, *, meta: NewMeta | None = None
    ) -> None:
        """Change keys, unless changes have failed of late."""
        self._changes.run(lambda: self._store.change(area, keys, edit, meta=meta))

    def read(self, items: Sequence[Item]) -> list[Buffer | None]:
        """Read, unless reads have failed of late."""
        return self._reads.run(lambda: self._timed(items))

    def keys(self, area: str) -> Iterator[bytes]:
        """Return the area's keys."""
        return self._store.keys(area)

    def drop(self, area: str) -> None:
        """Forget an area."""
        self._store.drop(area)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _timed(self, items: Sequence[Item]) -> list[Buffer | None]:
        """Read, and note how long it takes."""
        start = time.monotonic()
        try:
            return self._store.read(items)
        finally:
            self._read_seconds += SHARE * (time.monotonic() - start - self._read_seconds)
