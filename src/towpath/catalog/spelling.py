"""Words that were meant, when those that were typed are nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.catalog.database import Database

# Shorter words are too close to too many others.
ONE_EDIT, TWO_EDITS = 4, 8
MOST_TRIED = 10
ALL_FIELDS = 4
AFTER_Z = "{"
HOLDERS = "SELECT count(*) AS holders FROM ({found}) AS found"
# One slip leaves the first or the last third of a word whole, and so do two unless each is in
# another end of it.
CLOSE = """
    SELECT word FROM asset_words
    WHERE word >= ? AND word < ? AND length(word) BETWEEN ? AND ?
    UNION SELECT word FROM asset_words
    WHERE reversed >= ? AND reversed < ? AND length(word) BETWEEN ? AND ?
"""


def mended(db: Database, words: Sequence[str]) -> list[str]:
    """Replace each word that no asset holds by the closest one that some asset does.

    The last word counts as held when it is the start of one. A word with nothing close stays.
    """
    return [
        word if _holders(db, word, prefix=place == len(words)) else _closest(db, word)
        for place, word in enumerate(words, start=1)
    ]


def distance(one: str, other: str, *, limit: int) -> int:
    """Count the letters to insert, drop, replace or swap with their neighbour.

    Args:
        one: a word.
        other: another.
        limit: where counting ends: any greater distance is returned as ``limit + 1``.

    Example:
        >>> distance("fligth", "flight", limit=2)
        1
    """
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        last, before, row = before, row, [i]
        for j, candidate in enumerate(other, start=1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != candidate))
            if last and j > 1 and letter == other[j - 2] and one[i - 2] == candidate:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def _holders(db: Database, word: str, *, prefix: bool = False) -> int:
    """Count the assets that hold a word, or one that begins with it."""
    text = db.backend.text
    pattern = text.pattern([word], fields=ALL_FIELDS, prefix=prefix)
    return int(db.query(HOLDERS.format(found=text.match), [pattern])[0]["holders"])


def _closest(db: Database, word: str) -> str:
    """Return the closest word of some asset, that of most assets among several, or the word."""
    limit = (len(word) >= ONE_EDIT) + (len(word) >= TWO_EDITS)
    third = max(1, len(word) // 3)
    values: list[object] = []
    for part in (word[:third], word[::-1][:third]):
        values += [part, part + AFTER_Z, len(word) - limit, len(word) + limit]
    rows = db.query(CLOSE, values) if limit else []
    letters = set(word)
    # A slip adds a letter and takes one at most; most words are told apart by that alone.
    others = [row["word"] for row in rows if len(letters ^ set(row["word"])) <= 2 * limit]
    near = sorted((distance(word, other, limit=limit), other) for other in others)
    tried = [one for one in near if one[0] <= limit][:MOST_TRIED]
    # A word stays known when the last asset that held it is gone.
    held = [(edits, -_holders(db, other), other) for edits, other in tried]
    return min((one for one in held if one[1]), default=(0, 0, word))[2]
