from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import Conflict, Contract
from towpath.registry.golden import Golden, read_golden, replay, write_golden

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = Golden(rows=((0.1, "UA", True, None), (1e-300, "", False, 3.0)), probabilities=(0.1, 0.2))


def test_golden_rows_come_back_bit_for_bit(tmp_path: Path) -> None:
    write_golden(GOLDEN, tmp_path)
    assert read_golden(tmp_path) == GOLDEN


@pytest.mark.parametrize("answer", [0.1000001, nan])
def test_another_answer_is_refused(answer: float) -> None:
    with pytest.raises(Conflict, match="Golden row 0"):
        replay(GOLDEN, lambda _: answer)


def test_damaged_golden_rows_are_refused(tmp_path: Path) -> None:
    (tmp_path / "golden.json").write_text("{", encoding="utf-8")
    with pytest.raises(Contract):
        read_golden(tmp_path)
