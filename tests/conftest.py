from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# No deadline: the first call of a compiled function pays for its compilation.
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
# dev: quick and random, so that time finds more. ci: more examples, the same ones each time.
settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=QUIET)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=QUIET
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own TOWPATH_* variables do not reach the tests."""
    for name in os.environ:
        if name.startswith("TOWPATH_"):
            monkeypatch.delenv(name)
