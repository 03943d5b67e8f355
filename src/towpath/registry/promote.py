"""Putting a version in use: the alias moves and the log says who moved it, from where and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.catalog.events import emit
from towpath.core.errors import Conflict
from towpath.core.event import Event
from towpath.core.finding import blocking

if TYPE_CHECKING:
    from towpath.catalog.database import Database
    from towpath.core.clock import Clock
    from towpath.registry.model import ModelVersion
    from towpath.registry.stores import ModelStore

CHAMPION = "champion"
CHALLENGER = "challenger"


def promote(
    db: Database, store: ModelStore, version: ModelVersion, *, actor: str, clock: Clock
) -> None:
    """Make a version the champion of its model and log the promotion.

    The event is committed after the alias has moved: whoever reads it finds it done. A crash
    between the two is mended by promoting again.

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
        emit(
            db,
            Event(
                at=clock.now(),
                actor=actor,
                action="model.promoted",
                subject=version.subject,
                data={
                    "alias": CHAMPION,
                    "version": version.version,
                    "previous": previous,
                    "findings": [finding.message for finding in version.findings],
                },
            ),
        )
        store.set_alias(version.model, CHAMPION, version.version)
