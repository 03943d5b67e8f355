"""Writes to one table whose outcome is known: what each leaves, and what is wrong after a fault."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

Work = Literal["append", "merge", "compact", "ingest"]

NAME = "trips"
COLUMNS = ["id", "value"]
TRIPS = Dataset(
    NAME, (Column("id", "int64", minimum=0), Column("value", "int64")), key=("id",), mode="append"
)
EMPTY = pa.table({"id": pa.array([], pa.int64()), "value": pa.array([], pa.int64())})
MIXED: tuple[Work, ...] = ("append", "append", "merge", "append", "compact", "merge")


def open_lake(root: Path, *, lease_seconds: float = 30.0) -> tuple[Database, Lake]:
    db = Database.open("sqlite:catalog.db", root)
    store = DeltaTableStore("file:lake", root, db, lease_seconds=lease_seconds)
    return db, Lake(store, db, {NAME: TRIPS}, clock=SystemClock(), root=root)


def batch(number: int, size: int) -> pa.Table:
    """Rows of which the first half has the keys of the batch before."""
    first = number * (size // 2)
    ids = pa.array(range(first, first + size), pa.int64())
    return pa.table({"id": ids, "value": pa.repeat(pa.scalar(number, pa.int64()), size)})


def do(lake: Lake, work: Work, number: int, size: int) -> None:
    """Take one piece of work; taken again it changes nothing."""
    store = lake.store
    if work == "append":
        store.append(NAME, batch(number, size), batch=str(number))
    elif work == "merge":
        store.merge(NAME, batch(number, size), key=["id"], batch=str(number))
    elif work == "ingest":
        lake.ingest(NAME, batch(number, size))
    elif store.version(NAME) is not None:
        store.compact(NAME)


def after(rows: pa.Table, work: Work, number: int, size: int) -> pa.Table:
    """Return the rows that a piece of work leaves, in their order."""
    if work == "compact":
        return rows
    added = batch(number, size)
    if work == "merge":
        rows = rows.filter(pc.invert(_known(rows, added)))
    if work == "ingest":
        added = added.filter(pc.invert(_known(added, rows)))
    return pa.concat_tables([rows, added])


def rejected(lake: Lake) -> pa.Table:
    """Read the rows that ingesting has set aside: keys that were there already."""
    aside = lake[f"{NAME}__rejected"]
    return aside.scan(COLUMNS) if aside.exists() else EMPTY


def stored(lake: Lake) -> pa.Table:
    """Read the rows; none where there is no table yet."""
    if lake.store.version(NAME) is None:
        return EMPTY
    rows = lake.store.scan(NAME)
    order = rows["_seq"].to_numpy()
    assert (order[1:] > order[:-1]).all(), "_seq is out of order"
    return rows.select(COLUMNS)


def _known(rows: pa.Table, others: pa.Table) -> Any:  # noqa: ANN401 - chunks of booleans
    """Mark the rows whose key is among others."""
    return pc.is_in(rows["id"], value_set=others["id"].combine_chunks())


def same(one: pa.Table, other: pa.Table) -> bool:
    return bool(one.combine_chunks().equals(other.combine_chunks()))


def doubled(rows: pa.Table) -> int:
    """Count rows that are there more than once."""
    return int(rows.num_rows - rows.group_by(COLUMNS).aggregate([]).num_rows)


def main(root: Path, count: int, size: int) -> None:
    """Take pieces of work one after the other and say so after each."""
    db, lake = open_lake(root)
    for number in range(count):
        do(lake, MIXED[number % len(MIXED)], number, size)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    db.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
