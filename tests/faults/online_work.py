"""What is done to an online store before it is killed: ``online_work.py FOLDER COUNT`` does it.

Everything follows from its number, so that a store in memory tells what must be there.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.features.online import META_KEY, Item
from towpath.features.online.lmdb import LmdbStore

if TYPE_CHECKING:
    from towpath.features.online import Get, OnlineStore, Parts

AREA = "car@1f"
KEYS = tuple(b"key%d" % number for number in range(24))
PARTS = (b"", b"d1", b"h1")
REWRITE = 9
LONGEST = 1_500
State = list[bytes | None]


def open_store(folder: Path) -> LmdbStore:
    """Open the store of a folder."""
    return LmdbStore("lmdb:online", folder)


def do(store: OnlineStore, number: int) -> None:
    """Do one piece of work: replace the area, or change some keys of it; the text tells which."""
    told = b"%d" % number
    if number % REWRITE == 0:
        (before,) = store.read([Item(AREA, META_KEY)])
        rows = [(key, b"", told * (1 + place)) for place, key in enumerate(KEYS)]
        store.write(AREA, rows, told, replaces=None if before is None else bytes(before))
        return
    keys = {KEYS[number * step % len(KEYS)] for step in (1, 5, 7)}
    store.change(AREA, sorted(keys), partial(_edit, number), meta=lambda _: told)


def _edit(number: int, key: bytes, get: Get) -> Parts:
    """Add to the root, and make, replace or remove a part."""
    root = bytes(get(b"") or b"") + b"|%d" % number * 40
    part = PARTS[1 + number % 2]
    return {b"": root[-LONGEST:], part: None if get(part) else root[:LONGEST]}


def stored(store: OnlineStore) -> tuple[int, State]:
    """Return the number of the last piece of work (0 for none) and all that is there."""
    items = [Item(AREA, key, part) for key in KEYS for part in PARTS]
    meta, *values = store.read([Item(AREA, META_KEY), *items])
    found = [None if value is None else bytes(value) for value in values]
    return int(bytes(meta or b"0")), found


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    store = open_store(folder)
    for number in range(1, count + 1):
        do(store, number)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    main()
