"""Whether this machine has Spark, and how a test leaves it."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from towpath.core.errors import Unavailable
from towpath.spark.java import find_java

# A Java that starts fast: tests last too short for one that runs fast.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def require_spark() -> None:
    """Skip where Java or a library is missing; elsewhere let Java start fast."""
    for library in ("pyspark", "pandas"):
        if find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    try:
        find_java(os.environ)
    except Unavailable as error:
        pytest.skip(str(error))
    os.environ.setdefault("JAVA_TOOL_OPTIONS", QUICK)


def stop_session() -> None:
    """Stop the session of this process, so that the next may be elsewhere."""
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is not None:
        session.stop()
