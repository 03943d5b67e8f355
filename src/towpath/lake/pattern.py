"""Patterns that a whole text must match, in time that grows with the text alone."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Invalid

# One value, for without any no pattern is read; pa.array and pa.scalar would load pandas.
TEXT = pa.nulls(1, pa.string())


def whole(pattern: str) -> str:
    r"""Return a pattern that only a whole text matches.

    Example:
        >>> print(whole("a|b"))
        \A(?:a|b)\z
    """
    return rf"\A(?:{pattern})\z"


def checked_pattern(pattern: str) -> str:
    r"""Return the pattern if the engine (RE2) can run it.

    RE2 has neither look-around nor back references, which take exponential time.

    Raises:
        Invalid: not a pattern of RE2.

    Example:
        >>> checked_pattern("N[0-9]{5}")
        'N[0-9]{5}'
    """
    for form in (pattern, whole(pattern)):
        try:
            pc.match_substring_regex(TEXT, form)
        except pa.ArrowInvalid as error:
            problem = str(error).partition(": ")[2] or str(error)
            message = f"{pattern!r} is not a pattern: {problem}."
            hint = "Write it for RE2, without look-around and back references."
            raise Invalid(message, hint=hint) from error
    return pattern
