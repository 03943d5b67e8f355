"""A column that refers to its own dataset: nothing dangles, and nothing good is set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.lake.dataset import Column, Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.lake.lake import Lake

BOSS = Column("boss", "int64", nullable=True, references="staff.id")
STAFF = Dataset("staff", (Column("id", "int64", maximum=100), BOSS), key=("id",))


@pytest.fixture
def staff(lake: Lake) -> Lake:
    lake.datasets["staff"] = STAFF
    return lake


def people(*rows: tuple[int, int | None]) -> pa.Table:
    ids, bosses = zip(*rows, strict=True)
    return pa.table({"id": ids, "boss": pa.array(bosses, pa.int64())})


def ids(lake: Lake) -> list[int]:
    return sorted(int(one) for one in lake["staff"].scan(["id"])["id"].to_numpy())


def test_rows_may_refer_to_later_ones_of_their_batch(staff: Lake) -> None:
    pieces = [people((2, 3), (1, None)), people((3, 1))]
    assert staff.ingest("staff", iter(pieces)).rejected == 0


def test_a_rejected_row_takes_those_along_that_refer_to_it(staff: Lake) -> None:
    report = staff.ingest("staff", people((1, None), (500, 1), (2, 500), (3, 2), (4, 1)))
    assert (report.rejected, ids(staff)) == (3, [1, 4])


def test_rows_that_are_replaced_are_not_referred_to(staff: Lake) -> None:
    staff.ingest("staff", people((1, None), (2, 1)))
    report = staff.ingest("staff", people((2, 1), (3, None)))
    assert (report.rejected, ids(staff)) == (1, [3])


def test_a_file_refers_to_those_appended_before(staff: Lake, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("id,boss\n1,\n2,1\n")
    (tmp_path / "2.csv").write_text("id,boss\n3,2\n4,3\n")
    report = staff.ingest("staff", "*.csv", mode="append")
    assert (report.rejected, ids(staff)) == (0, [1, 2, 3, 4])


def test_a_merged_row_refers_to_stored_ones(staff: Lake) -> None:
    staff.ingest("staff", people((1, None), (2, 1)))
    report = staff.ingest("staff", people((3, 1), (4, 9)), mode="merge")
    assert (report.rejected, ids(staff)) == (1, [1, 2, 3])
