"""Several threads' changes in one commit: what waits during one goes into the next."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

Change = TypeVar("Change")


# How long a leader waits for others, when there were others the time before.
GATHER_SECONDS = 0.0003


class Waiting(Generic[Change]):
    """A change, and how it went: what is raised for it is raised where it was asked for."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.done = False
        self.error: BaseException | None = None
        # Set when it is done, and when it is its thread's turn to lead.
        self.woken = threading.Event()

    def __enter__(self) -> None:
        """Try it, in whichever thread."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Keep what went wrong; an interrupt is for the thread that it came to."""
        self.error = error
        self.done = error is None or isinstance(error, Exception)
        return self.done


class GroupCommit(Generic[Change]):
    """Takes changes from any thread; each returns once its own is committed.

    One thread leads: it commits what all have asked for by then, and hands over to one of those
    that came meanwhile.

    Args:
        commit: commits some changes, all or none of them.

    Example:
        >>> commits = []
        >>> GroupCommit(commits.append).run("a")
        >>> commits
        [['a']]
    """

    def __init__(self, commit: Callable[[Sequence[Change]], None]) -> None:
        self._commit = commit
        self._guard = threading.Lock()
        self._led = False
        self._crowded = False
        self._waiting: list[Waiting[Change]] = []

    def run(self, change: Change) -> None:
        """Commit a change, together with those of other threads that wait by then.

        Raises:
            Exception: whatever committing this change alone raises.
        """
        mine = Waiting(change)
        with self._guard:
            self._waiting.append(mine)
            follows, self._led = self._led, True
        try:
            if follows:
                mine.woken.wait()
        except BaseException:
            self._leave(mine)
            raise
        if not mine.done:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error

    def _lead(self, mine: Waiting[Change]) -> None:
        """Commit all that wait; each by itself, if together they cannot be."""
        batch: list[Waiting[Change]] = []
        try:
            if self._crowded:
                time.sleep(GATHER_SECONDS)
            with self._guard:
                batch, self._waiting = self._waiting, []
            together = Waiting([one.change for one in batch])
            with together:
                self._commit(together.change)
            for one in batch:
                if together.error is None:
                    one.done = True
                else:
                    with one:
                        self._commit([one.change])
        finally:
            with self._guard:
                self._crowded = len(batch) > 1
                self._waiting[:0] = [one for one in batch if not one.done]
                if mine in self._waiting:
                    self._waiting.remove(mine)
                self._hand_over()
            for one in batch:
                if one.done:
                    one.woken.set()

    def _leave(self, mine: Waiting[Change]) -> None:
        """Stop waiting, and hand over if it was to lead."""
        with self._guard:
            if mine in self._waiting:
                self._waiting.remove(mine)
                if mine.woken.is_set():
                    self._hand_over()

    def _hand_over(self) -> None:
        """Let the next one lead, if any waits."""
        self._led = bool(self._waiting)
        if self._waiting:
            self._waiting[0].woken.set()


class GroupCommits(Generic[Change]):
    """A group commit for each of some names; a forked process begins with none.

    Args:
        commit: commits some changes of one name, all or none of them.

    Example:
        >>> commits = []
        >>> GroupCommits(lambda name, changes: commits.append((name, changes))).run("car", 1)
        >>> commits
        [('car', [1])]
    """

    def __init__(self, commit: Callable[[str, Sequence[Change]], None]) -> None:
        self._commit = commit
        self._forget()

    def run(self, name: str, change: Change) -> None:
        """Commit a change; see ``GroupCommit``."""
        if self._process != os.getpid():
            self._forget()
        group = self._groups.get(name)
        if group is None:
            group = self._groups.setdefault(name, GroupCommit(partial(self._commit, name)))
        group.run(change)

    def _forget(self) -> None:
        """Forget the threads that wait, which a forked process does not have."""
        self._groups: dict[str, GroupCommit[Change]] = {}
        self._process = os.getpid()
