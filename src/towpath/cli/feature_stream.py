"""``towpath feature consume`` and ``dead-letters``: events from a stream."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import click
import msgspec

from towpath.cli.feature_serve import DEAD, FOLDERS, PUSHED
from towpath.cli.output import (
    console,
    json_option,
    open_applied,
    open_workspace,
    print_json,
    print_table,
)
from towpath.cli.progress import CLEAR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.core.errors import Unavailable
    from towpath.features.push import Target
    from towpath.features.streams import Source
    from towpath.features.streams.consume import Progress
    from towpath.features.streams.take import Goal, Taker
    from towpath.workspace import Workspace

TARGETS = ("online", "offline", "online_and_offline")
SHOW_SECONDS = 0.5
SHOWN_BYTES = 200


@click.command()
@json_option
@click.argument("dataset")
@click.option(
    "--from", "url", required=True, metavar="URL", envvar="TOWPATH_STREAM", help="The stream."
)
@click.option("--group", default="towpath", show_default=True, help="Consumers that share it.")
@click.option("--to", type=click.Choice(TARGETS), default="online", show_default=True)
@click.option("--once", is_flag=True, help="Stop when nothing is left to take.")
@click.option("--metrics-port", type=int, help="Answer GET /metrics here; 0 for any port.")
def consume(*, as_json: bool, dataset: str, url: str, **given: Any) -> None:  # noqa: ANN401 - click's
    """Push the events that arrive on a stream, until Ctrl-C; each has effect once.

    A message is a JSON object of one row, an array of rows, or an Arrow stream. One that does not
    keep the contract of DATASET goes to the dead letters; the others go on. A message is
    acknowledged when its rows are durable. Where the broker or the store does not answer, the
    command waits and tries again. Consumers of one group share the messages.

    \b
    Examples:
      towpath feature consume trips --from 'redis://127.0.0.1:6379/0?stream=trips'
      towpath feature consume trips --from kafka://127.0.0.1:9092/trips --to online_and_offline
      towpath feature consume trips --from kafka://127.0.0.1:9092/trips --once --json
    """
    from towpath.features.streams import open_source
    from towpath.features.streams.take import Taker

    with ExitStack() as stack:
        workspace = stack.enter_context(open_applied(FOLDERS))
        goal = _goal(workspace, dataset, given["to"])
        source = stack.enter_context(closing(open_source(url, given["group"])))
        taker = stack.enter_context(closing(Taker(goal, source.name, clock=workspace.clock)))
        found = _consumed(source, taker, dataset, given)
    if as_json:
        told = {"lag": found.lag, "outages": found.outages}
        print_json({**msgspec.structs.asdict(found.taken), **told})
    else:
        _print_end(dataset, found)


@click.command("dead-letters")
@json_option
@click.argument("dataset")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
def dead_letters(*, as_json: bool, dataset: str, limit: int) -> None:
    """List messages of streams that could not be pushed to DATASET, the newest first, with why.

    They are kept in the dataset `dead_letters`, with all their bytes. Once a message is mended,
    put it on the stream again, as a whole: rows of it that were pushed have no effect again.

    \b
    Examples:
      towpath feature dead-letters trips
      towpath feature dead-letters trips --limit 1000 --json
    """
    from towpath.core.instant import format_instant
    from towpath.features.streams.dead_letters import bring_in
    from towpath.features.streams.dead_letters import dead_letters as read

    with open_workspace() as workspace:
        bring_in(workspace.state / DEAD, workspace.lake)
        found = read(workspace.lake, dataset).to_pylist()
    rows = found[: -limit - 1 : -1]
    for row in rows:
        row["content"] = row["content"].decode(errors="backslashreplace")
        for name in ("sent_at", "refused_at"):
            row[name] = format_instant(row[name])
    if as_json:
        print_json({"count": len(found), "dead_letters": rows})
        return
    heads = ("refused_at", "stream", "message", "reason", "content")
    shown = [tuple(str(row[name])[:SHOWN_BYTES] for name in heads) for row in rows]
    print_table(f"Dead letters of {dataset}: {len(found):,}", heads, shown)


class _Screen:
    """Shows how far a consumer is, where somebody watches, and always what does not answer."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._watched = sys.stderr.isatty()
        self._shown_at, self._rows, self._out = time.monotonic(), 0, False

    def progress(self, progress: Progress) -> None:
        """Show rows, rows a second, lag and dead letters on one line."""
        if self._out:
            self._out = False
            click.echo("it answers again", err=True)
        now, rows = time.monotonic(), progress.taken.rows
        passed = now - self._shown_at
        if not self._watched or passed < SHOW_SECONDS:
            return
        speed = (rows - self._rows) / passed
        lag = "?" if progress.lag is None else f"{progress.lag:,}"
        told = f"{rows:,} rows, {speed:,.0f} rows/s, lag {lag}, {progress.taken.dead:,} dead"
        click.echo(f"{CLEAR}{told}", nl=False, err=True)
        self._shown_at, self._rows = now, rows

    def outage(self, error: Unavailable, *, seconds: float) -> None:
        """Say what does not answer."""
        self._out = True
        clear = CLEAR if self._watched else ""
        click.echo(f"{clear}{error.message} Trying again in {seconds:g} s.", err=True)


def _goal(workspace: Workspace, dataset: str, to: Target) -> Goal:
    """Return where the rows of a dataset go."""
    from towpath.features.streams.take import Goal
    from towpath.project.load import pick

    project = workspace.project
    return Goal(
        dataset=pick(project.datasets, dataset, "dataset"),
        views=[one for one in project.views.values() if one.source == dataset],
        to=to,
        store=workspace.online,
        folder=workspace.state / PUSHED,
        dead=workspace.state / DEAD,
    )


def _consumed(source: Source, taker: Taker, dataset: str, given: Mapping[str, Any]) -> Progress:
    """Consume until a signal, and tell how it goes."""
    from towpath.features.streams.consume import Consumer
    from towpath.features.streams.metrics import stream_metrics
    from towpath.web.metrics_page import metrics_page

    consumer = Consumer(source, taker, listener=_Screen())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: consumer.stop())
    out, port = console(stderr=True), given["metrics_port"]
    out.print(f"consuming {source.name}", markup=False, soft_wrap=True)
    with ExitStack() as stack:
        if port is not None:
            page = metrics_page(
                port, lambda: stream_metrics(dataset, source.name, consumer.progress)
            )
            out.print(f"metrics: {stack.enter_context(page)}", markup=False, soft_wrap=True)
        return consumer.run(once=given["once"])


def _print_end(dataset: str, found: Progress) -> None:
    """Say what became of all messages."""
    taken = found.taken
    clear = CLEAR if sys.stderr.isatty() else ""
    told = f"{clear}{taken.messages:,} messages, {taken.rows:,} rows, {taken.dead:,} dead"
    click.echo(told if found.lag is None else f"{told}, lag {found.lag:,}", err=True)
    if taken.dead:
        click.echo(f"look at the dead ones: towpath feature dead-letters {dataset}", err=True)
