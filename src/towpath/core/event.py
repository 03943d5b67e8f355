"""One line of the append-only log: audit, usage and lineage are queries on it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from towpath.core.record import Record

Value = str | int | float | bool | None | list[str]


class Event(Record, frozen=True):
    """Who did what to which object, and when.

    Args:
        at: when it happened, aware UTC.
        actor: who did it: a person, a token or ``towpath``.
        action: noun and verb, such as ``dataset.ingested`` or ``model.promoted``.
        subject: the object, such as ``dataset/flights`` or ``model/delay/3``.
        data: the facts of this kind of event.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> Event(EPOCH, "ada", "model.promoted", "model/delay/3", {"alias": "champion"}).action
        'model.promoted'
    """

    at: datetime
    actor: str
    action: str
    subject: str
    data: dict[str, Value] = msgspec.field(default_factory=dict)
