from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import Invalid
from towpath.web.body import DISCARDED, Bodies
from towpath.web.problem import Busy, TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence

Part = bytes | None


def read(parts: Sequence[Part], limit: int, *, kept: bool = True) -> tuple[bytes, int]:
    """Read a body whose parts come in turn, None for a client that has gone; then nothing comes.

    Returns the body, and how many messages were taken.
    """
    left = list(parts)

    async def receive() -> dict[str, object]:
        if not left:
            await asyncio.sleep(60)
        part = left.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": part != b"."}

    body = asyncio.run(Bodies(0.05).read(receive, limit, kept=kept))
    return body, len(parts) - len(left)


def test_parts_are_put_together() -> None:
    assert read([b"ab", b"", b"cd", b"."], 5) == (b"abcd.", 4)


def test_what_is_not_wanted_is_taken_and_thrown_away() -> None:
    assert read([b"ab", b"cd", b"."], 5, kept=False) == (b"", 3)


def test_a_body_that_a_client_did_not_end_is_none() -> None:
    with pytest.raises(Invalid, match="before all of the body"):
        read([b"ab", None], 5)


def test_a_body_that_does_not_end_is_given_up() -> None:
    with pytest.raises(Busy, match="did not arrive within"):
        read([b"ab"], 5)


@pytest.mark.parametrize("parts", [[b"abc", b"def", b"."], [b"abc", b"def"]])
def test_a_body_over_the_limit_is_told_so_also_when_it_is_slow(parts: list[Part]) -> None:
    with pytest.raises(TooLarge, match="over 5 bytes"):
        read(parts, 5)


def test_a_body_without_end_is_not_taken_for_ever() -> None:
    with pytest.raises(TooLarge):
        read([b"a" * 5] * (DISCARDED + 1), 5)
