"""Texts, names and queries as the words that are searched: the same for every database."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 48
APART = re.compile(r"[\W_]+")
SPACE = re.compile(r"[^\w.\-]+|(?<!\w)[.\-]+|[.\-]+(?!\w)")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def split_words(text: str) -> list[str]:
    """Split at everything that is no letter or digit, and inside camelCase.

    Accents are dropped, case is folded, and other letters than a to z are spelt by their number,
    so that a word is made of a-z and 0-9 alone.

    Example:
        >>> split_words("depDelay_min, São-Paulo.v2")
        ['dep', 'delay', 'min', 'sao', 'paulo', 'v2']
    """
    plain = _plain(text)
    return [_spelt(part) for whole in APART.split(plain) for part in CAMEL.split(whole) if part]


def joined_words(text: str) -> list[str]:
    """Return each name that has several words as one word, without what parts them.

    Example:
        >>> joined_words("depDelay of flight_date in PostgreSQL, late")
        ['depdelay', 'flightdate', 'postgresql']
    """
    names = [name for name in SPACE.split(_plain(text)) if APART.search(name) or CAMEL.search(name)]
    return [_spelt(joined) for name in names if (joined := APART.sub("", name))]


def indexed_words(texts: Iterable[str]) -> list[str]:
    """Return the words by which texts are found, each once, in the order of the alphabet.

    Example:
        >>> indexed_words(["dep_delay", "the delay"])
        ['delay', 'dep', 'depdelay', 'the']
    """
    found: set[str] = set()
    for text in texts:
        found.update(split_words(text))
        found.update(joined_words(text))
    return sorted(found)


def _plain(text: str) -> str:
    """Drop accents."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    return "".join(character for character in apart if not unicodedata.combining(character))


def _spelt(word: str) -> str:
    """Fold the case, spell letters beyond ASCII by their number, and cut what is too long."""
    folded = word[:LONGEST].casefold()
    if folded.isascii():
        return folded
    return "".join(one if one.isascii() else f"u{ord(one):05x}" for one in folded)
