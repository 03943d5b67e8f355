"""The model card: what a version is, how good it is and what it was made from, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.instant import from_micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from towpath.core.finding import Finding
    from towpath.modelling.evaluate import Evaluation
    from towpath.modelling.train import Trained
    from towpath.registry.model import Metric, ModelVersion


def card(trained: Trained, version: ModelVersion) -> str:
    """Write the model card of a candidate.

    Args:
        trained: the candidate.
        version: its draft.
    """
    model = trained.model
    parts = (
        f"# {model.name}: {trained.estimator}",
        model.description or "No description.",
        _table(("fact", "value"), _facts(trained, version)),
        "## Quality on the test rows",
        _table(("metric", "value", "95 % interval", "base rate alone"), _quality(trained)),
        "## Calibration",
        _table(("rows", "predicted", "observed", "95 % interval"), _bins(trained.evaluation)),
        "## Served by",
        _served(trained),
        "## Made from",
        _table(("dataset", "version"), sorted(version.data_versions.items())),
        "## Features",
        _table(("feature", "dtype"), version.schema.items()),
        "## Parameters",
        _table(("parameter", "value"), trained.parameters.items()),
    )
    return "\n\n".join(parts) + "\n"


def gate_section(findings: Iterable[Finding]) -> str:
    """Write what the gate found, the last section of a registered version's card.

    Example:
        >>> from towpath.core.finding import Finding
        >>> print(gate_section([Finding("roc_auc", "late", passed=True, message="No champion.")]))
        <BLANKLINE>
        ## Gate
        <BLANKLINE>
        - No champion.
        <BLANKLINE>
    """
    told = "\n".join(f"- {finding.message}" for finding in findings)
    return f"\n## Gate\n\n{told}\n"


def _facts(trained: Trained, version: ModelVersion) -> Iterable[tuple[str, object]]:
    """Yield who answers for the model and what it is made of."""
    test = trained.test
    yield "owner", trained.model.owner or "unknown"
    yield "trained at", f"{version.created_at:%Y-%m-%d %H:%M} UTC"
    yield "code", version.code or "not in git"
    yield "feature set", f"{version.feature_set} ({version.feature_set_version or 'unversioned'})"
    yield "label", f"{trained.model.label.dataset}.{trained.model.label.column}"
    yield "training rows", f"{trained.training_rows:,}"
    span = (from_micros(int(time)) for time in (test.at.min(), test.at.max()))
    yield "test rows", f"{len(test.label):,}, " + " to ".join(f"{time:%Y-%m-%d}" for time in span)
    yield "threshold", version.threshold


def _quality(trained: Trained) -> Iterable[tuple[object, ...]]:
    """Yield each metric beside what predicting the base rate for all would reach."""
    report = trained.evaluation
    alone = {"roc_auc": 0.5, "log_loss": report.base_log_loss, "brier": report.base_brier}
    for name, metric in report.metrics.items():
        other = f"{alone[name]:.4f}" if name in alone else ""
        yield name, f"{metric.value:.4f}", _interval(metric), other


def _bins(report: Evaluation) -> Iterable[tuple[object, ...]]:
    """Yield the calibration table."""
    for one in report.calibration:
        observed = one.observed
        yield one.rows, f"{one.predicted:.4f}", f"{observed.value:.4f}", _interval(observed)


def _served(trained: Trained) -> str:
    """Say what answers requests, and the proof or the reason."""
    parity = trained.parity
    if trained.reason or parity is None:
        return f"**Warning**: the original estimator, slower than a plan. {trained.reason}"
    return (
        f"A compiled plan, proved equal to the original on {parity.rows:,} rows and"
        f" {parity.edges:,} edges: greatest difference {parity.max_difference:.1e},"
        f" {parity.flips} decisions flipped."
    )


def _interval(metric: Metric) -> str:
    """Write an interval."""
    return f"{metric.lower:.4f} to {metric.upper:.4f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    """Write a value so that it stays in its cell."""
    return " ".join(str(value).split()).replace("|", "\\|")
