"""Looking after a dataset's table: its files, its old versions, what it holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
import pyarrow.fs as pafs

from towpath.catalog.events import emit
from towpath.core.durable import write_durably
from towpath.core.event import Event
from towpath.core.instant import parse_span
from towpath.core.plugins import scheme
from towpath.core.record import Record, fingerprint, from_json, to_json
from towpath.core.settings import local_path
from towpath.lake.history import data_files
from towpath.lake.profile import Profile
from towpath.lake.s3 import SCHEME, s3_error, s3_file_system
from towpath.lake.tables.vacuum import kept
from towpath.steps.pin import Pin, pins

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.lake.table import Table
    from towpath.workspace import Workspace


class Compacted(Record, frozen=True):
    """What joining small files did.

    Args:
        dataset: the table.
        version: its latest version.
        before: how many data files it had.
        after: how many it has.
    """

    dataset: str
    version: int
    before: int
    after: int


class Cleaned(Record, frozen=True):
    """What a vacuum removed, or would.

    Args:
        dataset: the table.
        versions: those that cannot be read any more.
        files: how many data files are gone.
        size: their bytes, None where nobody can tell.
        pinned: versions that stay for what was made from them.
        dry: whether nothing was removed.
    """

    dataset: str
    versions: tuple[int, ...]
    files: int
    size: int | None
    pinned: tuple[Pin, ...]
    dry: bool = False


def compact(workspace: Workspace, dataset: str) -> Compacted:
    """Join the small files of a table; its rows and their order stay.

    Raises:
        NotFound: no such dataset, or no data yet.
        Conflict: another process writes it all the time.
    """
    table = workspace.lake[dataset]
    before = table.versions()
    version = workspace.lake.store.compact(dataset)
    files = len(data_files(before[-1]))
    found = Compacted(dataset, version, files, len(data_files(table.versions()[-1])))
    if version != before[-1].version:
        facts = {"version": version, "before": found.before, "after": found.after}
        _tell(workspace, "compacted", dataset, facts)
    return found


def vacuum(
    workspace: Workspace, dataset: str, *, older_than: str = "30d", dry: bool = False
) -> Cleaned:
    """Remove the files that only old versions need.

    The latest version stays, those that were the latest within ``older_than``, and those that a
    model version, a training set or a candidate was made from.

    Args:
        workspace: the project.
        dataset: the table.
        older_than: span such as ``30d``.
        dry: remove nothing, only tell.

    Raises:
        NotFound: no such dataset, or no data yet.
        Invalid: the span is none.
    """
    span = parse_span(older_than)
    table = workspace.lake[dataset]
    held: tuple[Pin, ...] = ()

    def pinned() -> set[int]:
        nonlocal held
        held = pins(workspace, dataset)
        return {one.version for one in held}

    if dry:
        stay = pinned()
        horizon = workspace.clock.now() - span
        return _would_remove(
            workspace,
            table,
            held,
            [one.version for one in kept(table.versions(), pinned=stay, horizon=horizon)],
        )
    gone = workspace.lake.store.vacuum(dataset, pinned=pinned, older_than=span)
    found = Cleaned(dataset, gone.versions, gone.files, gone.size, held)
    if gone.files or gone.versions:
        facts = {"versions": len(gone.versions), "files": gone.files, "size": gone.size}
        _tell(workspace, "vacuumed", dataset, facts)
    return found


def profile(workspace: Workspace, dataset: str, *, version: int | None = None) -> Profile:
    """Say what a version of a dataset holds; it is computed once and kept.

    Raises:
        NotFound: no such dataset or version, or no data yet.
        Contract: a stored file is damaged.
    """
    table = workspace.lake[dataset]
    known = kept_profile(workspace, table, version=version)
    if known is not None:
        return known
    found = table.profile(version=version)
    path = _profile_file(workspace, table, version)
    if path is not None:
        write_durably(path, to_json(found))
    return found


def kept_profile(
    workspace: Workspace, table: Table, *, version: int | None = None
) -> Profile | None:
    """Return the profile of a version if it was computed before."""
    path = _profile_file(workspace, table, version)
    if path is None or not path.exists():
        return None
    try:
        return from_json(path.read_bytes(), Profile)
    except msgspec.ValidationError:
        # Another release kept it, in another form.
        return None


def file_sizes(workspace: Workspace, dataset: str) -> dict[str, int]:
    """Return the bytes of each data file of a table, by its path within the table.

    Empty where the lake is neither a folder nor a bucket.

    Raises:
        Denied: the bucket may not be read.
        Unavailable: the bucket cannot be reached.
    """
    url, root = workspace.settings.lake, ""
    files: pafs.FileSystem = pafs.LocalFileSystem()
    if url.startswith(SCHEME):
        files, root = s3_file_system(os.environ), url.removeprefix(SCHEME).strip("/")
    elif scheme(url) == "file":
        root = str(local_path(url, workspace.root))
    else:
        return {}
    selector = pafs.FileSelector(f"{root}/{dataset}", allow_not_found=True)
    try:
        return {one.base_name: one.size or 0 for one in files.get_file_info(selector)}
    except OSError as error:
        raise s3_error(error, url) from error


def _profile_file(workspace: Workspace, table: Table, version: int | None) -> Path | None:
    """Return where the profile of a version is kept; None where there is no such version."""
    chosen = table.version() if version is None else version
    for one in table.versions():
        if one.version == chosen:
            name = f"{one.version}-{fingerprint(one.files)}.json"
            return workspace.state / "profiles" / one.dataset / name
    return None


def _would_remove(
    workspace: Workspace, table: Table, held: tuple[Pin, ...], keep: list[int]
) -> Cleaned:
    """Say what a vacuum would remove."""
    versions = table.versions()
    needed = {file for one in versions if one.version in keep for file in data_files(one)}
    lost = [one for one in versions if not one.vacuumed and not data_files(one) <= needed]
    sizes = file_sizes(workspace, table.dataset.name)
    gone = {file for one in versions for file in data_files(one) if file in sizes} - needed
    return Cleaned(
        table.dataset.name,
        tuple(one.version for one in lost),
        len(gone),
        sum(sizes[file] for file in gone),
        held,
        dry=True,
    )


def _tell(workspace: Workspace, verb: str, dataset: str, facts: dict[str, int]) -> None:
    """Write an event."""
    event = Event(
        at=workspace.clock.now(),
        actor=workspace.actor,
        action=f"dataset.{verb}",
        subject=f"dataset/{dataset}",
        data={**facts},
    )
    emit(workspace.catalog, event)
