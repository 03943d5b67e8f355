"""Spark on this machine for tests: a plugin for pytest.

A test module that needs it says ``pytest_plugins = ("tests.spark_session",)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.spark_here import require_spark, stop_session

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL = "spark:local[2]"


@pytest.fixture(scope="module")
def local_spark() -> Iterator[str]:
    """The URL of Spark on two threads of this process's own."""
    require_spark()
    yield LOCAL
    stop_session()
