"""Asks by key over several connections until the server is gone: ``python load.py URL OUT KEYS``.

The id of each answer is written to OUT as soon as it is here.
"""

from __future__ import annotations

import os
import sys
import threading
from itertools import count

from towpath.core.errors import Unavailable
from towpath.serving.client import Client

CONNECTIONS = 4
FIRST_KEY = 1000


def ask(url: str, out: int, keys: int, start: int) -> None:
    """Ask for one key after the other; a batch now and then."""
    with Client(url) as client:
        for number in count(start, CONNECTIONS):
            size = 1 if number % 5 else 3
            wanted = [{"order_id": FIRST_KEY + (number + more) % keys} for more in range(size)]
            try:
                answers = client.predict("returned", keys=wanted)
            except Unavailable:
                return
            os.write(out, "".join(f"{one.id}\n" for one in answers).encode())


def main(url: str, path: str, keys: str) -> None:
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    threads = [
        threading.Thread(target=ask, args=(url, out, int(keys), start))
        for start in range(CONNECTIONS)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


if __name__ == "__main__":
    main(*sys.argv[1:4])
