"""Runs of pipelines and attempts at their steps, fenced by tokens."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from towpath.core.errors import Conflict, NotFound, did_you_mean
from towpath.core.instant import from_micros, to_micros
from towpath.core.record import Record, from_json, to_json

if TYPE_CHECKING:
    from towpath.catalog.backend import Connection, Row
    from towpath.catalog.database import Database

RunStatus = Literal["running", "succeeded", "failed", "cancelled", "lost"]
AttemptStatus = Literal[
    "running", "succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "kept"
]


class Failure(Record, frozen=True):
    """Why an attempt did not succeed.

    Args:
        kind: class of the error, such as ``Contract``.
        message: what is wrong.
        hint: what to do next.
        where: file and line of the definition at fault.

    Example:
        >>> str(Failure("Contract", "3 rows lack a fare.", hint="Mend the file."))
        'Contract: 3 rows lack a fare. Mend the file.'
    """

    kind: str
    message: str
    hint: str = ""
    where: str = ""

    def __str__(self) -> str:
        """Join the parts on one line."""
        place = f"{self.where}: " if self.where else ""
        return " ".join(part for part in (f"{self.kind}: {place}{self.message}", self.hint) if part)


class Attempt(Record, frozen=True):
    """One try at a step.

    Args:
        step: the step's id.
        number: 1 for the first try; 0 for a step that never began.
        status: how it stands.
        token: what the attempt must show to record its result.
        started_at: when it began.
        ended_at: when it ended; None while it runs.
        result: what the step found.
        failure: why it did not succeed.
        log: file with what the step wrote.
    """

    step: str
    number: int
    status: AttemptStatus
    token: str
    started_at: datetime
    ended_at: datetime | None = None
    result: dict[str, object] = msgspec.field(default_factory=dict)
    failure: Failure | None = None
    log: str = ""

    @property
    def seconds(self) -> float:
        """How long it took; 0 while it runs."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else 0.0


class Run(Record, frozen=True):
    """One run of a pipeline with the attempts at its steps, oldest first.

    Args:
        id: the run's id.
        pipeline: name of the pipeline.
        version: fingerprint of the definition that ran.
        status: how the run stands.
        started_at: when it began.
        ended_at: when it ended; None while it runs.
        attempts: every attempt, and one entry for each skipped or kept step.
    """

    id: str
    pipeline: str
    version: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def results(self) -> dict[str, dict[str, object]]:
        """What each succeeded step found, by step id."""
        good = ("succeeded", "kept")
        return {one.step: one.result for one in self.attempts if one.status in good}

    @property
    def failure(self) -> Attempt | None:
        """The attempt that ended the run without success, if one did."""
        bad = ("failed", "timed_out", "cancelled", "lost")
        return next((one for one in reversed(self.attempts) if one.status in bad), None)


def start(db: Database, pipeline: str, *, version: str, at: datetime) -> str:
    """Record that a run began, and return its id."""
    run = f"{pipeline}_{at:%Y%m%d_%H%M%S}_{secrets.token_hex(3)}"
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO runs (run_id, pipeline, status, started_at, detail) "
            "VALUES (?, ?, ?, ?, ?)",
            (run, pipeline, "running", to_micros(at), to_json({"version": version}).decode()),
        )
    return run


def begin(db: Database, run: str, *, step: str, log: str, at: datetime) -> Attempt:
    """Open the next attempt at a step; the token of any earlier attempt ceases to be valid."""
    token = secrets.token_hex(8)
    with db.transaction() as connection:
        connection.execute(
            "UPDATE step_attempts SET status = 'lost', ended_at = ? "
            "WHERE run_id = ? AND step = ? AND status = 'running'",
            (to_micros(at), run, step),
        )
        number = _next_number(connection, run, step)
        connection.execute(
            "INSERT INTO step_attempts (run_id, step, attempt, token, status, started_at, log) "
            "VALUES (?, ?, ?, ?, 'running', ?, ?)",
            (run, step, number, token, to_micros(at), log),
        )
    return Attempt(step, number, "running", token, at, log=log)


def finish(db: Database, run: str, attempt: Attempt) -> None:
    """Record the end of an attempt, once.

    Raises:
        Conflict: the attempt's token is no longer the current one; nothing is recorded.
    """
    ended = to_micros(attempt.ended_at) if attempt.ended_at else None
    failure = to_json(attempt.failure).decode() if attempt.failure else ""
    with db.transaction() as connection:
        changed = connection.execute(
            "UPDATE step_attempts SET status = ?, ended_at = ?, result = ?, error = ? "
            "WHERE run_id = ? AND step = ? AND token = ? AND status = 'running'",
            (
                attempt.status,
                ended,
                to_json(attempt.result).decode(),
                failure,
                run,
                attempt.step,
                attempt.token,
            ),
        ).rowcount
    if not changed:
        message = f"Attempt {attempt.number} at the step {attempt.step!r} is no longer current."
        raise Conflict(message, hint="Its result was not recorded.", run=run)


