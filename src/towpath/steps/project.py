"""Registering a project, and its own functions as steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from towpath.catalog.events import read
from towpath.core.errors import Invalid
from towpath.project.load import load_function
from towpath.project.plan import apply_plan
from towpath.steps.endpoint import deploy
from towpath.steps.in_use import refuse_changes_in_use

if TYPE_CHECKING:
    from towpath.pipelines.runners import Report
    from towpath.project.plan import Plan
    from towpath.workspace import Workspace


def apply(
    workspace: Workspace, plan: Plan, *, allow_models: Collection[str] = ()
) -> tuple[str, ...]:
    """Register what a plan changes, and point changed endpoints at their versions.

    Args:
        workspace: the project.
        plan: what is to change.
        allow_models: models whose features may change though a champion reads them.

    Returns:
        The endpoints that were pointed; one whose model has no champion yet is not.

    Raises:
        Conflict: the project or the catalog moved since the plan was made, or a champion reads
            what would change.
        NotFound: an allowed model that the project does not have.
    """
    refuse_changes_in_use(workspace, plan, allowed=allow_models)
    apply_plan(
        workspace.project,
        workspace.catalog,
        plan,
        actor=workspace.actor,
        clock=workspace.clock,
    )
    endpoints = workspace.project.endpoints
    changed = [one.name for one in plan.changes if one.kind == "endpoint" and one.after]
    models = dict.fromkeys(endpoints[name].model for name in changed)
    promoted = [one for one in models if read(workspace.catalog, subject=f"model/{one}", limit=1)]
    return tuple(name for model in promoted for name in deploy(workspace, model))


def call(
    workspace: Workspace,
    report: Report,
    *,
    function: str,
    arguments: Mapping[str, object] | None = None,
) -> Mapping[str, object]:
    """Call a function of the project, written as ``file.py:name``.

    It is called with the project's folder and the given arguments by name, and returns a
    mapping that JSON can hold, or nothing.

    Raises:
        NotFound: no such file or function.
        Invalid: the function returned something else.
    """
    report(0.0, function)
    result = load_function(workspace.root, function)(workspace.root, **(arguments or {}))
    if result is None:
        return {}
    if not isinstance(result, Mapping):
        message = f"{function} returned {type(result).__name__}."
        raise Invalid(message, hint="Return a mapping of names to numbers and text, or nothing.")
    return result
