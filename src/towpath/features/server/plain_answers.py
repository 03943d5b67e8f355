"""The usual answers as Feast writes them: of one row each, which is found in every view.

Most of such an answer is the same each time, so only values and times are put into it.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from towpath.features.server.encode import STATUS
from towpath.features.server.instant_text import NEVER, instant_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.online.plain import PlainKey
    from towpath.features.plain_rows import PlainRows, Row
    from towpath.features.server.source import Feature, Given

PRESENT, *_, NULL_VALUE = (one.decode() for one in STATUS)
KEY = f'{{"values":%s,"statuses":[{PRESENT}],"event_timestamps":[{NEVER.decode()}]}}'
VALUE = f'{{"values":[%r],"statuses":[{PRESENT}],"event_timestamps":["@"]}}'
NULL = f'{{"values":[null],"statuses":[{NULL_VALUE}],"event_timestamps":["@"]}}'
# What stands for the time of a view's newest event; no number is written with it.
MOMENT = "@"


class Question(NamedTuple):
    """What a client asks for.

    Args:
        entities: what it gave by name, in order, as it is shown.
        given: the key columns, each in the column's type.

    Example:
        >>> Question({"car": ["7"]}, {"car": [7]}).is_usual
        True
    """

    entities: dict[str, list[object]]
    given: Given

    @property
    def is_usual(self) -> bool:
        """Whether it is about one row with a key."""
        rows = len(next(iter(self.entities.values())))
        return rows == 1 and not any(None in values for values in self.given.values())


class PlainAnswers:
    """Answers usual questions.

    Args:
        rows: reads rows.
        views: names of the views that it reads.
        picks: the features, with their places among all.
        metadata: names of the answer's columns as JSON.

    Attributes:
        views: as given.
    """

    def __init__(
        self,
        rows: PlainRows,
        views: Sequence[str],
        *,
        picks: Sequence[tuple[int, Feature]],
        metadata: msgspec.Raw,
    ) -> None:
        """Write what is the same each time."""
        self.views = views
        self._rows = rows
        self._encode = msgspec.json.Encoder().encode
        self._head = f'{{"metadata":{bytes(metadata).decode()},"results":['
        # View, text and slots of each run of features of one view.
        self._runs: list[tuple[int, str, list[tuple[bool, int]]]] = []
        for view, run in groupby(picks, lambda pick: pick[1].view or 0):
            slots = [rows.slot(view, feature.short) for _, feature in run]
            self._runs.append((view, ",".join([VALUE] * len(slots)), slots))

    def read(self, questions: Sequence[Question], at: int) -> list[Row | None]:
        """Return what is found of each row by view, None for one that is no usual one.

        Args:
            questions: about the rows.
            at: time that the features are of, in microseconds.

        Raises:
            NotFound: a view was never materialised.
            Unavailable: the store does not answer.
        """
        return self._rows.read([given for _, given in questions], at)

    def write(self, question: Question, row: Row) -> bytes:
        """Answer a question by what was found of its row."""
        parts = [KEY % self._encode(values).decode() for values in question.entities.values()]
        parts += [_run(row[view], text, slots) for view, text, slots in self._runs]
        return f'{self._head}{",".join(parts)}],"status":true}}'.encode()


def _run(key: PlainKey, text: str, slots: Sequence[tuple[bool, int]]) -> str:
    """Write features of one view."""
    reals, wholes, gaps = key
    if gaps is not None:
        text = ",".join([VALUE if gaps[slot] else NULL for _, slot in slots])
        slots = [one for one in slots if gaps[one[1]]]
    values = [reals[slot] if real else wholes[slot] for real, slot in slots]
    return (text % tuple(values)).replace(MOMENT, instant_text(wholes[-1]))
