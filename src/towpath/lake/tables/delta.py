"""Delta tables on a local disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog.leases import LEASE_SECONDS
from towpath.core.clock import Clock, SystemClock
from towpath.core.settings import local_path
from towpath.lake.tables.disk import Disk
from towpath.lake.tables.versioned import VersionedTables

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.catalog.database import Database


class DeltaTableStore(VersionedTables):
    """A TableStore of Delta tables under one folder.

    Args:
        url: such as ``file:.towpath/lake``.
        root: the folder that a relative URL starts from.
        db: the catalog that keeps versions, hashes and turns.
        clock: tells when a version is committed.
        lease_seconds: how long a writer that gives no sign of life keeps its turn.
    """

    def __init__(
        self,
        url: str,
        root: Path,
        db: Database,
        *,
        clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Name the folder; it is made by the first write."""
        disk = Disk(local_path(url, root))
        super().__init__(disk, db, clock=clock or SystemClock(), lease_seconds=lease_seconds)
