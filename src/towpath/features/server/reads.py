"""What is read of each view: how much is found, and how old it is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from towpath.features.columns import NOT_FOUND

if TYPE_CHECKING:
    from towpath.features.columns import Columns
    from towpath.features.server.source import Asked

# One answer in so many is looked at: a look costs as much as a read of a key.
SAMPLED = 16
MICROSECONDS = 1_000_000


class Reads:
    """Counts rows by view in a sample of the answers.

    Attributes:
        rows: by view, how many were asked for.
        found: by view, how many of them have events.
        age_seconds: by view, the sum over those of the age of the newest event.
    """

    def __init__(self) -> None:
        """Start with nothing read."""
        self.rows: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.age_seconds: Counter[str] = Counter()
        self._answers = 0

    def note(self, asked: Asked, columns: Columns, at: int) -> None:
        """Look at an answer, if it is one of the sample."""
        self._answers += 1
        if self._answers % SAMPLED != 1:
            return
        for name, known in zip(asked.views, columns.views, strict=True):
            there = known.newest
            if known.status is not None:
                there = there[known.status != NOT_FOUND]
            self.rows[name] += columns.rows
            self.found[name] += there.size
            self.age_seconds[name] += int(np.sum(at - there)) / MICROSECONDS  # type: ignore[assignment]
