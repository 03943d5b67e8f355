"""How often a model's test rows were used to compare with a champion, from the log of events."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

from towpath.catalog.events import read
from towpath.core.event import Event
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from towpath.catalog.database import Database
    from towpath.core.event import Value

GATED = "model.gated"
MANY = 100_000


class Comparison(Record, frozen=True):
    """A challenger's answers held against a champion's on the same rows.

    Args:
        model: the model.
        rows: hash of the test rows and their labels.
        scores: hash of the challenger's answers.
        champion: version of the champion.
    """

    model: str
    rows: str
    scores: str
    champion: int


def digest(texts: Sequence[str], *values: bytes) -> str:
    """Hash keys together with values in bytes.

    Example:
        >>> digest(["a", "b"]) == digest(["ab"])
        False
    """
    found = hashlib.sha256("\n".join(texts).encode())
    for value in values:
        found.update(value)
    return found.hexdigest()[:16]


def attempt_number(db: Database, comparison: Comparison) -> int:
    """Number a comparison among those on the same rows, from 1; done again, it keeps its number."""
    earlier = [
        one.data
        for one in read(db, subject=f"model/{comparison.model}", action=GATED, limit=MANY)
        if one.data["rows"] == comparison.rows
    ]
    for data in earlier:
        if (data["scores"], data["champion"]) == (comparison.scores, comparison.champion):
            return cast("int", data["attempt"])
    return 1 + max((cast("int", data["attempt"]) for data in earlier), default=0)


def gated(
    comparison: Comparison, outcome: Mapping[str, Value], *, actor: str, at: datetime
) -> Event:
    """Say what a gate found, for the log of events."""
    data: dict[str, Value] = {
        "rows": comparison.rows,
        "scores": comparison.scores,
        "champion": comparison.champion,
        **outcome,
    }
    return Event(at, actor, GATED, f"model/{comparison.model}", data)


def share_of(alpha: float, attempt: int) -> float:
    """Return the part of a gate's alpha that an attempt may spend: all of them sum to alpha.

    Weighted Bonferroni: 1 / (1 · 2) + 1 / (2 · 3) + 1 / (3 · 4) + … = 1.

    Example:
        >>> round(sum(share_of(0.05, attempt) for attempt in range(1, 100_000)), 4)
        0.05
    """
    return alpha / (attempt * (attempt + 1))
