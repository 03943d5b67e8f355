"""The harness of power losses finds what a missing sync loses, and nothing else."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import pytest
from tests.faults.power_loss import PowerLoss
from tests.faults.write_trace import Step, record, recordable

if TYPE_CHECKING:
    from pathlib import Path

CAREFUL = """
import os, sys
def sync(path):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
folder = sys.argv[1]
for number in range(4):
    aside, path = f"{folder}/aside", f"{folder}/kept"
    with open(aside, "wb") as file:
        file.write(b"%d" % number * 3000)
        file.flush()
        os.fsync(file.fileno())
    os.rename(aside, path)
    sync(folder)
    os.write(1, b"%d" % number)
"""


def images(folder: Path, script: str, count: int = 200) -> list[tuple[str, bytes | None]]:
    """Return what was acknowledged and what the file holds, in images of a recorded script."""
    root, before = folder / "root", folder / "before"
    for path in (root, before):
        path.mkdir()
    program = folder / "script.py"
    program.write_text(script)
    steps = record([sys.executable, str(program), str(root)], root, folder / "trace")
    loss, dice, found = PowerLoss(before, steps), random.Random(3), []
    for number in range(count):
        end = dice.randrange(loss.steps + 1)
        image = folder / f"image_{number}"
        loss.write(image, end, dice)
        kept = image / "kept"
        found.append((loss.told(end), kept.read_bytes() if kept.exists() else None))
    return found


def broken(found: list[tuple[str, bytes | None]]) -> int:
    """Count the images that lost what was acknowledged, or hold half of a write."""
    whole = {b"%d" % number * 3000: number for number in range(4)}
    states = [(len(told) - 1, -1 if data is None else whole.get(data, -2)) for told, data in found]
    return sum(state < told or state == -2 for told, state in states)


@pytest.fixture(autouse=True)
def can_record() -> None:
    if reason := recordable():
        pytest.skip(reason)


def test_a_careful_writer_loses_nothing(tmp_path: Path) -> None:
    found = images(tmp_path, CAREFUL)
    assert broken(found) == 0
    assert len({data for _, data in found}) == 5


@pytest.mark.parametrize("line", ["        os.fsync(file.fileno())\n", "    sync(folder)\n"])
def test_a_missing_sync_is_found(tmp_path: Path, line: str) -> None:
    assert line in CAREFUL
    assert broken(images(tmp_path, CAREFUL.replace(line, ""))) > 0


def test_writes_through_shared_memory_are_refused(tmp_path: Path) -> None:
    script = """
import mmap, sys
with open(f"{sys.argv[1]}/mapped", "w+b") as file:
    file.truncate(4096)
    mmap.mmap(file.fileno(), 4096)[0:1] = b"x"
"""
    with pytest.raises(RuntimeError, match="memory map"):
        images(tmp_path, script, 1)


def test_names_and_contents_are_followed(tmp_path: Path) -> None:
    """With all that was written there, an image is what the folder is."""
    script = """
import os, sys
root = sys.argv[1]
os.makedirs(f"{root}/a/b")
with open(f"{root}/a/b/one", "wb", buffering=0) as file:
    file.write(b"12345")
    file.seek(2)
    file.write(b"x")
    file.truncate(4)
os.link(f"{root}/a/b/one", f"{root}/two")
with open(f"{root}/two", "ab") as file:
    file.write(b"end")
handle = os.open(f"{root}/two", os.O_RDWR)
os.pwrite(handle, b"P", 9)
os.pwritev(handle, [b"v", b"w"], 8)
os.rename(f"{root}/two", f"{root}/a/three")
open(f"{root}/gone", "w").close()
os.remove(f"{root}/gone")
"""
    root, before = tmp_path / "root", tmp_path / "before"
    for path in (root, before):
        path.mkdir()
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "script.py"), str(root)]
    steps = record(command, root, tmp_path / "trace")
    synced = [Step("sync", one.path) for one in steps if one.kind in {"write", "cut"}]
    folders = [Step("sync", one) for one in (".", "a", "a/b")]
    last = [one for one in synced if one.path == "two"]
    moved = next(index for index, one in enumerate(steps) if one.kind == "move")
    steps = [*steps[:moved], *last, *steps[moved:], *folders]
    PowerLoss(before, steps).write(tmp_path / "image", len(steps), random.Random(1))
    assert content(tmp_path / "image") == content(root)
    assert content(root)["a/three"] == b"12x4end\0vw"


def content(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
