"""Names of everything that is registered."""

from __future__ import annotations

import re

from towpath.core.errors import Invalid

PATTERN = re.compile(r"[a-z][a-z0-9_]{0,62}")


def checked_name(name: str, kind: str) -> str:
    """Return the name if it may be registered.

    Raises:
        Invalid: the name is not lower-case letters, digits and underscores, starting with a letter.

    Example:
        >>> checked_name("flights", "dataset")
        'flights'
    """
    if PATTERN.fullmatch(name) is None:
        message = f"{name!r} is not a name for a {kind}."
        raise Invalid(
            message, hint=f"Use at most 63 of a-z, 0-9 and _, a letter first{_example(name)}."
        )
    return name


def _example(name: str) -> str:
    """Offer a legal spelling of an illegal name."""
    legal = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")[:63]
    return f", such as {legal!r}" if PATTERN.fullmatch(legal) else ""
