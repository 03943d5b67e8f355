"""Which versions of data something was learnt from: they are kept as long as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.record import Record, from_json
from towpath.features.manifest import GivenLabels
from towpath.steps.candidate import Candidate
from towpath.steps.training_set import find_manifests, labels_table, training_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.workspace import Workspace


class Pin(Record, frozen=True):
    """One version that must stay.

    Args:
        dataset: the table.
        version: its version.
        holder: what was made from it, such as ``model/delay/3``.
    """

    dataset: str
    version: int
    holder: str


def pins(workspace: Workspace, dataset: str = "") -> tuple[Pin, ...]:
    """List the versions that model versions, training sets and candidates were made from.

    Args:
        workspace: the project.
        dataset: only versions of this table; all unless given.
    """
    found = (*_of_models(workspace), *_of_training_sets(workspace), *_of_candidates(workspace))
    chosen = {one for one in found if dataset in {"", one.dataset}}
    return tuple(sorted(chosen, key=lambda one: (one.dataset, one.version, one.holder)))


def _of_models(workspace: Workspace) -> Iterator[Pin]:
    """List what registered versions were learnt from."""
    for one in workspace.models.list():
        for dataset, version in one.data_versions.items():
            yield Pin(dataset, version, f"model/{one.model}/{one.version}")


def _of_training_sets(workspace: Workspace) -> Iterator[Pin]:
    """List what kept training sets were made from, and the tables that hold them."""
    for kept in find_manifests(workspace):
        holder = f"training_set/{kept.name}"
        yield Pin(training_table(kept.name), kept.table, holder)
        if isinstance(kept.labels, GivenLabels) and kept.labels.table is not None:
            yield Pin(labels_table(kept.name), kept.labels.table, holder)
        for dataset, version in kept.data_versions.items():
            yield Pin(dataset, version, holder)


def _of_candidates(workspace: Workspace) -> Iterator[Pin]:
    """List what candidates that wait for their gate were learnt from."""
    for path in sorted((workspace.state / "candidates").glob("*/*/draft.json")):
        candidate = from_json(path.read_bytes(), Candidate)
        model = candidate.version.model
        holder = f"candidate/{model}/{candidate.version.estimator}"
        yield Pin(training_table(model), candidate.training_set, holder)
        for dataset, version in candidate.version.data_versions.items():
            yield Pin(dataset, version, holder)
