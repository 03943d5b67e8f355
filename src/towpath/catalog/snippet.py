"""The place in an asset that answers a search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from towpath.catalog.words import indexed_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.catalog.assets import Asset

Field = Literal["name", "column", "tag", "owner", "description"]

LONGEST = 120
BEFORE = 30
NAME, COLUMN, TAG, DESCRIPTION = 4, 3, 2, 1
ELLIPSIS = "…"


def snippet(asset: Asset, words: Sequence[str], *, tier: int) -> tuple[Field, str]:
    """Say what kind of text holds the words, and quote it.

    Args:
        asset: what was found.
        words: what was looked for; the last may be the start of a word.
        tier: 4 when the name holds all words, 3 when columns are needed too, then 2 for tags and
            owner, 1 for descriptions; 0 when there are no words.

    Example:
        >>> from towpath.catalog.assets import Asset, AssetColumn
        >>> from towpath.core.instant import EPOCH
        >>> late = AssetColumn("dep_delay", doc="Minutes late.")
        >>> snippet(Asset("dataset", "trips", EPOCH, columns=(late,)), ["del"], tier=3)
        ('column', 'dep_delay: Minutes late.')
    """
    if tier == COLUMN:
        return "column", _column(asset, words)
    if tier == TAG:
        tag = next((tag for tag in asset.tags if _holds(tag, words)), None)
        return ("owner", asset.owner) if tag is None else ("tag", tag)
    if tier == DESCRIPTION:
        texts = [asset.description, *(f"{one.name}: {one.doc}" for one in asset.columns if one.doc)]
        held = next((text for text in texts if _holds(text, words)), asset.description)
        return "description", _excerpt(held, words)
    return "name", _excerpt(asset.description, ())


def _column(asset: Asset, words: Sequence[str]) -> str:
    """Quote the first column whose name holds a word."""
    found = next(column for column in asset.columns if _holds(column.name, words))
    return _excerpt(f"{found.name}: {found.doc}" if found.doc else found.name, ())


def _holds(text: str, words: Sequence[str]) -> bool:
    """Whether a text holds one of the words."""
    known = indexed_words([text])
    *whole, last = words
    return bool(set(whole) & set(known)) or any(word.startswith(last) for word in known)


def _excerpt(text: str, words: Sequence[str]) -> str:
    """Cut a text to one line around the first of the words in it."""
    line = " ".join(text.split())
    pattern = "|".join(re.escape(word) for word in words)
    found = re.search(pattern, line, re.IGNORECASE) if words else None
    start = max(0, found.start() - BEFORE) if found and len(line) > LONGEST else 0
    end = start + LONGEST
    return (ELLIPSIS if start else "") + line[start:end] + (ELLIPSIS if end < len(line) else "")
