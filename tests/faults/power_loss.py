"""What a disk may hold after the power failed: images made from a record of writes.

A write that was not followed by a sync of its file may be there, missing, or torn, whatever came
after it. A name (a file made, moved, linked or removed) that was not followed by a sync of its
folder may be missing too; within one folder names appear in their order. What was synced is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.write_trace import Step

SECTOR = 512
NAMES = {"create", "link", "move", "remove", "folder"}
CONTENT = {"write", "cut"}


@dataclass
class _Stored:
    """A file's content, whatever its names."""

    data: bytearray = field(default_factory=bytearray)

    def apply(self, step: Step, keep: int | None = None) -> None:
        """Do a write, or only its first bytes, or set the length."""
        if step.kind == "cut":
            del self.data[step.offset :]
            self.data.extend(bytes(step.offset - len(self.data)))
            return
        data = step.data if keep is None else step.data[:keep]
        self.data.extend(bytes(max(0, step.offset - len(self.data))))
        self.data[step.offset : step.offset + len(data)] = data


@dataclass
class _Tree:
    """Folders, and files by name."""

    folders: set[str]
    files: dict[str, int]

    def apply(self, step: Step, made: int) -> None:
        """Do a step on names, if what it needs is there."""
        if step.kind == "folder":
            self.folders.add(step.path)
        elif step.kind == "create":
            self.files[step.path] = made
        elif step.kind == "remove":
            self.files.pop(step.path, None)
            self.folders.discard(step.path)
        elif step.path in self.files:
            take = self.files.pop if step.kind == "move" else self.files.__getitem__
            self.files[step.other] = take(step.path)

    def reachable(self, path: str) -> bool:
        return all(parent in self.folders for parent in map(str, PurePosixPath(path).parents))


class PowerLoss:
    """Makes images of a folder as the power may have left it.

    Args:
        before: the folder as it was when the recording began, all of it on the disk.
        steps: what was done since.
    """

    def __init__(self, before: Path, steps: list[Step]) -> None:
        self._steps = steps
        self._contents: dict[int, bytes] = {}
        self._folders = {"."}
        self._files: dict[str, int] = {}
        for path in sorted(before.rglob("*")):
            name = path.relative_to(before).as_posix()
            if path.is_dir():
                self._folders.add(name)
            else:
                self._files[name] = len(self._contents)
                self._contents[len(self._contents)] = path.read_bytes()
        self._targets = self._followed()

    @property
    def steps(self) -> int:
        """How many steps were recorded."""
        return len(self._steps)

    def told(self, end: int) -> str:
        """Return what the process had said on standard output by a step."""
        return b"".join(one.data for one in self._steps[:end] if one.kind == "told").decode()

    def write(self, image: Path, end: int, dice: random.Random) -> None:
        """Write the folder as it may be after the power failed at a step.

        In one image of four all that was written is there, as after a killed process; in one only
        what was synced; in the others each unsynced write is left to chance.
        """
        chance = dice.choice((1.0, 0.0, 0.5, 0.5))
        tree = _Tree(set(self._folders), dict(self._files))
        for number in self._lasting_names(end, chance, dice):
            tree.apply(self._steps[number], self._targets[number])
        contents = {number: _Stored(bytearray(data)) for number, data in self._contents.items()}
        synced = self._last_syncs(end)
        for number, step in enumerate(self._steps[:end]):
            if step.kind not in CONTENT:
                continue
            target = self._targets[number]
            lasting = step.through or number <= synced.get(target, -1)
            keep = None if lasting else self._kept(step, chance, dice)
            if keep != 0 or step.kind == "cut":
                contents.setdefault(target, _Stored()).apply(step, keep)
        for name in sorted(tree.folders):
            if tree.reachable(name):
                (image / name).mkdir(parents=True, exist_ok=True)
        for name, target in tree.files.items():
            if tree.reachable(name):
                (image / name).write_bytes(contents.get(target, _Stored()).data)

    def _followed(self) -> list[int]:
        """Return for each step the file that it was about, as no name tells after a move."""
        live = _Tree(set(self._folders), dict(self._files))
        made = len(self._contents)
        targets = []
        for step in self._steps:
            if step.kind == "create":
                targets.append(made)
                made += 1
            else:
                targets.append(live.files.get(step.path, -1))
            if step.kind in NAMES:
                live.apply(step, targets[-1])
        return targets

    def _last_syncs(self, end: int) -> dict[int, int]:
        """Return for each file the step of its last sync."""
        return {
            self._targets[number]: number
            for number, step in enumerate(self._steps[:end])
            if step.kind == "sync"
        }

    def _lasting_names(self, end: int, chance: float, dice: random.Random) -> list[int]:
        """Choose the steps on names that are there: in each folder all up to one."""
        waiting: dict[str, list[int]] = {}
        lasting = []
        for number, step in enumerate(self._steps[:end]):
            if step.kind in NAMES:
                waiting.setdefault(_folder(step), []).append(number)
            elif step.kind == "sync" and step.path in waiting:
                lasting += waiting.pop(step.path)
        for left in waiting.values():
            lasting += left[: round(len(left) * chance) if chance != 0.5 else _upto(left, dice)]
        return sorted(lasting)

    @staticmethod
    def _kept(step: Step, chance: float, dice: random.Random) -> int | None:
        """Choose how much of an unsynced write is there: all (None), nothing (0), or sectors."""
        if chance in {0.0, 1.0}:
            return None if chance else 0
        sectors = -(-len(step.data) // SECTOR)
        torn: Callable[[], int] = lambda: SECTOR * dice.randrange(max(1, sectors))  # noqa: E731
        return dice.choice((None, 0, torn()))


def _folder(step: Step) -> str:
    """Return the folder in which a name appears."""
    return str(PurePosixPath(step.other or step.path).parent)


def _upto(left: list[int], dice: random.Random) -> int:
    return dice.randrange(len(left) + 1)
