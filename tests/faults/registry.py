"""What a registry must look like after any kill and the run that followed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from towpath.catalog.events import read
from towpath.core.errors import TowpathError
from towpath.registry.bundle import open_bundle
from towpath.registry.promote import CHAMPION
from towpath.serving.pointer import read_pointer

if TYPE_CHECKING:
    from towpath.workspace import Workspace

UNFINISHED = """
    SELECT count(*) FROM model_versions AS made
    WHERE made.current_stage <> 'Deleted_Internal' AND NOT EXISTS (
        SELECT 1 FROM model_version_tags AS tag
        WHERE tag.name = made.name AND tag.version = made.version AND tag.key = 'towpath.version'
    )
"""


def wrong_with(workspace: Workspace, model: str) -> list[str]:
    """Say what is wrong with the versions of a model, its champion and its endpoints."""
    notes = []
    versions = {one.version: one for one in workspace.models.list(model)}
    for one in versions.values():
        try:
            open_bundle(workspace.artifacts / one.bundle, sha256=one.bundle_sha256)
        except TowpathError as error:
            notes.append(f"{one.subject} is half there: {error.message}")
    champion = workspace.models.aliases(model).get(CHAMPION)
    if champion not in versions:
        return [*notes, f"model {model} has no champion, or one that is half there"]
    for endpoint in workspace.project.endpoints.values():
        try:
            answers = read_pointer(workspace.state, endpoint.name).arms[0].version
        except TowpathError as error:
            notes.append(f"endpoint {endpoint.name} is not deployed: {error.message}")
            continue
        if answers != champion:
            notes.append(f"endpoint {endpoint.name} has version {answers}, champion is {champion}")
    told = read(workspace.catalog, action="model.promoted", limit=1)
    if not told or told[0].data["version"] != champion:
        notes.append(f"the log does not know who made version {champion} champion")
    return notes


def unfinished(workspace: Workspace) -> int:
    """Count the versions that only MLflow's own clients see, as their logging was cut off."""
    path = workspace.root / workspace.settings.tracking.partition(":")[2]
    with closing(sqlite3.connect(path)) as connection:
        count: int = connection.execute(UNFINISHED).fetchone()[0]
    return count
