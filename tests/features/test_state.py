from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from tests.features.keyed_state import (
    EVERYTHING,
    SECOND,
    SHORT,
    Kept,
    answer,
    events_of,
    make,
    plan_for,
    table,
)

from towpath.core.errors import Conflict, Invalid
from towpath.features.engines.kernel.block import PUSHED, SEQUENCE
from towpath.features.online.events import Events, keyed_events
from towpath.features.online.key import encode_key
from towpath.features.online.read import begin, finish
from towpath.features.online.state import (
    MOST_EVENTS,
    NEVER,
    add_events,
    key_events,
    key_parts,
    replace_events,
)

GOLDEN = Path(__file__).parent / "golden" / "state_2.json"
ALL = plan_for(EVERYTHING)
FEW = plan_for(SHORT)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("count", [1, 40, MOST_EVENTS, MOST_EVENTS + 1, 3_000])
def test_a_state_gives_what_the_training_set_has_bit_for_bit(seed: int, count: int) -> None:
    dice = random.Random(seed * 5_000 + count)
    span = dice.choice([30, 300, 5_000])
    rows = make(dice, count, span=span, wild=dice.random() < 0.5)
    shuffled, kept, pieces = dice.sample(rows, count), Kept(), dice.choice([1, 2, 7])
    for number in range(pieces):
        again = dice.sample(shuffled, min(3, count))
        some = {row["_seq"]: row for row in (*shuffled[number::pieces], *again)}
        kept.apply(add_events(ALL, kept.parts.get, events_of(ALL, [*some.values()]), since=NEVER))
    assert len(key_events(ALL, kept.parts.get).rows) == count
    moments = [dice.randrange(-5, span + 120) * SECOND for _ in range(3)]
    for at in (*moments, dice.choice(rows)["_t"], dice.choice(rows)["_t"] + 3 * SECOND - 1):
        assert list(map(repr, kept.read(ALL, at))) == list(map(repr, answer(EVERYTHING, rows, at)))


def test_events_of_a_view_without_keys_are_all_of_one() -> None:
    rows = make(random.Random(6), 30, span=50, wild=False)
    keyed = keyed_events(ALL, table(rows), ())
    assert keyed.keys == [encode_key(())]
    assert len(keyed.events(0).rows) == 30


def test_the_same_events_change_nothing() -> None:
    dice, kept = random.Random(1), Kept()
    for count in (20, 1_000):
        events = events_of(ALL, make(dice, count, span=500, wild=False))
        first = kept.apply(add_events(ALL, kept.parts.get, events, since=NEVER))
        before = dict(kept.parts)
        again = add_events(ALL, kept.parts.get, events, since=NEVER)
        assert (first.added > 0, again.added, again.parts) == (True, 0, {})
        assert kept.parts == before


def test_a_late_event_changes_one_chunk() -> None:
    kept = Kept()
    rows = make(random.Random(2), 5_000, span=5_000, wild=False)
    kept.apply(add_events(ALL, kept.parts.get, events_of(ALL, rows), since=NEVER))
    late = {**rows[0], "_t": 777 * SECOND + 5, "_seq": 9_999}
    change = kept.apply(add_events(ALL, kept.parts.get, events_of(ALL, [late]), since=NEVER))
    assert len(change.parts) <= 4, "the root, and a chunk or its two halves for the one before"
    assert kept.read(ALL, 800 * SECOND) == answer(EVERYTHING, [*rows, late], 800 * SECOND)


@pytest.mark.parametrize("count", [100, 4_000])
def test_what_no_feature_reaches_any_more_is_forgotten(count: int) -> None:
    dice, kept = random.Random(3), Kept()
    rows = make(dice, count, span=1_000, wild=False)
    kept.apply(add_events(FEW, kept.parts.get, events_of(FEW, rows), since=NEVER))
    one = {**rows[0], "_t": 1_000 * SECOND, "_seq": count}
    since = 900 * SECOND
    kept.apply(add_events(FEW, kept.parts.get, events_of(FEW, [one]), since=since))
    left = key_events(FEW, kept.parts.get).rows
    assert 0 < len(left) < count * 0.3
    for seconds in (900, 950, 1_005):
        at = seconds * SECOND
        assert kept.read(FEW, at) == answer(SHORT, [*rows, one], at)
    with pytest.raises(Invalid, match="'short' was not materialised as far back"):
        kept.read(FEW, since - 1)
    old = {**rows[0], "_t": 5 * SECOND, "_seq": count + 1}
    change = add_events(FEW, kept.parts.get, events_of(FEW, [old]), since=NEVER)
    assert (change.added, change.expired) == (0, 1)


