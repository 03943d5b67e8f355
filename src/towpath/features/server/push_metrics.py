"""What became of pushed rows, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.web.metrics import Gauge

if TYPE_CHECKING:
    from towpath.features.server.push import Pushes
    from towpath.web.metrics import Metric


def push_metrics(pushes: Pushes) -> tuple[Metric, ...]:
    """Return the metrics of pushes and of the way into the lake.

    Example:
        >>> from pathlib import Path
        >>> from towpath.core.clock import SystemClock
        >>> from towpath.features.online.memory import MemoryStore
        >>> from towpath.features.server.definitions import Definitions
        >>> from towpath.features.server.push import Pushes
        >>> known = Definitions(MemoryStore(), {}, {}, {})
        >>> pushes = Pushes(known, Path("no/such/folder"), clock=SystemClock())
        >>> for metric in push_metrics(pushes)[1:]:
        ...     metric.lines()[-1]
        'feature_push_flush_failures_total 0'
        'feature_push_flush_failing 0'
        'feature_push_log_oldest_seconds 0'
    """
    oldest = Gauge("feature_push_log_oldest_seconds", "Age of the oldest row not in the lake yet.")
    oldest.put(pushes.flusher.status().oldest_waiting_seconds)
    return pushes.events, pushes.flusher.failed, pushes.flusher.failing, oldest
