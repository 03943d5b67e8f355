from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from towpath.catalog.lineage import Edge, Node, downstream, record_edges, record_run, upstream

if TYPE_CHECKING:
    from towpath.catalog.database import Database

DELAY, FARE = Node("dataset", "flights", "delay"), Node("dataset", "flights", "fare")
LATE, PRICE = Node("feature_view", "carrier", "late"), Node("feature_view", "carrier", "price")
USED = Node("feature_set", "trip", "carrier__late")
MODEL, ENDPOINT = Node("model", "delay"), Node("endpoint", "gate")
EDGES = (
    Edge(DELAY, LATE),
    Edge(FARE, PRICE),
    Edge(LATE, USED),
    Edge(USED, MODEL),
    Edge(MODEL, ENDPOINT),
)


@pytest.fixture
def known(db: Database) -> Database:
    record_edges(db, EDGES)
    return db


def test_a_column_is_followed_to_the_endpoint(known: Database) -> None:
    graph = downstream(known, DELAY)
    assert set(graph.nodes) == {DELAY, LATE, USED, MODEL, ENDPOINT}
    assert set(graph.edges) == set(EDGES) - {Edge(FARE, PRICE)}


def test_an_endpoint_is_followed_to_the_columns_it_needs(known: Database) -> None:
    assert set(upstream(known, ENDPOINT).nodes) == {DELAY, LATE, USED, MODEL, ENDPOINT}


def test_a_whole_object_is_all_of_its_columns(known: Database) -> None:
    assert set(downstream(known, Node("dataset", "flights")).edges) == set(EDGES)
    assert set(upstream(known, Node("feature_view", "carrier")).nodes) == {
        *(DELAY, LATE),
        *(FARE, PRICE),
    }


def test_an_edge_at_a_whole_object_is_for_each_of_its_columns(known: Database) -> None:
    record_edges(known, [Edge(Node("source", "csv"), Node("dataset", "flights"))])
    assert Node("source", "csv") in upstream(known, MODEL).nodes


@pytest.mark.parametrize(
    ("depth", "reached"), [(0, set()), (1, {LATE}), (2, {LATE, USED}), (9, {LATE, USED, MODEL})]
)
def test_the_depth_counts_edges(known: Database, depth: int, reached: set[Node]) -> None:
    nodes = set(downstream(known, DELAY, depth=depth).nodes)
    assert nodes - {DELAY, ENDPOINT} == reached


def test_a_node_without_edges_has_an_empty_graph(known: Database) -> None:
    graph = upstream(known, Node("dataset", "never_there"))
    assert (graph.nodes, graph.edges) == ((), ())


@pytest.mark.parametrize("depth", [None, 5])
def test_a_cycle_ends(db: Database, depth: int | None) -> None:
    ring = [Node("dataset", name) for name in "abc"]
    edges = [Edge(one, other) for one, other in zip(ring, ring[1:] + ring[:1], strict=True)]
    record_edges(db, [*edges, Edge(ring[0], ring[0])])
    assert set(upstream(db, ring[0], depth=depth).nodes) == set(ring)
    assert len(downstream(db, ring[1], depth=depth).edges) == 4


def test_an_object_that_is_registered_again_forgets_what_it_was_made_of(known: Database) -> None:
    record_edges(known, [Edge(FARE, LATE)])
    assert DELAY not in upstream(known, MODEL).nodes
    assert FARE in upstream(known, MODEL).nodes
    assert upstream(known, PRICE).nodes == ()


def test_an_object_that_is_removed_is_forgotten(known: Database) -> None:
    record_edges(known, [], replaced=[("endpoint", "gate")])
    assert upstream(known, ENDPOINT).nodes == ()
    assert MODEL in downstream(known, DELAY).nodes


def record_and_fail(db: Database) -> None:
    with db.transaction():
        record_edges(db, [], replaced=[("model", "delay")])
        raise KeyError


def test_edges_fall_with_the_transaction(known: Database) -> None:
    with pytest.raises(KeyError):
        record_and_fail(known)
    assert MODEL in upstream(known, ENDPOINT).nodes


def test_a_model_version_is_followed_to_the_rows_it_saw(known: Database) -> None:
    rows, fitted = Node("dataset", "flights", version="12"), Node("model", "delay", version="3")
    record_run(known, "ingest_1", writes=[rows])
    for _ in range(2):
        record_run(known, "train_7", reads=[rows], writes=[fitted])
    graph = upstream(known, fitted)
    assert [str(node) for node in graph.nodes] == [
        "dataset/flights@12",
        "model/delay@3",
        "run/ingest_1",
        "run/train_7",
    ]
    assert len(graph.edges) == 3


def test_what_runs_did_stays_when_definitions_change(known: Database) -> None:
    fitted = Node("model", "delay", version="3")
    record_run(known, "train_7", writes=[fitted])
    record_edges(known, [], replaced=[("model", "delay")])
    assert len(upstream(known, fitted).edges) == 1


def test_a_random_graph_is_walked_as_by_hand(db: Database) -> None:
    draw = random.Random(3)
    nodes = [Node("dataset", f"d{number}") for number in range(40)]
    edges = {Edge(*draw.sample(nodes, 2)) for _ in range(80)}
    record_edges(db, sorted(edges))
    for start in nodes:
        for depth in (1, 3, None):
            reached, wave, steps = set[Edge](), {start}, 0
            while wave and (depth is None or steps < depth):
                new = {one for one in edges - reached if one.upstream in wave}
                reached |= new
                wave, steps = {one.downstream for one in new}, steps + 1
            assert set(downstream(db, start, depth=depth).edges) == reached
