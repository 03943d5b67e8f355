from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.core.errors import Conflict, NotFound
from towpath.serving.pointer import (
    Arm,
    Deployment,
    pointer_path,
    read_pointer,
    write_pointer,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_pointer_reads_back(tmp_path: Path) -> None:
    deployment = Deployment("delay", (Arm("champion", 1.0, "late", 3, "late/3", sha256="x"),))
    write_pointer(tmp_path, deployment)
    assert read_pointer(tmp_path, "delay") == deployment


def test_missing_pointer_says_how_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="towpath run"):
        read_pointer(tmp_path, "delay")


def test_damaged_pointer_is_named(tmp_path: Path) -> None:
    path = pointer_path(tmp_path, "delay")
    path.parent.mkdir()
    path.write_bytes(b'{"endpoint": "delay"')
    with pytest.raises(Conflict) as caught:
        read_pointer(tmp_path, "delay")
    assert caught.value.where == str(path)
