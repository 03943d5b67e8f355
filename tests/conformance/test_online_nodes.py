"""Three nodes of Cassandra, of which one is killed or hung; the others are the quorum."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests import cassandra_server
from tests.cassandra_server import CassandraServers, cassandra_servers

from towpath.core.errors import Unavailable
from towpath.features.online import Item
from towpath.features.online.cassandra import CassandraStore
from towpath.testing.online import add_one, fill, setting, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.features.online import OnlineStore

KEYS = [b"%d" % number for number in range(4)]
SECONDS = 5.0


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraServers]:
    if reason := cassandra_server.missing():
        pytest.skip(reason)
    with cassandra_servers(tmp_path_factory.mktemp("nodes"), 3) as servers:
        yield servers


class Writer(threading.Thread):
    """Counts in some keys; an error is no acknowledgement, but may have counted."""

    def __init__(self, store: OnlineStore, key: bytes) -> None:
        super().__init__()
        self._store, self._key = store, key
        self.acknowledged = self.unsure = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            try:
                self._store.change("car", [self._key], add_one)
                self.acknowledged += 1
                (found,) = self._store.read([Item("car", self._key)])
                assert found is not None
                assert int(bytes(found)) >= self.acknowledged
            except Unavailable:
                self.unsure += 1


@pytest.mark.slow
def test_one_of_three_nodes_is_killed_during_reads_and_writes(nodes: CassandraServers) -> None:
    """What was acknowledged is there, once; reads and writes go on."""
    store = CassandraStore(nodes.url("quorum", "timeout=5&connect_timeout=5"))
    store.change("car", [], setting())
    writers = [Writer(store, key) for key in KEYS]
    for writer in writers:
        writer.start()
    time.sleep(SECONDS)
    nodes.nodes[2].kill()
    before = [writer.acknowledged for writer in writers]
    time.sleep(2 * SECONDS)
    during = [writer.acknowledged for writer in writers]
    nodes.nodes[2].start()
    time.sleep(SECONDS)
    for writer in writers:
        writer.done.set()
    for writer in writers:
        writer.join()
    assert all(after > first for first, after in zip(before, during, strict=True))
    for writer, found in zip(writers, values(store, "car", *KEYS), strict=True):
        count = int(found or b"0")
        assert writer.acknowledged <= count <= writer.acknowledged + writer.unsure
    store.close()


@pytest.mark.slow
def test_without_a_quorum_the_store_is_unavailable_until_it_is_back(
    nodes: CassandraServers,
) -> None:
    store = CassandraStore(nodes.url("halves", "timeout=2&connect_timeout=5"))
    fill(store)
    for node in nodes.nodes[1:]:
        node.signal(signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(Unavailable, match="cassandra://"):
        store.read([Item("car", b"a")])
    with pytest.raises(Unavailable, match="cassandra://"):
        store.change("car", [b"a"], setting(root=b"2"))
    assert time.monotonic() - started < 2 * SECONDS
    for node in nodes.nodes[1:]:
        node.signal(signal.SIGCONT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            store.change("car", [b"b"], setting(root=b"3"))
            break
        except Unavailable:
            time.sleep(0.5)
    assert values(store, "car", b"b") == [b"3"]
    store.close()
