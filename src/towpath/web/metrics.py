"""Counters, gauges and histograms in the text form that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from typing import Protocol

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)

Labels = tuple[str, ...]


class Metric(Protocol):
    """Anything that can write its present values."""

    def lines(self) -> list[str]:
        """Return the lines of the text form, with HELP and TYPE first."""
        ...


class Counter:
    """A number for each combination of labels that only grows.

    Example:
        >>> requests = Counter("requests_total", "Requests.", labels=("status",))
        >>> requests.add(("200",))
        >>> requests.lines()[-1]
        'requests_total{status="200"} 1'
    """

    kind = "counter"

    def __init__(self, name: str, description: str, *, labels: Labels = ()) -> None:
        """Start without values."""
        self.name = name
        self.description = description
        self.labels = labels
        self.values: dict[Labels, float] = {}

    def add(self, values: Labels = (), amount: float = 1) -> None:
        """Add to the number of these label values."""
        self.values[values] = self.values.get(values, 0) + amount

    def lines(self) -> list[str]:
        """Return the lines of the text form."""
        shown = [
            f"{self.name}{_braces(self.labels, values)} {number!r}"
            for values, number in sorted(self.values.items())
        ]
        return [*_head(self.name, self.description, self.kind), *shown]


class Gauge(Counter):
    """A number for each combination of labels that is set.

    Example:
        >>> waiting = Gauge("waiting", "Requests in the queue.")
        >>> waiting.put(3)
        >>> waiting.lines()[-1]
        'waiting 3'
    """

    kind = "gauge"

    def put(self, number: float, values: Labels = ()) -> None:
        """Set the number of these label values."""
        self.values[values] = number


class Histogram:
    """Counts of durations in seconds up to each bound.

    Example:
        >>> seconds = Histogram("request_seconds", "Time to answer.", labels=("path",))
        >>> seconds.observe(0.002, ("/",))
        >>> seconds.lines()[-1]
        'request_seconds_count{path="/"} 1'
    """

    def __init__(
        self,
        name: str,
        description: str,
        *,
        labels: Labels = (),
        bounds: tuple[float, ...] = SECONDS,
    ) -> None:
        """Start without values."""
        self.name = name
        self.description = description
        self.labels = labels
        self.bounds = bounds
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, seconds: float, values: Labels = ()) -> None:
        """Count one duration."""
        counts = self._counts.get(values)
        if counts is None:
            counts = self._counts[values] = [0] * (len(self.bounds) + 1)
            self._sums[values] = 0.0
        counts[bisect_left(self.bounds, seconds)] += 1
        self._sums[values] += seconds

    def lines(self) -> list[str]:
        """Return the lines of the text form: cumulative counts, sum and count."""
        shown = _head(self.name, self.description, "histogram")
        labels = (*self.labels, "le")
        for values, counts in sorted(self._counts.items()):
            total = 0
            for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
                total += count
                shown.append(f"{self.name}_bucket{_braces(labels, (*values, bound))} {total}")
            braces = _braces(self.labels, values)
            shown.append(f"{self.name}_sum{braces} {self._sums[values]!r}")
            shown.append(f"{self.name}_count{braces} {total}")
        return shown


def exposition(metrics: tuple[Metric, ...]) -> bytes:
    r"""Write metrics as one text.

    Example:
        >>> exposition((Counter("requests_total", "Requests."),))
        b'# HELP requests_total Requests.\n# TYPE requests_total counter\n'
    """
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines()).encode()


def _head(name: str, description: str, kind: str) -> list[str]:
    """Write the two lines above the values."""
    return [f"# HELP {name} {description}", f"# TYPE {name} {kind}"]


def _braces(labels: Labels, values: Labels) -> str:
    """Write label values in braces, nothing where there are none."""
    pairs = (f'{label}="{_escape(value)}"' for label, value in zip(labels, values, strict=True))
    return f"{{{','.join(pairs)}}}" if labels else ""


def _escape(value: str) -> str:
    """Escape what the text form gives a meaning."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
