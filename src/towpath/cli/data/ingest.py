"""``towpath data ingest``: rows from their sources into the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from towpath.cli.exit import FINDINGS
from towpath.cli.output import console, json_option, open_applied, print_json, print_table
from towpath.cli.progress import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.lake.report import IngestReport

MODES = ("overwrite", "append", "merge", "incremental")


@click.command()
@json_option
@click.argument("names", nargs=-1)
@click.option(
    "--from", "source", metavar="SOURCE", help="Read this file, folder, glob or s3:// URL."
)
@click.option("--mode", type=click.Choice(MODES), help="Other than the contract's mode.")
def ingest(*, as_json: bool, names: tuple[str, ...], source: str | None, mode: str | None) -> None:
    """Read sources into the lake, checked against their contracts.

    NAMES are datasets, all with a source unless given. Rows that break a blocking check go to
    NAME__rejected with the reason; the command then exits with 1. The same source again changes
    nothing, and a run that was stopped is simply started again.

    \b
    Modes:
      overwrite    replace all rows, in one step
      append       add rows; each file is a batch that is taken in once
      merge        replace rows of the same key, add the others
      incremental  read only rows from the highest event time (or watermark) on

    \b
    Examples:
      towpath data ingest
      towpath data ingest flights weather
      towpath data ingest flights --from 'incoming/*.csv.gz' --mode append
      towpath data ingest flights --from s3://bucket/flights/ --mode merge
    """
    from towpath.steps.execute import step_function

    order = {"source": source, "mode": mode}
    with open_applied() as workspace:
        result = step_function("data.ingest")(workspace, say, datasets=names, **order)
    if as_json:
        print_json(result)
    else:
        _print(result)
    if any(msgspec.convert(result["rejected"], dict[str, int]).values()):
        raise click.exceptions.Exit(FINDINGS)


def _print(result: Mapping[str, object]) -> None:
    """Print rows and rejected rows by dataset, and each failed check."""
    from towpath.core.finding import Finding
    from towpath.lake.report import IngestReport

    reports = msgspec.convert(result["reports"], list[IngestReport])
    head = ("dataset", "rows", "rejected", "version", "state", "rows/s")
    rows = [
        (one.dataset, one.rows, one.rejected, one.version, _state(one), _speed(one))
        for one in reports
    ]
    print_table("Ingested", head, rows)
    for one in msgspec.convert(result["findings"], list[Finding]):
        console().print(f"[yellow]![/] {one.subject}: {one.message or one.check}")
    for report in reports:
        if report.rejected:
            look = f"towpath data show {report.dataset}__rejected --rows 5"
            console().print(f"  Look at them: [bold]{look}[/]")


def _speed(report: IngestReport) -> str:
    """Say how many rows came in a second."""
    return "" if report.unchanged else f"{report.rows / max(report.seconds, 1e-9):,.0f}"


def _state(report: IngestReport) -> str:
    """Say whether rows came, or were there already."""
    if report.unchanged:
        return "unchanged"
    if report.batches == 1:
        return "new"
    return f"{report.batches - report.known} new files, {report.known} known"
