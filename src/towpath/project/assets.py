"""What people look for: each definition of a project as an asset of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog.assets import Asset, AssetColumn, every, index
from towpath.catalog.definitions import active
from towpath.catalog.lineage import record_edges
from towpath.features.feature_set import FeatureSet, feature_schema, feature_type
from towpath.features.view import FeatureView
from towpath.lake.dataset import Dataset
from towpath.modelling.model import Model
from towpath.project.lineage import edges
from towpath.project.load import Project, name_of
from towpath.serving.endpoint import Endpoint

if TYPE_CHECKING:
    from datetime import datetime

    from towpath.catalog.database import Database
    from towpath.core.record import Record


def catalogue(project: Project, db: Database) -> None:
    """Make what is registered findable, with what it is made of; forget all else.

    Call it inside the transaction that registers the project's definitions. Also those that did
    not change are looked at: their columns may come from one that did, and an earlier release
    may have registered them without this.

    Args:
        project: the definitions, all registered as they are written.
        db: the catalog.
    """
    applied = {(one.kind, one.name): one.applied_at for one in active(db)}
    records = {(kind, name_of(record)): record for kind, record in project.definitions()}
    found = [asset(project, key[0], record, at=applied[key]) for key, record in records.items()]
    known = {(one.kind, one.name): one for one in every(db)}
    gone = [key for key in known if key not in records]
    index(
        db,
        [one for one in found if known.get((one.kind, one.name)) != one],
        removed=gone,
    )
    made = [edge for record in records.values() for edge in edges(project, record)]
    record_edges(db, made, replaced=[*records, *gone])


def asset(project: Project, kind: str, record: Record, *, at: datetime) -> Asset:
    """Describe one definition: who owns it, what it is, and the columns or features it has.

    Example:
        >>> from pathlib import Path
        >>> from towpath.core.instant import EPOCH
        >>> from towpath.lake.dataset import Column
        >>> trips = Dataset("trips", (Column("fare", "float64"),), owner="ops")
        >>> found = asset(Project(Path()), "dataset", trips, at=EPOCH)
        >>> found.subject, found.owner, found.columns[0].dtype
        ('dataset/trips', 'ops', 'float64')
    """
    return Asset(
        kind=kind,
        name=name_of(record),
        updated_at=at,
        description=getattr(record, "description", ""),
        owner=getattr(record, "owner", ""),
        tags=getattr(record, "tags", ()),
        columns=_columns(project, record),
    )


def _columns(project: Project, record: Record) -> tuple[AssetColumn, ...]:
    """Return what a definition holds, by name and type."""
    if isinstance(record, Dataset):
        return tuple(
            AssetColumn(one.name, one.dtype, one.doc, one.sensitivity) for one in record.columns
        )
    if isinstance(record, FeatureView):
        source = project.datasets[record.source]
        return tuple(
            AssetColumn(one.name, feature_type(one, record, source)) for one in record.features
        )
    if isinstance(record, FeatureSet):
        schema = feature_schema(record, project.views, project.datasets)
        return tuple(AssetColumn(name, dtype) for name, dtype in schema.items())
    if isinstance(record, Model):
        return (AssetColumn(record.label.column, "bool", f"label, from {record.label.dataset}"),)
    if isinstance(record, Endpoint):
        return (AssetColumn("probability", "float64", f"answered by model {record.model}"),)
    return ()
