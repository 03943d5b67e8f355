"""A gate that all threads pass freely, until one needs the others to be out."""

from __future__ import annotations

import threading


class Gate:
    """Guards what must not be in use while the process forks; passing it takes no lock.

    A thread passes in with ``with gate:``, and not again while it is inside.

    Example:
        >>> gate = Gate()
        >>> with gate:
        ...     "inside"
        'inside'
        >>> gate.shut()
        >>> gate.reopen()
    """

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._shut = False
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        """Go in, waiting while the gate is shut."""
        thread = threading.get_ident()
        self._inside.add(thread)
        while self._shut:
            with self._changed:
                self._inside.discard(thread)
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._shut)
                self._inside.add(thread)

    def __exit__(self, *_: object) -> None:
        """Go out."""
        self._inside.discard(threading.get_ident())
        if self._shut:
            with self._changed:
                self._changed.notify_all()

    def shut(self) -> None:
        """Let nobody in, and wait until all but this thread are out."""
        with self._changed:
            self._changed.wait_for(lambda: not self._shut)
            self._shut = True
            self._changed.wait_for(lambda: self._inside <= {threading.get_ident()})

    def reopen(self) -> None:
        """Let everybody in."""
        with self._changed:
            self._shut = False
            self._changed.notify_all()
