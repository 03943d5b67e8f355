"""Data files that only old versions need are removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog import leases, table_versions
from towpath.lake.tables import Vacuumed
from towpath.lake.tables.data_file import list_files, remove_files, written_before

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from towpath.catalog.table_versions import TableVersion
    from towpath.lake.tables.turn import Turn


def vacuum(turn: Turn, *, pinned: Callable[[], AbstractSet[int]], horizon: datetime) -> Vacuumed:
    """Remove the files that no kept version needs, and note which versions need them.

    The note comes first: a vacuum that is cut short leaves files, which the next one removes.

    Args:
        turn: the writer's.
        pinned: returns the versions that are kept; it is asked in the turn, so that what was
            made from one while this waited counts.
        horizon: versions that were the latest at or after this time are kept.

    Raises:
        Contract: the latest version is damaged; older ones may hold what it lacks.
    """
    turn.check(list(turn.files))
    db, name = turn.place.db, turn.name
    versions = table_versions.every(db, name)
    keep = kept(versions, pinned=pinned(), horizon=horizon)
    needed = {file for one in keep for file in one.files}
    lost = tuple(
        one.version for one in versions if not one.vacuumed and not needed.issuperset(_data(one))
    )
    with db.transaction():
        leases.confirm(db, turn.lease)
        table_versions.mark_vacuumed(db, name, lost)
    known = {file for one in versions for file in one.files}
    removable = [
        file
        for file in list_files(turn.place.storage, name)
        if file not in needed and (file in known or written_before(file, turn.lease.token))
    ]
    sizes = remove_files(turn.place.storage, name, removable)
    return Vacuumed(versions=lost, files=len(sizes), size=sum(sizes))


def kept(
    versions: tuple[TableVersion, ...], *, pinned: AbstractSet[int], horizon: datetime
) -> list[TableVersion]:
    """Return the versions that stay: the latest, the pinned, and those still read lately.

    Example:
        >>> kept((), pinned=set(), horizon=None)
        []
    """
    return [
        one
        for place, one in enumerate(versions)
        if not one.vacuumed
        and (
            place + 1 == len(versions) or one.version in pinned or versions[place + 1].at > horizon
        )
    ]


def _data(version: TableVersion) -> set[str]:
    """Return the data files of a version."""
    return {file for file in version.files if file.endswith(".parquet")}
