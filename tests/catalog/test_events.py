from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.catalog.events import Selection, emit, read, select
from towpath.catalog.sqlite import SqliteBackend
from towpath.core.errors import Denied
from towpath.core.event import Event
from towpath.core.instant import parse_instant

if TYPE_CHECKING:
    from towpath.catalog.database import Database

CHANGE = "ON CONFLICT (id) DO UPDATE SET actor = excluded.actor"


def event(action: str, subject: str) -> Event:
    return Event(parse_instant("2024-01-01"), "ada", action, subject, {"n": 1, "names": ["a"]})


@pytest.fixture
def told(db: Database) -> Database:
    for action, subject in (
        ("model.registered", "model/delay/3"),
        ("model.promoted", "model/delay/3"),
        ("model.promoted", "model/delayed/1"),
        ("modelling.done", "dataset/trips"),
    ):
        emit(db, event(action, subject))
    return db


def test_events_come_back_newest_first(told: Database) -> None:
    assert read(told, limit=2) == (
        event("modelling.done", "dataset/trips"),
        event("model.promoted", "model/delayed/1"),
    )


def test_a_subject_finds_itself_and_what_lies_below(told: Database) -> None:
    assert {one.subject for one in read(told, subject="model/delay")} == {"model/delay/3"}
    assert len(read(told, subject="model/delay/3", action="model.promoted")) == 1


def test_an_action_finds_itself_and_what_lies_below(told: Database) -> None:
    assert len(read(told, action="model")) == 3
    assert read(told, action="mod_l%") == ()


def emit_and_fail(db: Database) -> None:
    with db.transaction():
        emit(db, event("model.promoted", "model/delay/3"))
        raise KeyError


def test_an_event_falls_with_its_transaction(db: Database) -> None:
    with pytest.raises(KeyError):
        emit_and_fail(db)
    assert read(db) == ()


@pytest.mark.parametrize("sql", ["DELETE FROM events", "UPDATE events SET actor = 'eve'"])
def test_events_can_be_neither_changed_nor_removed(told: Database, sql: str) -> None:
    with pytest.raises(Denied, match="append-only"), told.transaction() as writer:
        writer.execute(sql)
    assert len(read(told)) == 4


def at(day: int, actor: str = "ada") -> Event:
    return event("model.promoted", "model/delay/3").replace(
        at=parse_instant(f"2024-01-0{day}"), actor=actor
    )


@pytest.mark.parametrize(
    ("selection", "days"),
    [
        (Selection(), [3, 2, 1]),
        (Selection(since=at(2).at), [3, 2]),
        (Selection(until=at(2).at), [1]),
        (Selection(since=at(2).at, until=at(3).at), [2]),
        (Selection(actor="bob"), [2]),
        (Selection("model", "model", actor="ada", since=at(2).at), [3]),
    ],
)
def test_events_are_selected_by_time_and_actor(
    db: Database, selection: Selection, days: list[int]
) -> None:
    for one in (at(1), at(2, "bob"), at(3)):
        emit(db, one)
    assert [one.at.day for one in select(db, selection)] == days


def test_an_event_is_not_replaced_by_one_with_its_id(told: Database) -> None:
    """SQLite's REPLACE removes a row without asking the trigger on DELETE."""
    sql = (
        "INSERT {} INTO events (id, at, actor, action, subject, data)"
        " VALUES (1, 0, 'eve', '', '', '{{}}') {}"
    )
    on_sqlite = isinstance(told.backend, SqliteBackend)
    sql = sql.format(*(("OR REPLACE", "") if on_sqlite else ("", CHANGE)))
    with pytest.raises(Denied, match="append-only"), told.transaction() as writer:
        writer.execute(sql)
    assert {one.actor for one in read(told)} == {"ada"}
