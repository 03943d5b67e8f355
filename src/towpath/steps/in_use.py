"""Which models in production read features that a plan would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog.events import read
from towpath.core.errors import Conflict, NotFound, did_you_mean
from towpath.core.record import Record
from towpath.features.feature_set import definition_version
from towpath.registry.promote import CHAMPION, PROMOTED

if TYPE_CHECKING:
    from collections.abc import Collection

    from towpath.project.plan import Plan
    from towpath.registry.model import ModelVersion
    from towpath.workspace import Workspace

# Definitions that decide what the values of a feature set mean.
MEANING = ("dataset", "feature_view", "feature_set")


class InUse(Record, frozen=True):
    """A champion whose features a plan would change.

    Args:
        model: the model.
        version: its champion.
        feature_set: what it reads.
        changed: the definitions that would change it, as ``kind/name``.
        where: file and line of the first of them; empty for a removal.
    """

    model: str
    version: int
    feature_set: str
    changed: tuple[str, ...]
    where: str = ""


def changes_in_use(workspace: Workspace, plan: Plan) -> tuple[InUse, ...]:
    """Find the champions that were trained on features which mean something else after a plan.

    What changes no value, such as a description or a new view, finds none.

    Args:
        workspace: the project as it is to be registered.
        plan: what applying it would change.
    """
    changes = [one for one in plan.changes if one.before and one.kind in MEANING]
    if not changes:
        return ()
    found = []
    for version in _champions(workspace):
        name = f"feature_set/{version.feature_set}"
        own = [one for one in changes if name in (f"{one.kind}/{one.name}", *one.affects)]
        if own and _definition(workspace, version.feature_set) != version.feature_set_version:
            changed = tuple(f"{one.kind}/{one.name}" for one in own)
            where = next((one.where for one in own if one.where), "")
            used = InUse(version.model, version.version, version.feature_set, changed, where)
            found.append(used)
    return tuple(found)


def refuse_changes_in_use(
    workspace: Workspace, plan: Plan, *, allowed: Collection[str] = ()
) -> None:
    """Refuse a plan that changes what production models read, unless it names them.

    Args:
        workspace: the project as it is to be registered.
        plan: what applying it would change.
        allowed: models whose features may change; their champions answer no more by key until
            they are trained anew.

    Raises:
        Conflict: a champion's features would change and its model is not among the allowed.
        NotFound: an allowed model that the project does not have.
    """
    for name in allowed:
        if name not in workspace.project.models:
            hint = did_you_mean(name, workspace.project.models)
            raise NotFound(f"There is no model {name!r}.", hint=hint)
    used = [one for one in changes_in_use(workspace, plan) if one.model not in allowed]
    if not used:
        return
    told = "; ".join(
        f"version {one.version} of model {one.model!r} reads {', '.join(one.changed)}"
        for one in used
    )
    message = f"The plan changes features that are in production: {told}."
    named = " ".join(f"--allow-model {one.model}" for one in used)
    hint = f"Define them under a new name, such as {used[0].feature_set}_v2, or allow it: {named}"
    raise Conflict(message, where=used[0].where, hint=hint, models=[one.model for one in used])


def _champions(workspace: Workspace) -> list[ModelVersion]:
    """Return the champion of each model that ever had one."""
    promoted = read(workspace.catalog, action=PROMOTED, limit=10_000)
    names = sorted({one.subject.split("/")[1] for one in promoted})
    found = []
    for name in names:
        champion = workspace.models.aliases(name).get(CHAMPION)
        if champion is not None:
            found.append(workspace.models.get(name, champion))
    return found


def _definition(workspace: Workspace, feature_set: str) -> str:
    """Return the version of a feature set's definition, empty where it is gone."""
    project = workspace.project
    if feature_set not in project.feature_sets:
        return ""
    return definition_version(project.feature_sets[feature_set], project.views, project.datasets)
