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
from towpath.features.single import SingleReader
from towpath.features.view import Aggregate, FeatureView, Latest
from towpath.web.message import Request

if TYPE_CHECKING:
    from tests.features.conftest import World

HOUR = 3_600_000_000
START = 1_356_998_400_000_000
END = START + 25 * 24 * HOUR
# A carrier has so many events that its state is in chunks, which the short way leaves alone.
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
Answer = tuple[dict[str, list[dict[str, object]]], bool]


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


def ask(known: Definitions, features: list[str], at: int, *, short: bool) -> list[Answer]:
    """Ask for every key; tell of each answer whether the short way gave it."""
    reads = FeastReads(known, clock=SimulatedClock(from_micros(at)), reads=Reads())
    name, values = ("tail", TAILS) if features != CARRIER else ("carrier", CARRIERS)
    taken: list[bool] = []
    with pytest.MonkeyPatch.context() as patch:
        read = SingleReader.read

        def noted(self: SingleReader, row: dict[str, list[object]], when: int) -> object:
            found = read(self, row, when) if short else None
            taken.append(found is not None)
            return found

        patch.setattr(SingleReader, "read", noted)
        found = []
        for value in values:
            body = json.dumps({"features": features, "entities": {name: [value]}}).encode()
            answer = reads.answer(Request("POST", "/get-online-features", body))
            found.append((json.loads(answer.body), any(taken)))
            taken.clear()
    return found


@pytest.mark.parametrize("features", [PLANES, PLANES[::-1], PLANES[1:2], LANDINGS, CARRIER])
@pytest.mark.parametrize("at", [END, END - 6 * 24 * HOUR, START + 9 * HOUR])
def test_both_ways_give_one_answer(known: Definitions, features: list[str], at: int) -> None:
    short, long = (ask(known, features, at, short=one) for one in (True, False))
    assert [answer for answer, _ in short] == [answer for answer, _ in long]
    assert not any(way for _, way in long)


def test_the_short_way_is_taken(known: Definitions) -> None:
    asked = ask(known, PLANES, END, short=True)
    # The first answer is one of the sample that is looked at.
    assert [way for _, way in asked] == [False, *[True] * 7, *[False] * 4]
    assert len(TAILS) < SAMPLED
    statuses = [column["statuses"] for column in asked[1][0]["results"]]
    assert statuses == [*[["PRESENT"]] * 3, ["NULL_VALUE"], ["PRESENT"]]


@pytest.mark.parametrize("carriers", [["UA"], ["UA", "AA"], ["ZZ"] * 3])
def test_a_view_without_keys_answers_for_every_row(known: Definitions, carriers: list[str]) -> None:
    reads = FeastReads(known, clock=SimulatedClock(from_micros(END)), reads=Reads())
    body = json.dumps({"feature_service": "fleet", "entities": {"carrier": carriers}}).encode()
    for _ in range(3):
        answer = json.loads(reads.answer(Request("POST", "/get-online-features", body)).body)
        assert answer["results"][1]["values"] == [3000] * len(carriers)
