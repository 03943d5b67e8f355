"""Features in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.core.instant import format_span
from towpath.features.view import Latest

if TYPE_CHECKING:
    from towpath.features.view import Aggregate, FeatureView


def described(feature: Aggregate | Latest, view: FeatureView) -> str:
    """Say in words how a view's feature is computed.

    Example:
        >>> from datetime import timedelta
        >>> from towpath.features.view import Aggregate, FeatureView
        >>> week = Aggregate("mean", "delay", timedelta(days=7), exclude_current=True)
        >>> described(week, FeatureView("carrier", "arrivals", ("carrier",), (week,)))
        'mean of delay over 7d, without the present'
    """
    if isinstance(feature, Latest):
        age = "" if view.ttl is None else f", at most {format_span(view.ttl)} old"
        return f"latest {feature.column}{age}"
    window = "the lifetime" if feature.window is None else format_span(feature.window)
    what = f"{feature.function} of {feature.column}" if feature.column else "count of events"
    if feature.function == "share":
        what = f"share of {feature.value!r} in {feature.column}"
    if feature.function == "last_k":
        what = f"last {feature.k} of {feature.column}"
    return f"{what} over {window}{', without the present' if feature.exclude_current else ''}"
