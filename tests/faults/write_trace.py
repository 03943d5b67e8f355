"""What a process writes, in order: recorded by strace, read as steps on files and folders."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

CALLS = (
    "openat,open,creat,lseek,write,writev,pwrite64,pwritev,pwritev2,truncate,ftruncate,"
    "fallocate,copy_file_range,sendfile,mmap,rename,renameat,renameat2,link,linkat,symlink,"
    "symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync_file_range,syncfs,msync"
)
LINE = re.compile(r"(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))")
DONE = re.compile(r"(.*)\) += (-?\d+|0x[0-9a-f]+)(?:<([^>]*)>)?.*")
FILE = re.compile(r"(-?\d+)<([^>]*)>.*")
UNFINISHED = " <unfinished ...>"
STDOUT = 1
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
MADE_ANEW = ("-shm", "-lock")
BLIND = {"copy_file_range", "sendfile", "symlink", "symlinkat", "fallocate"}

Kind = Literal["create", "write", "cut", "link", "move", "remove", "folder", "sync", "told"]


@dataclass(frozen=True)
class Step:
    """One thing that was done to a file or folder.

    Args:
        kind: ``cut`` sets a file's length; ``told`` is a line on standard output.
        path: of the file or folder, from the recorded folder.
        other: where a link or move leads to.
        offset: where in the file, or its new length.
        data: what was written.
        through: whether the write itself waited for the disk (O_DSYNC).
    """

    kind: Kind
    path: str = ""
    other: str = ""
    offset: int = 0
    data: bytes = b""
    through: bool = False


def recordable() -> str:
    """Return why nothing can be recorded here; empty where it can."""
    program = shutil.which("strace")
    if program is None:
        return "strace is not installed"
    command = [program, "-qq", "-o", "/dev/null", sys.executable, "-V"]
    tried = subprocess.run(command, capture_output=True, check=False)
    return "" if tried.returncode == 0 else "strace may not trace processes here"


def record(command: list[str], folder: Path, log: Path) -> list[Step]:
    """Run a command to its end and return what it did below a folder.

    It must be one process, and write neither through memory maps (those of SQLite's ``-shm``
    and LMDB's ``-lock`` files apart, which are made anew after a crash) nor by calls that carry no
    data.

    Raises:
        RuntimeError: the command failed, or wrote in a way that the trace does not show.
    """
    options = ["-f", "-y", "-xx", "-qq", "-s", "1000000000", "--seccomp-bpf", "-e", "signal=none"]
    traced = ["strace", *options, "-e", f"trace={CALLS}", "-o", str(log), *command]
    reader = _Reader(folder)
    done = subprocess.run(traced, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{' '.join(command)} ended with {done.returncode}: {done.stderr}"
        raise RuntimeError(message)
    return reader.steps(log)


class _Reader:
    """Follows file positions, so that each write has its place."""

    def __init__(self, folder: Path) -> None:
        self._folder = PurePosixPath(folder)
        self._positions: dict[int, int | None] = {}
        self._through: dict[int, bool] = {}
        self._sizes: dict[str, int] = {}
        self._known = {self._inside(str(path)) for path in [folder, *folder.rglob("*")]}
        for path in folder.rglob("*"):
            if path.is_file():
                self._sizes[self._inside(str(path))] = path.stat().st_size
        self._steps: list[Step] = []

    def steps(self, log: Path) -> list[Step]:
        waiting: dict[str, tuple[str, str]] = {}
        with log.open() as lines:
            for line in lines:
                match = LINE.match(line)
                if not match:
                    continue
                thread, call, text, resumed, rest = match.groups()
                if resumed:
                    call, text = waiting.pop(thread)
                    text += rest
                elif text.endswith(UNFINISHED):
                    waiting[thread] = (call, text.removesuffix(UNFINISHED))
                    continue
                done = DONE.match(text)
                if done and not done[2].startswith("-"):
                    self._take(call, _arguments(done[1]), int(done[2], 0), _text(done[3] or ""))
        return self._steps

    def _take(self, call: str, given: list[str], result: int, opened: str) -> None:
        """Add what a call did that ended well."""
        if call in {"openat", "open", "creat"}:
            flags = "O_CREAT|O_TRUNC" if call == "creat" else next(x for x in given if "O_" in x)
            self._open(opened, result, flags)
        elif call in {"rename", "renameat", "renameat2", "link", "linkat"}:
            one, two = _paths(given)
            self._name("move" if "rename" in call else "link", one, two)
        elif call in {"unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"}:
            self._name("folder" if "mkdir" in call else "remove", _paths(given)[0])
        elif call == "truncate":
            self._cut(_paths(given)[0], int(given[1]))
        elif given and (file := FILE.match(given[0])):
            self._on_file(call, given[1:], result, (int(file[1]), _text(file[2])))
        elif call == "mmap" and "MAP_SHARED" in given[3] and "PROT_WRITE" in given[2]:
            self._refuse_map(given[4])

    def _open(self, path: str, handle: int, flags: str) -> None:
        inside = self._inside(path)
        # In a file that is read from first, a write goes on after that, which is not traced.
        read = "O_RDWR" in flags and inside in self._known
        self._positions[handle] = None if read else 0
        self._through[handle] = "O_DSYNC" in flags or "O_SYNC" in flags
        if "O_APPEND" in flags:
            self._positions[handle] = self._sizes.get(inside, 0)
        if not inside or "O_DIRECTORY" in flags:
            return
        if "O_CREAT" in flags and inside not in self._known:
            self._known.add(inside)
            self._sizes[inside] = 0
            self._steps.append(Step("create", inside))
        elif "O_TRUNC" in flags:
            self._cut(path, 0)

    def _on_file(self, call: str, given: list[str], result: int, file: tuple[int, str]) -> None:
        handle, path = file
        inside = self._inside(path)
        data = b"".join(map(_bytes, STRING.findall(", ".join(given))))[:result]
        if call in {"write", "writev"} and handle == STDOUT:
            self._steps.append(Step("told", data=data))
        elif call == "lseek":
            self._positions[handle] = result
        elif not inside:
            return
        elif call in {"write", "writev"}:
            place = self._positions.get(handle)
            if place is None:
                raise RuntimeError(f"{path} is read and written through one handle")
            self._positions[handle] = place + result
            self._write(inside, place, data, through=self._through.get(handle, False))
        elif call in {"pwrite64", "pwritev", "pwritev2"}:
            place = int(given[-1 if call != "pwritev2" else -2])
            self._write(inside, place, data, through=self._through.get(handle, False))
        elif call == "ftruncate":
            self._cut(path, int(given[0]))
        elif call in {"fsync", "fdatasync"}:
            self._steps.append(Step("sync", inside))
        elif call in BLIND:
            raise RuntimeError(f"{call} of {path}: the trace does not show what it wrote")

    def _write(self, inside: str, place: int, data: bytes, *, through: bool) -> None:
        if inside:
            self._sizes[inside] = max(self._sizes.get(inside, 0), place + len(data))
            self._steps.append(Step("write", inside, offset=place, data=data, through=through))

    def _cut(self, path: str, size: int) -> None:
        if inside := self._inside(path):
            self._sizes[inside] = size
            self._steps.append(Step("cut", inside, offset=size))

    def _name(self, kind: Kind, path: str, other: str = "") -> None:
        one, two = self._inside(path), self._inside(other)
        if not one:
            return
        if kind in {"move", "link"}:
            self._known.add(two)
            self._sizes[two] = self._sizes.get(one, 0)
        if kind in {"move", "remove"}:
            self._known.discard(one)
        else:
            self._known.add(one)
        self._steps.append(Step(kind, one, two))

    def _refuse_map(self, argument: str) -> None:
        file = FILE.match(argument)
        path = _text(file[2]) if file else ""
        if self._inside(path) and not path.endswith(MADE_ANEW):
            message = f"{path} is written through a memory map, which the trace does not show"
            raise RuntimeError(message)

    def _inside(self, path: str) -> str:
        """Return a path from the recorded folder; ``.`` for itself, empty for one elsewhere."""
        pure = PurePosixPath(path)
        if path.endswith(" (deleted)") or not pure.is_relative_to(self._folder):
            return ""
        return pure.relative_to(self._folder).as_posix()


def _arguments(text: str) -> list[str]:
    """Split arguments; strings are in hexadecimal and hold no commas."""
    return text.split(", ")


def _paths(given: list[str]) -> list[str]:
    """Return the paths among arguments, each from the folder that is named before it."""
    found, folder = [], ""
    for one in given:
        if one.startswith('"'):
            found.append(str(PurePosixPath(folder) / _bytes(one).decode()))
            folder = ""
        elif "<" in one:
            folder = _text(one.partition("<")[2].rstrip(">"))
    return found


def _bytes(argument: str) -> bytes:
    """Decode a string such as ``"\\x61\\x62"``."""
    return bytes.fromhex(argument.strip('"').replace("\\x", ""))


def _text(escaped: str) -> str:
    """Decode the path of a file handle."""
    return bytes.fromhex(escaped.replace("\\x", "")).decode() if "\\x" in escaped else escaped
