"""Find assets by words in their names, columns, tags, owners and descriptions."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from towpath.catalog.assets import SELECT, asset_of
from towpath.catalog.snippet import Field, snippet
from towpath.catalog.spelling import mended
from towpath.catalog.words import joined_words, split_words
from towpath.core.errors import Invalid
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from towpath.catalog.assets import Asset
    from towpath.catalog.backend import Row
    from towpath.catalog.database import Database

MOST_WORDS = 16
MOST_CHARACTERS = 1_000
MOST_HITS = 1_000
FIELD_COUNT = 4

# What stands between braces is text of this file and of the backends, never a user's. SQLite takes
# the sides of a CROSS JOIN in the order in which they are written: it would else go through all
# assets and search the text for each.
FACETS = """
    WITH hits AS MATERIALIZED (
        SELECT a.id AS id, a.kind AS kind, a.owner AS owner
        FROM ({found}) AS found CROSS JOIN assets AS a WHERE a.id = found.id AND {wanted}
    )
    SELECT kind, owner, '' AS tag, count(*) AS hits FROM hits GROUP BY kind, owner
    UNION ALL SELECT '', '', t.tag, count(*) FROM hits JOIN asset_tags AS t ON t.asset = hits.id
        GROUP BY t.tag
"""
PAGE = """
    SELECT a.id AS id
    FROM ({found}) AS found CROSS JOIN assets AS a WHERE a.id = found.id AND {wanted}
    ORDER BY length(a.name), a.name, a.kind LIMIT ?
