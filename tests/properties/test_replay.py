"""Any interleaving of pushes, ingestion, materialisation and time: online equals the oracle."""

from __future__ import annotations

import itertools
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.features.replay import Replay

from towpath.catalog.database import Database
from towpath.features.online.cassandra import CassandraStore
from towpath.features.online.lmdb import LmdbStore
from towpath.features.online.memory import MemoryStore
from towpath.features.online.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cassandra_server import CassandraServers
    from tests.valkey import Valkey

    from towpath.features.online import OnlineStore

    Writers = Callable[[Path], list[OnlineStore]]

pytest_plugins = ("tests.services",)
numbers = itertools.count()
few = st.sampled_from([1, 2, 5, 30])
many = st.sampled_from([1, 5, 300])
step = st.one_of(
    st.tuples(st.just("push"), many),
    st.tuples(st.just("again"), few),
    st.tuples(st.just("ingest"), many),
    st.tuples(st.just("replace"), few),
    st.tuples(st.just("materialize"), st.sampled_from([0, 1, 30])),
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 400, 3000])),
    st.tuples(st.just("read"), st.sampled_from([0, 0, 5, 90])),
)


def memory(folder: Path) -> list[OnlineStore]:
    del folder
    return [MemoryStore()]


def lmdb(folder: Path) -> list[OnlineStore]:
    return [LmdbStore("lmdb:online", folder) for _ in range(2)]


def valkey(server: Valkey, folder: Path) -> list[OnlineStore]:
    del folder
    url = server.url(f"prefix=replay{next(numbers)}:&timeout=5")
    return [RedisStore(url), RedisStore(url)]


@pytest.fixture(scope="module", params=["memory", "lmdb", "valkey"])
def writers(request: pytest.FixtureRequest) -> Writers:
    if request.param == "valkey":
        return partial(valkey, request.getfixturevalue("valkey"))
    return {"memory": memory, "lmdb": lmdb}[request.param]


def play(writers: Writers, steps: list[tuple[str, int]], seed: int) -> None:
    """Do the steps, and compare each time."""
    with (
        tempfile.TemporaryDirectory() as name,
        Database.open("sqlite:catalog.db", Path(name)) as db,
    ):
        stores = writers(Path(name))
        replay = Replay(Path(name), db, stores, seed=seed)
        for step, amount in steps:
            getattr(replay, step)(amount)
            if step in ("push", "again", "materialize"):
                replay.read(0)
        for store in stores:
            store.close()


@pytest.mark.slow
@settings(max_examples=40)
@example(steps=[("push", 1), ("ingest", 1), ("materialize", 1), ("read", 5)], seed=0)
@given(steps=st.lists(step, min_size=3, max_size=14), seed=st.integers(0, 2**32))
def test_online_equals_the_oracle_at_every_read(
    writers: Writers, steps: list[tuple[str, int]], seed: int
) -> None:
    play(writers, steps, seed)


@pytest.mark.slow
@settings(max_examples=6)
@example(steps=[("push", 300), ("ingest", 5), ("materialize", 1), ("again", 5)], seed=0)
@given(steps=st.lists(step, min_size=3, max_size=7), seed=st.integers(0, 2**32))
def test_a_sample_on_cassandra(
    cassandra: CassandraServers, steps: list[tuple[str, int]], seed: int
) -> None:
    """Each of them in a keyspace of its own, which takes longer than the steps."""
    url = cassandra.url(f"replay{next(numbers)}", "timeout=20&connect_timeout=20")
    play(lambda _: [CassandraStore(url), CassandraStore(url)], steps, seed)
