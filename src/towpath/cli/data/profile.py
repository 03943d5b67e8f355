"""``towpath data profile``: what the columns of a dataset hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.data.text import VERSION, cell, share
from towpath.cli.output import console, json_option, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.lake.profile import ColumnProfile, Profile

BARS = "▁▂▃▄▅▆▇█"
TOP = 3
MIDDLE = 0.5
MINUTES = len("2013-10-01T08:30")


@click.command()
@json_option
@click.argument("name")
@click.option("--version", type=VERSION, help="Of this version, the latest unless given.")
@click.option("--column", default="", help="One column, with all that is known of it.")
def profile(*, as_json: bool, name: str, version: int | None, column: str) -> None:
    """Show what each column holds: missing and different values, and how they are spread.

    Numbers and times show their histogram with the least, median and greatest value, other
    columns their frequent values. It is computed once for each version, and kept.

    \b
    Examples:
      towpath data profile flights
      towpath data profile flights --column dep_delay
      towpath data profile flights --version 3 --json
    """
    from towpath.steps.table import profile as compute

    with open_workspace() as workspace:
        table = workspace.lake[name]
        if column:
            table.dataset.column(column)
        found = compute(workspace, name, version=version)
    wanted = tuple(one for one in found.columns if column in {"", one.column})
    if as_json:
        print_json(found.replace(columns=wanted))
    elif column and wanted:
        _print_column(found, wanted[0])
    elif column:
        console().print(f"Version {found.version} of {name} does not have the column {column} yet.")
    else:
        _print_columns(found)


def _print_columns(found: Profile) -> None:
    """Print a line for each column."""
    rows = [
        (
            one.column,
            one.dtype,
            share(one.nulls, one.rows),
            f"{'' if one.exact else '~'}{one.distinct:,}" if one.distinct is not None else "",
            _values(one),
        )
        for one in found.columns
    ]
    title = f"{found.dataset} version {found.version}: {found.rows:,} rows"
    heads = ("column", "type", "missing", "distinct", "values")
    print_table(title, heads, rows)


def _print_column(found: Profile, one: ColumnProfile) -> None:
    """Print all that is known of one column."""
    out = console()
    out.print(f"[bold]{found.dataset}.{one.column}[/]  {one.dtype}, version {found.version}")
    facts: dict[str, object] = {
        "rows": one.rows,
        "missing": f"{one.nulls:,} {share(one.nulls, one.rows)}".strip(),
        "distinct": one.distinct,
        "least": one.minimum,
        "greatest": one.maximum,
        "mean": one.mean,
        "deviation": one.std,
        "zeros": one.zeros,
        "shape": bars(one.histogram),
    }
    if one.lengths:
        least, most = one.lengths.minimum, one.lengths.maximum
        facts["length"] = f"{least:,} to {most:,}, mean {one.lengths.mean:.4g}"
    for label, value in facts.items():
        if value not in (None, ""):
            out.print(f"  {label:<10} {cell(value, length=60)}", markup=False)
    if not one.exact:
        out.print("  [dim]distinct, shape, quantiles and values are estimated from a sample[/]")
    if one.quantiles:
        told = [(f"{each.share:.0%}", cell(each.value)) for each in one.quantiles]
        print_table("Quantiles", ("share", "value"), told)
    if one.top:
        counts = [(cell(e.value, length=60), e.rows, share(e.rows, one.rows)) for e in one.top]
        print_table("Frequent values", ("value", "rows", "share"), counts)


def bars(counts: Sequence[int]) -> str:
    """Draw counts as bars, none as a dot.

    Example:
        >>> bars([0, 1, 50, 100])
        '·▁▄█'
    """
    highest = max(counts, default=0)
    if not highest:
        return ""
    steps = len(BARS)
    return "".join(BARS[max(count * steps // highest - 1, 0)] if count else "·" for count in counts)


def _values(one: ColumnProfile) -> str:
    """Draw the values of a column and say their range, or name the frequent ones."""
    if not one.histogram:
        return _frequent(one)
    ends = [cell(one.minimum), cell(_quantile(one, MIDDLE)), cell(one.maximum)]
    if one.dtype == "timestamp":
        times = (one.minimum, _quantile(one, MIDDLE), one.maximum)
        ends = [str(value)[:MINUTES].replace("T", " ") for value in times]
    return f"{bars(one.histogram)} {' … '.join(dict.fromkeys(ends))}"


def _quantile(one: ColumnProfile, share: float) -> object:
    """Return the value that a share of the rows do not exceed."""
    return next((each.value for each in one.quantiles if each.share == share), None)


def _frequent(one: ColumnProfile) -> str:
    """Name the most frequent values with their share."""
    return ", ".join(f"{cell(each.value)} {share(each.rows, one.rows)}" for each in one.top[:TOP])
