from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import Conflict, Contract, NotFound
from towpath.registry.bundle import open_bundle, seal
from towpath.testing.model_store import make_draft

if TYPE_CHECKING:
    from pathlib import Path


def sealed(tmp_path: Path) -> tuple[Path, str]:
    files = tmp_path / "files"
    files.mkdir()
    (files / "plan.npz").write_bytes(b"12345")
    return tmp_path / "bundle", seal(files, make_draft().replace(version=3), tmp_path / "bundle")


def test_a_bundle_opens_as_the_version_it_holds(tmp_path: Path) -> None:
    folder, digest = sealed(tmp_path)
    assert open_bundle(folder, sha256=digest).subject == "model/late/3"


def test_the_order_of_the_schema_is_kept(tmp_path: Path) -> None:
    folder, _ = sealed(tmp_path)
    assert list(open_bundle(folder).schema) == ["hour", "carrier", "bad_days"]


@pytest.mark.parametrize("name", ["plan.npz", "contract.json"])
def test_a_changed_byte_is_found(tmp_path: Path, name: str) -> None:
    folder, _ = sealed(tmp_path)
    data = bytearray((folder / name).read_bytes())
    data[2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(Contract, match=name):
        open_bundle(folder)


def test_a_missing_file_is_found(tmp_path: Path) -> None:
    folder, _ = sealed(tmp_path)
    (folder / "plan.npz").unlink()
    with pytest.raises(Contract, match=r"plan\.npz"):
        open_bundle(folder)


def test_an_added_file_is_found(tmp_path: Path) -> None:
    folder, _ = sealed(tmp_path)
    (folder / "more.txt").write_text("x", encoding="utf-8")
    with pytest.raises(Contract, match=r"more\.txt"):
        open_bundle(folder)


def test_another_manifest_is_found(tmp_path: Path) -> None:
    folder, _ = sealed(tmp_path)
    with pytest.raises(Contract, match=r"manifest\.json"):
        open_bundle(folder, sha256="0" * 64)


def test_a_bundle_is_never_replaced(tmp_path: Path) -> None:
    folder, digest = sealed(tmp_path)
    (tmp_path / "files").mkdir()
    with pytest.raises(Conflict, match="already"):
        seal(tmp_path / "files", make_draft(), folder)
    open_bundle(folder, sha256=digest)


def test_no_bundle_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_bundle(tmp_path / "none")
