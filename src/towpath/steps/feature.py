"""Features: to the online store, to a training set, and the proof that both are equal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pyarrow as pa

from towpath.catalog.events import emit
from towpath.core.durable import write_durably
from towpath.core.errors import Conflict, Contract, NotFound
from towpath.core.event import Event
from towpath.core.instant import parse_instant, parse_span
from towpath.core.record import Record, fingerprint, from_json, to_builtins, to_json
from towpath.features.feature_set import definition_version, feature_schema
from towpath.features.materialize import materialize as materialize_view
from towpath.features.materialize import materialize_spine
from towpath.features.training import training_set as compute
from towpath.features.verify import verify as verify_predictions
from towpath.project.load import pick
from towpath.steps.endpoint import feature_set_of, logged_predictions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from towpath.features.feature_set import FeatureSet
    from towpath.modelling.model import Model
    from towpath.pipelines.runners import Report
    from towpath.workspace import Workspace


MAKE = "towpath feature training-set"


class TrainingSet(Record, frozen=True):
    """What a kept training set was made from.

    Args:
        table: version of the table that holds it.
        definition: version of the features' definition.
        data_versions: version of each dataset that was read.
    """

    table: int
    definition: str
    data_versions: dict[str, int]


def materialize(
    workspace: Workspace,
    report: Report,
    *,
    feature_sets: Sequence[str] = (),
    until: str = "",
    history: str = "1d",
) -> Mapping[str, object]:
    """Bring what serving needs of the feature sets into the online store.

    Args:
        workspace: the project.
        report: hears of the progress.
        feature_sets: names; all unless given.
        until: event times up to here, now unless given.
        history: predictions can be asked for as of times from ``until - history`` on.

    Returns:
        ``keys`` and ``events`` by view.

    Raises:
        NotFound: a source has no data yet.
    """
    known = workspace.project.feature_sets
    chosen = [pick(known, name, "feature set") for name in feature_sets] or list(known.values())
    end = parse_instant(until) if until else workspace.clock.now()
    views = {ref.view: workspace.project.views[ref.view] for one in chosen for ref in one.refs}
    spines = list(dict.fromkeys(one.spine for one in chosen))
    span, reports = parse_span(history), []
    for done, view in enumerate(views.values()):
        report(done / (len(views) + len(spines)), view.name)
        reports.append(
            materialize_view(workspace.lake, workspace.online, view, until=end, history=span)
        )
    for done, spine in enumerate(spines, start=len(views)):
        report(done / (len(views) + len(spines)), spine)
        reports.append(materialize_spine(workspace.lake, workspace.online, spine, until=end))
    return {
        "views": len(reports),
        "keys": {one.view: one.keys for one in reports},
        "events": {one.view: one.events for one in reports},
        "unchanged": [one.view for one in reports if one.unchanged],
    }


def training_set(workspace: Workspace, report: Report, *, model: str) -> Mapping[str, object]:
    """Compute every feature of every row of a model's spine at its prediction time, and keep it.

    Returns:
        ``rows``, ``features`` and the ``seconds`` that the computation took.

    Raises:
        Contract: the spine is empty.
        Conflict: data came in meanwhile.
    """
    chosen = pick(workspace.project.models, model, "model")
    feature_set = workspace.project.feature_sets[chosen.features]
    inputs = data_versions(workspace, chosen)
    report(0.1, f"features of {feature_set.name}")
    spine = workspace.lake[feature_set.spine].scan()
    if not spine.num_rows:
        message = f"Dataset {feature_set.spine!r} holds no rows to learn from."
        raise Contract(message, hint=f"Ingest some: towpath data ingest {feature_set.spine}")
    started = time.perf_counter()
    views = workspace.project.views
    table = compute(workspace.lake, feature_set, views, spine=spine, engine=workspace.engine)
    seconds = time.perf_counter() - started
    names = list(feature_schema(feature_set, views, workspace.project.datasets))
    key = workspace.project.datasets[feature_set.spine].key
    table = table.select(list(dict.fromkeys((*key, feature_set.at, *names))))
    if data_versions(workspace, chosen) != inputs:
        message = f"The data of model {model!r} changed while its training set was made."
        raise Conflict(message, hint="Make it again.")
    report(0.7, f"{table.num_rows:,} rows")
    definition = _definition(workspace, chosen)
    batch = fingerprint([definition, inputs])
    version = workspace.lake.store.overwrite(training_table(model), table, batch=batch)
    kept = TrainingSet(version, definition, inputs)
    write_durably(_training_file(workspace, model), to_json(kept))
    event = Event(
        at=workspace.clock.now(),
        actor=workspace.actor,
        action="training_set.made",
        subject=f"model/{model}",
        data={"version": version, "rows": table.num_rows, "batch": batch},
    )
    emit(workspace.catalog, event)
    return {"rows": table.num_rows, "features": len(names), "seconds": round(seconds, 3)}


def verify(workspace: Workspace, report: Report, *, endpoint: str) -> Mapping[str, object]:
    """Recompute the features of every logged prediction from the lake, and compare.

    Returns:
        ``checked``, ``mismatches``, mismatches ``by_feature`` and the ``first`` of them;
        ``stale``, how many were asked for a time after what was materialised; and ``skipped``, how
        many more were not compared, by reason.

    Raises:
        NotFound: the endpoint has made no predictions yet.
    """
    chosen = pick(workspace.project.endpoints, endpoint, "endpoint")
    report(0.1, "the prediction log")
    predictions = logged_predictions(workspace, endpoint)
    report(0.3, f"features of {predictions.num_rows:,} predictions")
    found = verify_predictions(
        workspace.lake,
        feature_set_of(workspace, chosen),
        workspace.project.views,
        workspace.engine,
        predictions=_with_definitions(workspace, predictions),
    )
    return {
        "checked": found.checked,
        "mismatches": found.mismatches,
        "stale": found.stale,
        "skipped": found.skipped,
        "by_feature": found.by_feature,
        "first": to_builtins(found.first),
    }


def _with_definitions(workspace: Workspace, predictions: pa.Table) -> pa.Table:
    """Add which definition of the features each prediction's version was trained on."""
    names, versions = predictions["model"].to_pylist(), predictions["version"].to_pylist()
    pairs = list(zip(map(str, names), map(str, versions), strict=True))
    known = {pair: _trained_on(workspace, *pair) for pair in set(pairs)}
    definitions = pa.array([known[pair] for pair in pairs], pa.string())
    return predictions.append_column("definition", definitions)


