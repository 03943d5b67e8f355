"""Events as files of the lake, which each worker reads for itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from towpath.core.errors import Contract
from towpath.features.arrays import micros_of
from towpath.features.condition import satisfying
from towpath.features.engines import SEQUENCE, TIME
from towpath.lake.s3 import SCHEME, s3_error, s3_file_system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.features.view import FeatureView
    from towpath.lake.tables import DataFiles

# What Arrow writes into errors that a bucket's server, or the way to it, is the cause of.
SERVER = "AWS Error"
# Rows of a piece, and how many are read before they are asked for.
ROWS = 1 << 20
AHEAD = 1


@dataclass(frozen=True)
class EventFiles:
    """The events of a view, in files; to go through them is to read them, piece by piece.

    It may be sent to another process, if that reaches the same disk or bucket.

    Args:
        view: the view.
        files: the data files of its source.
        schema: the columns of the source that are read.
        time: the column of the event time.
        until: last event time, in microseconds; None for no limit.
    """

    view: FeatureView
    files: DataFiles
    schema: pa.Schema
    time: str
    until: int | None

    def __iter__(self) -> Iterator[pa.Table]:
        """Read all files, in order of arrival; at least one piece, if an empty one."""
        yield self.nothing()
        for path in self.files.paths:
            yield from self.read(path)

    def nothing(self) -> pa.Table:
        """Return no events, of the types that events have."""
        return self._as_events(self.schema.empty_table())

    def read(self, path: str) -> Iterator[pa.Table]:
        """Read one of the files; each page is checked.

        Raises:
            Contract: the file is damaged or missing.
            Denied: the bucket refuses this process.
            Unavailable: the bucket does not answer.
        """
        try:
            filesystem, place = _located(path, self.files.options)
            options = pads.ParquetFragmentScanOptions(page_checksum_verification=True)
            form = pads.ParquetFileFormat(default_fragment_scan_options=options)
            # A column that came later than a file is null in its rows.
            found = pads.dataset(place, schema=self.schema, filesystem=filesystem, format=form)
            batches = found.to_batches(
                filter=self._in_time(), batch_size=ROWS, batch_readahead=AHEAD
            )
            for batch in batches:
                yield self._as_events(pa.Table.from_batches([batch]))
        except (OSError, pa.ArrowInvalid) as error:
            if SERVER in str(error):
                raise s3_error(OSError(*error.args), path) from error
            reason = str(error).partition("\n")[0].rstrip(".")
            message = f"The file {path} cannot be read: {reason}."
            hint = "Check that the workers reach the lake; restore the file if it is damaged."
            raise Contract(message, hint=hint) from error

    def _in_time(self) -> pc.Expression | None:
        """Choose rows that are not too late; what holds only later ones is not even read."""
        if self.until is None:
            return None
        return pc.field(self.time) <= pa.scalar(self.until).cast(pa.timestamp("us", "UTC"))

    def _as_events(self, rows: pa.Table) -> pa.Table:
        """Choose the rows that are events, and name columns as the view does."""
        view = self.view
        if view.where:
            rows = rows.filter(pa.array(satisfying(rows, view)))
        names = dict.fromkeys((*view.keys, *view.used))
        found = {name: rows[view.source_column(name)] for name in names}
        return pa.table({**found, SEQUENCE: rows[SEQUENCE], TIME: micros_of(rows[self.time])})


def _located(path: str, options: dict[str, str]) -> tuple[pafs.FileSystem, str]:
    """Return the file system of a path or URL, and the path within."""
    if not path.startswith(SCHEME):
        return pafs.LocalFileSystem(), path
    given = {"AWS_ENDPOINT_URL": options.get("aws_endpoint_url", "")}
    region = {"AWS_REGION": options["aws_region"]} if "aws_region" in options else {}
    return s3_file_system({**os.environ, **given, **region}), path.removeprefix(SCHEME)
