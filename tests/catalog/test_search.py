from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from towpath.catalog.assets import Asset, AssetColumn, get, index
from towpath.catalog.database import Database
from towpath.catalog.definitions import Definition, active, register
from towpath.catalog.search import Query, search
from towpath.catalog.words import indexed_words
from towpath.core.errors import Invalid
from towpath.core.instant import parse_instant

if TYPE_CHECKING:
    from pathlib import Path

AT = parse_instant("2026-01-01")
LATE = AssetColumn("dep_delay", "float64", "Minutes late at the gate.")
ASSETS = (
    Asset("dataset", "flights", AT, "Every flight of New York.", "ops", ("air", "PII"), (LATE,)),
    Asset("dataset", "weather", AT, "Wind that causes delay.", "ops", ("air",)),
    Asset("feature_view", "delayByCarrier", AT, "Means over 7 days.", "ada"),
    Asset("model", "arrival", AT, "How late?", "ada", ("delay-team",)),
    Asset("endpoint", "gate", AT, "Serves arrival.", "bob", columns=(AssetColumn("tailNumber"),)),
)


@pytest.fixture
def known(db: Database) -> Database:
    index(db, ASSETS)
    return db


def names(
    db: Database, text: str = "", *, kind: str = "", owner: str = "", tag: str = ""
) -> list[str]:
    return [hit.name for hit in search(db, Query(text, kind, owner, tag)).hits]


def test_names_come_before_columns_before_tags_before_descriptions(known: Database) -> None:
    hits = search(known, Query("delay")).hits
    assert [(hit.name, hit.score, hit.field, hit.snippet) for hit in hits] == [
        ("delayByCarrier", 1.0, "name", "Means over 7 days."),
        ("flights", 0.75, "column", "dep_delay: Minutes late at the gate."),
        ("arrival", 0.5, "tag", "delay-team"),
        ("weather", 0.25, "description", "Wind that causes delay."),
    ]


def test_every_word_must_be_there_wherever(known: Database) -> None:
    assert names(known, "flights gate") == ["flights"]
    assert names(known, "flights gate wind") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("carr", ["delayByCarrier"]),
        ("delay_by_carr", ["delayByCarrier"]),
        ("delaybycarrier", ["delayByCarrier"]),
        ("tailnumber", ["gate"]),
        ("tail-numb", ["gate"]),
        ("FLIGHTS", ["flights"]),
        ("dep.delay", ["flights"]),
        ("pii", ["flights"]),
        ("minutes at the", ["flights"]),
        ("york new", ["flights"]),
    ],
)
def test_the_last_word_may_be_the_start_of_one(
    known: Database, text: str, found: list[str]
) -> None:
    assert names(known, text) == found


def test_other_words_must_be_whole(known: Database) -> None:
    assert names(known, "gat flights") == []


def test_owners_are_found(known: Database) -> None:
    assert [(hit.name, hit.field) for hit in search(known, Query("bob")).hits] == [
        ("gate", "owner")
    ]


def test_nothing_asked_finds_all(known: Database) -> None:
    result = search(known, Query("  "))
    assert (result.total, {hit.score for hit in result.hits}) == (5, {0.0})
    assert names(known) == ["gate", "arrival", "flights", "weather", "delayByCarrier"]


def test_facets_count_all_hits(known: Database) -> None:
    result = search(known, Query("delay", limit=1))
    assert (len(result.hits), result.total) == (1, 4)
    assert result.facets == {
        "kind": {"dataset": 2, "feature_view": 1, "model": 1},
        "owner": {"ada": 2, "ops": 2},
        "tag": {"air": 2, "PII": 1, "delay-team": 1},
    }


def test_filters_narrow_hits_and_facets(known: Database) -> None:
    assert names(known, "delay", kind="dataset", owner="ops", tag="PII") == ["flights"]
    assert names(known, tag="air") == ["flights", "weather"]
    assert search(known, Query("delay", owner="ada")).facets["kind"] == {
        "feature_view": 1,
        "model": 1,
    }


def test_pages_follow_each_other(known: Database) -> None:
    pages = [search(known, Query("delay", limit=3, offset=offset)) for offset in (0, 3, 6)]
    assert [hit.name for page in pages for hit in page.hits] == names(known, "delay")


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1001, 0), (1, -1)])
def test_a_page_out_of_range_is_refused(limit: int, offset: int) -> None:
    with pytest.raises(Invalid, match="cannot return"):
        Query(limit=limit, offset=offset)


@pytest.mark.parametrize(
    ("typed", "meant", "found"),
    [
        ("fligths", "flights", "flights"),
        ("delai carrier", "delay carrier", "delayByCarrier"),
        ("wether", "weather", "weather"),
        ("arival", "arrival", "arrival"),
        ("tailnunbr", "tailnumber", "gate"),
        ("ArrIval", "arrival", "arrival"),
    ],
)
def test_a_slip_is_mended(known: Database, typed: str, meant: str, found: str) -> None:
    result = search(known, Query(typed))
    assert result.did_you_mean == meant
    assert found in [hit.name for hit in result.hits]


