"""Several connections at once, whose clients note what was acknowledged."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS = 4


def crowd(ask: Callable[[int, int], None], path: str) -> None:
    """Let each connection ask until the server is gone.

    Args:
        ask: called with a file to append to, and the number of the connection.
        path: of the file.
    """
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    threads = [threading.Thread(target=ask, args=(out, number)) for number in range(CONNECTIONS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
