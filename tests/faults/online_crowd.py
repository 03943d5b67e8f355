"""A process whose threads change one area and replace another, until it is killed.

``online_crowd.py FOLDER`` does it, and says what was acknowledged.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.features.online import META_KEY, Item
from towpath.features.online.lmdb import LmdbStore

if TYPE_CHECKING:
    from towpath.features.online import Get, OnlineStore, Parts

CHANGED, REPLACED = "changed", "replaced"
THREADS = 4
PARTS = (b"", b"d1", b"h1")
ROWS = 300


def names() -> list[str]:
    """Return what the threads count in: each of some keys, and one area."""
    return [REPLACED, *(f"key{number}" for number in range(THREADS))]


def number_of(store: OnlineStore, name: str) -> int:
    """Return the number that a name is at; all its values must be of that one."""
    if name == REPLACED:
        items = [Item(REPLACED, b"%d" % number) for number in range(ROWS)]
        found = {bytes(value or b"0") for value in store.read(items)}
        found |= {bytes(value or b"0") for value in store.read([Item(REPLACED, META_KEY)])}
    else:
        found = {
            bytes(value or b"0")
            for value in store.read([Item(CHANGED, name.encode(), part) for part in PARTS])
        }
    (one,) = {value.strip() for value in found}
    return int(one)


def step(store: OnlineStore, name: str) -> int:
    """Take a name to its next number."""
    number = number_of(store, name) + 1
    if name == REPLACED:
        before = None if number == 1 else b"%d" % (number - 1)
        rows = ((b"%d" % place, b"", b"%d" % number) for place in range(ROWS))
        store.write(REPLACED, rows, b"%d" % number, replaces=before)
    else:
        store.change(CHANGED, [name.encode()], partial(_next, number))
    return number


def _next(number: int, _: bytes, get: Get) -> Parts:
    assert int(bytes(get(b"") or b"0")) == number - 1
    return dict.fromkeys(PARTS, b"%d" % number + b" " * 500)


def _go_on(store: OnlineStore, name: str) -> None:
    while True:
        number = step(store, name)
        os.write(1, f"{name} {number}\n".encode())


def main() -> None:
    store = LmdbStore("lmdb:online", Path(sys.argv[1]))
    threads = [threading.Thread(target=_go_on, args=(store, name)) for name in names()]
    os.write(1, b"ready\n")
    for thread in threads:
        thread.start()


if __name__ == "__main__":
    main()
