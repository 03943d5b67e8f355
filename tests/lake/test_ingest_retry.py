"""A batch that was cut short between its two writes, and judged otherwise when tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from towpath.lake.dataset import Column, Dataset

if TYPE_CHECKING:
    from towpath.lake.lake import Lake

ROWS = Dataset("rows", (Column("id", "int64", minimum=0), Column("v", "string")), key=("id",))


@pytest.fixture
def cut(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake whose next write into ``rows`` dies after the rejected rows are kept."""
    lake.datasets["rows"] = ROWS
    append = lake.store.append

    def dies(name: str, rows: Any, *, batch: str) -> int:  # noqa: ANN401 - rows of any form
        if name == "rows":
            for _ in rows:
                pass
            raise KeyboardInterrupt
        return append(name, rows, batch=batch)

    with monkeypatch.context() as patch:
        patch.setattr(lake.store, "append", dies)
        with pytest.raises(KeyboardInterrupt):
            lake.ingest("rows", rows((5, "b"), (6, "b"), (-1, "b")), mode="append")
    return lake


def rows(*given: tuple[int, str]) -> pa.Table:
    ids, texts = zip(*given, strict=True)
    return pa.table({"id": ids, "v": texts})


def aside(lake: Lake) -> list[int]:
    return sorted(int(one) for one in lake["rows__rejected"].scan(["id"])["id"].to_numpy())


def test_the_rejected_rows_are_there_before_the_others(cut: Lake) -> None:
    assert (aside(cut), cut["rows"].exists()) == ([-1], False)


def test_a_row_that_fails_when_tried_again_is_kept_too(cut: Lake) -> None:
    cut.ingest("rows", rows((5, "a")), mode="append")
    report = cut.ingest("rows", rows((5, "b"), (6, "b"), (-1, "b")), mode="append")
    assert (report.rows, report.rejected, aside(cut)) == (1, 2, [-1, 5])


def test_a_row_that_passes_when_tried_again_is_not_set_aside_any_more(cut: Lake) -> None:
    columns = (ROWS.columns[0].replace(minimum=None), ROWS.columns[1])
    cut.datasets["rows"] = ROWS.replace(columns=columns)
    report = cut.ingest("rows", rows((5, "b"), (6, "b"), (-1, "b")), mode="append")
    assert (report.rows, report.rejected, aside(cut)) == (3, 0, [])
