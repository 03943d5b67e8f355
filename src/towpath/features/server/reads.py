"""What is read of each view: how much is found, and how old it is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from towpath.features.columns import DEFAULT, NOT_FOUND
from towpath.web.metrics import Counter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.columns import Columns
    from towpath.features.server.source import Asked
    from towpath.web.metrics import Sheet

# One answer in so many is looked at: a look costs as much as a read of a key.
SAMPLED = 16
MICROSECONDS = 1_000_000


class Reads:
    """Counts rows by view in a sample of the answers.

    Args:
        sheet: where the numbers are kept.

    Attributes:
        metrics: how many rows were asked for, have events, were answered by defaults; and the age
            of the newest events.
    """

    def __init__(self, sheet: Sheet | None = None) -> None:
        """Start with nothing read."""
        self.metrics: tuple[Counter, ...] = tuple(
            Counter(f"feature_{name}_total", description, labels=("view",), sheet=sheet)
            for name, description in (
                ("rows", "Rows read, in a sample."),
                ("rows_found", "Those that have events."),
                ("rows_default", "Those that were answered by defaults."),
                ("age_seconds", "Age of their newest event."),
            )
        )
        self._rows, self._found, self._default, self._age = self.metrics
        self._guard = threading.Lock()
        self._answers = 0

    def due(self) -> bool:
        """Count an answer; tell whether it is one of the sample."""
        self._answers += 1
        return self._answers % SAMPLED == 1

    def note(self, asked: Asked, columns: Columns, at: int) -> None:
        """Look at an answer."""
        with self._guard:
            for name, known in zip(asked.views, columns.views, strict=True):
                there = known.newest
                if known.status is not None:
                    there = there[(known.status != NOT_FOUND) & (known.status != DEFAULT)]
                    defaults = np.count_nonzero(known.status == DEFAULT)
                    self._default.add((name,), int(defaults))
                age = int(np.sum(at - there))
                self._note(name, columns.rows, found=there.size, age=age)

    def note_found(self, views: Sequence[str], newest: Sequence[int], at: int) -> None:
        """Look at an answer about one row, that has events in every view."""
        with self._guard:
            for name, moment in zip(views, newest, strict=True):
                self._note(name, 1, found=1, age=at - moment)

    def _note(self, view: str, rows: int, *, found: int, age: int) -> None:
        """Count rows of a view, and those of them that have events, of so many microseconds."""
        self._rows.add((view,), rows)
        self._found.add((view,), found)
        self._age.add((view,), age / MICROSECONDS)
