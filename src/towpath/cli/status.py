"""``towpath status``: the whole project on one screen."""

from __future__ import annotations

import click

from towpath.cli.output import console, json_option, open_workspace, print_json, print_table


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
        project, catalog = workspace.project, workspace.catalog
        changes = len(plan_project(project, catalog).changes)
        tables = [(name, workspace.lake[name].rows()) for name in project.datasets]
        runs = latest(catalog, limit=5)
        versions = workspace.models.list()
        champions = {name: workspace.models.aliases(name) for name in project.models}
        events = read(catalog, limit=5)
    models = [
        (
            one.model,
            one.version,
            one.estimator,
            ", ".join(
                alias for alias, at in champions.get(one.model, {}).items() if at == one.version
            ),
            one.metrics["roc_auc"].value if "roc_auc" in one.metrics else None,
            one.predictor,
        )
        for one in versions
    ]
    if as_json:
        facts = {
            "project": workspace.settings.name,
            "unapplied_changes": changes,
            "datasets": dict(tables),
            "models": versions,
            "aliases": champions,
            "runs": runs,
            "events": events,
        }
        print_json(facts)
        return
    out = console()
    state = f"[yellow]{changes} changes to apply[/]" if changes else "[green]registered[/]"
    out.print(f"[bold]{workspace.settings.name}[/]  {workspace.root}  {state}", soft_wrap=True)
    print_table("Datasets", ("name", "rows"), tables)
    heads = ("model", "version", "estimator", "alias", "ROC AUC", "served by")
    print_table("Model versions", heads, models)
    rows = [(one.id, one.status, f"{one.started_at:%Y-%m-%d %H:%M}") for one in runs]
    print_table("Last runs", ("run", "state", "started"), rows)
    said = [(f"{one.at:%Y-%m-%d %H:%M}", one.actor, one.action, one.subject) for one in events]
    print_table("Last events", ("at", "who", "what", "which"), said)
