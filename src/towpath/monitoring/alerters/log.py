"""Tells the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from towpath.monitoring.alerters import Alert

LOGGER = logging.getLogger("towpath.alerts")


class LogAlerter:
    """Writes each finding as a warning with its fields.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> from towpath.monitoring.alerters import Alert
        >>> LogAlerter().send(Alert("delay", "delay", EPOCH, ()))
    """

    def send(self, alert: Alert) -> None:
        """Write the findings."""
        for finding in alert.findings:
            LOGGER.warning(
                "%s: %s",
                alert.monitor,
                finding.message or finding.check,
                extra={
                    "monitor": alert.monitor,
                    "endpoint": alert.endpoint,
                    "check": finding.check,
                    "subject": finding.subject,
                    "observed": finding.observed,
                },
            )
