from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.catalog.definitions import Definition, active, history, register
from towpath.core.errors import Invalid, NotFound
from towpath.core.instant import parse_instant

if TYPE_CHECKING:
    from towpath.catalog.database import Database

AT = parse_instant("2024-01-01")


def definition(name: str, version: str = "v1", kind: str = "dataset") -> Definition:
    return Definition(kind, name, version, "{}", AT, "ada")


def names(db: Database, kind: str | None = None) -> list[tuple[str, str]]:
    return [(one.name, one.version) for one in active(db, kind)]


def test_registered_definitions_come_back_as_they_went_in(db: Database) -> None:
    register(db, [definition("trips"), definition("delay", kind="model")])
    assert active(db) == (definition("trips"), definition("delay", kind="model"))
    assert names(db, "model") == [("delay", "v1")]


def test_a_new_version_replaces_the_active_one(db: Database) -> None:
    for version in ("v1", "v2", "v1"):
        register(db, [definition("trips", version)])
    assert names(db) == [("trips", "v1")]
    assert [one.version for one in history(db, "dataset", "trips")] == ["v1", "v2", "v1"]


def test_the_active_version_again_adds_nothing(db: Database) -> None:
    register(db, [definition("trips")])
    register(db, [definition("trips").replace(actor="bob")])
    assert [one.actor for one in history(db, "dataset", "trips")] == ["ada"]


def test_a_removed_definition_keeps_its_history(db: Database) -> None:
    register(db, [definition("trips")])
    register(db, [], removed=[("dataset", "trips")])
    assert active(db) == ()
    assert len(history(db, "dataset", "trips")) == 1


def test_all_are_registered_or_none(db: Database) -> None:
    register(db, [definition("trips")])
    with pytest.raises(NotFound, match="Did you mean 'trips'"):
        register(db, [definition("weather")], removed=[("dataset", "trip")])
    assert names(db) == [("trips", "v1")]


def test_a_definition_given_twice_is_refused(db: Database) -> None:
    with pytest.raises(Invalid, match="'trips' is given twice"):
        register(db, [definition("trips"), definition("trips", "v2")])
    assert active(db) == ()
