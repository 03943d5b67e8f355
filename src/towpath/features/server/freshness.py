"""How current the views are that a server reads, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.errors import NotFound
from towpath.web.metrics import Gauge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from towpath.features.server.source import Asked
    from towpath.web.metrics import Metric

MICROSECONDS = 1_000_000


def freshness(asked: Iterable[Asked]) -> dict[str, int | None]:
    """Return up to which event time each view was materialised, None for one that never was."""
    found: dict[str, int | None] = {}
    for one in asked:
        try:
            found.update(one.source.freshness())
        except NotFound:
            found |= dict.fromkeys(name for name in one.views if name not in found)
    return found


def freshness_metrics(watermarks: Mapping[str, int | None], *, now: int) -> tuple[Metric, ...]:
    """Return the metrics of the views, which are the same in each worker.

    Args:
        watermarks: up to which time each view was materialised.
        now: present time in microseconds.
    """
    labels = ("view",)
    watermark = Gauge("feature_watermark_seconds", "Events up to here are known.", labels=labels)
    lag = Gauge("feature_lag_seconds", "Time since the watermark.", labels=labels)
    for view, micros in watermarks.items():
        if micros is not None:
            watermark.put(micros / MICROSECONDS, (view,))
            lag.put((now - micros) / MICROSECONDS, (view,))
    return watermark, lag
