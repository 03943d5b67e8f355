"""Who is told of findings."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from towpath.core.finding import Finding
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGGER = logging.getLogger(__name__)


class Alert(Record, frozen=True):
    """What a monitor tells.

    Args:
        monitor: the monitor's name.
        endpoint: whose predictions were watched.
        at: the tick at which it was found.
        findings: what was found, never empty.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> finding = Finding("drift", "delay.temp", passed=False)
        >>> Alert("delay", "delay", EPOCH, (finding, finding)).title
        'delay: 2 findings'
    """

    monitor: str
    endpoint: str
    at: datetime
    findings: tuple[Finding, ...]

    @property
    def title(self) -> str:
        """One line for a subject or a heading."""
        count = len(self.findings)
        return f"{self.monitor}: {count} finding{'s' if count != 1 else ''}"


class Alerter(Protocol):
    """Tells somebody.

    Called once an alert, possibly again with the same alert after a crash. It returns when the
    alert is handed over and raises Unavailable when it could not be.
    """

    def send(self, alert: Alert) -> None:
        """Hand the alert over."""
        ...


def tell(alert: Alert, alerters: Mapping[str, Alerter]) -> tuple[str, ...]:
    """Send an alert through every alerter; return the names of those that failed.

    One that fails does not keep the others from being told.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> tell(Alert("delay", "delay", EPOCH, ()), {})
        ()
    """
    failed: list[str] = []
    for name, alerter in alerters.items():
        try:
            alerter.send(alert)
        except Exception:
            LOGGER.exception("alerter failed", extra={"alerter": name, "monitor": alert.monitor})
            failed.append(name)
    return tuple(failed)
