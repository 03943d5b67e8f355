"""The embedded runner: each attempt is a process forked from this one, status in the catalog."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING

from towpath.catalog import events, runs
from towpath.catalog.runs import Attempt, AttemptStatus, Failure, Run, RunStatus
from towpath.core.errors import Conflict
from towpath.core.event import Event
from towpath.core.instant import format_span
from towpath.core.lock import locked
from towpath.core.record import fingerprint
from towpath.pipelines.graph import order
from towpath.pipelines.runners.child import Child

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from towpath.catalog.database import Database
    from towpath.core.clock import Clock
    from towpath.pipelines.pipeline import Pipeline, Step
    from towpath.pipelines.runners import Execute, Progress, Report

TICK_SECONDS = 0.1
LOCK_SECONDS = 2.0


class LocalRunner:
    """Runs a pipeline's steps one after another, each in a process of its own.

    A step costs a fork, about ten milliseconds, because ``preload`` is imported here beforehand.
    A child dies with this process; a run whose runner was killed is marked ``lost`` by the next
    run of the pipeline. Ctrl-C ends the step and marks the run ``cancelled``. Both can be
    resumed. This process must have no threads while it runs a pipeline.

    Args:
        db: the catalog; keeps runs and attempts.
        folder: for logs, outcomes and locks, one folder a run.
        clock: tells when steps began and ended.
        preload: modules imported before the first fork.
        actor: who runs the pipelines.
    """

    def __init__(
        self,
        db: Database,
        folder: Path,
        *,
        clock: Clock,
        preload: Sequence[str] = (),
        actor: str = "towpath",
    ) -> None:
        """Keep the parts; nothing is imported or run yet."""
        self._actor = actor
        self._db = db
        self._folder = folder
        self._clock = clock
        self._preload = tuple(preload)

    def run(
        self,
        pipeline: Pipeline,
        execute: Execute,
        *,
        listener: Progress,
        resume: str = "",
    ) -> Run:
        """Run to the end; see ``Runner`` for what is promised."""
        steps = order(pipeline)
        busy = f"The pipeline {pipeline.name!r} is running already."
        lock = self._folder / f"{pipeline.name}.lock"
        # Its children share the lock, so that it also covers a dying child.
        with locked(lock, wait_seconds=LOCK_SECONDS, busy=busy):
            runs.mark_lost(self._db, pipeline.name, at=self._clock.now())
            version = fingerprint(pipeline)
            kept = self._kept(resume, version)
            for module in self._preload:
                importlib.import_module(module)
            run = runs.start(self._db, pipeline.name, version=version, at=self._clock.now())
            status = self._steps(run, steps, execute, listener=listener, kept=kept)
            return self._ended(run, pipeline.name, status)

    def _steps(
        self,
        run: str,
        steps: Sequence[Step],
        execute: Execute,
        *,
        listener: Progress,
        kept: dict[str, Attempt],
    ) -> RunStatus:
        """Run the steps in order until one does not succeed; the rest is skipped."""
        status: RunStatus = "running"
        for step in steps:
            if status != "running":
                self._note(
                    run, Attempt(step.id, 0, "skipped", "", self._clock.now()), step, listener
                )
            elif step.id in kept:
                self._note(run, kept[step.id].replace(status="kept"), step, listener)
            else:
                last = self._tries(run, step, execute, listener)
                status = _after(last.status)
        return "succeeded" if status == "running" else status

    def _tries(self, run: str, step: Step, execute: Execute, listener: Progress) -> Attempt:
        """Try a step until it succeeds, is cancelled, or has no retries left."""
        attempt = self._try(run, step, execute, listener)
        for _ in range(step.retries):
            if attempt.status not in {"failed", "timed_out"}:
                break
            attempt = self._try(run, step, execute, listener)
        return attempt

    def _try(self, run: str, step: Step, execute: Execute, listener: Progress) -> Attempt:
        """Make one attempt and record its end."""
        tried = sum(one.step == step.id for one in runs.get(self._db, run).attempts)
        stem = self._folder / run / f"{step.id}_{tried + 1}"
        log = stem.with_suffix(".log")
        attempt = runs.begin(self._db, run, step=step.id, log=str(log), at=self._clock.now())
        listener.on_start(step, attempt.number)

        def work(report: Report) -> dict[str, object]:
            return dict(execute(step.uses, step.with_, report))

        child = Child(work, token=attempt.token, log=log, outcome=stem.with_suffix(".json"))
        ended = _ended_attempt(attempt, step, child, listener).replace(ended_at=self._clock.now())
        runs.finish(self._db, run, ended)
        listener.on_end(step, ended)
        return ended

    def _note(self, run: str, attempt: Attempt, step: Step, listener: Progress) -> None:
        """Record and tell of a step that does not run."""
        runs.note(self._db, run, attempt)
        listener.on_end(step, attempt)

    def _kept(self, resume: str, version: str) -> dict[str, Attempt]:
        """Find the attempts of an earlier run whose results stay good."""
        if not resume:
            return {}
        earlier = runs.get(self._db, resume)
        if earlier.version != version:
            message = f"The pipeline {earlier.pipeline!r} has changed since the run {resume!r}."
            raise Conflict(message, hint="Start it anew, without resuming.")
        good = ("succeeded", "kept")
        return {one.step: one for one in earlier.attempts if one.status in good}

    def _ended(self, run: str, pipeline: str, status: RunStatus) -> Run:
        """Record the end of the run, with an event."""
        now: datetime = self._clock.now()
        runs.end(self._db, run, status=status, at=now)
        event = Event(now, self._actor, f"run.{status}", f"pipeline/{pipeline}", {"run": run})
        events.emit(self._db, event)
        return runs.get(self._db, run)


def _ended_attempt(attempt: Attempt, step: Step, child: Child, listener: Progress) -> Attempt:
    """Follow a child to its end and say how it went."""
    begun = time.monotonic()
    try:
        while not child.ended(wait=TICK_SECONDS):
            elapsed = time.monotonic() - begun
            told = child.told
            listener.on_tick(step, elapsed, fraction=told.fraction, text=told.text)
            if step.limit is not None and elapsed > step.limit.total_seconds():
                child.stop()
                return _timed_out(attempt, step)
    except KeyboardInterrupt:
        child.stop()
        failure = Failure("Cancelled", f"The step {step.id!r} was interrupted.", "Resume the run.")
        return attempt.replace(status="cancelled", failure=failure)
    left = child.outcome()
    status: AttemptStatus = "failed" if left.failure else "succeeded"
    return attempt.replace(status=status, result=left.result, failure=left.failure)


def _timed_out(attempt: Attempt, step: Step) -> Attempt:
    """Say that an attempt took too long."""
    span = format_span(step.limit) if step.limit else ""
    message = f"The step {step.id!r} took longer than its timeout of {span}."
    failure = Failure("TimedOut", message, "Raise the step's timeout, or give it less to do.")
    return attempt.replace(status="timed_out", failure=failure)


def _after(status: AttemptStatus) -> RunStatus:
    """Say how a run stands after the last attempt at a step."""
    if status in {"succeeded", "kept"}:
        return "running"
    return "cancelled" if status == "cancelled" else "failed"