"""
EVERY = "SELECT id FROM assets"
TAGGED = "EXISTS (SELECT 1 FROM asset_tags AS t WHERE t.asset = a.id AND t.tag = ?)"


class Query(Record, frozen=True):
    """What is looked for.

    Args:
        text: words that must all be there; the last may be the start of one. None finds all.
        kind: only this kind, such as ``dataset``.
        owner: only what this person or team answers for.
        tag: only what carries this tag.
        limit: at most so many hits.
        offset: leave out so many of the best.

    Raises:
        Invalid: the limit or the offset is out of range.
    """

    text: str = ""
    kind: str = ""
    owner: str = ""
    tag: str = ""
    limit: int = 20
    offset: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.limit <= MOST_HITS or self.offset < 0:
            message = f"A search cannot return {self.limit} hits from {self.offset} on."
            raise Invalid(message, hint=f"Ask for 1 to {MOST_HITS}, from 0 on.")


class Hit(Record, frozen=True):
    """One asset that was found.

    Args:
        kind: such as ``dataset``.
        name: its name.
        score: 1 when the name holds all words; 0.75, 0.5 and 0.25 when columns, tags or owner,
            and descriptions are needed too; 0 when no words were asked for.
        field: the kind of text that decided the score.
        snippet: what stands there.
        owner: who answers for it.
    """

    kind: str
    name: str
    score: float
    field: Field
    snippet: str
    owner: str = ""


class SearchResult(Record, frozen=True):
    """The answer to a search.

    Args:
        hits: the best ones, from ``offset`` on.
        total: how many there are in all.
        facets: for ``kind``, ``owner`` and ``tag``: how many of all hits have which value.
        did_you_mean: the words that were searched instead, when those given are nowhere.
    """

    hits: tuple[Hit, ...]
    total: int
    facets: dict[str, dict[str, int]]
    did_you_mean: str = ""


def search(db: Database, query: Query) -> SearchResult:
    """Find the assets that hold every word, those that hold them in their names first.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.assets import Asset, index
        >>> from towpath.catalog.database import Database
        >>> from towpath.core.instant import EPOCH
        >>> with (
        ...     tempfile.TemporaryDirectory() as folder,
        ...     Database.open("sqlite:catalog.db", Path(folder)) as db,
        ... ):
        ...     index(db, [Asset("dataset", "flight_delay", EPOCH, description="Late flights.")])
        ...     [hit.snippet for hit in search(db, Query("delay fli")).hits]
        ['Late flights.']
    """
    text = query.text[:MOST_CHARACTERS]
    words = split_words(text)[:MOST_WORDS]
    if not words:
        return _none() if text.strip() else _answer(db, [], query)
    result = _answer(db, words, query)
    if result.total:
        return result
    for other in _instead(db, text, words):
        answer = _answer(db, other, query)
        if answer.total:
            return answer.replace(did_you_mean=" ".join(other))
    return result


def _instead(db: Database, text: str, words: list[str]) -> Iterator[list[str]]:
    """Offer other words: names unsplit (``PostgreSQL``), then close ones."""
    parts = [joined_words(part) or split_words(part) for part in text.split()]
    unsplit = [word for part in parts for word in part][:MOST_WORDS]
    if unsplit != words:
        yield unsplit
    close = mended(db, words)
    if close != words:
        yield close


def _none() -> SearchResult:
    """Answer that nothing was found."""
    return SearchResult((), 0, {"kind": {}, "owner": {}, "tag": {}})


def _answer(db: Database, words: Sequence[str], query: Query) -> SearchResult:
    """Count the hits and read one page of them."""
    wanted, values = _wanted(query)
    index = db.backend.text
    found = index.match if words else EVERY
    patterns = [index.pattern(words, fields=FIELD_COUNT, prefix=True)] if words else []
    counts = _counts(db.query(FACETS.format(found=found, wanted=wanted), [*patterns, *values]))
    total = sum(counts["kind"].values())
    if not total:
        return _none()
    page = _page(db, words, query) if total > query.offset else {}
    marks = ", ".join("?" for _ in page)
    rows = db.query(f"{SELECT} WHERE a.id IN ({marks})", list(page)) if page else []
    known = {row["id"]: asset_of(row) for row in rows}
    hits = tuple(_hit(known[entry], words, tier) for entry, tier in page.items() if entry in known)
    return SearchResult(hits, total, counts)


def _page(db: Database, words: Sequence[str], query: Query) -> dict[int, int]:
    """Return the ids of one page in order, and the tier of each.

    The top tier has all words in the first field; each tier below needs one field more.
    """
    wanted, values = _wanted(query)
    index = db.backend.text
    tiers: list[tuple[int, str, list[object]]] = [(0, EVERY, [])]
    if words:
        ways = [index.pattern(words, fields=one, prefix=True) for one in range(1, FIELD_COUNT + 1)]
        tiers = [(FIELD_COUNT - place, index.match, [way]) for place, way in enumerate(ways)]
    found: dict[int, int] = {}
    last = query.offset + query.limit
    for tier, match, given in tiers:
        # The hits of the tiers above, all of which are known by now, are among these again.
        for row in db.query(PAGE.format(found=match, wanted=wanted), [*given, *values, last]):
            found.setdefault(row["id"], tier)
        if len(found) >= last:
            break
    return dict(islice(found.items(), query.offset, last))


def _wanted(query: Query) -> tuple[str, list[object]]:
    """Say which assets are wanted besides the words, and with which values."""
    given = (("a.kind = ?", query.kind), ("a.owner = ?", query.owner), (TAGGED, query.tag))
    asked = [(sql, value) for sql, value in given if value]
    # Half of a surrogate pair is text to Python alone.
    values: list[object] = [value.encode("utf-8", "replace").decode() for _, value in asked]
    return " AND ".join(["1 = 1", *(sql for sql, _ in asked)]), values


def _counts(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Count the hits of each value of each facet, the largest first."""
    counts: dict[str, dict[str, int]] = {"kind": {}, "owner": {}, "tag": {}}
    for row in rows:
        for facet, found in counts.items():
            if value := row[facet]:
                found[value] = found.get(value, 0) + row["hits"]
    return {
        facet: dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
        for facet, found in counts.items()
    }


def _hit(asset: Asset, words: Sequence[str], tier: int) -> Hit:
    """Show an asset as a hit."""
    field, shown = snippet(asset, words, tier=tier)
    return Hit(
        kind=asset.kind,
        name=asset.name,
        score=tier / FIELD_COUNT,
        field=field,
        snippet=shown,
        owner=asset.owner,
    )
