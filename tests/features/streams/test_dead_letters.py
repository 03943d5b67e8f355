from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.core.errors import NotFound, Unavailable
from towpath.core.segment import segments
from towpath.features.streams import sent_at
from towpath.features.streams.dead_letters import (
    DeadLetter,
    DeadLetterLog,
    bring_in,
    dead_letters,
)
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KNOWN = {name: Dataset(name, (Column("id", "int64"),), key=("id",)) for name in ("trips", "cars")}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with Database.open("sqlite:catalog.db", tmp_path) as db:
        yield Lake(DeltaTableStore("file:lake", tmp_path, db), db, KNOWN, clock=SystemClock())


def letter(number: int, *, dataset: str = "trips", refused: int = 0) -> DeadLetter:
    at = 1_000_000 * number
    return DeadLetter(dataset, "kafka://h/t", f"0:{number}", at, at + refused, "why", b"\xff\x00")


def write(folder: Path, *letters: DeadLetter) -> None:
    log = DeadLetterLog(folder)
    log.append(letters)
    log.close()


def listed(lake: Lake, dataset: str = "trips") -> list[str]:
    return [str(one) for one in dead_letters(lake, dataset)["message"].to_pylist()]


def test_a_dead_letter_is_listed_with_its_bytes(tmp_path: Path, lake: Lake) -> None:
    write(tmp_path / "dead", letter(1), letter(2, dataset="cars"))
    assert bring_in(tmp_path / "dead", lake) == 2
    (found,) = dead_letters(lake, "trips").to_pylist()
    assert (found["message"], found["reason"], found["content"]) == ("0:1", "why", b"\xff\x00")
    assert listed(lake, "cars") == ["0:2"]


def test_one_of_the_latest_time_that_there_is_is_listed(tmp_path: Path, lake: Lake) -> None:
    late = msgspec.structs.replace(letter(1), sent_at=sent_at(2**64))
    write(tmp_path / "dead", late)
    bring_in(tmp_path / "dead", lake)
    (found,) = dead_letters(lake, "trips").to_pylist()
    assert found["sent_at"].year == 9999


def test_one_that_comes_again_is_listed_once(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "dead"
    write(folder, letter(1), letter(1, refused=5), letter(2))
    bring_in(folder, lake)
    write(folder, letter(1, refused=9), letter(3))
    bring_in(folder, lake)
    assert bring_in(folder, lake) == 0
    assert listed(lake) == ["0:1", "0:2", "0:3"]
    assert segments(folder) == []


def test_the_list_is_empty_before_the_first(lake: Lake, tmp_path: Path) -> None:
    assert bring_in(tmp_path / "dead", lake) == 0
    assert listed(lake) == []
    with pytest.raises(NotFound, match="no dataset 'trisp'"):
        dead_letters(lake, "trisp")


def test_a_disk_that_does_not_take_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lake: Lake
) -> None:
    def failing(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log = DeadLetterLog(tmp_path / "dead")
    log.append([letter(1)])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(Unavailable, match="No space left"):
            log.append([letter(2)])
    log.append([letter(2)])
    log.close()
    bring_in(tmp_path / "dead", lake)
    assert listed(lake) == ["0:1", "0:2"]
