"""What a session of Spark is opened with."""

from __future__ import annotations

from towpath.core.record import Record


class SparkSettings(Record, frozen=True):
    """What a session is opened with.

    Args:
        memory: of the Java process here, and of each executor, as Spark writes sizes.
        python: the interpreter on the workers; this one unless given.

    Example:
        >>> SparkSettings(memory="4g").python
        ''
    """

    memory: str = "2g"
    python: str = ""
