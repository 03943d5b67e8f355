"""What a Python function does, as a hash: its own text and that of all of the project it uses."""

from __future__ import annotations

import functools
import hashlib
import inspect
import sysconfig
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LENGTH = 16
INSTALLED = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))
OWN = __name__.partition(".")[0]


def source_hash(function: Callable[..., object]) -> str:
    """Hash the text of a function, and what it names: functions, classes and constants.

    What is installed (libraries, towpath) counts by its name; the project's own code by its text,
    however deep. A function that is chosen at run time, such as by ``getattr``, is not seen.

    Example:
        >>> import textwrap
        >>> source_hash(textwrap.dedent) == source_hash(textwrap.dedent)
        True
    """
    texts: dict[str, str] = {}
    _collect(function, texts, own=True)
    parts = [f"{name}\n{texts[name]}" for name in sorted(texts)]
    whole = "\n".join([getattr(function, "__qualname__", ""), *parts])
    return hashlib.sha256(whole.encode()).hexdigest()[:LENGTH]


def _collect(value: object, texts: dict[str, str], *, own: bool = False, name: str = "") -> None:
    """Add what a value is made of, each thing once.

    Args:
        value: a function, class, module or constant.
        texts: text by name, added to.
        own: take the text even of something installed.
        name: what a constant is called.
    """
    if isinstance(value, functools.partial):
        _collect(value.func, texts, own=own)
        texts[f"{name} partial"] = _constant((value.args, sorted(value.keywords.items())))
    elif isinstance(value, (FunctionType, type)):
        full = f"{value.__module__}.{value.__qualname__}"
        if full in texts:
            return
        texts[full] = inspect.getsource(value) if own or not _is_installed(value) else ""
        if texts[full]:
            for function in _functions(value):
                _collect_names(inspect.unwrap(function), texts)
    elif isinstance(value, ModuleType) or callable(value):
        texts[getattr(value, "__qualname__", "") or getattr(value, "__name__", name)] = ""
    else:
        texts[name] = _constant(value)


def _functions(value: FunctionType | type) -> Iterator[FunctionType]:
    """Yield a function, or the methods of a class."""
    members = [value] if isinstance(value, FunctionType) else vars(value).values()
    yield from (one for one in members if isinstance(one, FunctionType))


def _collect_names(function: FunctionType, texts: dict[str, str]) -> None:
    """Add what a function names: its globals, and what it takes from modules and closures."""
    names = set(_names(function.__code__))
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    known = {**function.__globals__, **{name: cell.cell_contents for name, cell in cells}}
    for name in sorted(names & set(known)):
        value = known[name]
        if isinstance(value, ModuleType) and not _is_installed(value):
            for part in sorted(names & set(vars(value))):
                _collect(vars(value)[part], texts, name=f"{name}.{part}")
        else:
            _collect(value, texts, name=name)


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that code uses, with that of the functions inside it."""
    yield from code.co_names
    yield from code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_installed(value: FunctionType | type | ModuleType) -> bool:
    """Tell whether something comes from a library rather than from the project."""
    module = value.__name__ if isinstance(value, ModuleType) else value.__module__
    if module.partition(".")[0] == OWN:
        return True
    try:
        path = Path(inspect.getfile(value)).resolve()
    except (TypeError, OSError):
        return True
    return any(path.is_relative_to(folder) for folder in INSTALLED)


def _constant(value: object) -> str:
    """Write a constant so that equal ones are written alike."""
    data = getattr(value, "tobytes", None)
    if callable(data):
        return f"{getattr(value, 'dtype', '')} {getattr(value, 'shape', '')} {data().hex()}"
    if isinstance(value, (set, frozenset)):
        return repr(sorted(map(repr, value)))
    return repr(value)
