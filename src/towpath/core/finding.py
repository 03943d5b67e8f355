"""One shape for the outcome of a check: data quality, drift, gates, alerts."""

from __future__ import annotations

from typing import Literal

from towpath.core.record import Record

Severity = Literal["block", "warn"]


class Finding(Record, frozen=True):
    """What one check saw.

    Args:
        check: name of the check, such as ``not_null`` or ``roc_auc_superior``.
        subject: what was checked, such as ``weather.temp`` or ``delay/3``.
        passed: whether the limit held.
        observed: the measured value.
        limit: the bound it was held against.
        severity: whether a failure blocks or only warns.
        message: the outcome in words.

    Example:
        >>> Finding("not_null", "trips.fare", passed=False, observed=3, limit=0).passed
        False
    """

    check: str
    subject: str
    passed: bool
    observed: float | int | str | None = None
    limit: float | int | str | None = None
    severity: Severity = "block"
    message: str = ""


def blocking(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Keep the findings that failed and block.

    Example:
        >>> blocking((Finding("not_null", "trips.fare", passed=True),))
        ()
    """
    return tuple(one for one in findings if not one.passed and one.severity == "block")
