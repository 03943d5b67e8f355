from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import Conflict, Invalid, NotFound
from towpath.core.instant import from_micros, to_micros
from towpath.features.feature_set import feature_schema
from towpath.features.lookup import Lookup
from towpath.features.materialize import materialize, materialize_spine
from towpath.features.online.lmdb import LmdbStore
from towpath.features.online.memory import MemoryStore
from towpath.features.view import Latest

if TYPE_CHECKING:
    from tests.features.conftest import World

    from towpath.features.online import OnlineStore

HOUR = 3_600_000_000
END = 1_356_998_400_000_000 + 25 * 24 * HOUR
HISTORY = timedelta(days=30)
FLIGHT = {"flight": "f2500"}
ROW = {"carrier": "UA", "origin": "JFK", "tail": None, "distance": 100, "seats": 5}


def fill(world: World, store: OnlineStore) -> Lookup:
    for view in world.views.values():
        materialize(world.lake, store, view, until=from_micros(END), history=HISTORY)
    materialize_spine(world.lake, store, "schedule", until=from_micros(END))
    return Lookup(store, world.delay, world.views, world.lake.datasets)


@pytest.fixture(scope="module")
def lookup(world: World) -> Lookup:
    return fill(world, MemoryStore())


def plain(row: dict[str, object], names: list[str]) -> dict[str, object]:
    moment = row["tail__landed"]
    landed = None if moment is None else to_micros(moment)  # type: ignore[arg-type]
    return {name: landed if name == "tail__landed" else row[name] for name in names}


def test_online_equals_offline_bit_for_bit_also_after_reopening(world: World) -> None:
    store = LmdbStore("lmdb:online", world.root)
    fill(world, store)
    store.close()
    reopened = LmdbStore("lmdb:online", world.root)
    lookup = Lookup(reopened, world.delay, world.views, world.lake.datasets)
    names = list(feature_schema(world.delay, world.views, world.lake.datasets))
    table = world.features().to_pylist()
    for row in table:
        assert lookup.by_key({"flight": row["flight"]}, to_micros(row["at"])) == plain(row, names)
    assert len(table) >= 1000
    reopened.close()


def test_many_keys_together_equal_each_alone(lookup: Lookup) -> None:
    keys = [{"flight": f"f{number}"} for number in range(2000, 2100)] + [{"flight": "none"}]
    assert lookup.by_keys(keys, END) == [lookup.by_key(key, END) for key in keys]
    assert lookup.by_keys(keys, END)[-1] is None
    assert lookup.by_keys([], END) == []


def test_a_row_given_by_the_caller_equals_the_stored_one(world: World, lookup: Lookup) -> None:
    row = world.lake["schedule"].scan().slice(2500, 1).drop_columns(["_seq", "_ingested_at"])
    given = row.to_pylist()[0]
    by_key = lookup.by_key({"flight": given["flight"]}, END)
    assert by_key is not None
    assert lookup.by_rows([given], END)[0] == list(by_key.values())
    assert lookup.by_rows([given, given], END) == [list(by_key.values())] * 2


def test_an_entity_never_seen_has_empty_windows(lookup: Lookup) -> None:
    found = dict(
        zip(lookup.schema, lookup.by_rows([{**ROW, "carrier": "ZZ"}], END)[0], strict=True)
    )
    assert found["carrier__count_2d"] == 0
    assert found["carrier__delay_sum_2d"] == 0.0
    assert found["carrier__delay_mean_2d"] is None
    assert found["tail__last_delay"] is None


def test_defaults_come_in_the_order_of_the_schema(lookup: Lookup) -> None:
    found = dict(zip(lookup.schema, lookup.defaults, strict=True))
    assert found["seats"] == 100
    assert found["hour"] is None


def test_freshness_tells_up_to_when_events_are_known(lookup: Lookup) -> None:
    assert lookup.freshness() == dict.fromkeys(("carrier", "tail", "weather"), END)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROW, "carier": "UA"}, "carier.*Did you mean 'carrier'"),
        ({**ROW, "seats": "many"}, "'seats' is 'many', which is not int64"),
        ({**ROW, "seats": True}, "not int64"),
        ({name: value for name, value in ROW.items() if name != "seats"}, "has no 'seats'"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(
    lookup: Lookup, row: dict[str, object], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        lookup.by_rows([row], END)


@pytest.mark.parametrize("key", [{}, {"flihgt": "f1"}, {"flight": 1}, {"flight": "f1", "at": 2}])
def test_a_key_that_does_not_fit_is_refused(lookup: Lookup, key: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        lookup.by_key(key, END)


def test_a_time_before_what_was_materialised_is_refused(world: World) -> None:
    store = MemoryStore()
    lookup = fill(world, store)
    since = END - 24 * HOUR
    for view in world.views.values():
        materialize(world.lake, store, view, until=from_micros(END), history=timedelta(days=1))
    assert lookup.by_key(FLIGHT, since) is not None
    with pytest.raises(Invalid, match="not materialised as far back"):
        lookup.by_key(FLIGHT, since - 1)


def test_a_short_history_gives_the_same_values(world: World, lookup: Lookup) -> None:
    store = MemoryStore()
    fill(world, store)
    for view in world.views.values():
        materialize(world.lake, store, view, until=from_micros(END), history=timedelta(days=3))
    short = Lookup(store, world.delay, world.views, world.lake.datasets)
    keys = [{"flight": f"f{number}"} for number in range(0, 3000, 10)]
    for hours in (0, 30, 72):
        at = END - hours * HOUR
        assert short.by_keys(keys, at) == lookup.by_keys(keys, at)


def test_another_definition_of_a_view_has_a_place_of_its_own(world: World) -> None:
    store = MemoryStore()
    lookup = fill(world, store)
    before = lookup.by_key(FLIGHT, END)
    changed = world.views["carrier"].replace(features=(Latest("delay"),))
    views, features = (
        {**world.views, "carrier": changed},
        world.delay.replace(derived=(), defaults={}),
    )
    other = Lookup(store, features, views, world.lake.datasets)
    with pytest.raises(NotFound, match="'carrier' is not in the online store, as it is defined"):
        other.by_key(FLIGHT, END)
    materialize(world.lake, store, changed, until=from_micros(END), history=HISTORY)
    assert other.by_key(FLIGHT, END) is not None
    assert lookup.by_key(FLIGHT, END) == before


def test_a_state_of_another_release_is_refused(world: World) -> None:
    store = MemoryStore()
    lookup = fill(world, store)
    for plan in lookup.views:
        for key in list(store.keys(plan.area)):
            store.change(
                plan.area, [key], lambda _, get: {b"": b"\x01" + bytes(get(b"") or b"")[1:]}
            )
    with pytest.raises(Conflict, match=r"'carrier' .* another definition or release"):
        lookup.by_key(FLIGHT, END)


def test_a_view_never_materialised_is_named(world: World) -> None:
    lookup = Lookup(MemoryStore(), world.delay, world.views, world.lake.datasets)
    with pytest.raises(NotFound, match="schedule"):
        lookup.by_key(FLIGHT, END)
    with pytest.raises(NotFound, match="carrier"):
        lookup.freshness()
