"""Turns at writing: one at a time, taken over from the dead at once and from the silent in time."""

from __future__ import annotations

import multiprocessing
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from towpath.catalog import leases
from towpath.catalog.database import Database
from towpath.catalog.leases import TurnTaken, confirm, held, leased
from towpath.core.errors import Conflict

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

SPAWN = multiprocessing.get_context("spawn")


def test_turns_are_numbered(db: Database) -> None:
    tokens = []
    for _ in range(3):
        with leased(db, "table/x") as lease:
            tokens.append(lease.token)
            assert held(db, "table/x")
    assert tokens == [1, 2, 3]
    assert not held(db, "table/x")


def test_a_turn_that_is_taken_is_told(db: Database) -> None:
    with (
        leased(db, "table/x"),
        pytest.raises(TurnTaken, match="busy here"),
        leased(db, "table/x", wait_seconds=0.05, busy="It is busy here."),
    ):
        pass


def test_turns_at_other_things_are_free(db: Database) -> None:
    with leased(db, "table/x"), leased(db, "table/y", wait_seconds=0) as lease:
        assert lease.token == 1


def test_after_an_error_the_next_is_told_to_look(db: Database) -> None:
    with suppress(KeyError), leased(db, "table/x"):
        raise KeyError
    with leased(db, "table/x", wait_seconds=0) as lease:
        assert lease.abandoned
    with leased(db, "table/x") as lease:
        assert not lease.abandoned


def test_a_holder_that_works_long_keeps_its_turn(db: Database) -> None:
    with leased(db, "table/x", lease_seconds=0.1) as lease:
        time.sleep(0.4)
        assert held(db, "table/x")
        confirm(db, lease)


def test_a_silent_holder_loses_its_turn_and_is_refused(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_renew", lambda *_: None)
    with (
        leased(db, "table/x", lease_seconds=0.05) as late,
        leased(db, "table/x") as lease,
    ):
        assert lease.token == late.token + 1
        assert lease.abandoned
        confirm(db, lease)
        with pytest.raises(Conflict, match="took over"):
            confirm(db, late)


def _die(root: Path, ready: Connection) -> None:
    with Database.open("sqlite:catalog.db", root) as db, leased(db, "table/x"):
        ready.send("taken")
        os._exit(1)


def test_a_dead_holder_is_noticed_at_once(db: Database, tmp_path: Path) -> None:
    ready, its_end = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_die, args=(tmp_path, its_end))
    process.start()
    assert ready.recv() == "taken"
    process.join()
    with leased(db, "table/x", wait_seconds=0) as lease:
        assert lease.abandoned


def test_a_holder_on_another_machine_is_waited_for(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with leased(db, "table/x"):
        monkeypatch.setattr(leases, "_machine", lambda: "elsewhere")
        assert held(db, "table/x")
