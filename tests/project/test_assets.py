from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.project.conftest import apply, edit

from towpath.catalog import lineage
from towpath.catalog.assets import every, get
from towpath.catalog.lineage import Node, downstream
from towpath.catalog.search import Query, search
from towpath.core.errors import Conflict
from towpath.project.load import Project
from towpath.project.plan import plan_project

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.catalog.database import Database


def hits(db: Database, text: str) -> list[str]:
    return sorted(f"{one.kind}/{one.name}" for one in search(db, Query(text)).hits)


def below(db: Database, column: str) -> list[str]:
    graph = downstream(db, Node("dataset", "trips", column))
    return [str(one) for one in graph.nodes if one.kind != "dataset"]


def test_what_is_applied_is_found(taxi: Path, db: Database) -> None:
    apply(taxi, db)
    assert hits(db, "taxi") == ["dataset/trips", "endpoint/taxi"]
    assert hits(db, "fare sum") == ["feature_set/trip", "feature_view/rides"]
    found = get(db, "dataset", "trips")
    assert found is not None
    assert (found.owner, found.tags, found.columns[2].doc) == ("rides", ("rides",), "Euros.")


def test_a_column_leads_to_the_endpoint(taxi: Path, db: Database) -> None:
    apply(taxi, db)
    assert below(db, "fare") == [
        "endpoint/taxi",
        "feature_set/trip.rides__fare_sum_1d",
        "feature_view/rides.fare_sum_1d",
        "model/late",
    ]
    assert below(db, "seats") == []


def test_what_is_removed_is_forgotten(taxi: Path, db: Database) -> None:
    apply(taxi, db)
    for name in ("endpoints/taxi.yaml", "models/late.py"):
        (taxi / name).unlink()
    apply(taxi, db)
    assert hits(db, "late") == ["dataset/trips"]
    assert "model/late" not in below(db, "fare")


def test_a_feature_takes_the_new_type_of_its_column(taxi: Path, db: Database) -> None:
    """The view itself did not change."""
    apply(taxi, db)
    edit(taxi / "datasets" / "trips.yaml", "fare, dtype: int64", "fare, dtype: float64")
    apply(taxi, db, allow_breaking=True)
    view = get(db, "feature_view", "rides")
    assert view is not None
    assert view.columns[0].dtype == "float64"


def test_a_catalog_of_an_earlier_release_is_filled_by_the_next_apply(
    taxi: Path, db: Database
) -> None:
    apply(taxi, db)
    before = every(db)
    with db.transaction() as connection:
        for table in ("lineage_edges", "assets"):
            connection.execute(f"DELETE FROM {table}")
    assert plan_project(Project(taxi), db).changes == ()
    apply(taxi, db)
    assert every(db) == before
    assert "endpoint/taxi" in below(db, "fare")


def test_nothing_is_found_of_an_apply_that_is_refused(taxi: Path, db: Database) -> None:
    apply(taxi, db)
    before = every(db)
    edit(taxi / "datasets" / "trips.yaml", "key: [id]", "key: [id, at]\nfreshness: 2d")
    with pytest.raises(Conflict):
        apply(taxi, db)
    assert every(db) == before


def test_an_unchanged_project_writes_no_lineage_again(taxi: Path, db: Database) -> None:
    apply(taxi, db)
    ids = db.query("SELECT id FROM lineage_edges ORDER BY id")
    apply(taxi, db)
    assert db.query("SELECT id FROM lineage_edges ORDER BY id") == ids


def test_what_runs_read_outlives_an_apply(taxi: Path, db: Database) -> None:
    trips = Node("dataset", "trips", version="3")
    lineage.record_run(db, "r1", reads=[trips], writes=[Node("model", "late", version="1")])
    assert not lineage.has_lineage(db)
    apply(taxi, db)
    assert lineage.recorded_versions(db, "model", "late") == ("", "1")
    assert Node("model", "late", version="1") in downstream(db, trips).nodes
