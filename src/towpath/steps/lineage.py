"""What runs read and write: kept in the catalog, and told as events of OpenLineage."""

from __future__ import annotations

import logging
import secrets
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING

import msgspec

from towpath.catalog.lineage import record_run
from towpath.catalog.openlineage import Job, RunEvent, State
from towpath.catalog.runs import latest
from towpath.core.errors import TowpathError
from towpath.core.record import to_builtins
from towpath.steps.lineage_tables import inputs_of, outputs_of
from towpath.steps.touched import FINDERS, Touched, touched
from towpath.steps.usage import note_run, note_trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from towpath.catalog.runs import Attempt, Run
    from towpath.pipelines.pipeline import Pipeline, Step
    from towpath.pipelines.runners import Execute, Progress, Report, Runner
    from towpath.workspace import Workspace

KEY = "lineage"
STATES: dict[str, State] = {"succeeded": "COMPLETE"}

logger = logging.getLogger(__name__)


class Recording:
    """A runner that keeps what each step of a run read and wrote, and tells a collector.

    It works in the process that runs the pipeline, so that also a step that was killed is told
    of. What goes wrong in telling never stops a run.

    Args:
        workspace: the project.
        runner: runs the pipelines.

    Raises:
        Invalid: the setting openlineage is no way to send events.
    """

    def __init__(self, workspace: Workspace, runner: Runner) -> None:
        """Look at the settings; nothing runs yet."""
        self._workspace = workspace
        self._runner = runner
        _ = workspace.outbox

    def run(
        self, pipeline: Pipeline, execute: Execute, *, listener: Progress, resume: str = ""
    ) -> Run:
        """Run to the end; see ``Runner`` for what is promised."""
        witness = Witness(self._workspace, pipeline, listener)
        done = self._runner.run(pipeline, execute, listener=witness, resume=resume)
        witness.ended(done)
        return done


class Witness:
    """Hears of a run, keeps and tells what it hears, and passes it on.

    Args:
        workspace: the project.
        pipeline: what runs.
        listener: hears of the run too.
    """

    def __init__(self, workspace: Workspace, pipeline: Pipeline, listener: Progress) -> None:
        """Wait for the run to begin."""
        self._workspace = workspace
        self._pipeline = pipeline
        self._listener = listener
        self._run = ""

    def on_start(self, step: Step, attempt: int) -> None:
        """Tell that an attempt at a step begins."""
        self._listener.on_start(step, attempt)
        with _quietly():
            self._begun()
            self._tell("START", self._job(step, attempt))

    def on_tick(self, step: Step, elapsed: float, *, fraction: float, text: str) -> None:
        """Pass it on."""
        self._listener.on_tick(step, elapsed, fraction=fraction, text=text)

    def on_end(self, step: Step, attempt: Attempt) -> None:
        """Keep and tell what an attempt read and wrote; what did not run is not told of."""
        self._listener.on_end(step, attempt)
        if attempt.status in {"skipped", "kept"}:
            return
        with _quietly():
            job, found = self._job(step, attempt.number), _found(step.uses, attempt.result)
            if attempt.status == "succeeded":
                _keep(self._workspace, job.run, step.uses, params=step.with_, found=found)
            self._tell(STATES.get(attempt.status, "FAIL"), job, failed=attempt, found=found)

    def ended(self, done: Run) -> None:
        """Tell how the whole run ended."""
        with _quietly():
            self._begun()
            self._tell(STATES.get(done.status, "FAIL"), self._parent, failed=done.failure)
            note_run(self._workspace, done.pipeline)

    def _begun(self) -> None:
        """Tell once that the run began; only one run of a pipeline goes on at a time."""
        if not self._run:
            self._run = latest(self._workspace.catalog, pipeline=self._pipeline.name, limit=1)[0].id
            self._tell("START", self._parent)

    def _tell(
        self,
        state: State,
        job: Job,
        *,
        failed: Attempt | None = None,
        found: Touched | None = None,
    ) -> None:
        """Send an event of the run or of one of its steps."""
        parent = None if job == self._parent else self._parent
        error = str(failed.failure) if failed and failed.failure else ""
        at = self._workspace.clock.now()
        _tell(self._workspace, RunEvent(state, job, at, parent=parent, error=error), found)

    @property
    def _parent(self) -> Job:
        """The run as a job."""
        return Job(self._workspace.settings.name, self._pipeline.name, self._run)

    def _job(self, step: Step, attempt: int) -> Job:
        """An attempt at a step as a job."""
        again = f".{attempt}" if attempt > 1 else ""
        name = f"{self._pipeline.name}.{step.id}"
        return Job(self._workspace.settings.name, name, f"{self._run}.{step.id}{again}")


def with_lineage(
    workspace: Workspace, uses: str, params: Mapping[str, object], *, result: Mapping[str, object]
) -> Mapping[str, object]:
    """Add to a step's result what it read and wrote; called in the process that did the work."""
    if uses not in FINDERS:
        return result
    found = Touched()
    with _quietly():
        found = touched(workspace, uses, params, result=result)
    return {**result, KEY: to_builtins(found)}


def recorded(
    uses: str, function: Callable[..., Mapping[str, object]]
) -> Callable[..., Mapping[str, object]]:
    """Return a step's function that also keeps and tells what it read and wrote.

    For a step that runs by itself, outside of a pipeline.
    """

    @wraps(function)
    def run(workspace: Workspace, report: Report, **params: object) -> Mapping[str, object]:
        name = f"{uses}_{workspace.clock.now():%Y%m%d_%H%M%S}_{secrets.token_hex(3)}"
        job = Job(workspace.settings.name, uses, name)
        _tell(workspace, RunEvent("START", job, workspace.clock.now()))
        try:
            result = function(workspace, report, **params)
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
            _tell(workspace, RunEvent("FAIL", job, workspace.clock.now(), error=told))
            raise
        with _quietly():
            found = touched(workspace, uses, params, result=result)
            _keep(workspace, job.run, uses, params=params, found=found)
            _tell(workspace, RunEvent("COMPLETE", job, workspace.clock.now()), found)
        return result

    return run


@contextmanager
def _quietly() -> Iterator[None]:
    """Log what goes wrong in keeping and telling: the work itself is done, and stays so."""
    try:
        yield
    except TowpathError as error:
        logger.warning("lineage was not recorded: %s", error)


def _found(uses: str, result: Mapping[str, object]) -> Touched:
    """Read what a step in another process said that it read and wrote."""
    if uses not in FINDERS or KEY not in result:
        return Touched()
    return msgspec.convert(result[KEY], Touched)


def _keep(
    workspace: Workspace, run: str, uses: str, *, params: Mapping[str, object], found: Touched
) -> None:
    """Keep what a run read and wrote, and that features were used."""
    record_run(workspace.catalog, run, reads=found.reads, writes=found.writes)
    if uses == "feature.training_set":
        note_trained(workspace, str(params["model"]))


def _tell(workspace: Workspace, event: RunEvent, found: Touched | None = None) -> None:
    """Send an event with what the run read and wrote, where the settings say to."""
    if workspace.outbox is None:
        return
    if found is not None:
        inputs, outputs = inputs_of(workspace, found), outputs_of(workspace, found)
        event = event.replace(inputs=inputs, outputs=outputs)
    workspace.outbox.send(event)
