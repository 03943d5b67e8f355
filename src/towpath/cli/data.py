"""``towpath data``: datasets and their tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from towpath.cli.exit import FINDINGS
from towpath.cli.output import (
    console,
    json_option,
    open_applied,
    open_workspace,
    print_json,
    print_table,
)
from towpath.cli.progress import say

if TYPE_CHECKING:
    from towpath.lake.dataset import Dataset
    from towpath.workspace import Workspace


@click.group()
def data() -> None:
    """Datasets: list, show, ingest, infer."""


@data.command("list")
@json_option
def list_datasets(*, as_json: bool) -> None:
    """List the datasets with their rows.

    \b
    Examples:
      towpath data list
      towpath data list --json
    """
    with open_workspace() as workspace:
        found = [_summary(workspace, one) for one in workspace.project.datasets.values()]
    if as_json:
        print_json(found)
        return
    rows = [tuple(one.values()) for one in found]
    print_table("Datasets", ("name", "rows", "version", "key", "event time", "owner"), rows)


@data.command()
@json_option
@click.argument("name")
@click.option("--rows", default=0, metavar="N", help="Show the first N rows too.")
def show(*, as_json: bool, name: str, rows: int) -> None:
    """Show a dataset's contract, its table and its last checks.

    \b
    Examples:
      towpath data show flights
      towpath data show flights --rows 5
    """
    from towpath.catalog.events import read
    from towpath.project.load import pick

    with open_workspace() as workspace:
        dataset = pick(workspace.project.datasets, name, "dataset")
        table = workspace.lake[name]
        sample = table.scan().slice(0, rows) if rows and table.exists() else None
        events = read(workspace.catalog, subject=f"dataset/{name}", limit=5)
        summary = _summary(workspace, dataset)
    found = sample.to_pylist() if sample is not None else []
    if as_json:
        print_json({"dataset": dataset, **summary, "sample": found, "events": events})
        return
    _print_dataset(dataset, summary)
    if found:
        print_table("Rows", tuple(found[0]), [tuple(row.values()) for row in found])
    for event in events:
        facts = ", ".join(f"{key} {value}" for key, value in event.data.items())
        console().print(f"[dim]{event.at:%Y-%m-%d %H:%M}[/] {event.action} {facts}")


@data.command()
@json_option
@click.argument("names", nargs=-1)
def ingest(*, as_json: bool, names: tuple[str, ...]) -> None:
    """Read sources into the lake, checked against their contracts.

    The same source again changes nothing. Exits with 1 if a blocking check set rows aside.

    \b
    Examples:
      towpath data ingest
      towpath data ingest flights weather
    """
    from towpath.steps.data import ingest as step

    with open_applied() as workspace:
        result = step(workspace, say, datasets=names)
    rejected = result["rejected"]
    if as_json:
        print_json(result)
    else:
        _print_ingested(result)
    if isinstance(rejected, dict) and any(rejected.values()):
        raise click.exceptions.Exit(FINDINGS)


@data.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", default="", help="Name of the dataset, the file's name unless given.")
def infer(*, file: Path, name: str) -> None:
    """Draft a contract from a CSV or Parquet file, to be edited and kept.

    \b
    Examples:
      towpath data infer orders.csv > datasets/orders.yaml
      towpath data infer orders.parquet --name sales
    """
    from towpath.lake.infer import infer as draft
    from towpath.project.tidy import legal_name
    from towpath.project.yaml import write_record

    dataset = draft(file, name or legal_name(file.name.split(".")[0]))
    click.echo(write_record(dataset), nl=False)


def _summary(workspace: Workspace, dataset: Dataset) -> dict[str, object]:
    """Return what the list shows of a dataset."""
    table = workspace.lake[dataset.name]
    exists = table.exists()
    return {
        "name": dataset.name,
        "rows": table.rows() if exists else None,
        "version": table.version() if exists else None,
        "key": ", ".join(dataset.key),
        "event_time": dataset.event_time,
        "owner": dataset.owner,
    }


def _print_dataset(dataset: Dataset, summary: dict[str, object]) -> None:
    """Print a contract."""
    out = console()
    out.print(f"[bold]{dataset.name}[/]  {dataset.description}")
    for label in ("rows", "version", "key", "event_time", "owner"):
        value = summary[label]
        out.print(f"  {label.replace('_', ' '):<11} {'none' if value in (None, '') else value}")
    rows = [
        (
            one.name,
            one.dtype,
            "yes" if one.nullable else "",
            _checks(one.minimum, one.maximum, one.allowed),
            one.doc,
        )
        for one in dataset.columns
    ]
    print_table("Columns", ("name", "type", "nullable", "checks", "doc"), rows)


def _checks(minimum: float | None, maximum: float | None, allowed: tuple[str, ...]) -> str:
    """Write the checks of a column."""
    parts = [f"≥ {minimum:g}"] if minimum is not None else []
    parts += [f"≤ {maximum:g}"] if maximum is not None else []
    parts += [f"in {', '.join(allowed)}"] if allowed else []
    return ", ".join(parts)


def _print_ingested(result: object) -> None:
    """Print rows and rejected rows by dataset, and each failed check."""
    if not isinstance(result, dict):
        return
    rows = [
        (
            name,
            count,
            result["rejected"][name],
            "unchanged" if name in result["unchanged"] else "new",
        )
        for name, count in result["rows"].items()
    ]
    print_table("Ingested", ("dataset", "rows", "rejected", "state"), rows)
    for one in result["findings"]:
        console().print(f"[yellow]![/] {one['subject']}: {one.get('message') or one['check']}")
