"""Training a candidate, measuring it, holding it against the champion, promoting it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec

from towpath.core.durable import sync_file, write_durably
from towpath.core.errors import NotFound
from towpath.core.finding import blocking
from towpath.core.record import Record, fingerprint, from_json, to_builtins
from towpath.features.feature_set import feature_schema
from towpath.modelling.artifact import predict_version
from towpath.modelling.candidate import Origin, draft, write_files
from towpath.modelling.columns import FeatureColumns
from towpath.modelling.evaluate import day_clusters
from towpath.modelling.evaluate import evaluate as measure
from towpath.modelling.examples import Examples, Join, examples, split
from towpath.modelling.gates import gate as judge
from towpath.modelling.scores import read_scores
from towpath.modelling.train import train as fit
from towpath.project.load import pick
from towpath.registry.code import code_commit
from towpath.registry.model import ModelVersion
from towpath.registry.promote import CHALLENGER, CHAMPION, settle
from towpath.registry.promote import promote as make_champion
from towpath.steps.endpoint import deploy
from towpath.steps.feature import data_versions, read_training_set

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

    from towpath.modelling.model import Model
    from towpath.pipelines.runners import Report
    from towpath.workspace import Workspace

DRAFT_FILE = "draft.json"
FILES_FOLDER = "files"


class Candidate(Record, frozen=True):
    """A trained candidate that is not registered yet.

    Args:
        version: its draft.
        parameters: what the estimator was built with.
        gated: whether the gate has judged it.
    """

    version: ModelVersion
    parameters: dict[str, str | int | float | bool | None]
    gated: bool = False


def train(
    workspace: Workspace, report: Report, *, model: str, estimator: str
) -> Mapping[str, object]:
    """Fit one of a model's estimators on its training rows and compile it for serving.

    Returns:
        ``training_rows``, ``test_rows``, ``seconds``, and what it will be ``served_by``.

    Raises:
        NotFound: no such model or estimator, or no training set yet.
        Contract: a label is missing, or the split leaves too few rows.
    """
    chosen = pick(workspace.project.models, model, "model")
    chosen.factory(estimator)
    report(0.05, "labels")
    rows = labelled(workspace, chosen)
    report(0.2, f"{estimator} on {len(rows.label):,} rows")
    trained = fit(chosen, estimator, rows)
    report(0.8, "model card and golden rows")
    feature_set = workspace.project.feature_sets[chosen.features]
    origin = Origin(
        feature_set_version=fingerprint(feature_set),
        key=workspace.project.datasets[feature_set.spine].key,
        data_versions=data_versions(workspace, chosen),
        code=code_commit(workspace.root),
        at=workspace.clock.now(),
    )
    version = draft(trained, origin)
    folder = candidate_folder(workspace, model, estimator)
    _discard(folder)
    write_files(trained, version, folder / FILES_FOLDER)
    _keep(folder, Candidate(version, trained.parameters))
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
    """
    chosen = pick(workspace.project.models, model, "model")
    candidate = _candidate(workspace, model, estimator)
    report(0.1, "test rows")
    _, test = split(labelled(workspace, chosen), chosen.split)
    report(0.5, "predictions")
    files = candidate_folder(workspace, model, estimator) / FILES_FOLDER
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

    Each use of the same test rows counts as an attempt and shares the gate's alpha.

    Returns:
        ``decision``, ``delta``, ``lower``, ``p_value``, ``attempt`` and the ``message``.

    Raises:
        NotFound: the estimator was not trained yet.
    """
    chosen = pick(workspace.project.models, model, "model")
    candidate = _candidate(workspace, model, estimator)
    folder = candidate_folder(workspace, model, estimator)
    report(0.1, "test rows")
    _, test = split(labelled(workspace, chosen), chosen.split)
    attempt = 1 + _attempts(workspace, candidate.version)
    report(0.4, "predictions of both")
    found = judge(
        chosen.gate.replace(alpha=chosen.gate.alpha / attempt),
        test.label,
        challenger=predict_version(candidate.version, folder / FILES_FOLDER, test.features),
        champion=_champion_probability(workspace, candidate.version, test),
        clusters=day_clusters(test.at),
    )
    version = candidate.version.replace(findings=found.findings)
    _keep(folder, candidate.replace(version=version, gated=True))
    return {
        "decision": found.decision,
        "delta": found.delta,
        "lower": found.lower,
        "p_value": found.p_value,
        "attempt": attempt,
        "message": found.findings[0].message,
    }


def promote(
    workspace: Workspace, report: Report, *, model: str, estimator: str
) -> Mapping[str, object]:
    """Register a candidate; make it the champion, deployed, if its gate let it through.

    What a run that was killed left undone is done too: the champion's deployment, its log.

    Returns:
        ``version``, whether it was ``promoted``, and the ``endpoints`` that now answer with it.

    Raises:
        NotFound: the estimator was not trained, or its gate not run.
    """
    candidate = _candidate(workspace, model, estimator)
    if not candidate.gated:
        message = f"The gate has not judged the estimator {estimator!r} of model {model!r}."
        raise NotFound(message, hint=f"Run: towpath model gate {model} {estimator}")
    report(0.2, "registering")
    settle(workspace.catalog, workspace.models, model, clock=workspace.clock)
    version = _register(workspace, candidate)
    if blocking(version.findings):
        workspace.models.set_alias(model, CHALLENGER, version.version)
        deploy(workspace, model)
        return {
            "version": version.version,
            "promoted": False,
            "reason": version.findings[0].message,
        }
    report(0.7, "promoting")
    make_champion(
        workspace.catalog,
        workspace.models,
        version,
        actor=workspace.actor,
        clock=workspace.clock,
    )
    endpoints = deploy(workspace, model)
    return {"version": version.version, "promoted": True, "endpoints": list(endpoints)}


def labelled(workspace: Workspace, model: Model) -> Examples:
    """Return the rows of a model's training set whose label is known.

    Raises:
        NotFound: no training set was made yet.
        Contract: the label's column is missing or no row has a label.
    """
    project = workspace.project
    feature_set = project.feature_sets[model.features]
    label = project.datasets[model.label.dataset]
    spine = project.datasets[feature_set.spine]
    schema = feature_schema(feature_set, project.views, project.datasets)
    columns = list(dict.fromkeys((*spine.key, label.event_time, model.label.column)))
    return examples(
        read_training_set(workspace, model.name),
        workspace.lake[label.name].scan(columns),
        label=model.label,
        columns=FeatureColumns(schema),
        join=Join(spine.key, at=feature_set.at, known_at=label.event_time),
    )


def candidate_folder(workspace: Workspace, model: str, estimator: str) -> Path:
    """Return where a candidate waits for its gate."""
    return workspace.state / "candidates" / model / estimator


def _discard(folder: Path) -> None:
    """Take a candidate away, its draft first: without it, the folder counts as not trained."""
    if folder.exists():
        (folder / DRAFT_FILE).unlink(missing_ok=True)
        sync_file(folder)
        shutil.rmtree(folder)


def _keep(folder: Path, candidate: Candidate) -> None:
    """Write a candidate's draft, after its files."""
    sync_file(folder)
    # The order of the schema matters: a deterministic encoder would sort it.
    write_durably(folder / DRAFT_FILE, msgspec.json.encode(candidate))


