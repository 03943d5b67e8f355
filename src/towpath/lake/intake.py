"""Rows of a batch on their way into a table: checked piece by piece, the failing ones set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from towpath.core.errors import Contract
from towpath.lake.checks import (
    blocked_rows,
    check_batch,
    check_rows,
    finding,
    latest_event,
    reasons,
    refuse_batch,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from numpy.typing import NDArray

    from towpath.core.finding import Finding
    from towpath.lake.checks import Existing, Failure
    from towpath.lake.checks.reference import Lookup
    from towpath.lake.dataset import Dataset

INGESTED_AT = "_ingested_at"


class Beside(NamedTuple):
    """What the rows of a batch are held against besides the contract.

    Args:
        existing: rows that are there already.
        lookup: returns a column of a dataset that is referred to.
        keep_last: of rows with one key, keep the last and not the first.
    """

    existing: Existing
    lookup: Lookup
    keep_last: bool = False


class Intake:
    """Splits the rows of a batch into those that go in and those that are set aside.

    Args:
        dataset: the contract.
        batch: the batch's key.
        beside: what rows are held against; accepted ones are added.
        now: the time of ingestion.

    Attributes:
        rows: rows seen so far.
        rejected: those that failed a blocking check, with where they stood and why they failed.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> from towpath.lake.checks import Existing
        >>> from towpath.lake.checks.reference import no_data
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("id", "int64"),), key=("id",))
        >>> beside = Beside(Existing(trips), no_data)
        >>> intake = Intake(trips, "b1", beside=beside, now=EPOCH)
        >>> pieces = [("a.csv", pa.table({"id": [1, 2]})), ("a.csv", pa.table({"id": [2]}))]
        >>> [piece["id"].to_pylist() for piece in intake.accept(pieces)]
        [[1, 2]]
        >>> intake.rejected[0].select(["id", "_row", "_reasons"]).to_pylist()
        [{'id': 2, '_row': 3, '_reasons': 'the key id is that of an earlier row'}]
    """

    def __init__(self, dataset: Dataset, batch: str, *, beside: Beside, now: datetime) -> None:
        """Start without rows."""
        self.rows = 0
        self.rejected: list[pa.Table] = []
        self._dataset = dataset
        self._batch = batch
        self._beside = beside
        self._now = now
        self._latest: datetime | None = None
        self._failed: dict[tuple[str, str], tuple[Failure, int]] = {}

    @property
    def rejected_rows(self) -> int:
        """How many rows were set aside so far."""
        return sum(table.num_rows for table in self.rejected)

    def accept(self, pieces: Iterable[tuple[str, pa.Table]]) -> Iterator[pa.Table]:
        """Check pieces, each with where it is from, and give the rows that may go in."""
        origin, before = "", 0
        for place, piece in pieces:
            before = before if place == origin else 0
            origin = place
            failures = check_rows(
                self._dataset,
                piece,
                existing=self._beside.existing,
                lookup=self._beside.lookup,
                keep_last=self._beside.keep_last,
            )
            self._note(failures, piece)
            blocked = blocked_rows(failures, piece.num_rows)
            stamped = self._stamped(piece)
            if blocked.any():
                told = pa.array(reasons(failures, blocked), pa.string())
                numbers = np.flatnonzero(blocked) + before + 1
                self._set_aside(stamped.filter(pa.array(blocked)), origin, numbers, told)
                stamped = stamped.filter(pa.array(~blocked))
            before += piece.num_rows
            if stamped.num_rows:
                self._beside.existing.add(stamped)
                yield stamped

    def findings(self) -> tuple[Finding, ...]:
        """Say what each check found, the checks of the whole batch first."""
        return (*self._whole(), *(finding(one, rows) for one, rows in self._failed.values()))

    def close(self, origin: str, *, may_be_bad: bool = False) -> None:
        """Refuse the batch as a whole if it must be; call it when all rows were seen.

        Args:
            origin: where the rows are from, for the message.
            may_be_bad: take a batch of which every row is set aside.

        Raises:
            Contract: there is no row, no valid row, or a limit of the batch was broken.
        """
        name = self._dataset.name
        if not self.rows:
            message = f"{origin} has no rows for dataset {name!r}."
            raise Contract(message, hint="Check how the file was made.", dataset=name)
        refuse_batch(self._dataset, self._whole(), origin=origin)
        if self.rejected_rows == self.rows and not may_be_bad:
            told = ", ".join(one.message for one in self.findings() if not one.passed)
            message = f"No row of {origin} keeps the contract of dataset {name!r} ({told})."
            raise Contract(message, hint="Mend the data or the contract.", dataset=name)

    def _whole(self) -> tuple[Finding, ...]:
        """Judge the batch as a whole."""
        return check_batch(self._dataset, rows=self.rows, latest=self._latest, now=self._now)

    def _note(self, failures: Iterable[Failure], piece: pa.Table) -> None:
        """Count the rows, and those that failed each check."""
        self.rows += piece.num_rows
        latest = latest_event(self._dataset, piece)
        if latest is not None and (self._latest is None or latest > self._latest):
            self._latest = latest
        for one in failures:
            _, known = self._failed.get((one.check, one.subject), (one, 0))
            self._failed[one.check, one.subject] = (one, known + len(one.rows))

    def _stamped(self, table: pa.Table) -> pa.Table:
        """Add the time of ingestion."""
        stamp = pa.scalar(self._now, pa.timestamp("us", "UTC"))
        return table.append_column(INGESTED_AT, pa.repeat(stamp, table.num_rows))

    def _set_aside(
        self, table: pa.Table, origin: str, numbers: NDArray[np.int64], told: pa.Array[Any]
    ) -> None:
        """Keep rejected rows with where they stood, why they failed and in which batch."""
        count = table.num_rows
        columns = {
            "_reasons": told,
            "_origin": pa.repeat(pa.scalar(origin), count),
            "_row": pa.array(numbers, pa.int64()),
            "_batch": pa.repeat(pa.scalar(self._batch), count),
        }
        for name, values in columns.items():
            table = table.append_column(name, values)
        self.rejected.append(table)