@pytest.mark.parametrize("typed", ["zeppelin", "xyz", "flights zeppelin"])
def test_what_is_nothing_like_it_is_not_found(known: Database, typed: str) -> None:
    result = search(known, Query(typed))
    assert (result.hits, result.total, result.did_you_mean) == ((), 0, "")


HOSTILE = (
    '"',
    "'",
    "''); DROP TABLE assets; --",
    "flights;--",
    "flights NEAR gate",
    "NEAR(flights gate, 5)",
    "flights OR weather",
    "NOT flights",
    "fli*",
    "*",
    "^flights",
    "names : flights",
    "{names columns} : flights",
    "flights + weather",
    "(",
    "flights & !weather | x <-> y",
    "'flights':*C",
    "flights\x00weather",
    "\x00",
    "🚆🚆 flights",
    "%",
    "?",
    "$1 %s :name",
    "\\",
    "\ud800",
    "flights " * 1500,
    "x" * 10_000,
    "日本 " * 3000,
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_is_syntax(known: Database, text: str) -> None:
    """It finds what its words find, or nothing; filters and assets may hold it too."""
    result = search(known, Query(text))
    words = set(indexed_words([text[:1000]]))
    assert {hit.name for hit in result.hits} <= {one.name for one in ASSETS}
    assert bool(result.hits) == (bool(words) and (words <= {"flights", "gate"} or text == "fli*"))
    assert search(known, Query(kind=text, owner=text, tag=text)).total == 0
    assert len(names(known)) == len(ASSETS)


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\ud800" not in text][:25])
def test_any_text_can_be_indexed(known: Database, text: str) -> None:
    asset = Asset("dataset", "odd", AT, text, "ops", (text,), (AssetColumn("c", doc=text),))
    index(known, [asset])
    assert search(known, Query("odd")).hits[0].name == "odd"


def test_an_asset_is_replaced(known: Database) -> None:
    index(known, [Asset("dataset", "flights", AT, "Only trains.", tags=("rail",))])
    assert names(known, "york") == []
    assert names(known, "trains", tag="rail") == ["flights"]
    assert "PII" not in search(known, Query()).facets["tag"]


def test_an_asset_is_removed(known: Database) -> None:
    index(known, [], removed=[("dataset", "flights"), ("dataset", "never_there")])
    assert "flights" not in names(known)
    assert get(known, "dataset", "flights") is None
    assert search(known, Query("fligths")).total == 0


def test_an_asset_comes_back_as_it_went_in(known: Database) -> None:
    assert get(known, "dataset", "flights") == ASSETS[0]


def register_and_fail(db: Database) -> None:
    with db.transaction():
        register(db, [Definition("dataset", "trips", "v1", "{}", AT, "ada")])
        index(db, [Asset("dataset", "trips", AT)])
        raise KeyError


def test_an_asset_falls_with_the_transaction_of_its_definition(known: Database) -> None:
    with pytest.raises(KeyError):
        register_and_fail(known)
    assert (names(known, "trips"), active(known)) == ([], ())


def test_a_long_description_is_cut_around_the_word(known: Database) -> None:
    text = "filler " * 100 + "needle in the hay " + "filler " * 100
    index(known, [Asset("dataset", "long", AT, text)])
    (hit,) = search(known, Query("needle")).hits
    assert "needle in the hay" in hit.snippet
    assert len(hit.snippet) < 130


def made_up(number: int, draw: random.Random) -> Asset:
    words = ["flight", "delay", "fare", "São", "tailNumber", "arr_time", "日本", "Postgres"]
    columns = tuple(
        AssetColumn(f"{draw.choice(words)}_{n}", doc=draw.choice(words)) for n in (1, 2)
    )
    return Asset(
        kind=draw.choice(["dataset", "model"]),
        name=f"{draw.choice(words).lower()}_{number}",
        updated_at=AT,
        description=" ".join(draw.choices(words, k=3)),
        owner=draw.choice(["ada", "bob", ""]),
        tags=tuple(draw.sample(words, 2)),
        columns=columns,
    )


def test_both_kinds_of_database_find_the_same(tmp_path: Path, postgres_url: str) -> None:
    draw = random.Random(7)
    made = [made_up(number, draw) for number in range(150)]
    texts = ["", "flight", "fl", "delay fare", "sao", "tail num", "日", "日本 f", "dely", "arrtime"]
    with (
        Database.open("sqlite:catalog.db", tmp_path) as one,
        Database.open(postgres_url, tmp_path) as other,
    ):
        for db in (one, other):
            index(db, made)
        for text in texts:
            for query in (Query(text, limit=200), Query(text, owner="ada", kind="model", offset=3)):
                assert search(one, query) == search(other, query), text
