"""A feature view: what is remembered about an entity from the rows of one dataset."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from towpath.core.errors import Invalid, did_you_mean
from towpath.core.instant import format_span, parse_span
from towpath.core.name import checked_name
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

AggregateFunction = Literal[
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "std",
    "first",
    "last",
    "last_k",
    "distinct",
    "share",
]
Value = bool | int | float | str
LIFETIME = "lifetime"
MOST_VALUES = 1000
NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


class Aggregate(Record, frozen=True, tag_field="kind", tag="aggregate"):
    """A value computed over the events of the last ``window``.

    At time t it sees events in (t - window, t], or [t - window, t) with ``exclude_current``.
    Missing values are skipped. An empty window has count, sum and distinct 0; all else is missing.

    Args:
        function: how the values are put together. ``std`` is the sample's (over n - 1), missing
            below two values; ``first`` and ``last`` go by time, then order of ingestion; ``last_k``
            lists the ``k`` last, newest first; ``distinct`` counts different values; ``share`` is
            the part of the values that equal ``value``. Booleans count as 0 and 1.
        column: the source's column; a count without a column counts events.
        window: how far back it looks; None for the lifetime.
        name: the feature's name; by default column, function and window.
        exclude_current: leave out events at t itself, for labels that are themselves events.
        k: how many values ``last_k`` lists.
        value: the value that ``share`` looks for; a decimal as text.

    Raises:
        Invalid: no window, no column for anything but a count, or ``k`` or ``value`` missing or
            given to another function.

    Example:
        >>> Aggregate("mean", "delay", timedelta(days=7)).name
        'delay_mean_7d'
        >>> Aggregate("count", window=timedelta(hours=3)).name
        'count_3h'
        >>> Aggregate("last_k", "delay", timedelta(days=7), k=3).name
        'delay_last_3_7d'
        >>> Aggregate("share", "sky", None, value="rain").name
        'sky_share_rain_lifetime'
    """

    function: AggregateFunction
    column: str = ""
    window: timedelta | None = timedelta()
    name: str = ""
    exclude_current: bool = False
    k: int = 0
    value: Value | None = None

    def __post_init__(self) -> None:
        """Check the parts and settle the default name."""
        if self.window is not None and self.window <= timedelta():
            message = f"The {self.function} of {self.column or 'events'!r} has no window."
            hint = "Give it one, such as window=timedelta(days=7), or None for the lifetime."
            raise Invalid(message, hint=hint)
        if not self.column and self.function != "count":
            message = f"The aggregate {self.function!r} has no column."
            raise Invalid(message, hint="Name a column of the source; only a count needs none.")
        self._check_parameters()
        if not self.name:
            msgspec.structs.force_setattr(self, "name", self._default_name())
        checked_name(self.name, "feature")

    def _check_parameters(self) -> None:
        """Refuse a ``k`` or ``value`` that is missing, or that the function has no use for."""
        if self.function == "last_k" and not 1 <= self.k <= MOST_VALUES:
            message = f"The last_k of {self.column!r} lists {self.k} values."
            raise Invalid(message, hint=f"Give it k=1 to {MOST_VALUES}.")
        if self.function == "share" and (self.value is None or self.value != self.value):
            message = f"The share of {self.column!r} does not say of which value."
            raise Invalid(message, hint="Give it one, such as value='late'.")
        for name, given, owner in (
            ("k", bool(self.k), "last_k"),
            ("value", self.value is not None, "share"),
        ):
            if given and self.function != owner:
                message = f"The {self.function} of {self.column or 'events'!r} has a {name}."
                raise Invalid(message, hint=f"Only {owner} takes {name}.")

    def _default_name(self) -> str:
        """Make a name of column, function and window."""
        window = LIFETIME if self.window is None else format_span(self.window)
        if not self.column:
            return f"count_{window}"
        function: str = self.function
        if function == "last_k":
            function = f"last_{self.k}"
        if function == "share":
            function = f"share_{NOT_IN_A_NAME.sub('_', str(self.value).lower()).strip('_')}"
        return f"{self.column}_{function}_{window}"


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
        keys: columns of the source that name the entity; none for features of all events.
        features: what is computed.
        ttl: oldest age, inclusive, at which a latest value still counts; None for any age.
        description: what the view says about the entity.
        owner: who answers for it.
        where: SQL predicate over a row of the source; other rows are no events.
        columns: names under which keys and features know columns of the source, by source column.
        defaults: values by feature that a feature server answers with while the online store does
            not answer; features that are not named are missing then. A view without any is
            answered with 503. What training sees, and what a key without events has, is unchanged.

    Raises:
        Invalid: no features, the same name twice, or a default for a feature that is not there.

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
    where: str = ""
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    defaults: dict[str, Value] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that there is something to compute, under distinct names."""
        checked_name(self.name, "view")
        if not self.features:
            message = f"View {self.name!r} has no features."
            raise Invalid(message, hint="Give it at least one.")
        if self.ttl is not None and self.ttl <= timedelta():
            message = f"View {self.name!r} has a ttl that is not positive."
            raise Invalid(message, hint="Leave it out to keep latest values for ever.")
        for what, names in (
            ("feature", [feature.name for feature in self.features]),
            ("key", list(self.keys)),
            ("column", list(self.columns.values())),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                message = f"View {self.name!r} has the {what} {twice[0]!r} twice."
                raise Invalid(message, hint="Give each its own name.")
        known = [feature.name for feature in self.features]
        for name in self.defaults:
            if name not in known:
                message = f"View {self.name!r} has a default for an unknown feature {name!r}."
                raise Invalid(message, hint=did_you_mean(name, known))

    def source_column(self, name: str) -> str:
        """Return the source's name of a column that a key or feature names.

        Example:
            >>> mapped = {"dep_delay": "delay"}
            >>> view = FeatureView("c", "trips", ("car",), (Latest("delay"),), columns=mapped)
            >>> view.source_column("delay"), view.source_column("car")
            ('dep_delay', 'car')
        """
        return {known: column for column, known in self.columns.items()}.get(name, name)

    @property
    def meant(self) -> FeatureView:
        """The view without what does not change its values: descriptions, owner, defaults."""
        return self.replace(description="", owner="", defaults={})

    @property
    def used(self) -> tuple[str, ...]:
        """The columns that the features read, as the view names them."""
        return tuple(dict.fromkeys(one.column for one in self.features if one.column))

    def on(self, **keys: str) -> ViewRef:
        """Refer to the view with spine columns of other names: ``weather.on(airport="origin")``."""
        return ViewRef(self.name, keys)


def aggregates(
    function: AggregateFunction,
    column: str = "",
    *,
    windows: Sequence[str],
    exclude_current: bool = False,
    value: Value | None = None,
) -> tuple[Aggregate, ...]:
    """Make the same aggregate over several windows, one of which may be ``lifetime``.

    A ``last_k`` is written one by one.

    Example:
        >>> [one.name for one in aggregates("mean", "delay", windows=["3h", "lifetime"])]
        ['delay_mean_3h', 'delay_mean_lifetime']
    """
    return tuple(
        Aggregate(
            function,
            column,
            None if window == LIFETIME else parse_span(window),
            exclude_current=exclude_current,
            value=value,
        )
        for window in windows
    )
