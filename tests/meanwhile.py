"""Something that goes on in another thread while a test does something else."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Do something again and again in another thread."""
    done = threading.Event()

    def again() -> None:
        while not done.is_set():
            act()

    thread = threading.Thread(target=again)
    thread.start()
    yield
    done.set()
    thread.join()
