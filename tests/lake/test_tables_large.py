"""More rows than one file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from towpath.core.errors import Invalid
from towpath.lake.tables.data_file import FILE_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.lake.tables.delta import DeltaTableStore

PIECE = 300_000
COUNT = 9
ROWS = PIECE * COUNT


def pieces() -> Iterator[pa.Table]:
    for number in range(COUNT):
        yield pa.table({"id": np.arange(number * PIECE, (number + 1) * PIECE)})


@pytest.mark.slow
def test_pieces_fill_files_and_keep_their_order(store: DeltaTableStore) -> None:
    store.append("things", pieces(), batch="a")
    rows = store.scan("things")
    assert rows["_seq"].equals(rows["id"])
    assert rows.num_rows == ROWS
    assert len(store.files("things").paths) == -(-ROWS // FILE_ROWS)
    assert store.compact("things") == 0


@pytest.mark.slow
def test_a_merge_rewrites_the_files_that_hold_its_keys(store: DeltaTableStore) -> None:
    store.append("things", pieces(), batch="a")
    before = store.files("things").paths
    keys = np.arange(FILE_ROWS + 5, FILE_ROWS + 15)
    store.merge("things", pa.table({"id": keys}), key=["id"], batch="b")
    after = store.files("things").paths
    assert (before[0], before[2]) == (after[0], after[2])
    order = store.scan("things")["_seq"].to_numpy()
    assert len(order) == ROWS
    assert (np.diff(order) > 0).all()


def test_pieces_have_the_same_columns(store: DeltaTableStore) -> None:
    given = [pa.table({"id": [1]}), pa.table({"other": [1]})]
    with pytest.raises(Invalid, match="do not fit its columns"):
        store.append("things", iter(given), batch="a")
    assert store.version("things") is None


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([1], pa.duration("s")), "cannot be stored as duration"),
        (pa.array([2**63], pa.uint64()), "do not fit"),
    ],
)
def test_what_delta_cannot_hold_is_refused(
    store: DeltaTableStore, column: pa.Array[Any], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        store.append("things", pa.table({"id": column}), batch="a")


@pytest.mark.parametrize("names", [["a", "a"], ["a", "_seq"]])
def test_columns_have_names_of_their_own(store: DeltaTableStore, names: list[str]) -> None:
    rows = pa.table([[1], [2]], names=names)
    with pytest.raises(Invalid, match=f"Column '{names[1]}'"):
        store.append("things", rows, batch="a")
