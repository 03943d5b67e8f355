"""The usual answer as Feast writes it: one row that is found in every view.

Most of such an answer is the same each time, so only values and times are put into it.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from towpath.core.errors import Unavailable
from towpath.features.server.instant_text import NEVER, instant_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.features.online.single import KeyReader
    from towpath.features.server.source import Feature
    from towpath.features.single import SingleReader

KEY = f'{{"values":%s,"statuses":["PRESENT"],"event_timestamps":[{NEVER.decode()}]}}'
VALUE = '{"values":[%r],"statuses":["PRESENT"],"event_timestamps":["@"]}'
NULL = '{"values":[null],"statuses":["NULL_VALUE"],"event_timestamps":["@"]}'
# What stands for the time of a view's newest event; no number is written with it.
MOMENT = "@"


class SingleRow:
    """Answers one question about one row after the other.

    Args:
        single: reads rows.
        picks: the features, with their places among all.
        metadata: names of the answer's columns as JSON.
    """

    def __init__(
        self, single: SingleReader, picks: Sequence[tuple[int, Feature]], metadata: msgspec.Raw
    ) -> None:
        """Write what is the same each time."""
        self._single = single
        self._encode = msgspec.json.Encoder().encode
        self._head = f'{{"metadata":{bytes(metadata).decode()},"results":['
        # View, text and slots of each run of features of one view.
        self._runs: list[tuple[int, str, list[tuple[bool, int]]]] = []
        for view, run in groupby(picks, lambda pick: pick[1].view or 0):
            slots = [single.slot(view, feature.short) for _, feature in run]
            self._runs.append((view, ",".join([VALUE] * len(slots)), slots))

    def answer(
        self, entities: Mapping[str, list[object]], given: Mapping[str, Sequence[object]], at: int
    ) -> bytes | None:
        """Answer, unless the row is not a usual one.

        Args:
            entities: what the client gave by name, in order, as it is shown.
            given: the key columns, each of one value in the column's type.
            at: time that the features are of, in microseconds.
        """
        try:
            readers = self._single.read(given, at)
        except Unavailable:
            # The long way knows what to answer then.
            return None
        if readers is None:
            return None
        parts = [KEY % self._encode(values).decode() for values in entities.values()]
        parts += [_run(readers[view], text, slots) for view, text, slots in self._runs]
        return f'{self._head}{",".join(parts)}],"status":true}}'.encode()


def _run(reader: KeyReader, text: str, slots: Sequence[tuple[bool, int]]) -> str:
    """Write features of one view."""
    reals, wholes, gaps = reader.reals, reader.wholes, reader.gaps
    if gaps is not None:
        text = ",".join([VALUE if gaps[slot] else NULL for _, slot in slots])
        slots = [one for one in slots if gaps[one[1]]]
    values = [reals[slot] if real else wholes[slot] for real, slot in slots]
    return (text % tuple(values)).replace(MOMENT, instant_text(wholes[-1]))
