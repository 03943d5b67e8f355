"""``towpath data compact`` and ``vacuum``: fewer files, and fewer old ones."""

from __future__ import annotations

import click

from towpath.cli.data.text import size
from towpath.cli.output import console, json_option, open_workspace, print_json


@click.command()
@json_option
@click.argument("name")
def compact(*, as_json: bool, name: str) -> None:
    """Join the small files of a dataset into few; its rows stay as they are.

    \b
    Examples:
      towpath data compact flights
      towpath data compact flights --json
    """
    from towpath.steps.table import compact as join

    with open_workspace() as workspace:
        found = join(workspace, name)
    if as_json:
        print_json(found)
    elif found.before == found.after:
        console().print(f"{name}: there are no small files to join.")
    else:
        told = f"{found.before:,} files became {found.after:,}"
        console().print(f"{name}: {told}, version {found.version}.")


@click.command()
@json_option
@click.argument("name")
@click.option("--older-than", default="30d", show_default=True, help="Span such as 12h, 30d, 4w.")
@click.option("--dry-run", is_flag=True, help="Remove nothing, only tell.")
def vacuum(*, as_json: bool, name: str, older_than: str, dry_run: bool) -> None:
    """Remove the files that only old versions of a dataset need.

    The latest version stays, and so does every version that a model version, a training set or a
    trained candidate was made from.

    \b
    Examples:
      towpath data vacuum flights --older-than 90d --dry-run
      towpath data vacuum flights --older-than 90d
    """
    from towpath.steps.table import vacuum as clean

    with open_workspace() as workspace:
        found = clean(workspace, name, older_than=older_than, dry=dry_run)
    if as_json:
        print_json(found)
        return
    out = console()
    if found.files or found.versions:
        verb = "Would remove" if dry_run else "Removed"
        gone = ", ".join(map(str, found.versions)) or "none"
        freed = f"{found.files:,} files, {size(found.size)}"
        out.print(f"{verb} {freed}; versions that cannot be read any more: {gone}")
    else:
        out.print(f"{name} has no file that only versions older than {older_than} need.")
    for pin in found.pinned:
        out.print(f"  [dim]version {pin.version} stays for {pin.holder}[/]")
