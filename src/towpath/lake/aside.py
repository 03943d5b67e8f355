"""Rows that were rejected, beside the table they did not get into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.record import fingerprint
from towpath.lake.sources.content import content_hash

if TYPE_CHECKING:
    from towpath.lake.tables import TableStore

REJECTED = "__rejected"
PLATFORM = ("_seq", "_ingested_at")


class Aside:
    """The rows that were set aside of one dataset.

    Args:
        store: the tables.
        dataset: the dataset's name.
    """

    def __init__(self, store: TableStore, dataset: str) -> None:
        """Name the table."""
        self._store = store
        self._name = f"{dataset}{REJECTED}"

    def replace(self, tables: list[pa.Table], *, batch: str) -> None:
        """Keep the rejected rows of a batch that replaces all rows."""
        if self._store.version(self._name) is None:
            if tables:
                self._store.append(self._name, pa.concat_tables(tables), batch=batch)
            return
        schema = tables[0].schema if tables else _plain(self._store.schema(self._name))
        rows = pa.concat_tables([schema.empty_table(), *tables])
        self._store.overwrite(self._name, rows, batch=_keyed(batch, rows))

    def add(self, tables: list[pa.Table], *, batch: str) -> None:
        """Keep the rejected rows of a batch, in place of those that an earlier try kept."""
        new = pa.concat_tables(tables) if tables else None
        if self._store.version(self._name) is None:
            if new is not None:
                self._store.append(self._name, new, batch=batch)
            return
        mine = pc.field("_batch") == pc.scalar(batch)
        earlier = self._store.scan(self._name, where=mine)
        if new is not None and _same(earlier, new):
            return
        if not earlier.num_rows:
            if new is not None:
                self._store.append(self._name, new, batch=_keyed(batch, new))
            return
        others = self._store.scan(self._name, where=~mine).drop_columns(["_seq"])
        rows = others if new is None else pa.concat_tables([others, new], promote_options="default")
        self._store.overwrite(self._name, rows, batch=_keyed(batch, rows))

    def scan(self, batches: list[str], where: pc.Expression) -> pa.Table | None:
        """Read the rows of some batches that satisfy a condition, None where there are none."""
        if not batches or self._store.version(self._name) is None:
            return None
        mine = pc.field("_batch").isin(batches)
        return self._store.scan(self._name, where=mine & where)


def _keyed(batch: str, rows: pa.Table) -> str:
    """Name what is written by the batch and the rows: judged again, a batch may leave others."""
    return fingerprint({"batch": batch, "rows": _content(rows)})


def _same(one: pa.Table, other: pa.Table) -> bool:
    """Tell whether two tables hold the same rows, but for when they came."""
    names = [name for name in other.column_names if name not in PLATFORM]
    if one.num_rows != other.num_rows or not {*names} <= {*one.column_names}:
        return False
    return _content(one.select(names)) == _content(other)


def _content(rows: pa.Table) -> str:
    """Return a fingerprint of rows, but for when they came."""
    names = sorted(name for name in rows.column_names if name not in PLATFORM)
    return content_hash(rows.select(names))


def _plain(schema: pa.Schema) -> pa.Schema:
    """Leave out what the table adds."""
    return pa.schema([field for field in schema if field.name != "_seq"])
