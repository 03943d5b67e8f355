"""Append rows to an empty table of ours, and some of them once more if asked to."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pyarrow.parquet

from towpath.catalog.database import Database
from towpath.lake.tables.delta import DeltaTableStore


def main(path: str, folder: str, more: str = "0") -> None:
    table = pyarrow.parquet.read_table(path)
    root = Path(folder)
    with Database.open("sqlite:catalog.db", root) as db:
        store = DeltaTableStore("file:lake", root, db)
        start = time.perf_counter()
        store.append("rows", table, batch="first")
        seconds = time.perf_counter() - start
        if int(more):
            store.append("rows", table.slice(0, int(more)), batch="more")
        rows = store.versions("rows")[-1].rows
    print(json.dumps({"seconds": seconds, "rows": rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
