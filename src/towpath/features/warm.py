"""A first read by made-up values, so that no client waits for what compiles on first use."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from towpath.lake.dataset import Column

EMPTY: dict[str, object] = {
    "bool": False,
    "int64": 0,
    "float64": 0.0,
    "string": "",
    "timestamp": 0,
    "date": "1970-01-01",
}

logger = logging.getLogger(__name__)


def empty_row(columns: Iterable[Column]) -> dict[str, object]:
    """Return a row of made-up values.

    Example:
        >>> from towpath.lake.dataset import Column
        >>> empty_row([Column("car", "string"), Column("km", "int64")])
        {'car': '', 'km': 0}
    """
    return {one.name: EMPTY.get(one.dtype) for one in columns}


def warm(name: str, ask: Callable[[], object]) -> None:
    """Ask; a feature function may refuse values that no caller would give.

    Example:
        >>> warm("delay", lambda: 1 / 0)
    """
    try:
        ask()
    except Exception:
        logger.debug("%s not warmed", name, exc_info=True)
