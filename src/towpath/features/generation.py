"""What an online generation says about itself."""

from __future__ import annotations

from towpath.core.record import Record


class Generation(Record, frozen=True):
    """Which definition and which data an online generation was made of.

    Args:
        version: fingerprint of the view, or of the spine's contract.
        source_version: version of the source's table.
        since: earliest time, in microseconds, at which features can be read.
        until: event times up to here are in it.
        keys: how many keys it holds.
        events: how many rows of the source it holds.
        sequence: the greatest ``_seq`` among them; rows that came later have a greater one.
        newest: the latest event time among them, in microseconds; None where there is none.
    """

    version: str
    source_version: int
    since: int
    until: int
    keys: int = 0
    events: int = 0
    sequence: int = -1
    newest: int | None = None

    def covers(self, wanted: Generation) -> bool:
        """Tell whether all that is wanted is there, and not more than twice as long a history.

        Example:
            >>> held = Generation("v", 3, since=0, until=9, keys=5)
            >>> held.covers(Generation("v", 3, since=2, until=9))
            True
            >>> held.covers(Generation("v", 3, since=8, until=9))
            False
        """
        made_of = self.replace(keys=0, events=0, sequence=-1, newest=None)
        return made_of.replace(since=wanted.since) == wanted and self.keeps(wanted)

    def keeps(self, wanted: Generation) -> bool:
        """Tell whether the history begins early enough, and not so early that it is time to cut."""
        return 0 <= wanted.since - self.since <= wanted.until - wanted.since
