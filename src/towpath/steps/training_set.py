"""Training sets: made of a feature set and labels, kept with a manifest, made again."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from towpath.catalog.events import emit, read
from towpath.core.errors import Conflict, Contract, NotFound, did_you_mean
from towpath.core.event import Event
from towpath.core.name import checked_name
from towpath.core.record import Record, fingerprint, from_json, to_json
from towpath.features.feature_set import definition_version, feature_schema
from towpath.features.manifest import GivenLabels, Manifest, rows_hash
from towpath.features.snapshot import Snapshot
from towpath.features.statistics import measure
from towpath.features.training import add_features
from towpath.features.training_set import TrainingSet
from towpath.project.load import pick
from towpath.registry.code import code_commit
from towpath.steps.labels import label_datasets, model_labels, read_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from towpath.features.feature_set import FeatureSet
    from towpath.modelling.model import Model
    from towpath.pipelines.runners import Report
    from towpath.workspace import Workspace

MAKE = "towpath feature training-set --model"
MADE = "training_set.made"
MEASURED = "feature_set.measured"
SUBJECT = "training_set"
EVERY = 1_000_000


class Rebuilt(Record, frozen=True):
    """What came of making a training set again.

    Args:
        id: which one.
        rows: how many rows it has now.
        expected: hash of the rows as they were first made.
        hash: hash of the rows now.
        equal: whether both are the same, bit for bit.
    """

    id: str
    rows: int
    expected: str
    hash: str
    equal: bool


def make_training_set(
    workspace: Workspace,
    feature_set: str,
    *,
    labels: object = None,
    as_served: bool | timedelta = False,
) -> TrainingSet:
    """Compute the features of label rows, each as of the row's prediction time.

    The versions of all data are fixed first, so that what comes in meanwhile is not seen.

    Args:
        workspace: the project.
        feature_set: name of the feature set.
        labels: None for the spine's rows; a dataset's name or a SELECT over datasets; a path of a
            CSV or Parquet file; a time, or ``KeysAt``, for all keys known then; or a frame: Arrow,
            Polars, pandas, DuckDB.
        as_served: let each row see only what had been ingested by its time; or by its time plus
            a span, for what takes that long to be visible.

    Raises:
        NotFound: no such feature set, dataset or file, or no data yet.
        Invalid: the labels cannot be read, or have a column named as a feature.
        Contract: a column that the features need is missing or of another type.
    """
    chosen = pick(workspace.project.feature_sets, feature_set, "feature set")
    views = workspace.project.views
    sources = {views[ref.view].source for ref in chosen.refs if ref.view in views}
    versions = _versions(workspace, sources | label_datasets(workspace, chosen, labels))
    served = timedelta() if as_served else None
    visible = as_served if isinstance(as_served, timedelta) else served
    return _made(workspace, chosen, Snapshot(workspace.lake, versions, visible), labels)


def save_training_set(
    workspace: Workspace, found: TrainingSet, name: str, *, overwrite: bool = False
) -> TrainingSet:
    """Keep a training set under a name: its rows as a version of a table, its manifest in the log.

    The same again changes nothing. Labels that were given are kept too, for the making again.

    Raises:
        Conflict: another training set has the name, and is not to be overwritten.
        Invalid: an illegal name.
    """
    checked_name(name, "training set")
    known = find_manifests(workspace, name)
    kept = known[0] if known else None
    if kept is not None and (kept.id, kept.hash) == (found.manifest.id, found.manifest.hash):
        if kept.table == workspace.lake.store.version(training_table(name)):
            return found.replace(manifest=kept)
    elif kept is not None and not overwrite:
        message = f"There is another training set {name!r}, of {kept.feature_set!r}."
        raise Conflict(message, hint="Choose another name, or overwrite it.")
    store, labels = workspace.lake.store, found.manifest.labels
    if isinstance(labels, GivenLabels):
        given = found.labels
        labels = labels.replace(table=store.overwrite(labels_table(name), given, batch=labels.hash))
    batch = fingerprint([found.manifest.id, found.manifest.hash])
    version = store.overwrite(training_table(name), found.table, batch=batch)
    manifest = found.manifest.replace(name=name, table=version, labels=labels)
    kept_set = found.replace(manifest=manifest)
    _log(workspace, kept_set)
    return kept_set


def rebuild_training_set(workspace: Workspace, id_: str) -> Rebuilt:
    """Make a kept training set again from what its manifest names, and compare.

    Raises:
        NotFound: no training set has the id, or a version of its data was removed.
        Conflict: the definitions are not those that it was made of.
    """
    manifest = find_manifest(workspace, id_)
    chosen = pick(workspace.project.feature_sets, manifest.feature_set, "feature set")
    if _definition(workspace, chosen) != manifest.definition:
        message = f"The definitions of training set {id_} have changed since it was made."
        code = manifest.code or "the definitions as they were"
        raise Conflict(message, hint=f"Check out {code}, and try again.")
    snapshot = Snapshot(workspace.lake, manifest.data_versions, manifest.visible_after)
    labels: object = manifest.labels
    if isinstance(labels, GivenLabels):
        store = workspace.lake.store
        rows = store.scan(labels_table(manifest.name), version=labels.table)
        labels = rows.drop_columns([name for name in rows.column_names if name.startswith("_")])
    found = _made(workspace, chosen, snapshot, labels).manifest
    return Rebuilt(manifest.id, found.rows, manifest.hash, found.hash, found.hash == manifest.hash)


def find_manifests(workspace: Workspace, name: str = "") -> tuple[Manifest, ...]:
    """Return the manifests of the training sets kept under a name, or of all: the latest first."""
    subject = f"{SUBJECT}/{name}" if name else ""
    found = read(workspace.catalog, subject=subject, action=MADE, limit=EVERY)
    return tuple(
        from_json(str(one.data["manifest"]), Manifest) for one in found if "manifest" in one.data
    )


def find_manifest(workspace: Workspace, id_: str) -> Manifest:
    """Return a manifest by its id or the name that it is kept under.

    Raises:
        NotFound: there is none.
    """
    known = find_manifests(workspace)
    for one in known:
        if id_ in (one.id, one.name):
            return one
    hint = did_you_mean(id_, [text for one in known for text in (one.name, one.id)])
    raise NotFound(f"No training set {id_!r} is kept.", hint=hint)


def training_set(workspace: Workspace, report: Report, *, model: str) -> Mapping[str, object]:
    """Compute every feature of every row of a model's spine at its prediction time, and keep it.

    Returns:
        ``rows``, ``features``, the ``seconds`` that the computation took, and the ``id``.

    Raises:
        Contract: the spine is empty.
    """
    chosen = pick(workspace.project.models, model, "model")
    feature_set = workspace.project.feature_sets[chosen.features]
    report(0.1, f"features of {feature_set.name}")
    started = time.perf_counter()
    labels = model_labels(workspace, feature_set)
    found = make_training_set(workspace, feature_set.name, labels=labels)
    seconds = time.perf_counter() - started
    if not len(found):
        message = f"Dataset {feature_set.spine!r} holds no rows to learn from."
        raise Contract(message, hint=f"Ingest some: towpath data ingest {feature_set.spine}")
    report(0.7, f"{len(found):,} rows")
    kept = save_training_set(workspace, found, model, overwrite=True)
    return {
        "rows": len(kept),
        "features": len(kept.manifest.features),
        "seconds": round(seconds, 3),
        "id": kept.manifest.id,
    }


def kept_training_set(workspace: Workspace, model: Model) -> Manifest:
    """Return what a model's training set was made from.

    Raises:
        NotFound: none was made yet.
        Conflict: it was made from other definitions, or only half of it was made.
    """
    known, hint = find_manifests(workspace, model.name), f"Run: {MAKE} {model.name}"
    if not known:
        raise NotFound(f"Model {model.name!r} has no training set yet.", hint=hint)
    kept = known[0]
    if kept.definition != _definition(workspace, workspace.project.feature_sets[model.features]):
        message = f"The training set of model {model.name!r} was made from other definitions."
        raise Conflict(message, hint=hint)
    if kept.table != workspace.lake.store.version(training_table(model.name)):
        message = f"The making of model {model.name!r}'s training set was cut short."
        raise Conflict(message, hint=hint)
    return kept


def read_training_set(workspace: Workspace, name: str, version: int) -> pa.Table:
    """Read the rows of a training set that was kept."""
    return workspace.lake.store.scan(training_table(name), version=version)


def _made(
    workspace: Workspace, feature_set: FeatureSet, snapshot: Snapshot, labels: object
) -> TrainingSet:
    """Compute a training set from fixed versions and say what it was made of."""
    views, datasets = workspace.project.views, workspace.lake.datasets
    rows, source = read_labels(workspace, feature_set, labels, snapshot.versions)
    table = add_features(snapshot, feature_set, views, labels=rows, engine=workspace.engine)
    manifest = Manifest(
        feature_set=feature_set.name,
        definition=_definition(workspace, feature_set),
        definitions=_definitions(workspace, feature_set),
        labels=source,
        data_versions=dict(snapshot.versions),
        rows=table.num_rows,
        features=feature_schema(feature_set, views, datasets),
        hash=rows_hash(table),
        made_at=workspace.clock.now(),
        visible_after=snapshot.visible_after,
        code=code_commit(workspace.root),
    )
    return TrainingSet(table, manifest, rows)


def _definition(workspace: Workspace, feature_set: FeatureSet) -> str:
    """Return the version of the definition of what a feature set gives."""
    project = workspace.project
    return definition_version(feature_set, project.views, project.datasets)


def _definitions(workspace: Workspace, feature_set: FeatureSet) -> dict[str, str]:
    """Return the content version of each definition that goes into a feature set."""
    project, datasets = workspace.project, workspace.lake.datasets
    views = [project.views[ref.view] for ref in feature_set.refs]
    used = [datasets[name] for name in (feature_set.spine, *(one.source for one in views))]
    return {
        f"feature_set/{feature_set.name}": fingerprint(feature_set),
        **{f"feature_view/{one.name}": fingerprint(one) for one in views},
        **{f"dataset/{one.name}": fingerprint(one) for one in used},
    }


def _versions(workspace: Workspace, names: Iterable[str]) -> dict[str, int]:
    """Return the present version of each dataset that has data."""
    versions = {name: workspace.lake[name].version() for name in sorted(names)}
    return {name: version for name, version in versions.items() if version is not None}


def _log(workspace: Workspace, found: TrainingSet) -> None:
    """Tell the log of a training set that was kept, and what its features hold."""
    manifest, at = found.manifest, workspace.clock.now()
    measured = measure(found.table, manifest.features)
    made = Event(
        at=at,
        actor=workspace.actor,
        action=MADE,
        subject=f"{SUBJECT}/{manifest.name}",
        data={
            "id": manifest.id,
            "version": manifest.table,
            "rows": manifest.rows,
            "feature_set": manifest.feature_set,
            # The order of the features matters: a deterministic encoder would sort them.
            "manifest": msgspec.json.encode(manifest).decode(),
        },
    )
    told = Event(
        at=at,
        actor=workspace.actor,
        action=MEASURED,
        subject=f"feature_set/{manifest.feature_set}",
        data={"id": manifest.id, "statistics": to_json(measured).decode()},
    )
    with workspace.catalog.transaction():
        emit(workspace.catalog, made)
        emit(workspace.catalog, told)


def training_table(name: str) -> str:
    """Return the name of the table that keeps a training set.

    Example:
        >>> training_table("delay")
        'delay__training'
    """
    return f"{name}__training"


def labels_table(name: str) -> str:
    """Return the name of the table that keeps the labels that were given for a training set.

    Example:
        >>> labels_table("delay")
        'delay__labels'
    """
    return f"{name}__labels"