def _trained_on(workspace: Workspace, model: str, version: str) -> str:
    """Return the version of the definition that a model was trained on, empty if it is gone."""
    try:
        return workspace.models.get(model, int(version)).feature_set_version
    except NotFound:
        return ""


def training_table(model: str) -> str:
    """Return the name of the table that keeps a model's training set.

    Example:
        >>> training_table("delay")
        'delay__training'
    """
    return f"{model}__training"


def kept_training_set(workspace: Workspace, model: Model) -> TrainingSet:
    """Return what a model's training set was made from.

    Raises:
        NotFound: none was made yet.
        Conflict: it was made from other definitions, or only half of it was made.
    """
    path, hint = _training_file(workspace, model.name), f"Run: {MAKE} {model.name}"
    if not path.exists():
        raise NotFound(f"Model {model.name!r} has no training set yet.", hint=hint)
    kept = from_json(path.read_bytes(), TrainingSet)
    if kept.definition != _definition(workspace, model):
        message = f"The training set of model {model.name!r} was made from other definitions."
        raise Conflict(message, hint=hint)
    if kept.table != workspace.lake.store.version(training_table(model.name)):
        message = f"The making of model {model.name!r}'s training set was cut short."
        raise Conflict(message, hint=hint)
    return kept


def read_training_set(workspace: Workspace, model: str, version: int) -> pa.Table:
    """Read a training set that was kept."""
    return workspace.lake.store.scan(training_table(model), version=version)


def _training_file(workspace: Workspace, model: str) -> Path:
    """Return the file that says what a training set was made from."""
    return workspace.state / "training_sets" / f"{model}.json"


def _definition(workspace: Workspace, model: Model) -> str:
    """Return the version of the definition of what a model reads."""
    project = workspace.project
    return definition_version(project.feature_sets[model.features], project.views, project.datasets)


def data_versions(workspace: Workspace, model: Model) -> dict[str, int]:
    """Return the present version of every dataset that a model learns from."""
    feature_set: FeatureSet = workspace.project.feature_sets[model.features]
    sources = [workspace.project.views[ref.view].source for ref in feature_set.refs]
    names = sorted({feature_set.spine, model.label.dataset, *sources})
    versions = {name: workspace.lake[name].version() for name in names}
    return {name: version for name, version in versions.items() if version is not None}
