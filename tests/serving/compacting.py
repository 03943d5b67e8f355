"""Compaction as a process of its own: ``python compacting.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore
from towpath.serving.compact import compact


def open_lake(root: Path) -> Lake:
    db = Database.open("sqlite:catalog.db", root)
    return Lake(DeltaTableStore("file:lake", root, db), db, {}, clock=SystemClock())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    lake = open_lake(folder)
    sys.stdout.write("open\n")
    sys.stdout.flush()
    compact(folder / "log", lake, batch_bytes=2000)
