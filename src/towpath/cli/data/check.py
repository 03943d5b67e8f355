"""``towpath data check``: stored rows held against their contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.data.text import COUNT, VERSION
from towpath.cli.exit import FINDINGS
from towpath.cli.output import console, json_option, open_workspace, print_json, print_table
from towpath.cli.progress import say

if TYPE_CHECKING:
    from towpath.lake.checks import Example
    from towpath.lake.recheck import Recheck


@click.command()
@json_option
@click.argument("names", nargs=-1)
@click.option("--version", type=VERSION, help="This version, the latest unless given.")
@click.option(
    "--examples", type=COUNT, default=3, show_default=True, help="Failing rows to show per check."
)
def check(*, as_json: bool, names: tuple[str, ...], version: int | None, examples: int) -> None:
    """Hold stored rows against the contract as it is now; all datasets with data unless named.

    Exits with 1 if a blocking check fails.

    \b
    Examples:
      towpath data check
      towpath data check flights --examples 10
      towpath data check flights --version 3 --json
    """
    from towpath.core.errors import Invalid
    from towpath.core.finding import blocking
    from towpath.lake.recheck import recheck

    if version is not None and len(names) != 1:
        raise Invalid("A version is of one dataset.", hint="Name one dataset beside --version.")
    with open_workspace() as workspace:
        lake = workspace.lake
        chosen = names or tuple(one for one in workspace.project.datasets if lake[one].exists())
        found = []
        for done, name in enumerate(chosen):
            say(done / len(chosen), name)
            found.append(recheck(lake, name, version=version, shown=examples))
    if chosen:
        say(1.0, "checked")
    if as_json:
        print_json(found)
    else:
        for one in found:
            _print(one)
        if not found:
            console().print("No dataset has data yet. [green]next:[/] towpath data ingest")
    if any(blocking(one.findings) for one in found):
        raise click.exceptions.Exit(FINDINGS)


def _print(found: Recheck) -> None:
    """Print the checks that failed, with examples, and count the others."""
    out = console()
    failed = [one for one in found.findings if not one.passed]
    head = f"[bold]{found.dataset}[/] version {found.version}: {found.rows:,} rows"
    held = len(found.findings) - len(failed)
    if not failed:
        out.print(f"{head}, [green]{held} checks hold[/]")
        return
    out.print(f"{head}, [red]{len(failed)} of {len(found.findings)} checks fail[/]")
    rows = [(one.check, one.subject, one.severity, one.message) for one in failed]
    print_table("Failed", ("check", "of", "severity", "outcome"), rows)
    for example in found.examples:
        out.print(f"  {_told(example)}", markup=False, soft_wrap=True)


def _told(example: Example) -> str:
    """Write a failing row."""
    values = ", ".join(f"{name} {value}" for name, value in example.values.items())
    return f"row {example.row:,}: {values} ({example.reason})"
