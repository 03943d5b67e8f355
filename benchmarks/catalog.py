"""Search over 10,000 assets: ours, and a scan of the same rows with LIKE, in one run."""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.claim import Claim, compare

from towpath.catalog.assets import Asset, AssetColumn, index
from towpath.catalog.database import Database
from towpath.catalog.search import Query, search
from towpath.catalog.words import split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNS = 3
ASSETS = 10_000
COLUMNS = 15
QUERIES = 1_000
SCANS = 100
SECONDS = 0.050
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("dataset", "feature_view", "feature_set", "model", "endpoint")
DTYPES = ("int64", "float64", "string", "timestamp")
# A word is more common the earlier it stands, as in a language.
SYLLABLES = (
    "del",
    "car",
    "fli",
    "or",
    "des",
    "wea",
    "tem",
    "in",
    "ar",
    "pas",
    "fa",
    "ti",
    "ro",
    "su",
)
ENDINGS = (
    "ay",
    "rier",
    "ght",
    "igin",
    "t",
    "ther",
    "p",
    "der",
    "ival",
    "ment",
    "re",
    "me",
    "ute",
    "n",
)
COMMON = ("id", "at", "count", "name", "date", "code", "the", "of", "per", "delay")
WORDS = (
    *COMMON,
    *(a + b + c for c in ("", "s", "er", "ed", "ly") for a in SYLLABLES for b in ENDINGS),
)
SCAN = """
    SELECT kind, name FROM assets AS a JOIN asset_details AS d ON d.asset = a.id
    WHERE {} ORDER BY length(name), name LIMIT 20
"""
HOLDS = "(name LIKE ? OR columns LIKE ? OR tags LIKE ? OR owner LIKE ? OR description LIKE ?)"


def measure() -> list[Claim]:
    draw = random.Random(20260101)
    assets = [asset(number, draw) for number in range(ASSETS)]
    queries = [query(assets, draw) for _ in range(QUERIES)]
    with tempfile.TemporaryDirectory() as folder:
        with Database.open("sqlite:catalog.db", Path(folder)) as db:
            index(db, assets)
            ours = [searched(db, queries) for _ in range(RUNS)]
            path = db.path
        with closing(sqlite3.connect(path)) as connection:
            scans = [scanned(connection, queries[:SCANS]) for _ in range(RUNS)]
    return [
        compare(
            f"99th percentile of {QUERIES:,} searches over {ASSETS:,} assets with {COLUMNS} "
            "columns each, with facets",
            [percentile(seconds, 99) for seconds in ours],
            ("the limit", [SECONDS]),
            unit="s",
            target=1.0,
        ),
        compare(
            f"median search over {ASSETS:,} assets, with facets, against a plain scan without",
            [statistics.median(seconds) for seconds in ours],
            ("SQLite LIKE over the same rows", [statistics.median(one) for one in scans]),
            unit="s",
            target=1.0,
        ),
    ]


def searched(db: Database, queries: Sequence[Query]) -> list[float]:
    seconds = []
    for one in queries:
        begun = time.perf_counter()
        search(db, one)
        seconds.append(time.perf_counter() - begun)
    return seconds


def scanned(connection: sqlite3.Connection, queries: Sequence[Query]) -> list[float]:
    """Look for each word anywhere in a row, which finds a little more."""
    seconds = []
    for one in queries:
        words = one.text.split()
        sql = SCAN.format(" AND ".join([HOLDS] * len(words)))
        values = [f"%{word}%" for word in words for _ in range(HOLDS.count("?"))]
        begun = time.perf_counter()
        connection.execute(sql, values).fetchall()
        seconds.append(time.perf_counter() - begun)
    return seconds


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


def asset(number: int, draw: random.Random) -> Asset:
    return Asset(
        kind=draw.choice(KINDS),
        name=f"{identifier(draw, 2)}_{number}",
        updated_at=NOW,
        description=sentence(draw, 14),
        owner=f"team_{draw.randrange(40)}",
        tags=tuple(words(draw, 3)),
        columns=tuple(
            AssetColumn(identifier(draw, 2), draw.choice(DTYPES), sentence(draw, 6))
            for _ in range(COLUMNS)
        ),
    )


def words(draw: random.Random, count: int) -> list[str]:
    """Draw words, the n-th one with a weight of about 1/n."""
    return [WORDS[int(len(WORDS) ** draw.random()) - 1] for _ in range(count)]


def identifier(draw: random.Random, count: int) -> str:
    return "_".join(words(draw, count))


def sentence(draw: random.Random, count: int) -> str:
    return " ".join(words(draw, count)).capitalize() + "."


def query(assets: Sequence[Asset], draw: random.Random) -> Query:
    """Ask for what is there: words of one asset, the last often cut off, sometimes misspelt."""
    one = draw.choice(assets)
    texts = [one.name, draw.choice(one.columns).name, draw.choice(one.tags), one.description]
    known = [word for text in draw.sample(texts, 2) for word in split_words(text)]
    text = " ".join(draw.sample(known, min(len(known), draw.choice((1, 2, 2, 3)))))
    luck = draw.random()
    if luck < 0.4:
        text = text[: max(2, len(text) - 2)]
    elif luck < 0.45 and len(text) > 4:
        text = text[:2] + text[3] + text[2] + text[4:]
    kind = one.kind if draw.random() < 0.2 else ""
    return Query(text, kind=kind, limit=20)
