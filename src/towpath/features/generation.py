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
    """

    version: str
    source_version: int
    since: int
    until: int
    keys: int = 0
    events: int = 0
