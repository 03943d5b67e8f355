"""Contracts of the Open Data Contract Standard, to files and from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from towpath.core.durable import write_durably, written_out
from towpath.core.errors import Conflict, Invalid
from towpath.core.record import Record
from towpath.lake.odcs import from_odcs, to_odcs
from towpath.project.yaml import read_record, write_record

if TYPE_CHECKING:
    from pathlib import Path

    import msgspec

    from towpath.lake.dataset import Dataset
    from towpath.workspace import Workspace


class Imported(Record, frozen=True):
    """What became of a contract.

    Args:
        dataset: the dataset's name.
        file: where its definition is now, from the project's folder.
        columns: how many it has.
        notes: what of the contract has no place in the definition.
    """

    dataset: str
    file: str
    columns: int
    notes: tuple[str, ...]


def export_contract(dataset: Dataset, path: Path, *, replace: bool = False) -> None:
    """Write a dataset's contract as YAML of the standard, version 3.

    Raises:
        Conflict: the file is there already.
        Denied: no file may be written there.
        Unavailable: the disk is full or fails.
    """
    # Plain values are written as a record is.
    document = cast("msgspec.Struct", to_odcs(dataset))
    with written_out(path):
        _refuse_existing(path, path.as_posix(), replace=replace)
        write_durably(path, write_record(document).encode())


def import_contract(
    workspace: Workspace, path: Path, *, table: str = "", replace: bool = False
) -> Imported:
    """Draft a dataset's definition from a contract of the standard, version 3.

    Args:
        workspace: the project.
        path: the contract.
        table: which table of it, needed where there are several.
        replace: whether a definition that is there may be replaced.

    Raises:
        Invalid: no such contract, or names that no dataset can have.
        NotFound: no such table.
        Conflict: the dataset is defined already.
    """
    # Any mapping is read, for the standard knows more fields than there are places for.
    document = read_record(path, cast("type[msgspec.Struct]", dict))
    try:
        dataset, notes = from_odcs(cast("dict[str, object]", document), table)
    except Invalid as error:
        error.where = error.where or str(path)
        raise
    shown = f"datasets/{dataset.name}.yaml"
    if dataset.name in workspace.project.datasets:
        known = workspace.project.where("dataset", dataset.name).partition(":")[0]
        shown = known or shown
    target = workspace.root / shown
    _refuse_existing(target, shown, replace=replace)
    write_durably(target, write_record(dataset).encode())
    return Imported(dataset.name, shown, len(dataset.columns), notes)


def _refuse_existing(path: Path, shown: str, *, replace: bool) -> None:
    """Refuse to write over a file that somebody may have edited."""
    if path.exists() and not replace:
        message = f"The file {shown} is there already."
        raise Conflict(message, hint="Move it away, or replace it with --force.", file=shown)
