from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from towpath.catalog.events import emit, read
from towpath.core.event import Event
from towpath.core.instant import parse_instant

if TYPE_CHECKING:
    from towpath.catalog.database import Database


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
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), told.transaction() as writer:
        writer.execute(sql)
    assert len(read(told)) == 4
