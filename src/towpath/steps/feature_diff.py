"""How the features of a view or set differ between two versions of its definition."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from towpath.catalog.definitions import active, history
from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.core.record import Record, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.catalog.definitions import Definition
    from towpath.workspace import Workspace

Body = dict[str, Any]

VIEW, SET = "feature_view", "feature_set"
PROJECT, REGISTERED = "project", "registered"
# What a view decides for all of its features.
SHARED = ("source", "keys", "ttl", "where", "columns")
AT = "@"


class FeatureChange(Record, frozen=True):
    """One feature that differs.

    Args:
        feature: its name.
        change: what happened to it.
        fields: the parts of its definition that differ, as ``name: before -> after``.
    """

    feature: str
    change: Literal["added", "removed", "changed"]
    fields: tuple[str, ...] = ()


class FeatureDiff(Record, frozen=True):
    """How two versions differ.

    Args:
        before: the earlier one, as ``name@version``.
        after: the later one.
        changes: the features that differ, in order of their names.
    """

    before: str
    after: str
    changes: tuple[FeatureChange, ...]


def diff_features(workspace: Workspace, before: str, after: str = "") -> FeatureDiff:
    """Compare two versions of a view or feature set, feature by feature.

    Args:
        workspace: the project.
        before: ``NAME@VERSION``: a registered version or its beginning, ``registered`` for the
            one that is registered now, or ``project`` for the one in the files. A bare name
            compares what is registered with the files.
        after: likewise; ``NAME@project`` unless given.

    Raises:
        NotFound: no such view, set or version.
        Invalid: a view compared with a set.
    """
    first = before if AT in before else f"{before}{AT}{REGISTERED}"
    second = after or f"{before.partition(AT)[0]}{AT}{PROJECT}"
    second = second if AT in second else f"{second}{AT}{PROJECT}"
    (old_kind, old), (new_kind, new) = (_features(workspace, one) for one in (first, second))
    if old_kind != new_kind:
        message = f"{first} is a {old_kind} and {second} a {new_kind}."
        raise Invalid(message, hint="Compare two views, or two feature sets.")
    changes = [_change(name, old.get(name), new.get(name)) for name in sorted({*old, *new})]
    return FeatureDiff(first, second, tuple(one for one in changes if one is not None))


def _change(name: str, old: Body | None, new: Body | None) -> FeatureChange | None:
    """Describe how one feature differs, None if it does not."""
    if old == new:
        return None
    if old is None:
        return FeatureChange(name, "added")
    if new is None:
        return FeatureChange(name, "removed")
    fields = [
        f"{part}: {_text(old.get(part))} -> {_text(new.get(part))}"
        for part in dict.fromkeys((*old, *new))
        if old.get(part) != new.get(part)
    ]
    return FeatureChange(name, "changed", tuple(fields))


def _features(workspace: Workspace, reference: str) -> tuple[str, dict[str, Body]]:
    """Return the kind of what a reference names, and the definition of each of its features."""
    name, _, version = reference.partition(AT)
    if version == PROJECT:
        kind, body, views = _in_files(workspace, name)
    else:
        kind, body, views = _registered(workspace, name, version)
    return kind, _of_view(body) if kind == VIEW else _of_set(body, views)


def _in_files(workspace: Workspace, name: str) -> tuple[str, Body, dict[str, Body]]:
    """Return a definition as the project's files have it, and the views beside it."""
    project = workspace.project
    views = {view: _body(record) for view, record in project.views.items()}
    if name in project.views:
        return VIEW, views[name], views
    if name in project.feature_sets:
        return SET, _body(project.feature_sets[name]), views
    message = f"The project has no view and no feature set {name!r}."
    raise NotFound(message, hint=did_you_mean(name, {*project.views, *project.feature_sets}))


def _registered(workspace: Workspace, name: str, version: str) -> tuple[str, Body, dict[str, Body]]:
    """Return a registered definition, and the views as they were when it was registered."""
    db = workspace.catalog
    versions = [one for kind in (VIEW, SET) for one in history(db, kind, name)]
    present = [one for one in (*active(db, VIEW), *active(db, SET)) if one.name == name]
    wanted = present if version == REGISTERED else versions
    for one in wanted:
        if version == REGISTERED or one.version.startswith(version):
            until = None if one in present else one
            return one.kind, json.loads(one.body), _views(workspace, until)
    message = f"No version {version!r} of {name!r} is registered."
    raise NotFound(message, hint=did_you_mean(version, [one.version for one in versions]))


def _views(workspace: Workspace, until: Definition | None) -> dict[str, Body]:
    """Return the views that are registered now, or were when another definition was."""
    db = workspace.catalog
    if until is None:
        return {one.name: json.loads(one.body) for one in active(db, VIEW)}
    found: dict[str, Body] = {}
    for ref in json.loads(until.body).get("views", ()):
        name = ref if isinstance(ref, str) else ref["view"]
        known = [one for one in history(db, VIEW, name) if one.applied_at <= until.applied_at]
        if known:
            found[name] = json.loads(known[0].body)
    return found


def _of_view(view: Body) -> dict[str, Body]:
    """Return the definition of each feature of a view, with what the view decides for all."""
    shared = {name: view[name] for name in SHARED if name in view}
    return {one["name"]: {**one, **shared} for one in view["features"]}


def _of_set(body: Body, views: Mapping[str, Body]) -> dict[str, Body]:
    """Return the definition of each feature of a set."""
    shared = {name: body[name] for name in ("spine", "at")}
    found: dict[str, Body] = {}
    for ref in body.get("views", ()):
        used = {"view": ref} if isinstance(ref, str) else ref
        features = _of_view(views[used["view"]]) if used["view"] in views else {}
        prefix = used.get("name") or used["view"]
        for name, one in features.items():
            found[f"{prefix}__{name}"] = {**one, "keys_from": used.get("keys", {}), **shared}
    found |= {name: {"column": name, **shared} for name in body.get("columns", ())}
    return found | {one["name"]: {**one, **shared} for one in body.get("derived", ())}


def _body(record: Record) -> Body:
    """Return a definition as it would be registered."""
    found: Body = json.loads(to_json(record))
    return found


def _text(value: object) -> str:
    """Write a part of a definition on one line."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
