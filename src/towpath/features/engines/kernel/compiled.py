"""The decorators of functions that are compiled at their first call, and kept on disk.

What is kept of a function is found by the time and size of its own file. So after a change, the
functions of other files that call the changed one are stale: delete their ``*.nbi``.

The first call in a fresh environment waits for all of it, so compiled code is kept plain: loops in
place of array expressions, slices that are assigned to, and functions of NumPy, which numba
compiles anew with each caller.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, TypeVar

from numba import njit
from numba.core import event

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

Function = TypeVar("Function", bound="Callable[..., Any]")


def compiled(function: Function) -> Function:
    """Compile a function."""
    return _compile(function)


def brief(function: Function) -> Function:
    """Compile a function that takes less time than other threads take to have their turn.

    It keeps the interpreter's lock, which a server's other threads would else take at each call.
    """
    return _compile(function, nogil=False)


def inner(function: Function) -> Function:
    """Compile a function that only compiled ones call, which spares a third of the time.

    A call from Python would end the process.
    """
    return _compile(function, no_cpython_wrapper=True)


def _compile(function: Function, **options: bool) -> Function:
    """Compile a function."""
    # Divisions are guarded where they can be by zero, so none needs to raise.
    chosen: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
    chosen |= {"no_cfunc_wrapper": True} | options
    wrap: Callable[[Function], Function] = njit(**chosen)
    return wrap(function)


class Uncollected(event.Listener):
    """Puts off the collection of garbage while something is compiled, a sixth of whose time it is.

    A compiler makes very many objects, few of them garbage before it is done.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._collected = False

    def on_start(self, event: event.Event) -> None:
        """Note that another function is being compiled; numba does so on one thread at a time."""
        del event
        if self._depth == 0:
            self._collected = gc.isenabled()
            gc.disable()
        self._depth += 1

    def on_end(self, event: event.Event) -> None:
        """Go back to what was, when the outermost is done."""
        del event
        self._depth -= 1
        if self._depth == 0 and self._collected:
            gc.enable()


event.register("numba:compile", Uncollected())  # type: ignore[no-untyped-call]
