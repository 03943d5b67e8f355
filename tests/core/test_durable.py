from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.core.durable import write_durably
from towpath.core.errors import MissingExtra, NotFound
from towpath.core.plugins import load_plugin
from towpath.core.record import Record, fingerprint

if TYPE_CHECKING:
    from pathlib import Path


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_durably(path, b"old")
    with pytest.raises(TypeError):
        write_durably(path, "text is not bytes")  # type: ignore[arg-type]  # the mistake is the test
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_an_unknown_plugin_names_the_close_one() -> None:
    with pytest.raises(NotFound, match="Did you mean 'lmdb'"):
        load_plugin("online_stores", "lmbd")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lmdb", None)
    monkeypatch.delitem(__import__("sys").modules, "towpath.features.online.lmdb", raising=False)
    with pytest.raises(MissingExtra, match="pip install"):
        load_plugin("online_stores", "lmdb")


def test_a_function_counts_in_the_fingerprint_by_its_source() -> None:
    class Holder(Record, frozen=True):
        function: object

    def one() -> int:
        return 1

    def two() -> int:
        return 2

    assert fingerprint(Holder(one)) != fingerprint(Holder(two))
    assert fingerprint(Holder(one)) == fingerprint(Holder(one))
