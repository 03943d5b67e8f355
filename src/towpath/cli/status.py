"""``towpath status``: the whole project on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.output import console, json_option, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from towpath.catalog.runs import Run
    from towpath.core.event import Event
    from towpath.registry.model import ModelVersion
    from towpath.workspace import Workspace

LAST = 5


@click.command()
@json_option
def status(*, as_json: bool) -> None:
    """Show what is registered, ingested, trained, deployed and logged.

    \b
    Examples:
      towpath status
      towpath status --json
    """
    from towpath.catalog.events import read
    from towpath.catalog.runs import latest
    from towpath.project.plan import plan_project

    with open_workspace() as workspace:
        changes = len(plan_project(workspace.project, workspace.catalog).changes)
        tables = {name: workspace.lake[name].rows() for name in workspace.project.datasets}
        versions, aliases = _models(workspace)
        runs = latest(workspace.catalog, limit=LAST)
        events = read(workspace.catalog, limit=LAST)
        settings = workspace.settings
    if as_json:
        facts = {"project": settings.name, "owner": settings.owner, "unapplied_changes": changes}
        found = {"datasets": tables, "models": versions, "aliases": aliases}
        print_json({**facts, **found, "runs": runs, "events": events})
        return
    state = f"[yellow]{changes} changes to apply[/]" if changes else "[green]registered[/]"
    console().print(f"[bold]{settings.name}[/]  {workspace.root}  {state}", soft_wrap=True)
    console().print(f"[dim]owner[/] {settings.owner}", soft_wrap=True)
    print_table("Datasets", ("name", "rows"), list(tables.items()))
    _print_models(versions, aliases)
    _print_log(runs, events)


def _models(workspace: Workspace) -> tuple[tuple[ModelVersion, ...], dict[str, dict[str, int]]]:
    """Return the registered versions and where the aliases point."""
    versions = workspace.models.list()
    return versions, {one.model: workspace.models.aliases(one.model) for one in versions}


def _print_models(versions: tuple[ModelVersion, ...], aliases: dict[str, dict[str, int]]) -> None:
    """Print a line for each version."""
    rows = [
        (
            one.model,
            one.version,
            one.estimator,
            ", ".join(name for name, at in aliases[one.model].items() if at == one.version),
            one.metrics["roc_auc"].value if "roc_auc" in one.metrics else None,
            one.predictor,
        )
        for one in versions
    ]
    heads = ("model", "version", "estimator", "alias", "ROC AUC", "served by")
    print_table("Model versions", heads, rows)


def _print_log(runs: tuple[Run, ...], events: tuple[Event, ...]) -> None:
    """Print the last runs and events."""
    rows = [(one.id, one.status, f"{one.started_at:%Y-%m-%d %H:%M}") for one in runs]
    print_table("Last runs", ("run", "status", "started"), rows)
    said = [(f"{one.at:%Y-%m-%d %H:%M}", one.actor, one.action, one.subject) for one in events]
    print_table("Last events", ("at", "who", "what", "which"), said)
