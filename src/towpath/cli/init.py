"""``towpath init``: a project in one command."""

from __future__ import annotations

import getpass
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from towpath.cli.output import console, json_option, print_json
from towpath.cli.project import planned

if TYPE_CHECKING:
    from towpath.project.start import Started


@click.command()
@json_option
@click.argument("name")
@click.option(
    "--from", "source", type=click.Path(dir_okay=False, path_type=Path), help="Your file."
)
@click.option("--label", default="", help="Column to predict; it must hold two values.")
@click.option("--positive", default="", help="Which of the two values counts as true.")
@click.option("--key", default="", help="Column that identifies a row; row numbers otherwise.")
@click.option("--time", default="", help="Column that says when a row became known.")
@click.option("--zone", default="", help="Time zone of times written without one.")
def init(*, as_json: bool, name: str, source: Path | None, **given: str) -> None:
    """Start a project in the folder NAME, on your own CSV or Parquet file.

    Without --from it starts on a sample: 569 tumours, malignant or benign (Wisconsin, 1995).

    \b
    Examples:
      towpath init shop --from orders.csv --label returned --key order_id
      towpath init trips --from trips.csv --label late --time departed_at --zone Europe/Lisbon
      towpath init sample
    """
    from towpath.core.clock import SystemClock
    from towpath.core.errors import Invalid
    from towpath.core.instant import format_instant
    from towpath.project.start import new_folder, start_project
    from towpath.project.tidy import Roles
    from towpath.steps.project import apply
    from towpath.workspace import Workspace

    if source is None and any(given.values()):
        message = f"No file is given that --{next(one for one in given if given[one])} is about."
        raise Invalid(message, hint="Name it: --from FILE. Without it, init takes a sample.")
    folder = Path(name)
    today = SystemClock().now().replace(hour=0, minute=0, second=0, microsecond=0)
    known_at = "" if given["time"] else format_instant(today)
    with new_folder(folder), tempfile.TemporaryDirectory() as aside:
        if source is None:
            from towpath.modelling.sample import LABEL, write_sample

            source = write_sample(Path(aside))
            given = given | {"label": LABEL}
        roles = Roles(known_at=known_at, **given)
        started = start_project(folder, source, roles, owner=getpass.getuser())
        with Workspace(folder) as workspace:
            apply(workspace, planned(workspace))
    if as_json:
        print_json(started)
    else:
        _print(started)


def _print(started: Started) -> None:
    """Say what was written and what to do next."""
    out = console()
    out.print(f"Wrote [bold]{started.folder}/[/]: predicts {started.label} for {started.dataset}")
    out.print(f"  features  {', '.join(started.features)}", soft_wrap=True)
    if started.left_out:
        out.print(f"  left out  {', '.join(started.left_out)} (no values, or too many as text)")
    out.print(f"  true      {started.positive:.1%} of the rows")
    out.print("[green]next:[/]")
    out.print(f"  cd {started.folder}")
    out.print("  towpath run train")
    out.print(f"  towpath predict {started.label} {started.example}")
