"""The errors a caller can act on, one class for each thing to do about it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_NAMES = 8
SHOWN_TEXT = 80


class TowpathError(Exception):
    """Root of all errors raised on purpose.

    Args:
        message: what is wrong and with which object.
        where: file and line of the definition at fault, such as ``datasets/trips.yaml:3``.
        hint: what to do next, as a sentence or a command.
        data: the facts as fields, for programs.

    Example:
        >>> str(TowpathError("No such thing.", hint="Look elsewhere."))
        'No such thing. Look elsewhere.'
    """

    def __init__(self, message: str, *, where: str = "", hint: str = "", **data: object) -> None:
        """Keep the parts apart, so that each edge can lay them out its own way."""
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.data = data

    def __str__(self) -> str:
        """Join place, message and hint on one line."""
        place = f"{self.where}: " if self.where else ""
        return " ".join(part for part in (f"{place}{self.message}", self.hint) if part)


class Invalid(TowpathError, ValueError):
    """What was given cannot be right: mend the definition, the argument or the request.

    It is a ValueError too, so that a decoder adds the path of the record that refused itself.
    """


class Contract(TowpathError):
    """Data does not keep the contract of its dataset: mend the data or the contract."""


class NotFound(TowpathError):
    """The thing asked for does not exist: check the name, or create it."""


class Conflict(TowpathError):
    """The state moved or is taken by another: look again, then retry."""


class Denied(TowpathError):
    """The caller may not do this: ask for the grant or mend the permission."""


class MissingExtra(TowpathError):
    """A library is not installed: install the named extra."""


class Unavailable(TowpathError):
    """Something needed does not answer: wait, or start it."""


def cut(text: str, length: int = SHOWN_TEXT) -> str:
    """Shorten a text that is to be repeated in a message.

    Example:
        >>> cut("departures", 8)
        'departu…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Suggest the close names among the options, or list a few of them.

    Example:
        >>> did_you_mean("carier", ["carrier", "origin"])
        "Did you mean 'carrier'?"
        >>> did_you_mean("zzz", ["b", "a"])
        'Known: a, b.'
    """
    known = sorted(options)
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(repr(option) for option in close)}?"
    if not known:
        return "There is none yet."
    more = f" and {len(known) - SHOWN_NAMES} more" if len(known) > SHOWN_NAMES else ""
    return f"Known: {', '.join(known[:SHOWN_NAMES])}{more}."
