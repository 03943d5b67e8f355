from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import Conflict, Invalid, NotFound
from towpath.web import token as token_module
from towpath.web.problem import Refused, Unknown, problem
from towpath.web.token import Tokens, make_token, read_tokens, revoke_token

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FAR = datetime(2100, 1, 1, tzinfo=UTC)


def make(path: Path, name: str = "ranker", scopes: Sequence[str] = ("read",)) -> bytes:
    return f"Bearer {make_token(path, name, scopes=scopes, expires=FAR)}".encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "tokens.json"


def test_only_the_hash_is_kept_and_only_its_owner_reads_it(path: Path) -> None:
    header = make(path)
    assert header.removeprefix(b"Bearer ") not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("header", [b"", b"Bearer", b"Bearer tp_x", b"Basic dTpw", b"\xff"])
def test_who_has_no_token_is_told_how_to_send_one(path: Path, header: bytes) -> None:
    make(path)
    with pytest.raises(Unknown, match="authorization: Bearer") as caught:
        Tokens(path).caller(header, "read")
    answer = problem(caught.value)
    assert answer.status == 401
    assert ("www-authenticate", "Bearer") in answer.headers


def test_a_token_allows_its_scopes_only(path: Path) -> None:
    reads, writes = make(path), make(path, "collector", ("read", "write"))
    tokens = Tokens(path)
    assert tokens.caller(writes, "write") == "collector"
    with pytest.raises(Refused, match="'ranker' does not allow to write") as caught:
        tokens.caller(reads, "write")
    assert problem(caught.value).status == 403


def test_an_expired_token_is_refused(path: Path) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    header = f"Bearer {make_token(path, 'old', scopes=('read',), expires=past)}".encode()
    with pytest.raises(Unknown, match="expired"):
        Tokens(path).caller(header, "read")


def test_a_running_server_hears_of_new_and_of_revoked_tokens(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_module, "TRUSTED_SECONDS", 0.0)
    first = make(path)
    tokens = Tokens(path)
    second = make(path, "second")
    assert tokens.caller(second, "read") == "second"
    revoke_token(path, "ranker")
    with pytest.raises(Unknown):
        tokens.caller(first, "read")


def test_without_its_file_nobody_is_known(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_module, "TRUSTED_SECONDS", 0.0)
    header = make(path)
    tokens = Tokens(path)
    path.unlink()
    with pytest.raises(Unknown):
        tokens.caller(header, "read")


def test_names_are_taken_once_and_scopes_exist(path: Path) -> None:
    make(path)
    with pytest.raises(Conflict, match="'ranker' already"):
        make(path)
    with pytest.raises(Invalid, match=r"no scope 'raed'.*'read'"):
        make(path, "other", ("raed",))
    assert [one.name for one in read_tokens(path)] == ["ranker"]


def test_a_missing_file_and_an_unknown_name_say_what_to_do(path: Path) -> None:
    with pytest.raises(NotFound, match="towpath feature token"):
        Tokens(path)
    make(path)
    with pytest.raises(NotFound, match="Did you mean 'ranker'"):
        revoke_token(path, "rankr")


def test_a_damaged_file_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(Invalid, match="not a file of tokens"):
        Tokens(path)
