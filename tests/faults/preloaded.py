"""A process with all libraries loaded that forks a child for each step, and may kill it.

``python preloaded.py`` reads a request a line and answers with an outcome a line.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
from numba.core.registry import cpu_target

from towpath.core.record import Record, from_json, to_json
from towpath.steps.execute import PRELOAD, execute_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Request(Record, frozen=True):
    """A step to run in a project, and when to kill it, if at all.

    Args:
        root: the project's folder.
        uses: the step.
        params: its parameters.
        kill_after: seconds until the kill.
        kill_at: an audit event of Python, such as ``os.rename``, and a part of its first
            argument; the process is killed just before the first such thing is done.
    """

    root: str
    uses: str
    params: dict[str, object]
    kill_after: float | None = None
    kill_at: tuple[str, str] | None = None


class Outcome(Record, frozen=True):
    """How the step's process ended, and after how many seconds."""

    seconds: float
    killed: bool = False
    error: str = ""
    result: dict[str, object] = msgspec.field(default_factory=dict)


def main() -> None:
    for module in PRELOAD:
        importlib.import_module(module)
    # Half a second that each child would spend before its first compiled function.
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
    for line in sys.stdin:
        outcome = attempt(from_json(line.encode(), Request))
        sys.stdout.write(to_json(outcome).decode() + "\n")
        sys.stdout.flush()


def attempt(request: Request) -> Outcome:
    """Run the step in a child; kill it at its moment unless it has ended."""
    reading, writing = os.pipe()
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(reading)
        be_child(request, writing)
    os.close(writing)
    if request.kill_after is not None:
        select.select([reading], [], [], request.kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as file:
        left = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    seconds = time.perf_counter() - started
    if not left or status == -signal.SIGKILL:
        return Outcome(seconds, killed=True)
    return from_json(left, Outcome).replace(seconds=seconds)


def be_child(request: Request, writing: int) -> NoReturn:
    """Run the step, leave its result in the pipe and go."""
    if request.kill_at is not None:
        sys.addaudithook(killer(*request.kill_at))
    try:
        result = execute_in(Path(request.root))(request.uses, request.params, silent)
        left = Outcome(0.0, result=plain(result))
    except BaseException as error:  # noqa: BLE001 - the outermost loop of this process
        left = Outcome(0.0, error=f"{type(error).__name__}: {error}")
        if not str(error):
            traceback.print_exc()
    with os.fdopen(writing, "wb") as file:
        file.write(to_json(left))
    os._exit(0)


def killer(event: str, part: str) -> Callable[[str, tuple[object, ...]], None]:
    """Return an audit hook that ends this process before it does a certain thing."""

    def hook(name: str, arguments: tuple[object, ...]) -> None:
        if name == event and arguments and part in str(arguments[0]):
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def plain(result: Mapping[str, object]) -> dict[str, object]:
    return from_json(to_json(dict(result)), dict[str, object])


def silent(fraction: float, text: str = "") -> None:
    """Take a report of progress that nobody reads."""


if __name__ == "__main__":
    main()
