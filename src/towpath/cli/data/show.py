"""``towpath data show``: one dataset with its contract, its table and its use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.data.overview import MINUTE
from towpath.cli.data.overview import summary as summary_of
from towpath.cli.data.text import COUNT, cell, share
from towpath.cli.output import console, json_option, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from towpath.catalog.usage import Use
    from towpath.core.event import Event
    from towpath.lake.dataset import Column, Dataset
    from towpath.lake.profile import Profile
    from towpath.lake.table import Table
    from towpath.workspace import Workspace

EVENTS = 5
# A profile of so many values takes about a second.
QUICK_CELLS = 2_000_000
WIDTH = 60
PLATFORM = ("_ingested_at", "_seq", "_batch")
FACTS = ("version", "rows", "rejected", "mode", "before", "after", "versions", "files", "size")


@click.command()
@json_option
@click.argument("name")
@click.option("--rows", type=COUNT, default=0, metavar="N", help="Show the first N rows too.")
def show(*, as_json: bool, name: str, rows: int) -> None:
    """Show a dataset's contract, what its table holds, who used it last, and its events.

    \b
    Examples:
      towpath data show flights
      towpath data show flights --rows 5
    """
    from towpath.catalog.events import read
    from towpath.catalog.usage import last_use

    with open_workspace() as workspace:
        table = workspace.lake[name]
        dataset = table.dataset
        used = last_use(workspace.catalog, f"dataset/{name}")
        events = read(workspace.catalog, subject=f"dataset/{name}", limit=EVENTS)
        summary = summary_of(workspace, dataset)
        # Other versions may come meanwhile: all that is shown is of one.
        version = summary["version"]
        profile, found = None, []
        if isinstance(version, int):
            profile = _profile(workspace, table, version)
            found = table.scan(version=version).slice(0, rows).to_pylist() if rows else []
    if as_json:
        told = {"profile": profile, "last_use": used, "sample": found, "events": events}
        print_json({"dataset": dataset, **summary, **told})
        return
    _print_dataset(dataset, summary, used)
    _print_columns(dataset, profile)
    _print_rules(dataset)
    if found:
        _print_rows(found)
    _print_events(events)
    if summary["version"] is None:
        console().print(f"No data yet. [green]next:[/] towpath data ingest {name}")


def _profile(workspace: Workspace, table: Table, version: int) -> Profile | None:
    """Return the profile of a version if it is there or takes a moment."""
    from towpath.steps.table import kept_profile, profile

    known = kept_profile(workspace, table, version=version)
    rows = next(one.rows for one in table.versions() if one.version == version)
    few = 0 < rows * len(table.dataset.columns) <= QUICK_CELLS
    name = table.dataset.name
    return profile(workspace, name, version=version) if known is None and few else known


def _print_dataset(dataset: Dataset, summary: dict[str, object], used: Use | None) -> None:
    """Print what the dataset is."""
    out = console()
    out.print(f"[bold]{dataset.name}[/]  {dataset.description}")
    for label in ("rows", "version", "updated", "key", "event_time", "owner"):
        value = summary[label]
        text = f"{value:,}" if isinstance(value, int) else value or "none"
        out.print(f"  {label.replace('_', ' '):<11} {text}")
    for label, text in (("source", _source(dataset)), ("tags", ", ".join(dataset.tags))):
        if text:
            out.print(f"  {label:<11} {text}", markup=False, soft_wrap=True)
    told = f"{used.at:{MINUTE}} by {used.actor} ({used.action})" if used else "never"
    out.print(f"  last used   {told}")


def _source(dataset: Dataset) -> str:
    """Say where rows come from, and how they go in."""
    given = dataset.source
    if not given:
        return ""
    if not isinstance(given, str):
        # The URL may hold a password.
        given = given.path or f"{given.table or 'a query'} of {given.url.partition(':')[0]}"
    return f"{given} ({dataset.mode})"


def _print_columns(dataset: Dataset, profile: Profile | None) -> None:
    """Print the columns, with what the latest version holds where that is known."""
    rows = []
    for one in dataset.columns:
        held = profile.column(one.name) if profile else None
        missing = "may be" if one.nullable else ""
        if held is not None and held.nulls:
            missing = share(held.nulls, held.rows)
        distinct = held.distinct if held else None
        rows.append((one.name, one.dtype, missing, distinct, _checks(one), one.doc))
    heads = ("name", "type", "missing", "distinct", "checks", "doc")
    used = [place for place in range(len(heads)) if any(row[place] for row in rows)]
    print_table(
        "Columns",
        [heads[place] for place in used],
        [tuple(row[place] for place in used) for row in rows],
    )


def _print_rules(dataset: Dataset) -> None:
    """Print the checks of several columns and of batches."""
    rules = [(one.name, one.predicate, one.severity, one.doc) for one in dataset.checks]
    severity = dataset.batch_severity
    if dataset.freshness:
        told = f"{dataset.event_time} at most {dataset.freshness} old"
        rules.append(("freshness", told, severity, ""))
    for name, limit, sign in (
        ("minimum_rows", dataset.minimum_rows, "≥"),
        ("maximum_rows", dataset.maximum_rows, "≤"),
    ):
        if limit is not None:
            rules.append((name, f"rows of a batch {sign} {limit:,}", severity, ""))
    if rules:
        print_table("Checks", ("name", "rule", "severity", "doc"), rules)


def _print_rows(rows: list[dict[str, object]]) -> None:
    """Print rows, each as a column, so that wide ones fit."""
    names = [name for name in rows[0] if name not in PLATFORM]
    heads = ("column", *(str(number + 1) for number in range(len(rows))))
    length = WIDTH // len(rows)
    told = [(name, *(cell(row[name], length=length) for row in rows)) for name in names]
    print_table("Rows", heads, told)


def _print_events(events: Iterable[Event]) -> None:
    """Print what happened, the latest first."""
    out = console()
    for event in events:
        facts = ", ".join(
            f"{key} {event.data[key]}" for key in FACTS if event.data.get(key) is not None
        )
        head = f"[dim]{event.at:{MINUTE}}[/] {event.action} by {event.actor}"
        out.print(f"{head}: {facts}" if facts else head, soft_wrap=True)
        failed = event.data.get("failed")
        for one in failed if isinstance(failed, list) else ():
            out.print(f"  [yellow]![/] {one}", soft_wrap=True)


def _checks(column: Column) -> str:
    """Write the checks of a column."""
    told = (
        (f"≥ {column.minimum}", column.minimum is not None),
        (f"≤ {column.maximum}", column.maximum is not None),
        (f"in {', '.join(map(str, column.allowed))}", bool(column.allowed)),
        (f"like {column.pattern}", bool(column.pattern)),
        (f"at most {column.max_length} characters", column.max_length is not None),
        ("unique", column.unique),
        (f"in {column.references}", bool(column.references)),
        ("only warns", column.severity == "warn"),
    )
    return ", ".join(text for text, given in told if given)
