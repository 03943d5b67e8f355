"""Stored files as a frame of Spark, which reads them itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import pyspark.sql
from pyspark.sql.pandas.types import from_arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from towpath.lake.tables import DataFiles

SparkFrame: TypeAlias = pyspark.sql.DataFrame
SparkSession: TypeAlias = pyspark.sql.SparkSession

BUCKET = re.compile("^s3://")
WILD = re.compile(r"[*?\[\]{}\\]")


def to_spark(
    files: DataFiles, schema: pa.Schema, *, session: SparkSession | None = None
) -> SparkFrame:
    """Return the rows of files; a column that came later is null in rows from before.

    Args:
        files: what to read.
        schema: the columns, in order.
        session: Spark's; the active one unless given, or a new one.
    """
    spark = session or SparkSession.builder.getOrCreate()
    columns = from_arrow_schema(schema)
    if not files.paths:
        return spark.createDataFrame([], columns)
    paths = [WILD.sub(r"\\\g<0>", BUCKET.sub("s3a://", path)) for path in files.paths]
    return spark.read.schema(columns).parquet(*paths)
