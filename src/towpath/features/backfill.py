"""Backfill: make the features of a view readable online at any time of a past range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.errors import Invalid
from towpath.core.instant import from_micros
from towpath.core.interval import Interval
from towpath.core.record import fingerprint
from towpath.features.generation import read_generation, read_meta
from towpath.features.materialize import materialize
from towpath.features.online.plan import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from towpath.features.materialize import MaterializeReport
    from towpath.features.online import OnlineStore
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake


def backfill(
    lake: Lake,
    store: OnlineStore,
    view: FeatureView,
    interval: Interval,
    *,
    step: timedelta | None = None,
) -> Iterator[MaterializeReport]:
    """Extend what is materialised until it holds a range, one piece after the other.

    What is there stays; a range that is there already, or in part, adds no more than what is
    missing. Each piece is published and noted in the log of intervals when it is done: after a
    kill, the same call goes on from there. What is materialised is one stretch of time, so that
    between the range and what was there is filled too.

    Args:
        lake: holds the source.
        store: where the view goes.
        view: the view.
        interval: prediction times at which it is to be readable.
        step: length of a piece; all at once unless given.

    Yields:
        What was written, after each piece.

    Raises:
        Invalid: an empty range, or the view does not fit its source.
        NotFound: the source has no rows yet.
    """
    if interval.start >= interval.end:
        message = f"The range {interval} holds no time."
        raise Invalid(message, hint="Give an end after the start.")
    held = _held(lake, store, view)
    end = max(held.end, interval.end) if held else interval.end
    for since in _starts(interval.start, held.start if held else interval.end, step):
        yield materialize(lake, store, view, until=end, history=end - since)


def _starts(wanted: datetime, held: datetime, step: timedelta | None) -> tuple[datetime, ...]:
    """Return from when on each piece is readable, going back; what is held is never cut.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> day = datetime(2013, 1, 1, tzinfo=UTC)
        >>> [one.day for one in _starts(day, day.replace(day=6), timedelta(days=2))]
        [4, 2, 1]
        >>> _starts(day.replace(day=6), day, None) == (day,)
        True
    """
    if held <= wanted or step is None:
        return (min(held, wanted),)
    pieces = Interval(wanted, held).split(step)
    return tuple(max(wanted, held - number * step) for number in range(1, len(pieces) + 1))


def _held(lake: Lake, store: OnlineStore, view: FeatureView) -> Interval | None:
    """Return which times are held, None where another definition or nothing is."""
    source = lake.datasets[view.source]
    present = read_generation(read_meta(store, plan_of(view, source).area))
    if present is None or present.version != fingerprint([view, source]):
        return None
    return Interval(from_micros(present.since), from_micros(present.until))
