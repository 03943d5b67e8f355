"""What a session of Spark is opened with."""

from __future__ import annotations

from towpath.core.record import Record


class SparkSettings(Record, frozen=True):
    """What a session is opened with.

    Args:
        memory: of the Java process here, and of each executor, as Spark writes sizes.
        packages: Maven coordinates of further jars, such as those by which Spark itself reads S3:
            ``org.apache.hadoop:hadoop-aws:3.5.0``. The engine of features needs none.
        python: the interpreter on the workers; this one unless given.

    Example:
        >>> SparkSettings(memory="4g").packages
        ()
    """

    memory: str = "2g"
    packages: tuple[str, ...] = ()
    python: str = ""
