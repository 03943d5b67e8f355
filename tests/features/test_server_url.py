from __future__ import annotations

import pytest

from towpath.core.errors import Invalid
from towpath.features.online.redis import RedisStore
from towpath.features.online.server_url import read_server_url


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("h:99999", "the port 99999 is not from 1 to 65535"),
        ("h:0", "the port 0 is not"),
        ("h:-1", "the port -1 is not"),
        ("h:one", "'one'"),
        ("h?claim=-1", "claim=-1 is not from 0.001 to 1000000"),
        ("h?claim=0", "claim=0 is not"),
        ("h?claim=nan", "claim=nan is not"),
        ("h?claim=inf", "claim=inf is not"),
        ("h?claim=soon", "claim is 'soon'"),
        ("[::1", "cannot be read"),
    ],
)
def test_a_number_that_cannot_be_right_is_named(rest: str, told: str) -> None:
    with pytest.raises(Invalid, match=told.replace("[", r"\[")):
        read_server_url(f"redis://{rest}", 1, options={}, numbers={"claim": 0.0})


def test_what_a_url_does_not_say_is_as_usual() -> None:
    found = read_server_url("redis://h/7?claim=2", 6, options={}, numbers={"claim": 1, "wait": 0.0})
    assert (found.port, found.database, found.numbers) == (6, 7, {"claim": 2.0, "wait": 0.0})


@pytest.mark.parametrize("name", ["abc", "-1", "1.5", "0/1", "٣", "9" * 99])
def test_a_database_that_is_no_number_is_named(name: str) -> None:
    with pytest.raises(Invalid, match=f"the database '{name}', which is no number") as caught:
        RedisStore(f"redis://h:1/{name}")
    assert "from 0" in caught.value.hint
