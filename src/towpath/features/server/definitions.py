"""From names in a request to what answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from towpath.core.errors import Invalid, Unavailable, did_you_mean
from towpath.features.feature_set import FeatureSet
from towpath.features.lookup import Lookup
from towpath.features.server.outage import Fallback
from towpath.features.server.source import Asked, Feature
from towpath.lake.dataset import Column, Dataset
from towpath.web.problem import Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from towpath.features.online import OnlineStore
    from towpath.features.view import FeatureView
    from towpath.lake.lake import Lake

REQUEST = "request"
AT = "at"


class Definitions(NamedTuple):
    """What a server knows of a project.

    Args:
        store: holds what was materialised and pushed.
        feature_sets: by name.
        views: by name.
        datasets: contracts by name.
        lake: opens the lake, for what is pushed to it; a server without it leaves that in the log.
    """

    store: OnlineStore
    feature_sets: Mapping[str, FeatureSet]
    views: Mapping[str, FeatureView]
    datasets: Mapping[str, Dataset]
    lake: Callable[[], Lake] | None = None

    def opened_lake(self) -> Lake:
        """Open the lake.

        Raises:
            Unavailable: there is none.
        """
        if self.lake is None:
            raise Unavailable("The server has no lake.", hint="Start it in a project.")
        return self.lake()


def asked_set(known: Definitions, name: str) -> Asked:
    """Return what answers for a feature set.

    Raises:
        Missing: there is none of that name.
    """
    chosen = known.feature_sets.get(name)
    if chosen is None:
        hint = did_you_mean(name, known.feature_sets)
        raise Missing(f"There is no feature set {name!r}.", hint=hint)
    lookup = Lookup(known.store, chosen, known.views, known.datasets)
    spine = known.datasets[chosen.spine]
    return Asked(
        name=name,
        source=Fallback(lookup, known.views),
        features=_features(lookup, known.views),
        views=tuple(ref.name for ref in chosen.refs),
        key=tuple(spine.column(one).replace(nullable=False) for one in spine.key),
        row=tuple(spine.column(one) for one in lookup.needed),
        version=lookup.definition,
        plain=lookup.plain,
    )


def asked_views(known: Definitions, names: tuple[str, ...]) -> Asked:
    """Return what answers for views that are asked by their own keys.

    Raises:
        Missing: there is no view of a name.
        Invalid: a key has another type in another of the views.
    """
    keys: dict[str, Column] = {}
    for name in names:
        view = known.views.get(name)
        if view is None:
            raise Missing(f"There is no view {name!r}.", hint=did_you_mean(name, known.views))
        for key in view.keys:
            given = known.datasets[view.source].column(view.source_column(key))
            column = Column(key, given.dtype, doc=given.doc)
            if keys.setdefault(key, column).dtype != column.dtype:
                message = f"The key {key!r} has another type in view {name!r}."
                raise Invalid(message, hint="Ask for these views one by one.", key=key)
    at = AT
    while at in keys:
        at += "_"
    spine = Dataset(REQUEST, (*keys.values(), Column(at, "timestamp")))
    lookup = Lookup(
        known.store,
        FeatureSet(REQUEST, REQUEST, at, names),
        known.views,
        {**known.datasets, REQUEST: spine},
    )
    return Asked(
        name=", ".join(names),
        source=Fallback(lookup, known.views),
        features=_features(lookup, known.views),
        views=names,
        key=(),
        row=tuple(keys.values()),
        plain=lookup.plain,
    )


def _features(lookup: Lookup, views: Mapping[str, FeatureView]) -> tuple[Feature, ...]:
    """Describe the features of a look-up in the order of its columns: views, then the rest."""
    owners: list[tuple[int, str] | None] = [
        (number, feature.name)
        for number, ref in enumerate(lookup.feature_set.refs)
        for feature in views[ref.view].features
    ]
    owners += [None] * (len(lookup.schema) - len(owners))
    pairs = zip(lookup.schema.items(), owners, strict=True)
    return tuple(
        Feature(name, dtype, owner[0], owner[1]) if owner else Feature(name, dtype, None, name)
        for (name, dtype), owner in pairs
    )
