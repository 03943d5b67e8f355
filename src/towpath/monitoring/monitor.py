"""What is watched, how often, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.errors import Invalid
from towpath.core.instant import parse_span
from towpath.core.name import checked_name
from towpath.core.record import Record

if TYPE_CHECKING:
    from datetime import timedelta


class Monitor(Record, frozen=True):
    """Watches an endpoint's predictions in windows of equal length.

    Args:
        name: the monitor's name.
        endpoint: whose predictions are watched.
        every: length of a window, such as ``7d``.
        coverage: share of a window's predictions whose label must be known to score it.
        history: how many earlier windows, at most, a window is compared with.
        false_discovery: share of drift alarms that may be false, by Benjamini and Hochberg.
        ignore: features not compared, such as calendar features that must change.
        to: alerters to tell.
        description: what it is for.
        owner: who answers for it.

    Raises:
        Invalid: a bad name or span, or a share outside its range.

    Example:
        >>> Monitor("delay", "delay", every="7d").span
        datetime.timedelta(days=7)
    """

    name: str
    endpoint: str
    every: str = "7d"
    coverage: float = 0.9
    history: int = 26
    false_discovery: float = 0.01
    ignore: tuple[str, ...] = ()
    to: tuple[str, ...] = ("log",)
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be watched."""
        checked_name(self.name, "monitor")
        parse_span(self.every)
        _within(self.coverage, "coverage", lowest=0.0, highest=1.0)
        _within(self.false_discovery, "false_discovery", lowest=0.0, highest=0.5)
        _within(self.history, "history", lowest=4, highest=520)

    @property
    def span(self) -> timedelta:
        """The length of a window."""
        return parse_span(self.every)


def _within(value: float, field: str, *, lowest: float, highest: float) -> None:
    """Refuse a setting outside its range."""
    if not lowest <= value <= highest:
        message = f"{field} is {value}."
        raise Invalid(message, hint=f"Give a value from {lowest:g} to {highest:g}.")
