"""Training a candidate, measuring it, holding it against the champion, promoting it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from towpath.catalog.events import emit
from towpath.core.durable import write_durably
from towpath.core.errors import Conflict, NotFound
from towpath.core.finding import blocking
from towpath.core.record import to_builtins
from towpath.features.feature_set import feature_schema
from towpath.modelling.artifact import predict_version
from towpath.modelling.candidate import CARD_FILE, Origin, draft, write_files
from towpath.modelling.card import gate_section
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.evaluate import day_clusters
from towpath.modelling.evaluate import evaluate as measure
from towpath.modelling.examples import Examples, Join, examples, split
from towpath.modelling.gates import gate as judge
from towpath.modelling.gates import successor
from towpath.modelling.scores import read_scores
from towpath.modelling.train import train as fit
from towpath.project.load import pick
from towpath.registry.attempts import (
    Comparison,
    attempt_number,
    digest,
    gated,
    share_of,
)
from towpath.registry.bundle import open_bundle
from towpath.registry.code import code_commit
from towpath.registry.promote import CHALLENGER, CHAMPION, settle
from towpath.registry.promote import promote as make_champion
from towpath.steps.candidate import (
    Candidate,
    candidate_files,
    candidate_folder,
    discard_candidate,
    keep_candidate,
    read_candidate,
)
from towpath.steps.endpoint import deploy
from towpath.steps.training_set import kept_training_set, read_training_set

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from towpath.features.manifest import Manifest
    from towpath.modelling.model import Model
    from towpath.pipelines.runners import Report
    from towpath.registry.model import ModelVersion
    from towpath.workspace import Workspace


def train(
    workspace: Workspace, report: Report, *, model: str, estimator: str
) -> Mapping[str, object]:
    """Fit one of a model's estimators on its training rows and compile it for serving.

    Returns:
        ``training_rows``, ``test_rows``, ``seconds``, and what it will be ``served_by``.

    Raises:
        NotFound: no such model or estimator, or no training set yet.
        Conflict: the training set was made from other definitions.
        Contract: a label is missing, or the split leaves too few rows.
    """
    chosen = _chosen(workspace, model, estimator)
    kept = kept_training_set(workspace, chosen)
    labels = workspace.lake[chosen.label.dataset].version()
    versions = {**kept.data_versions, chosen.label.dataset: labels or 0}
    report(0.05, "labels")
    rows = labelled(workspace, chosen, kept, versions[chosen.label.dataset])
    report(0.2, f"{estimator} on {len(rows.label):,} rows")
    trained = fit(chosen, estimator, rows)
    report(0.8, "model card and golden rows")
    origin = Origin(
        feature_set_version=kept.definition,
        key=_spine_key(workspace, chosen),
        data_versions=versions,
        code=code_commit(workspace.root),
        at=workspace.clock.now(),
    )
    version = draft(trained, origin)
    folder = candidate_folder(workspace, model, estimator)
    discard_candidate(folder)
    write_files(trained, version, candidate_files(workspace, model, estimator))
    keep_candidate(folder, Candidate(version, trained.parameters, kept.table))
    return {
        "training_rows": trained.training_rows,
        "test_rows": len(trained.test.label),
        "seconds": round(trained.seconds, 2),
        "served_by": trained.predictor,
        "reason": trained.reason,
    }


def evaluate(
    workspace: Workspace, report: Report, *, model: str, estimator: str
) -> Mapping[str, object]:
    """Measure a trained candidate's saved files on the test rows, beside the base rate.

    Returns:
        ``metrics`` with 95 % intervals, the ``base_rate``, and the ``calibration`` table.

    Raises:
        NotFound: the estimator was not trained yet.
        Conflict: the training set was made anew since.
    """
    chosen = _chosen(workspace, model, estimator)
    candidate = read_candidate(workspace, model, estimator)
    report(0.1, "test rows")
    test = _test_rows(workspace, chosen, candidate)
    report(0.5, "predictions")
    files = candidate_files(workspace, model, estimator)
    probability = predict_version(candidate.version, files, test.features)
    found = measure(probability, test.label, clusters=day_clusters(test.at))
    auc = found.metrics.get("roc_auc")
    return {
        "roc_auc": round(auc.value, 4) if auc else None,
        "log_loss": round(found.log_loss.value, 4),
        "brier": round(found.brier.value, 4),
        "base_log_loss": round(found.base_log_loss, 4),
        "test_rows": found.rows,
        "metrics": to_builtins(found.metrics),
        "calibration": to_builtins(found.calibration),
    }


def gate(
    workspace: Workspace, report: Report, *, model: str, estimator: str
) -> Mapping[str, object]:
    """Test a candidate against the champion on the same test rows, paired.

    All tests on the same rows share the gate's alpha, registered or not: the n-th may spend
    1 / (n (n + 1)) of it. The same test again is not another. A champion whose features are
    defined otherwise now cannot answer any more: then the test is for the record only.

    Returns:
        ``decision``, ``delta``, ``lower``, ``p_value``, ``attempt`` and the ``message``.

    Raises:
        NotFound: the estimator was not trained yet.
        Conflict: the training set was made anew since.
    """
    chosen = _chosen(workspace, model, estimator)
    candidate = read_candidate(workspace, model, estimator)
    report(0.1, "test rows")
    test = _test_rows(workspace, chosen, candidate)
    report(0.4, "predictions of both")
    files = candidate_files(workspace, model, estimator)
    challenger = predict_version(candidate.version, files, test.features)
    champion = workspace.models.aliases(model).get(CHAMPION)
    held = workspace.models.get(model, champion) if champion else None
    comparison = _comparison(model, test, challenger, champion)
    attempt = attempt_number(workspace.catalog, comparison) if champion else 1
    other = _probability(workspace, held, candidate.version, test) if held else None
    found = judge(
        chosen.gate.replace(alpha=share_of(chosen.gate.alpha, attempt)),
        test.label,
        challenger=challenger,
        champion=other,
        clusters=day_clusters(test.at),
    )
    if held and not _reads_the_same(held, candidate.version):
        found = successor(found, compared=other is not None)
    version = candidate.version.replace(findings=found.findings)
    judged = candidate.replace(version=version, gated=True, champion=champion)
    keep_candidate(candidate_folder(workspace, model, estimator), judged)
    outcome = {
        "decision": found.decision,
        "delta": found.delta,
        "lower": found.lower,
        "p_value": found.p_value,
        "attempt": attempt,
        "message": found.findings[0].message,
    }
    if champion:
        told = {**outcome, "estimator": estimator}
        event = gated(comparison, told, actor=workspace.actor, at=workspace.clock.now())
        emit(workspace.catalog, event)
    return outcome


def promote(
    workspace: Workspace, report: Report, *, model: str, estimator: str
) -> Mapping[str, object]:
    """Register a candidate; make it the champion, deployed, if its gate let it through.

    What a run that was killed left undone is done too: the champion's deployment, its log.

    Returns:
        ``version``, whether it was ``promoted``, and the ``endpoints`` that now answer with it.

    Raises:
        NotFound: the estimator was not trained, or its gate not run.
        Conflict: there is another champion than the one that the gate held it against.
    """
    _chosen(workspace, model, estimator)
    candidate = read_candidate(workspace, model, estimator)
    settle(workspace.catalog, workspace.models, model, clock=workspace.clock)
    deploy(workspace, model)
    logged = _logged(workspace, candidate.version)
    champion = workspace.models.aliases(model).get(CHAMPION)
    if logged is None or logged.version != champion:
        _require_gate(candidate, champion)
    report(0.2, "registering")
    version = logged or _register(workspace, candidate)
    if blocking(version.findings):
        workspace.models.set_alias(model, CHALLENGER, version.version)
        deploy(workspace, model)
        reason = version.findings[0].message
        return {"version": version.version, "promoted": False, "reason": reason}
    report(0.7, "promoting")
    if version.version != champion:
        make_champion(
            workspace.catalog,
            workspace.models,
            version,
            actor=workspace.actor,
            clock=workspace.clock,
        )
    endpoints = deploy(workspace, model)
    return {"version": version.version, "promoted": True, "endpoints": list(endpoints)}


def labelled(workspace: Workspace, model: Model, kept: Manifest, labels: int) -> Examples:
    """Return the rows of a model's training set whose label is known.

    Args:
        workspace: the project.
        model: the model.
        kept: its training set.
        labels: version of the label's dataset.

    Raises:
        NotFound: the label's dataset has no data yet.
        Contract: the label's column is missing or no row has a label.
    """
    project = workspace.project
    feature_set = project.feature_sets[model.features]
    label = project.datasets[model.label.dataset]
    key = _spine_key(workspace, model)
    schema = feature_schema(feature_set, project.views, project.datasets)
    columns = list(dict.fromkeys((*key, label.event_time, model.label.column)))
    return examples(
        read_training_set(workspace, model.name, kept.table),
        workspace.lake[label.name].scan(columns, version=labels),
        label=model.label,
        columns=FeatureColumns(schema),
        join=Join(key, at=feature_set.at, known_at=label.event_time),
    )


def _chosen(workspace: Workspace, model: str, estimator: str) -> Model:
    """Return a model that has the estimator."""
    chosen = pick(workspace.project.models, model, "model")
    chosen.factory(estimator)
    return chosen


def _spine_key(workspace: Workspace, model: Model) -> tuple[str, ...]:
    """Return the columns that identify a row to predict on."""
    spine = workspace.project.feature_sets[model.features].spine
    return workspace.project.datasets[spine].key


def _test_rows(workspace: Workspace, model: Model, candidate: Candidate) -> Examples:
    """Return the test rows of the training set that a candidate learnt from."""
    kept = kept_training_set(workspace, model)
    if kept.table != candidate.training_set:
        message = f"The training set of model {model.name!r} was made anew since the training."
        hint = f"Run: towpath model train {model.name} {candidate.version.estimator}"
        raise Conflict(message, hint=hint)
    labels = candidate.version.data_versions[model.label.dataset]
    return split(labelled(workspace, model, kept, labels), model.split)[1]


def _comparison(
    model: str, test: Examples, challenger: np.typing.NDArray[np.float64], champion: int | None
) -> Comparison:
    """Identify what a gate compares."""
    rows = digest(test.key, test.label.tobytes())
    return Comparison(model, rows, digest((), challenger.tobytes()), champion or 0)


def _reads_the_same(champion: ModelVersion, candidate: ModelVersion) -> bool:
    """Tell whether the champion reads the features as they are defined now."""
    return champion.feature_set_version == candidate.feature_set_version


def _probability(
    workspace: Workspace, champion: ModelVersion, candidate: ModelVersion, test: Examples
) -> np.typing.NDArray[np.float64] | None:
    """Return the champion's probability for the test rows.

    A champion that reads other features cannot be asked again: then what it answered when it
    was trained counts, row by row; None if these were not its test rows.
    """
    bundle = workspace.artifacts / champion.bundle
    open_bundle(bundle, sha256=champion.bundle_sha256)
    if _reads_the_same(champion, candidate):
        return predict_version(champion, bundle, test.features)
    return read_scores(bundle, test.key)


def _require_gate(candidate: Candidate, champion: int | None) -> None:
    """Refuse a candidate that no gate held against the present champion."""
    model, estimator = candidate.version.model, candidate.version.estimator
    hint = f"Run: towpath model gate {model} {estimator}"
    if not candidate.gated:
        message = f"The gate has not judged the estimator {estimator!r} of model {model!r}."
        raise NotFound(message, hint=hint)
    if candidate.champion != champion:
        message = (
            f"The champion of model {model!r} is version {champion} now; the gate held "
            f"{estimator!r} against {candidate.champion or 'none'}."
        )
        raise Conflict(message, hint=hint)


def _logged(workspace: Workspace, draft: ModelVersion) -> ModelVersion | None:
    """Return the version that a candidate was registered as, None if it was not."""
    for one in workspace.models.list(draft.model):
        if one.replace(version=0, run_id="", bundle="", bundle_sha256="") == draft:
            return one
    return None


def _register(workspace: Workspace, candidate: Candidate) -> ModelVersion:
    """Log a candidate in the model store, from a copy of its files, its card with the gate."""
    version = candidate.version
    folder = candidate_folder(workspace, version.model, version.estimator)
    copy = folder / "registering"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(candidate_files(workspace, version.model, version.estimator), copy)
    card = (copy / CARD_FILE).read_text(encoding="utf-8") + gate_section(version.findings)
    write_durably(copy / CARD_FILE, card.encode())
    return workspace.models.log(version, parameters=candidate.parameters, files=copy)