def test_a_large_key_that_forgets_becomes_small_again() -> None:
    kept = Kept()
    rows = make(random.Random(4), 2_000, span=2_000, wild=False)
    kept.apply(add_events(FEW, kept.parts.get, events_of(FEW, rows), since=NEVER))
    assert len(kept.parts) > 1
    none = Events(np.empty((0, FEW.width), dtype=np.int64))
    kept.apply(add_events(FEW, kept.parts.get, none, since=1_990 * SECOND))
    assert list(kept.parts) == [b""]
    assert 0 < len(key_events(FEW, kept.parts.get).rows) <= MOST_EVENTS
    at = 1_995 * SECOND
    assert kept.read(FEW, at) == answer(SHORT, rows, at)
    kept.apply(add_events(FEW, kept.parts.get, none, since=9_990 * SECOND))
    assert kept.parts == {}


def test_the_lake_takes_the_place_of_what_was_pushed() -> None:
    kept = Kept()
    rows = make(random.Random(5), 600, span=50, wild=False)
    pushed = events_of(ALL, [{**row, "whole": 1_000} for row in rows])
    pushed.rows[:, SEQUENCE] |= PUSHED
    kept.apply(add_events(ALL, kept.parts.get, pushed, since=NEVER))
    lake = events_of(ALL, rows[:500])
    kept.apply(add_events(ALL, kept.parts.get, lake, since=NEVER))
    kept.apply(add_events(ALL, kept.parts.get, pushed, since=NEVER))
    found = key_events(ALL, kept.parts.get).rows
    assert (found[:, SEQUENCE] & PUSHED != 0).sum() == 100
    kept.apply(replace_events(ALL, kept.parts.get, events_of(ALL, rows[:300]), since=NEVER))
    assert len(key_events(ALL, kept.parts.get).rows) == 400, "of the lake, and only pushed"
    kept.apply(replace_events(ALL, kept.parts.get, Events(lake.rows[:0]), since=NEVER))
    assert len(key_events(ALL, kept.parts.get).rows) == 100
    assert set(kept.parts) == {b""}


def test_a_reader_sees_that_a_chunk_is_gone() -> None:
    kept = Kept()
    rows = make(random.Random(6), 1_000, span=1_000, wild=False)
    kept.apply(add_events(ALL, kept.parts.get, events_of(ALL, rows), since=NEVER))
    reading = begin(ALL, [kept.parts[b""]], 500 * SECOND)
    parts = [part for one in reading.tiled for part in one.parts]
    late = {**rows[0], "_t": 499 * SECOND, "_seq": 2_000}
    kept.apply(add_events(ALL, kept.parts.get, events_of(ALL, [late]), since=NEVER))
    assert not finish(reading, [kept.parts.get(part) for part in parts])


@pytest.mark.parametrize("root", [b"", b"1234567", b"\x01" * 64, b"\x02" + bytes(63)])
def test_what_another_release_wrote_is_refused(root: bytes) -> None:
    if root:
        with pytest.raises(Conflict, match="'short' was materialised by another"):
            begin(FEW, [root], 0)
    else:
        assert begin(FEW, [root], 0).values.tolist() == [[0], [0]]


def golden() -> dict[str, dict[str, str]]:
    """Write two states as they are written now."""
    rows = make(random.Random(7), 300, span=300, wild=True)
    parts = {
        str(count): key_parts(ALL, events_of(ALL, rows[:count]), cut=-5) for count in (20, 300)
    }
    return {
        count: {part.hex(): value.hex() for part, value in own.items()}
        for count, own in parts.items()
    }


def test_states_are_written_as_this_version_always_did() -> None:
    assert json.loads(GOLDEN.read_text()) == golden(), "a new form needs a new version and file"
