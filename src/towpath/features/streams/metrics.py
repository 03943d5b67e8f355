"""What a consumer tells Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.web.metrics import Counter, Gauge, exposition

if TYPE_CHECKING:
    from towpath.features.streams.consume import Progress

LABELS = ("dataset", "stream")


def stream_metrics(dataset: str, stream: str, progress: Progress) -> bytes:
    """Write how far a consumer is as Prometheus's text.

    Example:
        >>> from towpath.features.streams.consume import Progress
        >>> text = stream_metrics("trips", "kafka://broker/trips", Progress(lag=3)).decode()
        >>> [line for line in text.splitlines() if line.startswith("towpath_stream_lag")]
        ['towpath_stream_lag_messages{dataset="trips",stream="kafka://broker/trips"} 3']
    """
    labels, taken = (dataset, stream), progress.taken
    lag = Gauge(
        "towpath_stream_lag_messages", "Messages that are not acknowledged yet.", labels=LABELS
    )
    if progress.lag is not None:
        lag.put(progress.lag, labels)
    counts = (
        ("messages", "Messages taken from the stream.", taken.messages),
        ("rows", "Rows of them that were taken in.", taken.rows),
        ("dead_letters", "Messages refused, in whole or in part.", taken.dead),
        ("outages", "Tries after which something did not answer.", progress.outages),
    )
    counters = [
        Counter(f"towpath_stream_{name}_total", told, labels=LABELS) for name, told, _ in counts
    ]
    for counter, (_, _, number) in zip(counters, counts, strict=True):
        counter.add(labels, number)
    events = Counter(
        "towpath_stream_events_total",
        "Events of views online, by what became of them.",
        labels=(*LABELS, "outcome"),
    )
    for outcome in ("accepted", "repeated", "expired"):
        events.add((*labels, outcome), getattr(taken, outcome))
    return exposition((lag, *counters, events))
