"""``towpath plan`` and ``towpath apply``: from files to registered definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.exit import FINDINGS
from towpath.cli.output import console, json_option, open_workspace, print_json

if TYPE_CHECKING:
    from towpath.project.plan import Plan
    from towpath.workspace import Workspace

SIGNS = {"add": "[green]+[/]", "change": "[yellow]~[/]", "remove": "[red]-[/]"}


@click.command()
@json_option
@click.option("--exit-code", is_flag=True, help="Exit with 1 when there are changes.")
def plan(*, as_json: bool, exit_code: bool) -> None:
    """Show what applying the project would change, and what is downstream of it.

    \b
    Examples:
      towpath plan
      towpath plan --json
    """
    with open_workspace() as workspace:
        found = planned(workspace)
    if as_json:
        print_json(found)
    else:
        _print_plan(found)
    if exit_code and found.changes:
        raise click.exceptions.Exit(FINDINGS)


@click.command()
@json_option
@click.argument("plan_id", required=False)
@click.option("--allow-breaking", is_flag=True, help="Break what reads a changed dataset.")
@click.option("--allow-model", "models", multiple=True, help="Change what its champion reads.")
def apply(
    *, as_json: bool, plan_id: str | None, allow_breaking: bool, models: tuple[str, ...]
) -> None:
    """Register the project's definitions, all or none.

    Give the id that ``towpath plan`` printed to apply exactly that plan. A change of a dataset
    that breaks features, models or endpoints is refused unless it is allowed, which is logged;
    so is a change of features that a champion reads: it answers no more until it is trained anew.

    \b
    Examples:
      towpath apply
      towpath apply 1f0c2a9b5d3e4f60
      towpath apply --allow-breaking
      towpath apply --allow-model delay
    """
    from towpath.core.errors import Conflict
    from towpath.steps.project import apply as apply_plan

    with open_workspace() as workspace:
        found = planned(workspace)
        if plan_id and plan_id != found.id:
            message = f"The plan {plan_id!r} is out of date."
            raise Conflict(message, hint="Look at the new plan: towpath plan")
        found = found.replace(allow_breaking=allow_breaking)
        pointed = apply_plan(workspace, found, allow_models=models)
    if as_json:
        print_json(found)
        return
    _print_plan(found)
    if found.changes:
        console().print("Applied.")
    for name in pointed:
        console().print(f"The endpoint {name} answers with its new arms.")


def planned(workspace: Workspace) -> Plan:
    """Compare a project with what is registered, the steps of its pipelines checked too.

    Raises:
        Invalid: the definitions do not fit each other.
    """
    from towpath.project.plan import plan_project
    from towpath.steps.execute import check_steps

    for name, pipeline in workspace.project.pipelines.items():
        check_steps(pipeline, workspace.project.where("pipeline", name))
    return plan_project(workspace.project, workspace.catalog)


def _print_plan(found: Plan) -> None:
    """List the changes, one a line."""
    out = console()
    for change in found.changes:
        line = f"{SIGNS[change.action]} {change.kind} [bold]{change.name}[/]  {change.where}"
        out.print(line)
        if change.affects:
            out.print(f"    affects {', '.join(change.affects)}")
    for one in found.breaking:
        out.print(f"[red]![/] {one.message}  {one.where}", soft_wrap=True)
        out.print(f"    breaks {', '.join(one.affects)}", soft_wrap=True)
    if not found.changes:
        out.print("The project is registered as it is written.")
    else:
        out.print(f"{len(found.changes)} changes, plan {found.id}")
