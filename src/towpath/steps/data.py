"""Bringing data into the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.errors import Invalid
from towpath.core.record import to_builtins
from towpath.project.load import pick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.pipelines.runners import Report
    from towpath.workspace import Workspace


def ingest(
    workspace: Workspace, report: Report, *, datasets: Sequence[str] = ()
) -> Mapping[str, object]:
    """Read the source of each dataset into the lake, checked against its contract.

    Args:
        workspace: the project.
        report: hears of the progress.
        datasets: names; all datasets with a source unless given.

    Returns:
        ``rows`` and ``rejected`` by dataset, the failed ``findings``, and the datasets that
        were ``unchanged``.

    Raises:
        Contract: a source does not fit its contract at all.
        NotFound: no such dataset or source.
    """
    known = workspace.project.datasets
    chosen = [pick(known, name, "dataset") for name in datasets] or [
        one for one in known.values() if one.source
    ]
    if not chosen:
        message = "No dataset of this project has a source."
        raise Invalid(message, hint="Add source: PATH to a file in datasets/.")
    reports = []
    for done, dataset in enumerate(chosen):
        report(done / len(chosen), dataset.name)
        reports.append(workspace.lake.ingest(dataset.name, root=workspace.root))
    failed = [one for each in reports for one in each.findings if not one.passed]
    return {
        "rows": {one.dataset: one.rows for one in reports},
        "rejected": {one.dataset: one.rejected for one in reports},
        "versions": {one.dataset: one.version for one in reports},
        "unchanged": [one.dataset for one in reports if one.unchanged],
        "findings": to_builtins(failed),
    }
