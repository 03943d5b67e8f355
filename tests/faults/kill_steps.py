"""Steps of a small project, killed at random moments: what to look at before and after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
from pyarrow import parquet
from tests.faults.command import moments
from tests.faults.fault import Trial

from towpath.features.lookup import Lookup
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.step_process import StepProcess

MODEL: dict[str, object] = {"model": "returned", "estimator": "boosting"}
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
REJECTED = 2
# Kills reach beyond the usual end, so that the last moments before it are met too.
BEYOND = 1.1

Rows = dict[object, tuple[object, ...]]


class Case(Protocol):
    """A step to kill. ``number`` counts the trials; each gives the step new work to do."""

    name: str
    uses: str

    def prepare(self, number: int, /) -> dict[str, object]:
        """Give the step work and return its parameters."""

    def stands(self, number: int, /) -> bool:
        """Tell whether what an earlier trial left, or this one, is there whole after the kill."""

    def right(self, number: int, /) -> Trial:
        """Look for what is wrong after the next run."""


def kill_often(
    steps: StepProcess, root: Path, case: Case, *, points: int, seed: int
) -> list[Trial]:
    """Kill a step at random moments; after each kill it runs again to its end.

    The same project takes all the kills, so that what they leave lying about piles up.
    """
    usual = 0.0
    for warmed in (0, 1):
        usual = steps.run(root, case.uses, case.prepare(warmed)).seconds
    trials = []
    for number, moment in enumerate(moments(points, usual * BEYOND, seed=seed), start=2):
        params = case.prepare(number)
        killed = steps.run(root, case.uses, params, kill_after=moment)
        stood = case.stands(number)
        again = steps.run(root, case.uses, params)
        found = case.right(number)
        notes = () if stood else (f"{case.name} killed after {moment:.3f} s lost what stood",)
        trials.append(
            found.replace(
                acknowledged=1 if killed.killed else 2,
                lost=0 if stood else 1,
                recovered_seconds=again.seconds,
                notes=(*found.notes, *notes),
            )
        )
    return trials


@dataclass
class Ingest:
    """Ingests a file that lost a row since the last trial; two of its rows repeat a key."""

    root: Path
    name: str = "ingest"
    uses: str = "data.ingest"

    @cached_property
    def source(self) -> pa.Table:
        """The rows of the file before the first trial."""
        return parquet.read_table(self.root / "data" / "orders.parquet")

    def prepare(self, number: int) -> dict[str, object]:
        rows = pa.concat_tables([self.source.slice(number), self.source.slice(number, REJECTED)])
        parquet.write_table(rows, self.root / "data" / "orders.parquet")
        return {}

    def stands(self, number: int) -> bool:
        stored = self.stored()
        return any(
            stored.equals(self.source.slice(one), check_metadata=False)
            for one in (number, number - 1)
        )

    def right(self, number: int) -> Trial:
        stored = self.stored()
        with Workspace(self.root) as workspace:
            rejected = workspace.lake["orders__rejected"].rows()
            order = workspace.lake["orders"].scan(["_seq"])["_seq"].to_pylist()
        notes = []
        if not stored.equals(self.source.slice(number), check_metadata=False):
            notes.append(f"{stored.num_rows} rows are not those of the file")
        if rejected != REJECTED or order != list(range(stored.num_rows)):
            notes.append(f"{rejected} rejected, or gaps in the order")
        twice = stored.num_rows - len(set(stored["order_id"].to_pylist()))
        return Trial(duplicated=twice, corrupt=len(notes), notes=tuple(notes))

    def stored(self) -> pa.Table:
        with Workspace(self.root) as workspace:
            return workspace.lake["orders"].scan(self.source.column_names)


@dataclass
class Materialise:
    """Brings fewer rows online with each trial; the rows that are known tell which trial's."""

    root: Path
    steps: StepProcess
    ingest: Ingest
    name: str = "materialise"
    uses: str = "feature.materialize"

    def prepare(self, number: int) -> dict[str, object]:
        self.steps.run(self.root, self.ingest.uses, self.ingest.prepare(number))
        return {"until": (UNTIL + timedelta(days=number)).isoformat()}

    def stands(self, number: int) -> bool:
        return self.online() in (self.expected(number), self.expected(number - 1))

    def right(self, number: int) -> Trial:
        if self.online() == self.expected(number):
            return Trial()
        return Trial(corrupt=1, notes=("the online rows are not those of the lake",))

    def expected(self, number: int) -> Rows:
        rows = self.ingest.source.slice(number).to_pylist()
        return {row["order_id"]: (row["amount"], row["country"], row["items"]) for row in rows}

    def online(self) -> Rows:
        keys = self.ingest.source["order_id"].to_pylist()
        with Workspace(self.root) as workspace:
            project = workspace.project
            feature_set = project.feature_sets["orders"]
            lookup = Lookup(workspace.online, feature_set, project.views, project.datasets)
            found = lookup.by_keys([{"order_id": key} for key in keys], 0)
        return {
            key: (row["amount"], row["country"], row["items"])
            for key, row in zip(keys, found, strict=True)
            if row is not None
        }


@dataclass
class Train:
    """Trains on the same rows each time, which must end in the same model."""

    root: Path
    steps: StepProcess
    name: str = "train"
    uses: str = "model.train"

    def prepare(self, _: int, /) -> dict[str, object]:
        return MODEL

    @cached_property
    def usual(self) -> dict[str, object]:
        return self.steps.run(self.root, "model.evaluate", MODEL).result

    def stands(self, _: int, /) -> bool:
        """Training takes the earlier candidate away: there may be none, never half of one."""
        found = self.steps.attempt(self.root, "model.evaluate", MODEL)
        return found.error.startswith("NotFound") or found.result == self.usual

    def right(self, _: int, /) -> Trial:
        found = self.steps.attempt(self.root, "model.evaluate", MODEL)
        if found.result == self.usual:
            return Trial()
        return Trial(corrupt=1, notes=(f"the model is another: {found.error or found.result}",))


def ready(steps: StepProcess, root: Path) -> None:
    """Bring a fresh project to where each of the steps can run."""
    steps.run(root, "project.call", {"function": "prepare.py:main"})
    steps.run(root, "data.ingest")
    steps.run(root, "feature.training_set", {"model": "returned"})
    steps.run(root, "model.train", MODEL)


def cases(steps: StepProcess, root: Path) -> tuple[Case, ...]:
    """Return the steps to kill, in an order in which none disturbs the next."""
    ingest = Ingest(root)
    train = Train(root, steps)
    assert ingest.source.num_rows
    assert train.usual
    return (train, ingest, Materialise(root, steps, ingest))
