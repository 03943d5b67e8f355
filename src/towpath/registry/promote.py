"""Putting a version in use: the alias moves and the log says who moved it, from where and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from towpath.catalog.events import emit, read
from towpath.core.errors import Conflict
from towpath.core.event import Event
from towpath.core.finding import blocking

if TYPE_CHECKING:
    from datetime import datetime

    from towpath.catalog.database import Database
    from towpath.core.clock import Clock
    from towpath.registry.model import ModelVersion
    from towpath.registry.stores import ModelStore

CHAMPION = "champion"
CHALLENGER = "challenger"
PROMOTED = "model.promoted"


def promote(
    db: Database, store: ModelStore, version: ModelVersion, *, actor: str, clock: Clock
) -> None:
    """Make a version the champion of its model and log the promotion.

    The event is committed after the alias has moved: whoever reads it finds it done. A crash
    between the two is mended by ``settle``.

    Raises:
        Conflict: the version is not registered, or its gate rejected it.
        NotFound: the store does not know the version.
    """
    if not version.version:
        message = f"The model {version.model!r} is not registered yet."
        raise Conflict(message, hint="Register it first; a draft cannot be promoted.")
    refused = blocking(version.findings)
    if refused:
        message = f"{version.subject} was rejected by its gate: {refused[0].message}"
        raise Conflict(message, hint="Train a better challenger.", model=version.model)
    previous = store.aliases(version.model).get(CHAMPION)
    with db.transaction():
        emit(db, _promoted(version, previous, actor=actor, at=clock.now()))
        store.set_alias(version.model, CHAMPION, version.version)


def settle(db: Database, store: ModelStore, model: str, *, clock: Clock) -> None:
    """Log the promotion of a model's champion if a crash kept it out of the log."""
    with db.transaction():
        champion = store.aliases(model).get(CHAMPION)
        told = read(db, subject=f"model/{model}", action=PROMOTED, limit=1)
        previous = cast("int", told[0].data["version"]) if told else None
        if champion is not None and champion != previous:
            version = store.get(model, champion)
            emit(db, _promoted(version, previous, actor="towpath", at=clock.now()))


def _promoted(version: ModelVersion, previous: int | None, *, actor: str, at: datetime) -> Event:
    """Say that a version became the champion, and what its gate found."""
    return Event(
        at=at,
        actor=actor,
        action=PROMOTED,
        subject=version.subject,
        data={
            "alias": CHAMPION,
            "version": version.version,
            "previous": previous,
            "findings": [finding.message for finding in version.findings],
        },
    )
