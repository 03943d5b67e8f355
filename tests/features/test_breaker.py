from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from towpath.core.errors import Conflict, Unavailable
from towpath.features.online.breaker import Circuit, Outage
from towpath.features.online.change import Contended
from towpath.web.metrics import exposition


class Called:
    """Something to call, which is down or not."""

    def __init__(self) -> None:
        self.down = False
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.down:
            raise Unavailable("down")
        return "up"


class Watch:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(circuit: Circuit, called: Called, times: int) -> None:
    called.down = True
    for _ in range(times):
        with pytest.raises(Unavailable, match="down"):
            circuit.run(called)


def test_some_failures_in_a_row_open_it_and_then_nothing_is_called() -> None:
    circuit, called = Circuit("reads", limit=3), Called()
    fail(circuit, called, 2)
    called.down = False
    assert circuit.run(called) == "up"
    fail(circuit, called, 3)
    for _ in range(5):
        with pytest.raises(Outage, match="at present"):
            circuit.run(called)
    assert (called.calls, circuit.is_open) == (6, True)


def test_after_the_pause_one_call_is_let_through_and_its_success_closes_it() -> None:
    watch, called = Watch(), Called()
    circuit = Circuit("reads", limit=1, pause=2, seconds=watch)
    fail(circuit, called, 1)
    watch.now += 1.9
    with pytest.raises(Outage, match="at present"):
        circuit.run(called)
    watch.now += 0.1
    called.down = False
    assert circuit.run(called) == circuit.run(called) == "up"
    assert not circuit.is_open


def test_a_failure_after_the_pause_begins_another_pause() -> None:
    watch, called = Watch(), Called()
    circuit = Circuit("reads", limit=3, pause=2, seconds=watch)
    fail(circuit, called, 3)
    watch.now += 2
    fail(circuit, called, 1)
    watch.now += 1.9
    with pytest.raises(Outage, match="at present"):
        circuit.run(called)


def test_while_one_call_tries_no_other_is_let_through() -> None:
    watch, called, free = Watch(), Called(), threading.Event()
    circuit = Circuit("reads", limit=1, pause=2, seconds=watch)
    fail(circuit, called, 1)
    watch.now += 2
    with ThreadPoolExecutor(1) as pool:
        begun = threading.Event()

        def wait() -> bool:
            begun.set()
            return free.wait()

        probe = pool.submit(circuit.run, wait)
        begun.wait()
        with pytest.raises(Outage, match="at present"):
            circuit.run(called)
        free.set()
        assert probe.result() is True
    assert not circuit.is_open


def test_a_store_that_refuses_is_there() -> None:
    def refuse() -> None:
        raise Conflict("changed")

    circuit, called = Circuit("changes", limit=2), Called()
    fail(circuit, called, 1)
    with pytest.raises(Conflict):
        circuit.run(refuse)
    fail(circuit, called, 1)
    assert not circuit.is_open


def test_a_key_that_too_many_write_says_nothing_of_the_others() -> None:
    def contend() -> None:
        raise Contended("too many writers")

    circuit, called = Circuit("changes", limit=2), Called()
    fail(circuit, called, 1)
    for _ in range(3):
        with pytest.raises(Contended):
            circuit.run(contend)
    fail(circuit, called, 1)
    assert not circuit.is_open


def test_failures_are_counted() -> None:
    circuit, called = Circuit("reads", limit=2), Called()
    fail(circuit, called, 2)
    text = exposition(circuit.metrics).decode()
    assert 'towpath_online_store_failures_total{operation="reads"} 2' in text
    assert 'towpath_online_store_breaker_open{operation="reads"} 1' in text
