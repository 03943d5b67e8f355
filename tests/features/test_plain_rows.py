"""A question about one row is answered by the short way as by the long one."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from towpath.core.clock import SimulatedClock
from towpath.core.instant import from_micros
from towpath.features.feature_set import FeatureSet
from towpath.features.materialize import materialize
from towpath.features.online.memory import MemoryStore
from towpath.features.server.definitions import Definitions
from towpath.features.server.feast import FeastReads
from towpath.features.server.reads import SAMPLED, Reads
from towpath.features.view import Aggregate, FeatureView, Latest
from towpath.web.message import Request, Response

if TYPE_CHECKING:
    from tests.features.conftest import World

HOUR = 3_600_000_000
START = 1_356_998_400_000_000
END = START + 25 * 24 * HOUR
# A carrier has so many events that its state is in chunks.
CARRIERS = ("UA", "AA", "ZZ")
CARRIER = [f"carrier:{one}" for one in ("count_3h", "delay_mean_2d", "passengers_max_2d")]
TAILS = (*(f"n{number}" for number in range(8)), "none", "@", "%s", '"')
MONTH = timedelta(days=30)
# A negative whole number has the bits of a float that is none.
PLANE = FeatureView(
    "plane",
    "arrivals",
    ("tail",),
    (
        Aggregate("min", "passengers", MONTH),
        Aggregate("sum", "delay", MONTH),
        Aggregate("mean", "delay", timedelta(hours=9)),
        Latest("passengers"),
    ),
)
# The short way shows no times, texts or flags.
LANDING = FeatureView("landing", "arrivals", ("tail",), (Latest("landed"), Latest("passengers")))
EVERY = FeatureView("every", "arrivals", (), (Aggregate("count", "", MONTH),))
LANDINGS = ["landing:passengers", "landing:landed"]
PLANES = [f"plane:{one.name}" for one in PLANE.features]
Shown = dict[str, list[dict[str, object]]]


@pytest.fixture(scope="module")
def known(world: World) -> Definitions:
    store, views = (
        MemoryStore(),
        {**world.views, PLANE.name: PLANE, LANDING.name: LANDING, EVERY.name: EVERY},
    )
    for view in views.values():
        materialize(world.lake, store, view, until=from_micros(END), history=MONTH)
    fleet = FeatureSet("fleet", "schedule", "at", (EVERY.name,))
    return Definitions(store, {fleet.name: fleet}, views, world.lake.datasets)


def ask(known: Definitions, features: list[str], at: int) -> tuple[list[Shown], list[Shown | None]]:
    """Ask for every key one by one, and for all together by the short way."""
    reads = FeastReads(known, clock=SimulatedClock(from_micros(at)), reads=Reads())
    name, values = ("tail", TAILS) if features != CARRIER else ("carrier", CARRIERS)
    requests = [
        Request(
            "POST",
            "/get-online-features",
            json.dumps({"features": features, "entities": {name: [value]}}).encode(),
        )
        for value in values
    ]
    long = [json.loads(reads.answer(one).body) for one in requests]
    short = [None if one is None else json.loads(one.body) for one in reads.together(requests)]
    assert [*map(reads.together, zip(requests))] == [[one] for one in reads.together(requests)]
    return long, short


@pytest.mark.parametrize("features", [PLANES, PLANES[::-1], PLANES[1:2], LANDINGS, CARRIER])
@pytest.mark.parametrize("at", [END, END - 6 * 24 * HOUR, START + 9 * HOUR])
def test_both_ways_give_one_answer(known: Definitions, features: list[str], at: int) -> None:
    long, short = ask(known, features, at)
    for one, other in zip(long, short, strict=True):
        assert other in (None, one)


def test_the_short_way_is_taken(known: Definitions) -> None:
    _, short = ask(known, PLANES, END)
    assert [one is not None for one in short] == [*[True] * 8, *[False] * 4]
    assert short[1] is not None
    statuses = [column["statuses"] for column in short[1]["results"]]
    assert statuses == [*[["PRESENT"]] * 3, ["NULL_VALUE"], ["PRESENT"]]


def test_questions_of_all_kinds_are_told_apart(known: Definitions) -> None:
    reads = FeastReads(known, clock=SimulatedClock(from_micros(END)), reads=Reads())
    good = {"features": PLANES, "entities": {"tail": ["n1"]}}
    other = {"features": PLANES[:1], "entities": {"tail": ["n2"]}}
    bodies: list[object] = [
        good,
        {**good, "entities": {"tail": ["n1", "n2"]}},
        {**good, "entities": {"tail": []}},
        {**good, "entities": {"tail": [7]}},
        {**good, "features": ["plane:nothing"]},
        other,
        {"entities": 3},
        good,
    ]
    requests = [Request("POST", "/get-online-features", json.dumps(one).encode()) for one in bodies]
    found = reads.together([*requests, Request("POST", "/get-online-features", b"{")])
    assert [one is not None for one in found] == [True, *[False] * 4, True, False, True, False]
    assert found[0] == found[7] == Response(reads.answer(requests[0]).body)
    assert found[5] == Response(reads.answer(requests[5]).body)


def test_what_is_read_is_counted_on_both_ways(known: Definitions) -> None:
    body = json.dumps({"features": PLANES, "entities": {"tail": ["n1"]}}).encode()
    requests = [Request("POST", "/get-online-features", body)] * SAMPLED
    counted = []
    for short in (True, False):
        reads = Reads()
        feast = FeastReads(known, clock=SimulatedClock(from_micros(END)), reads=reads)
        if short:
            feast.together(requests)
        else:
            for one in requests:
                feast.answer(one)
        counted.append([metric.lines() for metric in reads.metrics])
    assert counted[0][0][-1] == 'feature_rows_total{view="plane"} 1'
    counted[1][2] = counted[0][2]
    assert counted[0] == counted[1]


@pytest.mark.parametrize("carriers", [["UA"], ["UA", "AA"], ["ZZ"] * 3])
def test_a_view_without_keys_answers_for_every_row(known: Definitions, carriers: list[str]) -> None:
    reads = FeastReads(known, clock=SimulatedClock(from_micros(END)), reads=Reads())
    body = json.dumps({"feature_service": "fleet", "entities": {"carrier": carriers}}).encode()
    for _ in range(3):
        answer = json.loads(reads.answer(Request("POST", "/get-online-features", body)).body)
        assert answer["results"][1]["values"] == [3000] * len(carriers)
