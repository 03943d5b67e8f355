"""How ``towpath feature get --explain`` shows what made the features of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.cli.output import console
from towpath.core.errors import cut
from towpath.core.instant import format_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.features.explanation import ExplainedFeature, ExplainedView, Explanation

VALUE_LENGTH = 36


def print_explanation(found: Explanation) -> None:
    """Print what made each feature, readable in 80 columns."""
    out = console()
    key = ", ".join(f"{name} {value}" for name, value in found.key.items())
    out.print(f"[bold]{found.feature_set}[/]  {key}  at {format_instant(found.at)}", soft_wrap=True)
    for line in explanation_lines(found):
        out.print(line, soft_wrap=True, markup=False)


def explanation_lines(found: Explanation) -> Iterator[str]:
    """Write what is known of the key by view, and what made each feature.

    Example:
        >>> from towpath.core.instant import EPOCH
        >>> from towpath.features.explanation import ExplainedFeature, Explanation
        >>> seats = ExplainedFeature("seats", 4, "column of trips")
        >>> found = Explanation("fare", {"trip": 1}, EPOCH, (), (seats,))
        >>> list(explanation_lines(found))
        ['', 'seats = 4', '  column of trips']
    """
    views = {view.name: view for view in found.views}
    for one in found.features:
        yield ""
        view = views.pop(one.view, None)
        if view is not None:
            yield from _view_lines(view)
        yield from _feature_lines(one)


def _view_lines(view: ExplainedView) -> Iterator[str]:
    """Write what a view knows of the key, before the first of its features."""
    keys = ", ".join(f"{name} {value}" for name, value in view.keys.items()) or "all events"
    told = f"{view.events:,} events held"
    if view.newest is not None:
        told += f", the newest of {format_instant(view.newest)}"
    yield f"view {view.name}: {keys}: {view.status}"
    yield f"  {told}"
    yield ""


def _feature_lines(one: ExplainedFeature) -> Iterator[str]:
    """Write what made one feature."""
    yield f"{one.name} = {_text(one.value)}"
    yield f"  {one.computed}"
    for name, value in one.inputs.items():
        yield f"  {name} = {_text(value)}"
    if one.until is not None:
        if one.since is not None:
            yield f"  {'from' if one.includes_since else 'after'} {format_instant(one.since)}"
        yield f"  {'up to' if one.includes_until else 'before'} {format_instant(one.until)}"
        without = f", {one.missing:,} without a value" if one.missing else ""
        yield f"  {one.events:,} event{'' if one.events == 1 else 's'}{without}"
    for event in one.newest:
        value = _text(event.value) if one.missing or event.value is not None else ""
        yield f"    {format_instant(event.at):<27}  {event.source:<6}  {value}".rstrip()
    left = (one.events or 0) - len(one.newest)
    if left:
        yield f"    ... and {left:,} more"
    if one.reason:
        yield f"  {one.reason}"
    if one.agrees is False:
        yield f"  BUT these events give {_text(one.recomputed)}: materialise the view again"


def _text(value: object) -> str:
    """Write a value on the rest of a line."""
    return "missing" if value is None else cut(str(value), VALUE_LENGTH)
