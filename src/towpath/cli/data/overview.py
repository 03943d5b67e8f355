"""``towpath data list``: the datasets at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.output import json_option, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from towpath.lake.dataset import Dataset
    from towpath.workspace import Workspace

MINUTE = "%Y-%m-%d %H:%M"


@click.command("list")
@json_option
def list_datasets(*, as_json: bool) -> None:
    """List the datasets with their rows.

    \b
    Examples:
      towpath data list
      towpath data list --json
    """
    with open_workspace() as workspace:
        found = [summary(workspace, one) for one in workspace.project.datasets.values()]
    if as_json:
        print_json(found)
        return
    heads = ("name", "rows", "version", "updated", "key", "event time", "owner")
    print_table("Datasets", heads, [tuple(one.values()) for one in found])


def summary(workspace: Workspace, dataset: Dataset) -> dict[str, object]:
    """Return what the list shows of a dataset."""
    versions = workspace.lake[dataset.name].versions()
    latest = versions[-1] if versions else None
    return {
        "name": dataset.name,
        "rows": latest.rows if latest else None,
        "version": latest.version if latest else None,
        "updated": f"{latest.at:{MINUTE}}" if latest else None,
        "key": ", ".join(dataset.key),
        "event_time": dataset.event_time,
        "owner": dataset.owner,
    }
