"""Finding objects of the catalog by what people call them, and what depends on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog.assets import get
from towpath.catalog.lineage import Node, recorded_versions
from towpath.catalog.search import Query, search
from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.project.breaking import readers

if TYPE_CHECKING:
    from towpath.catalog.assets import Asset
    from towpath.workspace import Workspace

KINDS = ("dataset", "feature_view", "feature_set", "model", "endpoint", "monitor", "pipeline")
# What runs leave behind and nobody defines.
MADE = ("training_set", "run", "source")


def node_of(workspace: Workspace, text: str) -> Node:
    """Find what is written as ``name``, ``kind/name``, ``name.column`` or ``name@version``.

    Raises:
        NotFound: nothing registered is called so; a close name is suggested.
        Invalid: things of several kinds are called so.
    """
    kind, slash, rest = text.partition("/")
    if not slash:
        kind, rest = "", text
    if kind in MADE:
        return _made(workspace, kind, rest)
    rest, at, version = rest.partition("@")
    name, _, column = rest.partition(".")
    asset = _asset(workspace, text, kind=kind, name=name, column=column)
    if at:
        _require_version(workspace, asset.kind, name, version)
        if column:
            message = f"{text!r} names a version and a column: versions are known as a whole."
            raise Invalid(message, hint=f"Ask for {asset.subject}@{version} or {name}.{column}.")
    return Node(asset.kind, name, column, version)


def downstream_of(workspace: Workspace, dataset: str, column: str = "") -> tuple[str, ...]:
    """Name the features, models and endpoints that read a dataset or one of its columns.

    Both the project as it is written and what is registered are asked.
    """
    return readers(workspace.project, workspace.catalog, Node("dataset", dataset, column))


def _asset(workspace: Workspace, text: str, *, kind: str, name: str, column: str) -> Asset:
    """Return the one asset of that name, if need be the one that has the column."""
    kinds = (kind,) if kind else KINDS
    found = [one for each in kinds if (one := get(workspace.catalog, each, name)) is not None]
    if not found:
        raise NotFound(f"Nothing registered is called {text!r}.", hint=_near(workspace, kind, name))
    holders = [one for one in found if not column or column in {each.name for each in one.columns}]
    if not holders:
        message = f"{found[0].kind} {name!r} has no column {column!r}."
        known = [each.name for one in found for each in one.columns]
        raise NotFound(message, hint=did_you_mean(column, known))
    if len(holders) > 1:
        kinds_held = " or ".join(f"{one.kind}/{text}" for one in holders)
        message = f"{text!r} is the name of {len(holders)} things."
        raise Invalid(message, hint=f"Write {kinds_held}.")
    return holders[0]


def _near(workspace: Workspace, kind: str, name: str) -> str:
    """Suggest names that are close, or that hold the same words."""
    close = search(workspace.catalog, Query(name, kind, limit=5)).hits
    if close:
        return f"Did you mean {' or '.join(f'{one.kind}/{one.name}' for one in close[:3])}?"
    if not search(workspace.catalog, Query(limit=1)).total:
        return "Nothing is registered yet: towpath apply"
    return "See what there is: towpath search"


def _made(workspace: Workspace, kind: str, rest: str) -> Node:
    """Return what runs made or read, which may have any name."""
    name, _, version = rest.partition("@") if kind != "source" else (rest, "", "")
    versions = recorded_versions(workspace.catalog, kind, name)
    if not versions:
        message = f"No run is known that read or made {kind}/{name}."
        raise NotFound(message, hint="See the runs: towpath status")
    if version:
        _require_version(workspace, kind, name, version)
    return Node(kind, name, version=version)


def _require_version(workspace: Workspace, kind: str, name: str, version: str) -> None:
    """Refuse a version that no run read or wrote."""
    known = [one for one in recorded_versions(workspace.catalog, kind, name) if one]
    if version not in known:
        message = f"No run is known that read or made version {version!r} of {kind}/{name}."
        raise NotFound(message, hint=did_you_mean(version, known))
