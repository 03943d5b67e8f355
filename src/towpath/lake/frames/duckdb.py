"""Stored files as a relation of DuckDB, which reads them itself."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, TypeAlias

import duckdb
import pyarrow.dataset as pads

from towpath.lake.s3 import SCHEME, s3_file_system

if TYPE_CHECKING:
    import pyarrow as pa

    from towpath.lake.tables import DataFiles

DuckRelation: TypeAlias = duckdb.DuckDBPyRelation
DuckConnection: TypeAlias = duckdb.DuckDBPyConnection

WILD = re.compile(r"[*?[]")


def to_duckdb(
    files: DataFiles, schema: pa.Schema, *, connection: DuckConnection | None = None
) -> DuckRelation:
    """Return the rows of files; a column that came later is null in rows from before.

    Files in a bucket are read by Arrow, so that the engine needs no extension.

    Args:
        files: what to read.
        schema: the columns, in order.
        connection: where the relation lives; the one that ``duckdb.sql`` uses unless given.

    Example:
        >>> import pyarrow as pa
        >>> from towpath.lake.tables import DataFiles
        >>> none = DataFiles("lake/trips", 0, (), {})
        >>> to_duckdb(none, pa.schema([("id", pa.int64())])).columns
        ['id']
    """
    place = duckdb.default_connection() if connection is None else connection
    if not files.paths:
        return place.from_arrow(schema.empty_table())
    if files.table.startswith(SCHEME):
        return place.from_arrow(_in_bucket(files, schema))
    # Names with an = would be taken for columns, signs such as * for patterns.
    paths = [WILD.sub(lambda found: f"[{found[0]}]", path) for path in files.paths]
    relation = place.read_parquet(paths, union_by_name=True, hive_partitioning=False)
    known = set(relation.columns)
    empty = place.from_arrow(schema.empty_table())
    types = dict(zip(empty.columns, empty.types, strict=True))
    return relation.select(
        *(
            duckdb.ColumnExpression(name)
            if name in known
            else duckdb.ConstantExpression(None).cast(types[name]).alias(name)
            for name in schema.names
        )
    )


def _in_bucket(files: DataFiles, schema: pa.Schema) -> pads.Dataset:
    """Name the files of a bucket, with the credentials of the environment."""
    paths = [path.removeprefix(SCHEME) for path in files.paths]
    return pads.dataset(paths, schema=schema, filesystem=s3_file_system(os.environ))
