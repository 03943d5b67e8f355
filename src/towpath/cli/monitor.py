"""``towpath monitor``: what endpoints did, and whether it was good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.exit import FINDINGS
from towpath.cli.output import F, console, json_option, open_workspace, print_json, print_table
from towpath.cli.step import run_step

if TYPE_CHECKING:
    from collections.abc import Mapping


def over_interval(command: F) -> F:
    """Add the interval of prediction times that a command looks at."""
    start = click.option("--from", "start", required=True, help="First prediction time.")
    until = click.option("--until", required=True, help="End of the prediction times.")
    return json_option(start(until(command)))


@click.group()
def monitor() -> None:
    """Monitors: list, replay the past, watch performance and drift."""


@monitor.command("list")
@json_option
def list_monitors(*, as_json: bool) -> None:
    """List the monitors.

    \b
    Examples:
      towpath monitor list
      towpath monitor list --json
    """
    with open_workspace() as workspace:
        monitors = tuple(workspace.project.monitors.values())
    if as_json:
        print_json(monitors)
        return
    rows = [(one.name, one.endpoint, one.every, ", ".join(one.to), one.owner) for one in monitors]
    print_table("Monitors", ("name", "endpoint", "every", "tells", "owner"), rows)


@monitor.command()
@over_interval
@click.argument("endpoint")
def replay(*, as_json: bool, **given: str) -> None:
    """Predict every row of a past interval, each as of its own prediction time.

    \b
    Examples:
      towpath monitor replay delay --from 2013-10-01 --until 2014-01-01
      towpath monitor replay delay --from 2013-10-01 --until 2013-10-08 --json
    """
    run_step("endpoint.replay", as_json=as_json, **given)


@monitor.command()
@over_interval
@click.argument("monitor", metavar="NAME")
def watch(*, as_json: bool, **given: str) -> None:
    """Score a monitor's windows as labels became known, and look for drift.

    Exits with 1 if there are findings, or somebody could not be told of them.

    \b
    Examples:
      towpath monitor watch delay --from 2013-10-01 --until 2014-01-01
      towpath monitor watch delay --from 2013-10-01 --until 2014-01-01 --json
    """
    result = run_step("monitor.watch", as_json=as_json, **given)
    if not as_json:
        _print_watched(result)
    if result["findings"] or result["untold"]:
        raise click.exceptions.Exit(FINDINGS)


def _print_watched(result: Mapping[str, object]) -> None:
    """Say what was found, who does not know of it, and where the report is."""
    out = console()
    findings, untold = result["findings"], result["untold"]
    for one in findings if isinstance(findings, list) else ():
        out.print(f"[yellow]![/] {one['subject']}: {one.get('message') or one['check']}")
    if isinstance(untold, list) and untold:
        out.print(f"[red]not told:[/] {', '.join(untold)}")
    out.print(f"[green]next:[/] open {result['report']}", soft_wrap=True)
