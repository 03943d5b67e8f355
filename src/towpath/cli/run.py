"""``towpath run``: a pipeline with its progress."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from towpath.cli.exit import FINDINGS, STOPPED
from towpath.cli.output import console, json_option, open_applied, print_json, print_table
from towpath.cli.progress import CLEAR, summary

if TYPE_CHECKING:
    from rich.console import Console

    from towpath.catalog.runs import Attempt, Run
    from towpath.pipelines.pipeline import Step

MARKS = {"succeeded": "[green]✓[/]", "kept": "[green]=[/]", "skipped": "[dim]-[/]"}
BAR_WIDTH = 20
REDRAW_SECONDS = 0.2


@click.command()
@json_option
@click.argument("pipeline", default="", required=False)
@click.option("--resume", default="", metavar="RUN", help="Keep the steps that RUN finished.")
def run(*, as_json: bool, pipeline: str, resume: str) -> None:
    """Run a pipeline; without a name, list the pipelines and their last runs.

    Ctrl-C stops the step that runs; the same command starts again from the stored state.

    \b
    Examples:
      towpath run train
      towpath run train --resume train_20131001_080000_1a2b3c
    """
    if not pipeline:
        _list(as_json=as_json)
        return
    from towpath.project.load import pick
    from towpath.steps.execute import check_steps, execute_in, open_runner

    with open_applied() as workspace:
        chosen = pick(workspace.project.pipelines, pipeline, "pipeline")
        check_steps(chosen, workspace.project.where("pipeline", pipeline))
        listener = Screen(console(stderr=True))
        listener.loading()
        done = open_runner(workspace).run(
            chosen, execute_in(workspace.root), listener=listener, resume=resume
        )
    if as_json:
        print_json(done)
    if done.status != "succeeded":
        _explain(done)
        raise click.exceptions.Exit(STOPPED if done.status == "cancelled" else FINDINGS)


class Screen:
    """Shows a run as it goes: one line a step, the last one redrawn while it runs."""

    def __init__(self, out: Console) -> None:
        """Draw on ``out``; lines are redrawn only where somebody watches."""
        self._out = out
        self._live = sys.stderr.isatty()
        self._drawn = 0.0

    def loading(self) -> None:
        """Say what the first seconds are spent on."""
        self._redraw("[dim]loading libraries[/]")

    def on_start(self, step: Step, attempt: int) -> None:
        """Show that a step began."""
        again = f" (attempt {attempt})" if attempt > 1 else ""
        self._redraw(f"[cyan]»[/] {step.id}{again}")

    def on_tick(self, step: Step, elapsed: float, *, fraction: float, text: str) -> None:
        """Show how far a step is."""
        if time.monotonic() - self._drawn < REDRAW_SECONDS:
            return
        filled = round(BAR_WIDTH * min(max(fraction, 0.0), 1.0))
        bar = f"[cyan]{'━' * filled}[/][dim]{'━' * (BAR_WIDTH - filled)}[/]"
        self._redraw(f"[cyan]»[/] {step.id:<22} {bar} {elapsed:5.1f} s  [dim]{text}[/]")

    def on_end(self, step: Step, attempt: Attempt) -> None:
        """Show how a step ended."""
        mark = MARKS.get(attempt.status, "[red]✗[/]")
        text = f"{mark} {step.id:<22} {attempt.seconds:6.1f} s  {summary(attempt.result)}"
        self._clear()
        self._out.print(text, overflow="ellipsis", no_wrap=True)

    def _redraw(self, text: str) -> None:
        """Replace the last line."""
        if self._live:
            self._clear()
            self._out.print(text, end="", overflow="ellipsis", no_wrap=True)
            self._drawn = time.monotonic()

    def _clear(self) -> None:
        """Empty the line the cursor stands on."""
        if self._live:
            self._out.file.write(CLEAR)


def _explain(done: Run) -> None:
    """Say which step ended the run, why, and what to do next."""
    failed = done.failure
    out = console(stderr=True)
    if failed is None or failed.failure is None:
        out.print(f"[red]error:[/] run {done.id} ended as {done.status}")
        return
    out.print(f"[red]error:[/] step {failed.step!r}: {failed.failure.message}", soft_wrap=True)
    for label, text in (("where", failed.failure.where), ("next", failed.failure.hint)):
        if text:
            out.print(f"[bold]{label}:[/] {text}", soft_wrap=True)
    out.print(f"[bold]log:[/] {failed.log}", soft_wrap=True)
    out.print(f"[bold]then:[/] towpath run {done.pipeline} --resume {done.id}", soft_wrap=True)


def _list(*, as_json: bool) -> None:
    """List the pipelines with their last runs."""
    from towpath.catalog.runs import latest

    with open_applied() as workspace:
        names = tuple(workspace.project.pipelines)
        last = {name: latest(workspace.catalog, pipeline=name, limit=1) for name in names}
        rows = [(name, *_last_run(last[name])) for name in names]
    if as_json:
        print_json([dict(zip(("pipeline", "state", "run"), row, strict=True)) for row in rows])
        return
    print_table("Pipelines", ("pipeline", "last run", "id"), rows)


def _last_run(runs: tuple[Run, ...]) -> tuple[str, str]:
    """Return state and id of the last run, if there was one."""
    return (runs[0].status, runs[0].id) if runs else ("never", "")
