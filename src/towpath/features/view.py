"""A feature view: what is remembered about an entity from the rows of one dataset."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from towpath.core.errors import Invalid
from towpath.core.instant import format_span, parse_span
from towpath.core.name import checked_name
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

AggregateFunction = Literal["count", "sum", "mean", "min", "max"]


class Aggregate(Record, frozen=True, tag_field="kind", tag="aggregate"):
    """A value computed over the events of the last ``window``.

    At time t it sees events in (t - window, t], or in [t - window, t) with ``exclude_current``.
    Missing values are skipped; an empty window has count 0, sum 0 and no mean, min or max.

    Args:
        function: how the values are put together; booleans count as 0 and 1.
        column: the source's column; a count without a column counts events.
        window: how far back it looks.
        name: the feature's name; by default column, function and window.
        exclude_current: leave out events at t itself, for labels that are themselves events.

    Raises:
        Invalid: no window, or no column for anything but a count.

    Example:
        >>> Aggregate("mean", "delay", timedelta(days=7)).name
        'delay_mean_7d'
        >>> Aggregate("count", window=timedelta(hours=3)).name
        'count_3h'
    """

    function: AggregateFunction
    column: str = ""
    window: timedelta = timedelta()
    name: str = ""
    exclude_current: bool = False

    def __post_init__(self) -> None:
        """Check the parts and settle the default name."""
        if self.window <= timedelta():
            message = f"The {self.function} of {self.column or 'events'!r} has no window."
            raise Invalid(message, hint="Give it one, such as window=timedelta(days=7).")
        if not self.column and self.function != "count":
            message = f"The aggregate {self.function!r} has no column."
            raise Invalid(message, hint="Name a column of the source; only a count needs none.")
        if not self.name:
            stem = f"{self.column}_{self.function}" if self.column else "count"
            msgspec.structs.force_setattr(self, "name", f"{stem}_{format_span(self.window)}")
        checked_name(self.name, "feature")


class Latest(Record, frozen=True, tag_field="kind", tag="latest"):
    """The value of the last event at or before t, ties broken by order of ingestion.

    Args:
        column: the source's column.
        name: the feature's name; by default the column's.

    Example:
        >>> Latest("temp").name
        'temp'
    """

    column: str
    name: str = ""

    def __post_init__(self) -> None:
        """Settle the default name."""
        if not self.name:
            msgspec.structs.force_setattr(self, "name", self.column)
        checked_name(self.name, "feature")


class ViewRef(Record, frozen=True):
    """The use of a view in a feature set: which spine column fills which key.

    Args:
        view: the view's name.
        keys: spine column for each key of the view; keys left out are named alike.
        name: prefix of the features' names; by default the view's name.

    Example:
        >>> ViewRef("weather", {"airport": "origin"}).name
        'weather'
    """

    view: str
    keys: dict[str, str] = msgspec.field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        """Settle the default prefix."""
        if not self.name:
            msgspec.structs.force_setattr(self, "name", self.view)
        checked_name(self.name, "view")


class FeatureView(Record, frozen=True):
    """Features of an entity, from the rows of one dataset at their event time.

    Args:
        name: the view's name, the prefix of its features.
        source: the dataset whose rows are the events.
        keys: columns of the source that name the entity.
        features: what is computed.
        ttl: oldest age, inclusive, at which a latest value still counts; None for any age.
        description: what the view says about the entity.
        owner: who answers for it.

    Raises:
        Invalid: no keys, no features, or the same name twice.

    Example:
        >>> carrier = FeatureView("carrier", "arrivals", ("carrier",), (Latest("delay"),))
        >>> carrier.on(carrier="operator").keys
        {'carrier': 'operator'}
    """

    name: str
    source: str
    keys: tuple[str, ...]
    features: tuple[Aggregate | Latest, ...]
    ttl: timedelta | None = None
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        """Check that there is something to compute, under distinct names."""
        checked_name(self.name, "view")
        if not self.keys or not self.features:
            message = f"View {self.name!r} has no {'features' if self.keys else 'keys'}."
            raise Invalid(message, hint="Give it at least one.")
        if self.ttl is not None and self.ttl <= timedelta():
            message = f"View {self.name!r} has a ttl that is not positive."
            raise Invalid(message, hint="Leave it out to keep latest values for ever.")
        names = [feature.name for feature in self.features]
        for what, listed in (("feature", names), ("key", list(self.keys))):
            twice = sorted({name for name in listed if listed.count(name) > 1})
            if twice:
                message = f"View {self.name!r} has the {what} {twice[0]!r} twice."
                raise Invalid(message, hint="Give each its own name.")

    def on(self, **keys: str) -> ViewRef:
        """Refer to the view with spine columns of other names: ``weather.on(airport="origin")``."""
        return ViewRef(self.name, keys)


def aggregates(
    function: AggregateFunction,
    column: str = "",
    *,
    windows: Sequence[str],
    exclude_current: bool = False,
) -> tuple[Aggregate, ...]:
    """Make the same aggregate over several windows.

    Example:
        >>> [one.name for one in aggregates("mean", "delay", windows=["3h", "7d"])]
        ['delay_mean_3h', 'delay_mean_7d']
    """
    return tuple(
        Aggregate(function, column, parse_span(window), exclude_current=exclude_current)
        for window in windows
    )
