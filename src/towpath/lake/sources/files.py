"""Files as a source of rows: each file is a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.errors import Conflict, Contract, Denied, Invalid, NotFound, TowpathError
from towpath.lake.contract import conform
from towpath.lake.s3 import SCHEME, s3_error
from towpath.lake.sources.csv import read_csv
from towpath.lake.sources.json_lines import read_json_lines
from towpath.lake.sources.location import KINDS, file_key, find_files
from towpath.lake.sources.parquet import read_parquet
from towpath.lake.sources.part import Part
from towpath.lake.sources.pieces import in_pieces
from towpath.lake.sources.watermark import later

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from towpath.lake.dataset import Dataset
    from towpath.lake.source_spec import SourceSpec
    from towpath.lake.sources.location import StoredFile
    from towpath.lake.sources.watermark import Watermark

CSV = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson")


class FileSource:
    r"""CSV, JSON Lines and Parquet files, on disk or in a bucket.

    Args:
        dataset: the contract.
        spec: which files, and how they are written.
        root: the project's folder.
        mark: which rows to read; None for all.

    Raises:
        NotFound: no file is there.
        Invalid: a file of another kind.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.lake.dataset import Column, Dataset
        >>> from towpath.lake.source_spec import SourceSpec
        >>> trips = Dataset("trips", (Column("id", "int64"),))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "trips.csv").write_text("id\n7\n")
        ...     source = FileSource(trips, SourceSpec(path="trips.csv"), root=Path(folder))
        ...     [piece["id"].to_pylist() for part in source.parts() for piece in source.read(part)]
        [[7]]
    """

    def __init__(
        self, dataset: Dataset, spec: SourceSpec, *, root: Path, mark: Watermark | None = None
    ) -> None:
        """Find the files; none is read yet."""
        self._dataset = dataset
        self._spec = spec
        self._mark = mark
        self._files = {file.origin: file for file in find_files(spec.path, root)}
        for file in self._files.values():
            if not file.path.lower().endswith(KINDS):
                message = f"{file.origin} is neither CSV, JSON Lines nor Parquet."
                hint = "Name it .csv, .tsv or .jsonl, with .gz or .zip if packed, or .parquet."
                raise Invalid(message, hint=hint, file=file.origin)

    def parts(self) -> Iterator[Part]:
        """Name the files in the order of their names."""
        for file in self._files.values():
            try:
                key = file_key(file)
            except OSError as error:
                raise _failed(file, error) from error
            yield Part(key, file.origin, file.size)

    def read(self, part: Part) -> Iterator[pa.Table]:
        """Read one of the files.

        Raises:
            Contract: it does not fit the contract.
            Conflict: it was written to meanwhile.
        """
        file = self._files[part.origin]
        try:
            before = file.state
            tables = (conform(self._dataset, one, origin=file.origin) for one in self._tables(file))
            yield from in_pieces(later(tables, self._mark))
            changed = file.state != before
        except OSError as error:
            raise _failed(file, error) from error
        if changed:
            message = f"{file.origin} was written to while it was read."
            raise Conflict(message, hint="Wait until it is whole, and retry.", file=file.origin)

    def _tables(self, file: StoredFile) -> Iterator[pa.Table]:
        """Read a file by the kind that its name tells."""
        name = file.path.lower().removesuffix(".gz").removesuffix(".zip")
        if name.endswith(CSV):
            return read_csv(self._dataset, file, self._spec)
        if name.endswith(JSON_LINES):
            return read_json_lines(self._dataset, file, self._spec)
        return read_parquet(self._dataset, file)


def _failed(file: StoredFile, error: OSError) -> TowpathError:
    """Say why a file cannot be read."""
    if file.origin.startswith(SCHEME):
        return s3_error(error, file.origin)
    if isinstance(error, FileNotFoundError):
        return NotFound(f"There is no file {file.origin} any more.", hint="Check the path.")
    if isinstance(error, PermissionError):
        return Denied(f"{file.origin} may not be read.", hint="Check its permissions.")
    message = f"{file.origin} cannot be read: {error}."
    return Contract(message, hint="Write the file again.", file=file.origin)
