from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.project.conftest import apply, edit

from towpath.catalog import events
from towpath.catalog.definitions import active, register
from towpath.catalog.lineage import Node
from towpath.core.errors import Conflict, Invalid
from towpath.project.breaking import readers
from towpath.project.load import Project
from towpath.project.plan import plan_project

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.catalog.database import Database
    from towpath.project.breaking import Breaking

ALL = ("feature_view/rides", "feature_set/trip", "model/late", "endpoint/taxi")
SEATS = "- {name: seats, dtype: int64}"
FARE = "- {name: fare, dtype: int64, nullable: true, doc: Euros.}"


@pytest.fixture
def applied(taxi: Path, db: Database) -> Path:
    """The project, registered."""
    apply(taxi, db)
    return taxi


def contract(root: Path) -> Path:
    return root / "datasets" / "trips.yaml"


def breaking(root: Path, db: Database) -> tuple[Breaking, ...]:
    return plan_project(Project(root), db).breaking


def versions(db: Database) -> dict[str, str]:
    return {one.name: one.version for one in active(db)}


def move_to_tip(root: Path) -> None:
    """Rename a column, and let the view read the new one."""
    edit(contract(root), "name: fare", "name: tip")
    edit(root / "features" / "trips.py", '"fare"', '"tip"')


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("fare, dtype: int64", "fare, dtype: float64", "dtype"),
        ("int64, nullable: true", "int64", "required"),
        ("key: [id]", "key: [id, at]", "key"),
    ],
)
def test_a_breaking_change_is_refused_with_all_that_reads_it(
    applied: Path, db: Database, old: str, new: str, change: str
) -> None:
    before = versions(db)
    edit(contract(applied), old, new)
    (found,) = breaking(applied, db)
    assert (found.change, found.affects) == (change, ALL)
    with pytest.raises(Conflict) as error:
        apply(applied, db)
    assert all(name in error.value.message for name in ALL)
    assert error.value.where == "datasets/trips.yaml:1"
    assert "--allow-breaking" in error.value.hint
    assert versions(db) == before


def test_a_renamed_column_breaks_what_is_registered(applied: Path, db: Database) -> None:
    """The view reads the new name in the same change: what was trained read the old one."""
    move_to_tip(applied)
    (found,) = breaking(applied, db)
    assert (found.change, found.column, found.affects) == ("removed", "fare", ALL)


def test_a_removed_dataset_that_is_read_names_all_that_breaks(applied: Path, db: Database) -> None:
    contract(applied).unlink()
    with pytest.raises(Invalid, match="unknown dataset 'trips'") as error:
        breaking(applied, db)
    assert set(ALL) <= set(str(error.value).replace(",", "").replace(".", "").split())
    assert set(ALL) == set(error.value.data["affects"])  # type: ignore[call-overload]  # a tuple


def test_a_removed_column_that_is_read_names_all_that_breaks(applied: Path, db: Database) -> None:
    edit(contract(applied), f"{FARE}\n", "")
    with pytest.raises(Invalid, match="column 'fare'") as error:
        breaking(applied, db)
    assert all(name in error.value.message for name in ALL)
    assert error.value.where.startswith("features/trips.py:")


def test_another_event_time_breaks_all_readers(applied: Path, db: Database) -> None:
    edit(contract(applied), "event_time: at", "event_time: known")
    edit(contract(applied), SEATS, f"{SEATS}\n- {{name: known, dtype: timestamp}}")
    assert [(one.change, one.affects) for one in breaking(applied, db)] == [("event_time", ALL)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (SEATS, f"{SEATS}\n- {{name: tip, dtype: float64, nullable: true}}"),
        ("owner: rides", "owner: taxis"),
        ("doc: Euros.", "doc: Euros and cents."),
        ("seats, dtype: int64", "seats, dtype: int64, minimum: 1"),
        ("seats, dtype: int64", "seats, dtype: int64, nullable: true"),
        (f"{SEATS}\n", ""),
    ],
    ids=["nullable column", "owner", "doc", "check", "optional", "column that nobody reads"],
)
def test_what_breaks_nobody_is_applied(applied: Path, db: Database, old: str, new: str) -> None:
    edit(contract(applied), old, new)
    assert breaking(applied, db) == ()
    apply(applied, db)


def test_what_is_allowed_is_logged_with_who_and_what(applied: Path, db: Database) -> None:
    move_to_tip(applied)
    apply(applied, db, allow_breaking=True)
    (event,) = events.read(db, action="dataset.breaking_allowed")
    assert (event.actor, event.subject, event.data["column"]) == ("ada", "dataset/trips", "fare")
    assert event.data["affects"] == list(ALL)
    assert breaking(applied, db) == ()


def test_a_new_column_beside_the_old_one_is_the_way_around(applied: Path, db: Database) -> None:
    edit(contract(applied), FARE, f"{FARE}\n{FARE.replace('fare', 'tip')}")
    apply(applied, db)
    edit(applied / "features" / "trips.py", '"fare"', '"tip"')
    apply(applied, db)
    edit(contract(applied), f"{FARE}\n", "")
    apply(applied, db)
    assert readers(Project(applied), db, Node("dataset", "trips", "fare")) == ()


def test_what_is_removed_in_the_same_change_does_not_count(applied: Path, db: Database) -> None:
    for name in ("features/trips.py", "models/late.py", "endpoints/taxi.yaml"):
        (applied / name).unlink()
    edit(contract(applied), f"{FARE}\n", "")
    assert breaking(applied, db) == ()
    apply(applied, db)
    assert list(versions(db)) == ["trips"]


def test_a_catalog_of_an_earlier_release_names_all_that_depends(
    applied: Path, db: Database
) -> None:
    """It has definitions with fewer fields, and no lineage."""
    body = '{"name": "trips", "columns": [{"name": "fare", "dtype": "int64"}], "gone": 1}'
    (old,) = active(db, "dataset")
    register(db, [old.replace(version="old", body=body)])
    with db.transaction() as connection:
        connection.execute("DELETE FROM lineage_edges")
    move_to_tip(applied)
    found = {one.change: one.affects for one in breaking(applied, db)}
    assert found == {"removed": ALL, "key": ALL, "event_time": ALL}
