"""The difference between what the project says and what is registered, and its application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from towpath.catalog.definitions import Definition, active, register
from towpath.catalog.events import emit
from towpath.core.errors import Conflict
from towpath.core.event import Event
from towpath.core.record import Record, fingerprint, to_json
from towpath.project.assets import catalogue
from towpath.project.breaking import Breaking, allowed, breaking_changes, refusal
from towpath.project.check import check_project, dependents
from towpath.project.load import FOLDERS, Project, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from towpath.catalog.database import Database
    from towpath.core.clock import Clock

Action = Literal["add", "change", "remove"]


class Change(Record, frozen=True):
    """One difference.

    Args:
        action: what applying would do.
        kind: kind of the definition, such as ``feature_view``.
        name: its name.
        where: file and line, empty for a removal.
        before: registered version, empty if there is none.
        after: new version, empty for a removal.
        affects: definitions downstream of it, such as ``model/delay``.
    """

    action: Action
    kind: str
    name: str
    where: str = ""
    before: str = ""
    after: str = ""
    affects: tuple[str, ...] = ()


class Plan(Record, frozen=True):
    """All differences, and the state of the catalog they were computed against.

    Args:
        id: changes when the project or the registered state changes.
        changes: the differences, in the order of application.
        breaking: those changes of contracts that break features, models or endpoints.
        allow_breaking: whether somebody decided to apply them all the same.
    """

    id: str
    changes: tuple[Change, ...]
    breaking: tuple[Breaking, ...] = ()
    allow_breaking: bool = False


def plan_project(project: Project, db: Database) -> Plan:
    """Compare the project with the registered state.

    Raises:
        Invalid: the definitions do not fit each other.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> text = "{name: trips, columns: [{name: id, dtype: string}]}"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = Path(folder)
        ...     (root / "datasets").mkdir()
        ...     (root / "datasets" / "trips.yaml").write_text(text)
        ...     db = Database.open("sqlite:catalog.db", root)
        ...     [(one.action, one.name) for one in plan_project(Project(root), db).changes]
        51
        [('add', 'trips')]
    """
    check_project(project)
    known = active(db)
    registered = {(one.kind, one.name): one.version for one in known}
    wanted = {
        (kind, name_of(record)): fingerprint(record) for kind, record in project.definitions()
    }
    changes = [
        _change(project, key, before=registered.get(key, ""), after=after)
        for key, after in wanted.items()
        if registered.get(key) != after
    ]
    changes += [
        _change(project, key, before=before, after="")
        for key, before in registered.items()
        if key not in wanted
    ]
    state = sorted([*key, version] for key, version in registered.items())
    changed = [
        one for one in known if wanted.get((one.kind, one.name), "") not in {"", one.version}
    ]
    breaking = breaking_changes(project, db, changed)
    return Plan(fingerprint([state, changes]), tuple(changes), breaking)


def apply_plan(project: Project, db: Database, plan: Plan, *, actor: str, clock: Clock) -> None:
    """Register every change of the plan, all or none; all that is registered can be found.

    Raises:
        Conflict: the project or the registered state moved since the plan was made, or it breaks
            what reads a dataset and nobody allowed that.
    """
    with db.transaction():
        _register(project, db, plan, actor=actor, at=clock.now())


def _register(project: Project, db: Database, plan: Plan, *, actor: str, at: datetime) -> None:
    """Register a plan's changes unless something moved since it was made."""
    fresh = plan_project(project, db)
    if fresh.id != plan.id:
        message = f"The plan {plan.id} is out of date: the project or the catalog moved."
        raise Conflict(message, hint="Look at the new plan: towpath plan")
    if fresh.breaking and not plan.allow_breaking:
        raise refusal(fresh.breaking)
    data = {
        action: [f"{one.kind}/{one.name}" for one in plan.changes if one.action == action]
        for action in ("add", "change", "remove")
    }
    emit(db, Event(at, actor, "project.applied", "project", {"plan": plan.id, **data}))
    for one in fresh.breaking:
        emit(db, allowed(one, actor=actor, at=at))
    bodies = {(kind, name_of(record)): record for kind, record in project.definitions()}
    register(
        db,
        [
            Definition(
                kind=change.kind,
                name=change.name,
                version=change.after,
                body=to_json(bodies[change.kind, change.name]).decode(),
                applied_at=at,
                actor=actor,
            )
            for change in plan.changes
            if change.action != "remove"
        ],
        removed=[(one.kind, one.name) for one in plan.changes if one.action == "remove"],
    )
    catalogue(project, db)


def require_applied(project: Project, db: Database, folders: Sequence[str] = FOLDERS) -> None:
    """Refuse to work from definitions that differ from the registered ones.

    Args:
        project: the definitions as they are written.
        db: the catalog.
        folders: whose definitions are looked at; all unless given.

    Raises:
        Conflict: the project has changes that were not applied.
    """
    registered = {(one.kind, one.name): one.version for one in active(db)}
    for kind, record in project.definitions(folders):
        name = name_of(record)
        if registered.get((kind, name)) != fingerprint(record):
            message = f"The {kind} {name!r} is not registered as it is written."
            where = project.where(kind, name)
            raise Conflict(message, where=where, hint="Run: towpath plan, then towpath apply")


def _change(project: Project, key: tuple[str, str], *, before: str, after: str) -> Change:
    """Describe one difference."""
    kind, name = key
    action: Action = "remove" if not after else "change" if before else "add"
    affects = dependents(project, kind, name) if before else ()
    return Change(action, kind, name, project.where(kind, name), before, after, affects)
