from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from towpath.catalog.assets import Asset, index
from towpath.catalog.usage import last_use, unused, used, uses
from towpath.core.instant import parse_instant

if TYPE_CHECKING:
    from datetime import datetime

    from towpath.catalog.database import Database

AT = parse_instant("2026-01-01T10:00:00Z")
DAY = timedelta(days=1)


def read(db: Database, subject: str, actor: str = "ada", at: datetime = AT) -> None:
    used(db, subject, actor=actor, action="dataset.read", at=at)


def test_uses_of_a_day_are_counted_in_one_row(db: Database) -> None:
    for minutes in (0, 30, 10):
        read(db, "dataset/trips", at=AT + timedelta(minutes=minutes))
    (one,) = uses(db, "dataset/trips")
    assert (one.times, one.at) == (3, AT + timedelta(minutes=30))


def test_days_people_and_actions_are_told_apart(db: Database) -> None:
    read(db, "dataset/trips")
    read(db, "dataset/trips", at=AT + DAY)
    read(db, "dataset/trips", actor="bob", at=AT - DAY)
    used(db, "dataset/trips", actor="ada", action="dataset.exported", at=AT)
    found = [(one.actor, one.action, one.at) for one in uses(db, "dataset/trips")]
    assert found == [
        ("ada", "dataset.read", AT + DAY),
        ("ada", "dataset.exported", AT),
        ("ada", "dataset.read", AT),
        ("bob", "dataset.read", AT - DAY),
    ]


def test_the_last_use_tells_who(db: Database) -> None:
    assert last_use(db, "dataset/trips") is None
    read(db, "dataset/trips", actor="bob", at=AT + DAY)
    read(db, "dataset/trips")
    last = last_use(db, "dataset/trips")
    assert last is not None
    assert (last.actor, last.at) == ("bob", AT + DAY)


def test_what_nobody_used_is_found(db: Database) -> None:
    kinds = (("dataset", "old"), ("dataset", "trips"), ("dataset", "trips_old"), ("model", "delay"))
    index(db, [Asset(kind, name, AT, owner="ops") for kind, name in kinds])
    read(db, "dataset/old", at=AT - DAY)
    read(db, "dataset/trips", at=AT)
    read(db, "model/delay/3", at=AT)
    found = [(one.name, one.owner, one.last_at) for one in unused(db, since=AT)]
    assert found == [("old", "ops", AT - DAY), ("trips_old", "ops", None)]
