from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from towpath.serving.assign import choose, position

KEYS = [f'{{"flight_id":"f{at}"}}'.encode() for at in range(4000)]


def test_shares_are_kept() -> None:
    share = sum(choose("delay", key, [0.8, 0.2]) for key in KEYS) / len(KEYS)
    assert abs(share - 0.2) < 0.02


def test_growing_the_last_arm_moves_keys_to_it_only() -> None:
    small = [choose("delay", key, [0.9, 0.1]) for key in KEYS]
    large = [choose("delay", key, [0.7, 0.3]) for key in KEYS]
    assert all(after >= before for before, after in zip(small, large, strict=True))


def test_endpoints_place_a_key_apart() -> None:
    assert position("delay", b"{}") != position("cancel", b"{}")


def test_place_is_the_same_on_every_machine() -> None:
    assert position("delay", b'{"flight_id":"f1"}') == 0.6565110982339956


@given(st.binary(), st.lists(st.floats(0, 1), min_size=1, max_size=4).filter(any))
def test_an_arm_without_a_share_answers_nothing(key: bytes, weights: list[float]) -> None:
    shares = [weight / sum(weights) for weight in weights]
    assert len(shares) == 1 or shares[choose("delay", key, shares)] > 0
