"""Reading items from Valkey or Redis by plain commands, all in one sending.

An area is asked for its text, then for its keys, each in one command, under the name of the
generation that this process last saw in place, and at last for the generation. If that is still the
one, the answer stands: names of generations are random and never come again, so it was in place
from when it was seen until that last command, and

- its keys were all there: those of a generation are removed only after another took its place, or
  the area was dropped, and never changed from then on;
- its text was that of this generation, and no newer than any key that was read after it. Who
  changes keys and then says so in the text (a backfill lowers ``since``) is never read with the new
  text and the old keys;
- parts of a key come from one command, so from one state of the key, also if they were asked for
  in several places.

If there is another generation at last, what was read may have been half removed: it is forgotten,
and the area is asked again by the new name. If there is none, the area was not there at that
moment, and nor was anything in it. Where this process has seen no generation yet, it asks for that
alone. Text that is asked for without keys needs no generation. Nothing is promised between areas.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from towpath.features.online.change import ATTEMPTS, Contended, pause
from towpath.features.online.redis_question import Area, PartsQuestion, Question
from towpath.features.online.redis_wire import Connections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.online import Buffer, Item
    from towpath.features.online.redis_wire import Connection
    from towpath.features.online.server_url import ServerUrl

Value = TypeVar("Value")


class RedisReader:
    """Reads items from a server of Valkey or Redis; for any number of threads.

    Args:
        found: where the server is; its options have a ``prefix``.
        timeout: how long a read may take once it is connected, in seconds.
    """

    def __init__(self, found: ServerUrl, *, timeout: float) -> None:
        self._shown = found.shown
        self._prefix = found.options["prefix"].encode()
        self._connections = Connections(found, timeout=timeout)
        self._areas: dict[str, Area] = {}

    def read(self, items: Sequence[Item]) -> list[Buffer | None]:
        """Return the values of the items, None where there is nothing.

        Args:
            items: one at least.

        Raises:
            RedisError: as the library would raise it.
            Contended: an area is replaced again and again meanwhile.
        """
        return self._connections.run(partial(self._ask, self._questions(items), len(items)))

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _questions(self, items: Sequence[Item]) -> list[Question]:
        """Put the items of each area together."""
        names, keys, parts = zip(*items, strict=True)
        runs: dict[str, list[slice]] = {}
        start = 0
        for name, run in groupby(names):
            stop = start + len(list(run))
            runs.setdefault(name, []).append(slice(start, stop))
            start = stop
        if not any(parts):
            return [
                Question(self._area(name), own, _joined(keys, own)) for name, own in runs.items()
            ]
        return [
            PartsQuestion(self._area(name), own, _joined(keys, own), _joined(parts, own))
            for name, own in runs.items()
        ]

    def _area(self, name: str) -> Area:
        area = self._areas.get(name)
        if area is None:
            area = self._areas.setdefault(name, Area(self._prefix, name))
        return area

    def _ask(
        self, questions: Sequence[Question], items: int, connection: Connection
    ) -> list[Buffer | None]:
        """Ask until every area was in place while it was read."""
        found: list[Buffer | None] = [None] * items
        left = questions
        for attempt in range(ATTEMPTS):
            replies = connection.ask([one for each in left for one in each.commands()])
            start, again = 0, []
            for question in left:
                stop = start + question.count
                if not question.answer(replies[start:stop], found):
                    again.append(question)
                start = stop
            if not again:
                return found
            left = again
            pause(attempt)
        area = left[0].area.name
        message = f"The online area {area!r} of {self._shown} is replaced again and again."
        raise Contended(message, hint="Retry, or replace it less often.")


def _joined(values: tuple[Value, ...], runs: Sequence[slice]) -> Sequence[Value]:
    """Return the values of runs one after the other."""
    if len(runs) == 1:
        return values[runs[0]]
    return [value for run in runs for value in values[run]]
