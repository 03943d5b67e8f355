from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.modelling.scores import read_scores, write_scores

if TYPE_CHECKING:
    from pathlib import Path


def test_scores_come_back_by_key_to_the_bit(tmp_path: Path) -> None:
    probability = np.random.default_rng(1).random(100)
    key = tuple(f"k{number}" for number in range(100))
    write_scores(key, probability, tmp_path)
    found = read_scores(tmp_path, key[::-1])
    assert found is not None
    assert found.tolist() == probability[::-1].tolist()


def test_a_row_without_a_score_makes_all_of_them_unknown(tmp_path: Path) -> None:
    write_scores(("a",), np.array([0.5]), tmp_path)
    assert read_scores(tmp_path, ("a", "b")) is None
