"""Charts as SVG text: no script, readable without colour, tool tips and descriptions inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from towpath.core.record import Record

WIDTH = 880
LEFT = 52
RIGHT = 12
TOP = 10
BOTTOM = 24
CELL_HEIGHT = 17
NAME_WIDTH = 250
SHOWN_LABELS = 14
NAME_LENGTH = 36
MOST_STEPS = 4.5
ROUND_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

Scale = Callable[[float], float]


class Point(Record, frozen=True):
    """A value in a window, with its interval where it has one.

    Args:
        value: the value; None leaves a gap.
        lower: lower end of the interval.
        upper: upper end of the interval.
        tip: what to say of it.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    tip: str = ""


class Series(Record, frozen=True):
    """One line of a chart.

    Args:
        name: its name in the legend.
        style: CSS class that colours it: ``first`` or ``second``.
        points: one a window.
    """

    name: str
    style: str
    points: tuple[Point, ...]


class Cell(Record, frozen=True):
    """One square of a heat map.

    Args:
        heat: 0 (nothing) to 1.
        alarm: whether it is marked.
        tip: what to say of it.
    """

    heat: float
    alarm: bool = False
    tip: str = ""


def line_chart(
    series: Sequence[Series], labels: Sequence[str], *, title: str, bars: Sequence[float] = ()
) -> str:
    """Draw lines with their intervals over windows, and shares as bars below.

    Example:
        >>> area = Series("AUC", "first", (Point(0.7), Point(0.72)))
        >>> line_chart([area], ["1", "2"], title="ROC AUC")[:4]
        '<svg'
    """
    plot, strip = 190, 34 if bars else 0
    height = TOP + plot + strip + BOTTOM
    across = _across(len(labels))
    values = [
        value
        for one in series
        for point in one.points
        for value in (point.value, point.lower, point.upper)
        if value is not None
    ]
    low, high, step = _round_range(values)
    down = _down(low, high, TOP, TOP + plot - 8)
    parts = [_grid(low, high, step, down)]
    for one in series:
        parts.append(_intervals(one, across, down))
        parts.append(_line(one, across, down))
    if bars:
        parts.append(_bars(bars, across, top=TOP + plot + 4, height=strip - 8))
    parts.append(_labels(labels, across, height - 6))
    return _svg(title, height, parts)


def fan_chart(quantiles: Sequence[Sequence[float]], labels: Sequence[str], *, title: str) -> str:
    """Draw a distribution over windows: its middle, half and four fifths.

    Args:
        quantiles: for each window the 10th, 25th, 50th, 75th and 90th percentile, or nothing.
        labels: name of each window.
        title: what the chart shows.

    Example:
        >>> fan_chart([[0.1, 0.2, 0.3, 0.4, 0.5]] * 2, ["1", "2"], title="Predictions")[:4]
        '<svg'
    """
    height = TOP + 160 + BOTTOM
    across = _across(len(labels))
    full = [(index, row) for index, row in enumerate(quantiles) if row]
    low, high, step = _round_range([value for _, row in full for value in row])
    down = _down(low, high, TOP, TOP + 152)
    parts = [_grid(low, high, step, down)]
    for lower, upper, style in ((0, 4, "band wide"), (1, 3, "band")):
        forth = [f"{across(index):.1f},{down(row[lower]):.1f}" for index, row in full]
        back = [f"{across(index):.1f},{down(row[upper]):.1f}" for index, row in reversed(full)]
        parts.append(f'<polygon class="{style}" points="{" ".join(forth + back)}"/>')
    middle = tuple(
        Point(row[2], tip=f"{label}: median {row[2]:.3f}, 80 % in {row[0]:.2f} to {row[4]:.2f}")
        if row
        else Point(None)
        for row, label in zip(quantiles, labels, strict=True)
    )
    parts.append(_line(Series("median", "first", middle), across, down))
    parts.append(_labels(labels, across, height - 6))
    return _svg(title, height, parts)


def heat_map(
    rows: Sequence[tuple[str, Sequence[Cell]]], labels: Sequence[str], *, title: str
) -> str:
    """Draw rows of squares; marked ones carry a dot besides their colour.

    Example:
        >>> heat_map([("temp", [Cell(0.2), Cell(1.0, alarm=True)])], ["1", "2"], title="Drift")[:4]
        '<svg'
    """
    width = (WIDTH - NAME_WIDTH - RIGHT) / max(len(labels), 1)
    parts: list[str] = []
    for number, (name, cells) in enumerate(rows):
        y = TOP + number * CELL_HEIGHT
        middle = y + CELL_HEIGHT / 2
        parts.append(f'<text class="name" x="{NAME_WIDTH - 8}" y="{middle + 4:.0f}">')
        parts.append(f"{escape(_short(name))}</text>")
        for index, cell in enumerate(cells):
            parts.append(_cell(cell, NAME_WIDTH + index * width, y, width))
    height = TOP + len(rows) * CELL_HEIGHT + BOTTOM

    def across(index: float) -> float:
        return NAME_WIDTH + (index + 0.5) * width

    parts.append(_labels(labels, across, height - 6))
    return _svg(title, height, parts)


