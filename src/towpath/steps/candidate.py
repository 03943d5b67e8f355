"""A trained candidate between training and promotion: a folder of files with a draft beside it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec

from towpath.core.durable import sync_file, write_durably
from towpath.core.errors import NotFound
from towpath.core.record import Record, from_json
from towpath.registry.model import ModelVersion

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.workspace import Workspace

DRAFT_FILE = "draft.json"
FILES_FOLDER = "files"


class Candidate(Record, frozen=True):
    """A trained candidate.

    Args:
        version: its draft, with what the gate found.
        parameters: what the estimator was built with.
        training_set: version of the training set that it learnt from.
        gated: whether the gate has judged it.
        champion: the champion that the gate held it against; None if there was none.
    """

    version: ModelVersion
    parameters: dict[str, str | int | float | bool | None]
    training_set: int
    gated: bool = False
    champion: int | None = None


def candidate_folder(workspace: Workspace, model: str, estimator: str) -> Path:
    """Return where a candidate waits for its gate."""
    return workspace.state / "candidates" / model / estimator


def candidate_files(workspace: Workspace, model: str, estimator: str) -> Path:
    """Return the folder of a candidate's files."""
    return candidate_folder(workspace, model, estimator) / FILES_FOLDER


def discard_candidate(folder: Path) -> None:
    """Take a candidate away, its draft first: without it, the folder counts as not trained."""
    if folder.exists():
        (folder / DRAFT_FILE).unlink(missing_ok=True)
        sync_file(folder)
        shutil.rmtree(folder)


def keep_candidate(folder: Path, candidate: Candidate) -> None:
    """Write a candidate's draft, after its files."""
    sync_file(folder)
    # The order of the schema matters: a deterministic encoder would sort it.
    write_durably(folder / DRAFT_FILE, msgspec.json.encode(candidate))


def read_candidate(workspace: Workspace, model: str, estimator: str) -> Candidate:
    """Read a candidate's draft.

    Raises:
        NotFound: it was not trained yet.
    """
    path = candidate_folder(workspace, model, estimator) / DRAFT_FILE
    if not path.exists():
        message = f"The estimator {estimator!r} of model {model!r} was not trained yet."
        raise NotFound(message, hint=f"Run: towpath model train {model} {estimator}")
    return from_json(path.read_bytes(), Candidate)
