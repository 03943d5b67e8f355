"""Counters, gauges and histograms in the text form that Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)

Labels = tuple[str, ...]


class Metric(Protocol):
    """Anything that can write its present values."""

    def lines(self) -> list[str]:
        """Return the lines of the text form, with HELP and TYPE first."""
        ...


class Numbers(Protocol):
    """A few numbers that are changed in place."""

    def __getitem__(self, place: int, /) -> float:
        """Return one."""
        ...

    def __setitem__(self, place: int, number: float, /) -> None:
        """Change one."""
        ...

    def __iter__(self) -> Iterator[float]:
        """Return all."""
        ...


class Sheet(Protocol):
    """Where metrics keep their numbers; one thread at a time changes those of one name."""

    def numbers(self, name: str, values: Labels, count: int) -> Numbers:
        """Return this process's numbers of one name and label values, zeros at first."""
        ...

    def own(self, name: str) -> dict[Labels, Numbers]:
        """Return this process's numbers of one name by label values."""
        ...

    def sums(self, name: str) -> dict[Labels, list[float]]:
        """Return the sums over all processes by label values."""
        ...


class OwnSheet:
    """The sheet of a process that counts for itself.

    Example:
        >>> sheet = OwnSheet()
        >>> sheet.numbers("requests_total", ("/",), 1)[0] += 1
        >>> sheet.sums("requests_total")
        {('/',): [1.0]}
    """

    def __init__(self) -> None:
        """Start without numbers."""
        self._numbers: dict[tuple[str, Labels], list[float]] = {}

    def numbers(self, name: str, values: Labels, count: int) -> Numbers:
        """Return the numbers of one name and label values, zeros at first."""
        return self._numbers.setdefault((name, values), [0.0] * count)

    def own(self, name: str) -> dict[Labels, Numbers]:
        """Return the numbers of one name by label values."""
        return {values: found for (owner, values), found in self._numbers.items() if owner == name}

    def sums(self, name: str) -> dict[Labels, list[float]]:
        """Return copies of the same."""
        return {values: [*found] for values, found in self.own(name).items()}


class Counter:
    """A number for each combination of labels that only grows.

    Args:
        name: as Prometheus knows it.
        description: what it counts.
        labels: names of the labels.
        sheet: where the numbers are kept, and those of other processes; one of its own by default.

    Example:
        >>> requests = Counter("requests_total", "Requests.", labels=("status",))
        >>> requests.add(("200",))
        >>> requests.lines()[-1]
        'requests_total{status="200"} 1'
    """

    kind = "counter"

    def __init__(
        self, name: str, description: str, *, labels: Labels = (), sheet: Sheet | None = None
    ) -> None:
        """Start without values, or with those that a former process left."""
        self.name = name
        self.description = description
        self.labels = labels
        self._sheet = sheet or OwnSheet()
        self._cells: dict[Labels, Numbers] = {}

    def add(self, values: Labels = (), amount: float = 1) -> None:
        """Add to the number of these label values."""
        cell = self._cells.get(values)
        if cell is None:
            cell = self._opened(values)
        cell[0] += amount

    def lines(self) -> list[str]:
        """Return the lines of the text form."""
        shown = [
            f"{self.name}{_braces(self.labels, values)} {_shown(number)}"
            for values, (number,) in sorted(self._sheet.sums(self.name).items())
        ]
        return [*_head(self.name, self.description, self.kind), *shown]

    def _opened(self, values: Labels) -> Numbers:
        """Return the number of label values that are new here."""
        cell = self._cells[values] = self._sheet.numbers(self.name, values, 1)
        return cell


class Gauge(Counter):
    """A number for each combination of labels that is set.

    Example:
        >>> waiting = Gauge("waiting", "Requests in the queue.")
        >>> waiting.put(3)
        >>> waiting.lines()[-1]
        'waiting 3'
    """

    kind = "gauge"

    def __init__(
        self, name: str, description: str, *, labels: Labels = (), sheet: Sheet | None = None
    ) -> None:
        """Start at zero: what a former process left is over."""
        super().__init__(name, description, labels=labels, sheet=sheet)
        for cell in self._sheet.own(name).values():
            cell[0] = 0.0

    def put(self, number: float, values: Labels = ()) -> None:
        """Set the number of these label values."""
        cell = self._cells.get(values)
        if cell is None:
            cell = self._opened(values)
        cell[0] = number


class Histogram:
    """Counts of durations in seconds up to each bound.

    Args:
        name: as Prometheus knows it.
        description: what takes so long.
        labels: names of the labels.
        bounds: upper bounds of the counts.
        sheet: as for ``Counter``.

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
        sheet: Sheet | None = None,
    ) -> None:
        """Start without values, or with those that a former process left."""
        self.name = name
        self.description = description
        self.labels = labels
        self.bounds = bounds
        self._sheet = sheet or OwnSheet()
        self._cells: dict[Labels, Numbers] = {}
        # A count for each bound, one for what is beyond, and the sum.
        self._size = len(bounds) + 2

    def observe(self, seconds: float, values: Labels = ()) -> None:
        """Count one duration."""
        cell = self._cells.get(values)
        if cell is None:
            cell = self._cells[values] = self._sheet.numbers(self.name, values, self._size)
        cell[bisect_left(self.bounds, seconds)] += 1
        cell[self._size - 1] += seconds

    def lines(self) -> list[str]:
        """Return the lines of the text form: cumulative counts, sum and count."""
        shown = _head(self.name, self.description, "histogram")
        labels = (*self.labels, "le")
        for values, (*counts, seconds) in sorted(self._sheet.sums(self.name).items()):
            total = 0.0
            for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
                total += count
                shown.append(
                    f"{self.name}_bucket{_braces(labels, (*values, bound))} {_shown(total)}"
                )
            braces = _braces(self.labels, values)
            shown.append(f"{self.name}_sum{braces} {_shown(seconds)}")
            shown.append(f"{self.name}_count{braces} {_shown(total)}")
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


def _shown(number: float) -> str:
    """Write a number; most are whole."""
    number = float(number)
    return str(int(number)) if number.is_integer() else repr(number)


def _braces(labels: Labels, values: Labels) -> str:
    """Write label values in braces, nothing where there are none."""
    pairs = (f'{label}="{_escape(value)}"' for label, value in zip(labels, values, strict=True))
    return f"{{{','.join(pairs)}}}" if labels else ""


def _escape(value: str) -> str:
    """Escape what the text form gives a meaning."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