def _cell(cell: Cell, x: float, y: float, width: float) -> str:
    """Draw one square, with a dot if it is marked."""
    tip = f"<title>{escape(cell.tip)}</title>" if cell.tip else ""
    style = "alarm" if cell.alarm else "quiet"
    box = (
        f'<rect class="{style}" x="{x:.1f}" y="{y}" width="{width - 2:.1f}" '
        f'height="{CELL_HEIGHT - 2}" rx="2" fill-opacity="{cell.heat:.2f}">{tip}</rect>'
    )
    if not cell.alarm:
        return box
    return (
        f'{box}<circle class="mark" cx="{x + width / 2 - 1:.1f}" '
        f'cy="{y + CELL_HEIGHT / 2 - 1:.1f}" r="2.5"/>'
    )


def _line(series: Series, across: Scale, down: Scale) -> str:
    """Draw the line through the points, broken at gaps, and a dot at each."""
    pieces: list[str] = []
    pen = "M"
    dots: list[str] = []
    for index, point in enumerate(series.points):
        if point.value is None:
            pen = "M"
            continue
        x, y = across(index), down(point.value)
        pieces.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
        tip = f"<title>{escape(point.tip)}</title>" if point.tip else ""
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2">{tip}</circle>')
    return f'<g class="{series.style}"><path d="{"".join(pieces)}"/>{"".join(dots)}</g>'


def _intervals(series: Series, across: Scale, down: Scale) -> str:
    """Draw a bar from the lower to the upper end of each interval."""
    parts = [
        f'<rect class="interval {series.style}" x="{across(index) - 4:.1f}" '
        f'y="{down(point.upper):.1f}" width="8" rx="4" '
        f'height="{max(down(point.lower) - down(point.upper), 1):.1f}"/>'
        for index, point in enumerate(series.points)
        if point.lower is not None and point.upper is not None
    ]
    return "".join(parts)


def _bars(shares: Sequence[float], across: Scale, *, top: float, height: float) -> str:
    """Draw shares from 0 to 1 as bars on a strip."""
    half = min(14.0, (WIDTH - LEFT - RIGHT) / max(len(shares), 1) / 2 - 2)
    parts = [f'<text class="tick" x="{LEFT - 8}" y="{top + height:.1f}">labels</text>']
    for index, share in enumerate(shares):
        x, tall = across(index) - half, share * height
        parts.append(
            f'<rect class="bar back" x="{x:.1f}" y="{top:.1f}" width="{2 * half:.1f}" '
            f'height="{height:.1f}" rx="2"/><rect class="bar" x="{x:.1f}" '
            f'y="{top + height - tall:.1f}" width="{2 * half:.1f}" height="{tall:.1f}" rx="2">'
            f"<title>{100 * share:.1f} % of labels known</title></rect>"
        )
    return "".join(parts)


def _grid(low: float, high: float, step: float, down: Scale) -> str:
    """Draw horizontal lines with their values."""
    parts: list[str] = []
    digits = 3 if step == min(ROUND_STEPS) else 2
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        y = down(value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}">{value:.{digits}f}</text>'
        )
    return "".join(parts)


def _labels(labels: Sequence[str], across: Scale, y: float) -> str:
    """Write the names of the windows, thinned to what fits."""
    every = max(1, -(-len(labels) // SHOWN_LABELS))
    return "".join(
        f'<text class="label" x="{across(index):.1f}" y="{y}">{escape(label)}</text>'
        for index, label in enumerate(labels)
        if index % every == 0
    )


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    """Wrap the parts into an image with a description."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def _across(count: int) -> Scale:
    """Place windows evenly from left to right."""
    step = (WIDTH - LEFT - RIGHT) / max(count, 1)
    return lambda index: LEFT + (index + 0.5) * step


def _down(low: float, high: float, top: float, bottom: float) -> Scale:
    """Place values from bottom to top."""
    return lambda value: bottom - (value - low) / (high - low) * (bottom - top)


def _round_range(values: Sequence[float]) -> tuple[float, float, float]:
    """Choose round ends and a round step around the values, for three to six lines."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    wide = max(high - low, 0.02)
    step = next((one for one in ROUND_STEPS if wide / one <= MOST_STEPS), wide)
    first = step * int(low / step)
    last = step * -int(-high // step)
    return first, max(last, first + step), step


def _short(name: str) -> str:
    """Shorten a name that would not fit beside a heat map."""
    return name if len(name) <= NAME_LENGTH else f"{name[:17]}…{name[-18:]}"
