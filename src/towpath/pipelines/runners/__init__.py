"""What every runner promises, and what it tells while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.catalog.runs import Attempt, Run
    from towpath.pipelines.pipeline import Pipeline, Step


class Report(Protocol):
    """Tells from inside a step how far it is; never raises and never waits."""

    def __call__(self, fraction: float, text: str = "") -> None:
        """Say which share of the work is done, 0 to 1, and what is being done."""
        ...


class Execute(Protocol):
    """Does the work of a step; passed in, so that runners know no domain.

    It is called in the step's own process, returns values that JSON can hold, and raises on
    failure. It opens its own stores: connections do not survive the way into another process.
    It may be called again with the same parameters after a crash and must then complete.
    """

    def __call__(
        self, uses: str, params: Mapping[str, object], report: Report
    ) -> Mapping[str, object]:
        """Do what ``uses`` names and return what it found."""
        ...


class Progress(Protocol):
    """Hears of a run as it goes, in the runner's process, in order; must not raise."""

    def on_start(self, step: Step, attempt: int) -> None:
        """An attempt at a step has begun."""
        ...

    def on_tick(self, step: Step, elapsed: float, *, fraction: float, text: str) -> None:
        """The step still runs; called several times a second with its last report."""
        ...

    def on_end(self, step: Step, attempt: Attempt) -> None:
        """An attempt ended, or a step was skipped or kept from an earlier run."""
        ...


class Runner(Protocol):
    """Runs pipelines.

    Steps run one at a time in the order of ``graph.order``. After a failure no further step
    starts; the rest is ``skipped``. At most one run of a pipeline goes on at a time. What an
    attempt found is recorded once, and only while its token is the current one.
    """

    def run(
        self,
        pipeline: Pipeline,
        execute: Execute,
        *,
        listener: Progress,
        resume: str = "",
    ) -> Run:
        """Run to the end and return what happened; failures are statuses, not exceptions.

        Args:
            pipeline: what to run.
            execute: does the work of a step.
            listener: hears of the progress.
            resume: id of an earlier run whose succeeded steps are kept.

        Raises:
            Invalid: the steps have no order.
            Conflict: the pipeline is running, or changed since the run to resume.
            NotFound: there is no run to resume under this id.
        """
        ...


class Silence:
    """A listener that does nothing.

    Example:
        >>> from towpath.pipelines.pipeline import Step
        >>> Silence().on_start(Step("a", "x"), 1)
    """

    def on_start(self, step: Step, attempt: int) -> None:
        """Ignore the start."""

    def on_tick(self, step: Step, elapsed: float, *, fraction: float, text: str) -> None:
        """Ignore the progress."""

    def on_end(self, step: Step, attempt: Attempt) -> None:
        """Ignore the end."""
