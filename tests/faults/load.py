"""Asks by key until the server is gone: ``python -m tests.faults.load URL OUT KEYS``.

The id of each answer is written to OUT as soon as it is here.
"""

from __future__ import annotations

import os
import sys
from itertools import count

from tests.faults.crowd import CONNECTIONS, crowd

from towpath.core.errors import Unavailable
from towpath.serving.client import Client

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
    crowd(lambda out, start: ask(url, out, int(keys), start), path)


if __name__ == "__main__":
    main(*sys.argv[1:4])
