"""Checks of a contract: rows that fail are found in one pass, batches are judged as a whole."""

from __future__ import annotations

from towpath.lake.checks.batch import check_batch, latest_event, refuse_batch
from towpath.lake.checks.existing import Existing
from towpath.lake.checks.failure import (
    Example,
    Failure,
    blocked_rows,
    counted,
    examples,
    finding,
    findings,
    reasons,
)
from towpath.lake.checks.rows import check_rows

__all__ = [
    "Example",
    "Existing",
    "Failure",
    "blocked_rows",
    "check_batch",
    "check_rows",
    "counted",
    "examples",
    "finding",
    "findings",
    "latest_event",
    "reasons",
    "refuse_batch",
]