def note(db: Database, run: str, attempt: Attempt) -> None:
    """Record a step that did not run: skipped, or kept from an earlier run."""
    with db.transaction() as connection:
        connection.execute(
            "INSERT INTO step_attempts (run_id, step, attempt, token, status, started_at, "
            "ended_at, result, log) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run,
                attempt.step,
                _next_number(connection, run, attempt.step),
                attempt.token,
                attempt.status,
                to_micros(attempt.started_at),
                to_micros(attempt.ended_at or attempt.started_at),
                to_json(attempt.result).decode(),
                attempt.log,
            ),
        )


def end(db: Database, run: str, *, status: RunStatus, at: datetime) -> None:
    """Record the end of a run."""
    with db.transaction() as connection:
        connection.execute(
            "UPDATE runs SET status = ?, ended_at = ? WHERE run_id = ? AND status = 'running'",
            (status, to_micros(at), run),
        )


def mark_lost(db: Database, pipeline: str, *, at: datetime) -> tuple[str, ...]:
    """Mark runs that still say ``running`` as lost, with their attempts; return their ids.

    Only who holds the pipeline's lock may call this: then no runner of it is alive.
    """
    with db.transaction() as connection:
        rows = connection.execute(
            "SELECT run_id FROM runs WHERE pipeline = ? AND status = 'running'", (pipeline,)
        ).fetchall()
        for row in rows:
            parameters = (to_micros(at), row["run_id"])
            connection.execute(
                "UPDATE step_attempts SET status = 'lost', ended_at = ? "
                "WHERE run_id = ? AND status = 'running'",
                parameters,
            )
            connection.execute(
                "UPDATE runs SET status = 'lost', ended_at = ? WHERE run_id = ?", parameters
            )
    return tuple(str(row["run_id"]) for row in rows)


def get(db: Database, run: str) -> Run:
    """Read one run.

    Raises:
        NotFound: there is no run under this id.
    """
    rows = db.query("SELECT * FROM runs WHERE run_id = ?", (run,))
    if not rows:
        known = [str(row["run_id"]) for row in db.query("SELECT run_id FROM runs")]
        raise NotFound(f"There is no run {run!r}.", hint=did_you_mean(run, known))
    return _run(db, rows[0])


def latest(db: Database, *, pipeline: str = "", limit: int = 20) -> tuple[Run, ...]:
    """Read the last runs, newest first, of one pipeline or of all."""
    rows = db.query(
        "SELECT * FROM runs WHERE ? IN ('', pipeline) ORDER BY started_at DESC, run_id LIMIT ?",
        (pipeline, limit),
    )
    return tuple(_run(db, row) for row in rows)


def _next_number(connection: Connection, run: str, step: str) -> int:
    """Count the attempts at a step so far, plus one."""
    row = connection.execute(
        "SELECT COALESCE(MAX(attempt), 0) + 1 AS number FROM step_attempts "
        "WHERE run_id = ? AND step = ?",
        (run, step),
    ).fetchone()
    return int(row["number"]) if row else 1


def _run(db: Database, row: Row) -> Run:
    """Turn a row of ``runs`` into a record with its attempts."""
    attempts = db.query(
        "SELECT * FROM step_attempts WHERE run_id = ? ORDER BY started_at, rowid", (row["run_id"],)
    )
    return Run(
        id=row["run_id"],
        pipeline=row["pipeline"],
        version=from_json(row["detail"], dict[str, str]).get("version", ""),
        status=row["status"],
        started_at=from_micros(row["started_at"]),
        ended_at=_instant(row["ended_at"]),
        attempts=tuple(_attempt(one) for one in attempts),
    )


def _attempt(row: Row) -> Attempt:
    """Turn a row of ``step_attempts`` into a record."""
    failure = row["error"]
    return Attempt(
        step=row["step"],
        number=row["attempt"],
        status=row["status"],
        token=row["token"],
        started_at=from_micros(row["started_at"]),
        ended_at=_instant(row["ended_at"]),
        result=from_json(row["result"], dict[str, object]),
        failure=from_json(failure, Failure) if failure else None,
        log=row["log"],
    )


def _instant(micros: int | None) -> datetime | None:
    """Turn microseconds into a time, keeping what is absent."""
    return None if micros is None else from_micros(micros)
