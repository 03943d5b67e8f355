"""What was taken into a dataset before: so that it is known again, and told apart from news."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from towpath.catalog import batches
from towpath.core.record import Record, fingerprint, from_json, to_json
from towpath.lake.dataset import Mode
from towpath.lake.report import IngestReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.catalog.database import Database
    from towpath.lake.dataset import Dataset
    from towpath.lake.sources import Part
    from towpath.lake.tables import TableStore


class Taken(Record, frozen=True):
    """A batch that went into a dataset.

    Args:
        key: what the table knows it by.
        report: what became of it.
        mode: how it went in.
        rules: fingerprint of the contract that judged it.
        contents: fingerprint of each of its parts.
        origins: where they were from.
        at: when.
    """

    key: str
    report: IngestReport
    mode: Mode
    rules: str
    contents: tuple[str, ...]
    origins: tuple[str, ...]
    at: datetime


class Memory:
    """The batches that went into a dataset, as the catalog and the table know them.

    Args:
        db: the catalog.
        store: the tables.
        dataset: the contract.
    """

    def __init__(self, db: Database, store: TableStore, dataset: Dataset) -> None:
        """Read what the catalog knows."""
        self._db = db
        self._store = store
        self._dataset = dataset
        self.rules = rules_of(dataset)
        found = (_read(text) for text in batches.every(db, dataset.name).values())
        self._taken = sorted((one for one in found if one is not None), key=_when)

    def key(self, parts: Sequence[Part], mode: Mode, *, name: str = "") -> str:
        """Name a batch by all that decides what it leaves in the table.

        The same content appended twice is one batch. Merged or read on, it is a new one after
        other rows of the same origin; replacing all, it depends on the contract too.
        """
        contents = [name] if name else [part.key for part in parts]
        if mode == "overwrite":
            return fingerprint({"content": contents, "contract": self.rules, "mode": mode})
        if mode == "append":
            return fingerprint({"content": contents, "mode": mode})
        origins = tuple(part.origin for part in parts)
        last = next((one for one in reversed(self._live()) if one.origins == origins), None)
        if last is not None and last.mode == mode and list(last.contents) == contents:
            return last.key
        after = last.key if last else ""
        return fingerprint({"content": contents, "mode": mode, "after": after})

    def known(self, key: str, mode: Mode, contents: Sequence[str]) -> Taken | None:
        """Return a batch that is in place already, None where there is no such one.

        Rows that are to be appended are in place too if they came by another mode.
        """
        live = self._live()
        found = next((one for one in live if one.key == key), None)
        if found is None and mode == "append":
            found = next((one for one in live if set(contents) <= set(one.contents)), None)
        if found is None:
            return None
        if not found.report.rows:
            return found if mode != "overwrite" and found.rules == self.rules else None
        version = self._store.version_of(self._dataset.name, found.key)
        if version is None or version != found.report.version:
            return None
        latest = mode != "overwrite" or version == self._store.version(self._dataset.name)
        return found if latest else None

    def add(self, taken: Taken) -> None:
        """Keep a batch."""
        self._taken.append(taken)
        report = taken.report
        text = to_json(taken).decode()
        batches.record(self._db, report.dataset, taken.key, version=report.version, report=text)

    def keys(self) -> list[str]:
        """Name the batches that were judged by the contract as it is."""
        return [one.key for one in self._taken if one.rules == self.rules]

    def changed(self, parts: Sequence[Part]) -> list[str]:
        """Name the origins whose content was another when it was taken in last."""
        last = {
            origin: content
            for one in self._live()
            for origin, content in zip(one.origins, one.contents, strict=False)
        }
        return [part.origin for part in parts if last.get(part.origin, part.key) != part.key]

    def _live(self) -> list[Taken]:
        """Return the batches since all rows were replaced last, that one among them."""
        starts = [
            place
            for place, one in enumerate(self._taken)
            if one.mode == "overwrite" and one.report.rows
        ]
        return self._taken[starts[-1] if starts else 0 :]


def _when(taken: Taken) -> tuple[datetime, int]:
    """Order batches by their time, those of one moment by the version they made."""
    return taken.at, taken.report.version


def rules_of(dataset: Dataset) -> str:
    """Return a fingerprint of all of a contract that decides which rows go in.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("id", "int64"),))
        >>> rules_of(trips) == rules_of(trips.replace(owner="ada"))
        True
    """
    columns = tuple(column.replace(doc="") for column in dataset.columns)
    limits = (dataset.freshness, dataset.minimum_rows, dataset.maximum_rows, dataset.batch_severity)
    return fingerprint((columns, dataset.key, dataset.event_time, dataset.checks, limits))


def _read(text: str) -> Taken | None:
    """Read a batch, None where an earlier release wrote less."""
    try:
        return from_json(text, Taken)
    except msgspec.ValidationError:
        return None
