"""Backends are found by entry point, never imported by name."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import cast

from towpath.core.errors import MissingExtra, NotFound, did_you_mean


def load_plugin(group: str, name: str) -> type:
    """Load the class registered as ``name`` under ``towpath.GROUP``.

    Raises:
        NotFound: no plugin of that name.
        MissingExtra: the plugin's library is not installed.

    Example:
        >>> load_plugin("online_stores", "memory").__name__
        'MemoryStore'
    """
    found = entry_points(group=f"towpath.{group}")
    if name not in found.names:
        message = f"There is no {group.removesuffix('s').replace('_', ' ')} named {name!r}."
        raise NotFound(message, hint=did_you_mean(name, found.names))
    try:
        return cast("type", found[name].load())
    except ModuleNotFoundError as error:
        message = f"{name!r} needs the library {error.name!r}."
        raise MissingExtra(message, hint=f"Run: pip install 'towpath[{name}]'") from error


def scheme(url: str) -> str:
    """Return the part of a URL that chooses its backend.

    Example:
        >>> scheme("lmdb:.towpath/online")
        'lmdb'
    """
    return url.partition(":")[0]
