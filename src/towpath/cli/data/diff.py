"""``towpath data diff``: what changed from one version of a dataset to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.data.overview import MINUTE
from towpath.cli.data.text import COUNT, version_or_time
from towpath.cli.output import console, json_option, open_workspace, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from towpath.catalog.table_versions import TableVersion
    from towpath.lake.difference import Difference


@click.command()
@json_option
@click.argument("name")
@click.argument("before", default="")
@click.argument("after", default="")
@click.option(
    "--examples", type=COUNT, default=5, show_default=True, help="Rows to show of each kind."
)
def diff(*, as_json: bool, name: str, before: str, after: str, examples: int) -> None:
    """Show what changed in a dataset from one version to another.

    BEFORE and AFTER are versions, or times for the versions that were the latest then; the last
    two unless given. Rows are told apart by the contract's key.

    \b
    Examples:
      towpath data diff flights
      towpath data diff flights 3 7
      towpath data diff flights 2024-01-01 2024-02-01 --json
    """
    with open_workspace() as workspace:
        table = workspace.lake[name]
        old, new = table.pair(version_or_time(before), version_or_time(after))
        found = table.diff(old, new, examples=examples)
        versions = {one.version: one for one in table.versions()}
    if as_json:
        print_json({"dataset": name, "before": old, "after": new, "difference": found})
        return
    out = console()
    out.print(f"[bold]{name}[/]  {_told(versions[old])} → {_told(versions[new])}")
    if found.same:
        out.print("  nothing changed")
        return
    _print_columns(out, found)
    _print_counts(out, found)
    _print_rows(out, found)


def _told(version: TableVersion) -> str:
    """Write a version with its time."""
    return f"version {version.version} ({version.at:{MINUTE}}, {version.rows:,} rows)"


def _print_columns(out: Console, found: Difference) -> None:
    """Print which columns came, went or became others."""
    for name in found.columns_added:
        out.print(f"  [green]+ column {name}[/]")
    for name in found.columns_removed:
        out.print(f"  [red]- column {name}[/]")
    for one in found.columns_changed:
        out.print(f"  [yellow]~ column {one.column}[/]  {one.before} → {one.after}")


def _print_counts(out: Console, found: Difference) -> None:
    """Print how many rows changed, and in which columns."""
    out.print(
        f"  [green]+ {found.added:,} added[/]  [red]- {found.removed:,} removed[/]"
        f"  [yellow]~ {found.changed:,} changed[/]  = {found.unchanged:,} the same"
    )
    for name, count in sorted(found.cells_changed.items(), key=lambda one: -one[1]):
        out.print(f"    {name}: {count:,} changed")


def _print_rows(out: Console, found: Difference) -> None:
    """Print some rows of each kind."""
    for sign, colour, rows, total in (
        ("+", "green", found.added_rows, found.added),
        ("-", "red", found.removed_rows, found.removed),
    ):
        for row in rows:
            out.print(f"[{colour}]{sign}[/] {_fields(row)}", highlight=False)
        _print_more(out, sign, total - len(rows))
    for change in found.changed_rows:
        cells = ", ".join(
            f"{one.column} {_value(one.before)} → {_value(one.after)}" for one in change.cells
        )
        out.print(f"[yellow]~[/] {_fields(change.key)}: {cells}")
    _print_more(out, "~", found.changed - len(found.changed_rows))


def _print_more(out: Console, sign: str, more: int) -> None:
    """Say how many rows are not shown."""
    if more > 0:
        out.print(f"[dim]{sign} and {more:,} more[/]")


def _fields(row: Mapping[str, object]) -> str:
    """Write the values of a row."""
    return ", ".join(f"{name} {_value(value)}" for name, value in row.items())


def _value(value: object) -> str:
    """Write one value, so that it is not taken for markup."""
    from rich.markup import escape

    return "none" if value is None else escape(str(value))
