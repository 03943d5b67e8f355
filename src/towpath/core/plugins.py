"""Backends are found by entry point, never imported by name."""

from __future__ import annotations

from importlib.metadata import entry_points, metadata
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
    require_plugin(group, name)
    try:
        return cast("type", entry_points(group=f"towpath.{group}")[name].load())
    except ModuleNotFoundError as error:
        message = f"{name!r} needs the library {error.name!r}."
        ours = name in (metadata("towpath").get_all("Provides-Extra") or ())
        wanted = f"'towpath[{name}]'" if ours else error.name
        raise MissingExtra(message, hint=f"Install it: pip install {wanted}") from error


def require_plugin(group: str, name: str) -> None:
    """Refuse a name under which nothing is registered; nothing is loaded.

    Raises:
        NotFound: no plugin of that name.

    Example:
        >>> require_plugin("online_stores", "memory")
    """
    known = entry_points(group=f"towpath.{group}").names
    if name not in known:
        message = f"There is no {group.removesuffix('s').replace('_', ' ')} named {name!r}."
        raise NotFound(message, hint=did_you_mean(name, known))


def scheme(url: str) -> str:
    """Return the part of a URL that chooses its backend.

    Example:
        >>> scheme("lmdb:.towpath/online")
        'lmdb'
    """
    return url.partition(":")[0]
