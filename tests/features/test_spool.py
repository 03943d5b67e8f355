from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from towpath.core.errors import Unavailable
from towpath.features.engines.arrange import Piece
from towpath.features.engines.spool import Spool

if TYPE_CHECKING:
    from numpy.typing import NDArray


def piece(rows: int) -> Piece:
    times = np.arange(rows)
    times.flags.writeable = False
    marks = np.ones(rows, dtype=np.uint8)
    none = np.empty(0, dtype=np.int64)
    return Piece(np.arange(rows, dtype=np.int32), times, none, [times + 7], [marks])


def arrays(one: Piece) -> list[NDArray[Any]]:
    found: list[NDArray[Any]] = [one.codes, one.times, one.sequence]
    return [*found, *one.words, *one.marks]


def test_what_is_set_aside_is_the_same_of_the_same_form() -> None:
    with Spool(3_000) as spool:
        kept = [spool.keep(piece(rows)) for rows in (2_000, 1_000, 5_001, 0, 3)]
    assert [bool(one.mapped) for one in kept] == [False, False, True, False, True]
    for one, rows in zip(kept, (2_000, 1_000, 5_001, 0, 3), strict=True):
        one.let_go()
        for found, wanted in zip(arrays(one), arrays(piece(rows)), strict=True):
            assert (found.dtype, found.flags.writeable) == (wanted.dtype, wanted.flags.writeable)
            assert np.array_equal(found, wanted)


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with Spool(0) as spool, pytest.raises(Unavailable, match="No space left"):
        spool.keep(piece(9))
