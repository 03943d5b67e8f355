"""The log of a Delta table, read and written by delta-rs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import DeltaError
from deltalake.schema import Schema
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from towpath.core.errors import Conflict
from towpath.core.record import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.lake.tables.data_file import NewFile

LOG = "_delta_log"
LAST_CHECKPOINT = f"{LOG}/_last_checkpoint"
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
# What commits carry for us: their time, the hashes of their files, and marks for the batch, for
# an overwrite, and at the very end one that tells that nothing of the commit is cut off.
TIME, HASHES = "towpath_at", "towpath_hashes"
OVERWRITE, END = "towpath-overwrite", "towpath-end"

# The least and the greatest value of a column in a file.
Bounds = tuple["pa.Scalar[Any]", "pa.Scalar[Any]"]

# What delta-rs raises; a disk or bucket that fails may also be an OSError.
LogError = DeltaError

Mode = Literal["append", "overwrite"]


class CommitTaken(Conflict):
    """Another writer, who takes no turns, has made the version that was to be made."""


@dataclass(frozen=True)
class Change:
    """What a commit does to a table.

    Args:
        added: new files.
        removed: names of files that it stops to need; an overwrite needs none of those before.
        mode: whether the files before stay.
        rearranged: the rows are the same as before.
        batch: the write that it belongs to; empty for none.
    """

    added: tuple[NewFile, ...]
    removed: tuple[str, ...] = ()
    mode: Mode = "append"
    rearranged: bool = False
    batch: str = ""


@dataclass(frozen=True)
class Commit:
    """What a commit in the log tells.

    Args:
        at: microseconds, or None where another writer made it.
        hashes: of the files that it added.
    """

    at: int | None
    hashes: Mapping[str, str]


class DeltaLog:
    """The log of one table at one version.

    Args:
        url: path or URL of the table.
        options: how to reach it.
        version: as of then; None for the latest.

    Raises:
        LogError: there is no such table or version, or the log is damaged.
    """

    def __init__(self, url: str, options: dict[str, str], *, version: int | None = None) -> None:
        """Read the log."""
        self.url = url
        self._options = options
        self._table = DeltaTable(url, version=version, storage_options=options)

    @property
    def schema(self) -> str:
        """The columns as the log describes them."""
        text: str = self._table.schema().to_json()
        return text

    @property
    def files(self) -> dict[str, int | None]:
        """The rows of each file by name; None where the log does not tell."""
        found: Any = pa.table(self._table.get_add_actions())
        names, rows = found["path"].to_pylist(), found["num_records"].to_pylist()
        return dict(zip(names, rows, strict=True))

    @property
    def committed_at(self) -> int:
        """When the version was committed by its writer's clock, in microseconds."""
        return int(self._table.history(1)[0]["timestamp"]) * 1000

    def bounds(self, column: str) -> dict[str, Bounds]:
        """Return the least and the greatest value of a column, for the files that tell them."""
        found: Any = pa.table(self._table.get_add_actions(flatten=True))
        low, high = f"min.{column}", f"max.{column}"
        if low not in found.column_names or high not in found.column_names:
            return {}
        rows = zip(found["path"].to_pylist(), found[low], found[high], strict=True)
        return {name: (least, most) for name, least, most in rows if least.is_valid}

    def made(self, batch: str) -> int | None:
        """Return the version that a batch made, unless an overwrite came later."""
        version = self._table.transaction_version(batch)
        replaced = self._table.transaction_version(OVERWRITE) or 0
        return version if version is not None and version >= replaced else None

    def replaced(self, batch: str) -> bool:
        """Tell whether a batch replaced all rows, and none came later that did."""
        version = self._table.transaction_version(batch)
        return version is not None and version == self._table.transaction_version(OVERWRITE)

    def commit(self, change: Change, schema: pa.Schema, version: int, *, at: int) -> None:
        """Write the next version.

        Raises:
            LogError: it could not be written, or is there already.
        """
        actions: list[AddAction | RemoveAction] = _added(change, at)
        moment = at // 1000
        actions += [RemoveAction(name, not change.rearranged, moment) for name in change.removed]
        self._table.create_write_transaction(
            actions,
            change.mode,
            Schema.from_arrow(schema),
            commit_properties=_properties(change, version, at),
            post_commithook_properties=NO_HOOKS,
        )
        self._table.update_incremental()

    def add_columns(self, columns: Sequence[pa.Field[Any]], version: int, *, at: int) -> None:
        """Write the next version, in which the table has more columns.

        Raises:
            LogError: it could not be written, or is there already.
        """
        self._table.alter.add_columns(
            list(Schema.from_arrow(pa.schema(columns)).fields),
            commit_properties=_properties(Change(()), version, at),
            post_commithook_properties=NO_HOOKS,
        )
        self._table.update_incremental()

    def checkpoint(self) -> None:
        """Sum the log up, so that a table of many commits opens quickly."""
        self._table.create_checkpoint()


def create_table(
    url: str, options: dict[str, str], change: Change, schema: pa.Schema, *, at: int
) -> DeltaLog:
    """Write the first version of a table.

    Raises:
        LogError: it could not be written, or is there already.
    """
    create_table_with_add_actions(
        url,
        Schema.from_arrow(schema),
        _added(change, at),
        storage_options=options,
        commit_properties=_properties(change, 0, at),
        post_commithook_properties=NO_HOOKS,
    )
    return DeltaLog(url, options)


def commit_file(version: int) -> str:
    """Name the file of a commit within its table.

    Example:
        >>> commit_file(7)
        '_delta_log/00000000000000000007.json'
    """
    return f"{LOG}/{version:020d}.json"


def read_commit(content: bytes) -> Commit | None:
    """Read what a commit tells, or None where it was not written to its end.

    Example:
        >>> read_commit(b"") is None
        True
    """
    lines = content.decode("utf-8", errors="replace").splitlines()
    try:
        actions: list[dict[str, Any]] = [json.loads(line) for line in lines]
        told = [one["commitInfo"] for one in actions if "commitInfo" in one]
    except (json.JSONDecodeError, TypeError):
        return None
    about: dict[str, Any] = told[0] if told else {}
    if not actions or (HASHES in about and actions[-1].get("txn", {}).get("appId") != END):
        return None
    return Commit(about.get(TIME), from_json(about.get(HASHES, "{}"), dict[str, str]))


def arrow_schema(text: str) -> pa.Schema:
    """Return the columns that the log describes.

    Example:
        >>> arrow_schema('{"type": "struct", "fields": []}').names
        []
    """
    described: Any = Schema.from_json(text).to_arrow()
    return pa.schema(described)


def first_line(error: DeltaError) -> str:
    """Return what delta-rs says, without its own place in it."""
    return str(error).partition("\n")[0]


def _added(change: Change, at: int) -> list[Any]:
    """Describe the new files."""
    return [
        AddAction(
            path=file.name,
            size=file.size,
            partition_values={},
            modification_time=at // 1000,
            data_change=not change.rearranged,
            stats=file.statistics,
        )
        for file in change.added
    ]


def _properties(change: Change, version: int, at: int) -> CommitProperties:
    """Write what a commit carries for us."""
    marks = [change.batch] if change.batch else []
    marks += [OVERWRITE] if change.mode == "overwrite" else []
    hashes = {file.name: file.hash for file in change.added}
    return CommitProperties(
        custom_metadata={TIME: at, HASHES: json.dumps(hashes)},
        max_commit_retries=0,
        app_transactions=[Transaction(mark, version) for mark in (*marks, END)],
    )
