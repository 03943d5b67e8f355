"""Why a feature has its value: the events that made it, and what is said of them in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np

from towpath.core.instant import MICROSECOND, format_instant, format_span, from_micros, to_micros
from towpath.core.record import Record
from towpath.features.columns import FOUND, NOT_FOUND, OUTSIDE_MAX_AGE
from towpath.features.view import Latest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from towpath.features.engines.kernel.form import Ints
    from towpath.features.view import Aggregate, FeatureView

Status = Literal["FOUND", "NOT_FOUND", "OUTSIDE_MAX_AGE"]
STATUS: dict[int, Status] = {
    FOUND: "FOUND",
    NOT_FOUND: "NOT_FOUND",
    OUTSIDE_MAX_AGE: "OUTSIDE_MAX_AGE",
}
# A window that would begin before this has no beginning.
EARLIEST = to_micros(datetime.min.replace(tzinfo=UTC))


class ExplainedEvent(Record, frozen=True):
    """An event that a value was made of.

    Args:
        at: its time.
        value: what it has in the feature's column; None for a missing value, or for a count of
            events, which reads no column.
        source: whether the lake has brought it, or it only was pushed so far.
    """

    at: datetime
    value: object
    source: Literal["lake", "pushed"]


class ExplainedFeature(Record, frozen=True):
    """A feature with what made its value.

    Args:
        name: its name.
        value: as served; times are microseconds.
        computed: how, in words.
        reason: why there is no value, or only the one of no events; empty otherwise.
        view: the name of its view in the feature set; empty for a column or a derived feature.
        since: where its window begins; None without a beginning.
        includes_since: whether an event at that very time counts.
        until: where its window ends.
        includes_until: likewise.
        events: how many events count.
        missing: how many of them have no value in its column.
        newest: the latest of them, the newest first.
        recomputed: the value that an engine of training sets computes from those events.
        agrees: whether that is the value, bit for bit.
        inputs: of a derived feature, its inputs with their values.
    """

    name: str
    value: object
    computed: str
    reason: str = ""
    view: str = ""
    since: datetime | None = None
    includes_since: bool = False
    until: datetime | None = None
    includes_until: bool = False
    events: int | None = None
    missing: int = 0
    newest: tuple[ExplainedEvent, ...] = ()
    recomputed: object = None
    agrees: bool | None = None
    inputs: dict[str, object] = msgspec.field(default_factory=dict)


class ExplainedView(Record, frozen=True):
    """What a view knows of the key.

    Args:
        name: its name in the feature set.
        keys: the values by which it is asked.
        status: how the key was found.
        newest: time of its newest event; None where there is none.
        events: how many events the online store has of it.
    """

    name: str
    keys: dict[str, object]
    status: Status
    newest: datetime | None
    events: int


class Explanation(Record, frozen=True):
    """Why features of a key have their values.

    Args:
        feature_set: what was read.
        key: of the spine's row.
        at: the time that the features are of.
        views: what each view knows of the key.
        features: each with what made it.
    """

    feature_set: str
    key: dict[str, object]
    at: datetime
    views: tuple[ExplainedView, ...]
    features: tuple[ExplainedFeature, ...]

    @property
    def contradicted(self) -> tuple[str, ...]:
        """The features whose events do not give the value that is served: there should be none."""
        return tuple(one.name for one in self.features if one.agrees is False)


class Window(NamedTuple):
    """The events that a feature sees.

    Args:
        since: earliest time in microseconds, None for any.
        includes_since: whether an event at that very time counts.
        until: latest time.
        includes_until: likewise.
        last: whether only the last event in it counts.
    """

    since: int | None
    includes_since: bool
    until: int
    includes_until: bool
    last: bool

    def mask(self, times: Ints) -> NDArray[np.bool_]:
        """Tell which of some events, sorted by time, count.

        Example:
            >>> Window(1, False, 3, True, False).mask(np.array([1, 2, 3, 4])).tolist()
            [False, True, True, False]
        """
        first = 0
        if self.since is not None:
            first = int(np.searchsorted(times, self.since, _side(left=self.includes_since)))
        end = int(np.searchsorted(times, self.until, _side(left=not self.includes_until)))
        if self.last:
            first = max(first, end - 1)
        places = np.arange(len(times))
        found: NDArray[np.bool_] = (places >= first) & (places < end)
        return found


def _side(*, left: bool) -> Literal["left", "right"]:
    """Return on which side of events at a time to cut."""
    return "left" if left else "right"


def window_of(feature: Aggregate | Latest, view: FeatureView, at: int) -> Window:
    """Return the events that a feature sees at a time in microseconds.

    Example:
        >>> from datetime import timedelta
        >>> from towpath.features.view import Aggregate, FeatureView
        >>> second = Aggregate("count", window=timedelta(seconds=1))
        >>> window_of(second, FeatureView("car", "trips", ("car",), (second,)), 3_000_000)[:4]
        (2000000, False, 3000000, True)
    """
    latest = isinstance(feature, Latest)
    span = view.ttl if isinstance(feature, Latest) else feature.window
    before = not isinstance(feature, Latest) and feature.exclude_current
    since = None if span is None else at - span // MICROSECOND
    if since is not None and since < EARLIEST:
        since = None
    return Window(since, latest or before, at, not before, latest)


def reason_of(
    feature: Aggregate | Latest, view: FeatureView, found: ExplainedView, *, seen: tuple[int, int]
) -> str:
    """Say why a feature has no value, or that of no events; nothing where there are some.

    Args:
        feature: the feature.
        view: its view.
        found: what the view knows of the key.
        seen: how many events count, and how many of them have no value.
    """
    events, missing = seen
    latest = isinstance(feature, Latest)
    if events > missing:
        return ""
    if events:
        none = "the newest event has no" if latest else "none of its events has a"
        return f"{none} {feature.column}"
    nulls = [name for name, value in found.keys.items() if value is None]
    if nulls:
        return f"the row has no {nulls[0]}, which matches no event"
    if found.status == "NOT_FOUND" or found.newest is None:
        return f"no event of {key_text(found.keys)} is known up to then"
    if latest and view.ttl is not None:
        when = format_instant(found.newest)
        return f"the newest event, of {when}, is older than {format_span(view.ttl)}"
    return "no event is in its window"


def key_text(keys: dict[str, object]) -> str:
    """Write a key on one line.

    Example:
        >>> key_text({"car": "a", "lot": 7})
        'car a, lot 7'
    """
    return ", ".join(f"{name} {value}" for name, value in keys.items()) or "any row"


def instant_or_none(micros: int | None) -> datetime | None:
    """Return a time that there may not be.

    Example:
        >>> instant_or_none(None) is None
        True
    """
    return None if micros is None else from_micros(micros)
