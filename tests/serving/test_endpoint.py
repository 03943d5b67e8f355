from __future__ import annotations

import pytest

from towpath.core.errors import Invalid
from towpath.serving.endpoint import Endpoint


@pytest.mark.parametrize(
    "arms", [{}, {"champion": 0.5}, {"champion": 1.5, "other": -0.5}, {"Champion": 1.0}]
)
def test_shares_lie_in_range_and_add_up_to_one(arms: dict[str, float]) -> None:
    with pytest.raises(Invalid):
        Endpoint("delay", model="late", arms=arms)


@pytest.mark.parametrize("name", ["Delay", "1st", "a/b", ""])
def test_name_is_fit_for_a_path(name: str) -> None:
    with pytest.raises(Invalid):
        Endpoint(name, model="late")


def test_thirds_are_close_enough_to_one() -> None:
    Endpoint("delay", model="late", arms=dict.fromkeys(("a", "b", "c"), 1 / 3))