def _candidate(workspace: Workspace, model: str, estimator: str) -> Candidate:
    """Read a candidate's draft."""
    path = candidate_folder(workspace, model, estimator) / DRAFT_FILE
    if not path.exists():
        message = f"The estimator {estimator!r} of model {model!r} was not trained yet."
        raise NotFound(message, hint=f"Run: towpath model train {model} {estimator}")
    return from_json(path.read_bytes(), Candidate)


def _champion_probability(
    workspace: Workspace, candidate: ModelVersion, test: Examples
) -> np.typing.NDArray[np.float64] | None:
    """Return the champion's probability for the test rows; None where there is no champion.

    A champion that reads other features cannot be asked again: then what it answered when it
    was trained counts, row by row.
    """
    number = workspace.models.aliases(candidate.model).get(CHAMPION)
    if number is None:
        return None
    champion = workspace.models.get(candidate.model, number)
    bundle = workspace.artifacts / champion.bundle
    if champion.schema == candidate.schema:
        return predict_version(champion, bundle, test.features)
    return read_scores(bundle, test.key)


def _attempts(workspace: Workspace, version: ModelVersion) -> int:
    """Count the earlier candidates that were tested against a champion on the same data."""
    return sum(
        one.data_versions == version.data_versions
        and any(finding.observed is not None for finding in one.findings)
        for one in workspace.models.list(version.model)
    )


def _register(workspace: Workspace, candidate: Candidate) -> ModelVersion:
    """Log a candidate in the model store, from a copy of its files; once, however often asked."""
    version = candidate.version
    for logged in workspace.models.list(version.model):
        if logged.replace(version=0, run_id="", bundle="", bundle_sha256="") == version:
            return logged
    folder = candidate_folder(workspace, version.model, version.estimator)
    copy = folder / "registering"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder / FILES_FOLDER, copy)
    return workspace.models.log(version, parameters=candidate.parameters, files=copy)
