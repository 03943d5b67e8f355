"""How far a step is and what it found, each on one line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

CLEAR = "\r\x1b[2K"
LONGEST = 40


def say(fraction: float, text: str = "") -> None:
    """Report the progress of a step that a command runs itself, where somebody watches."""
    if sys.stderr.isatty():
        click.echo(f"{CLEAR}{fraction:4.0%} {text}", nl=fraction >= 1.0, err=True)


def summary(result: Mapping[str, object]) -> str:
    """Write the single values of a step's result on one line, long texts left out.

    Example:
        >>> summary({"rows": 3, "auc": 0.71234, "findings": []})
        'rows 3, auc 0.7123'
    """
    parts = []
    for name, value in result.items():
        if isinstance(value, bool):
            parts.append(f"{name.replace('_', ' ')} {'yes' if value else 'no'}")
        elif isinstance(value, int) or (isinstance(value, str) and 0 < len(value) <= LONGEST):
            shown = f"{value:,}" if isinstance(value, int) else value
            parts.append(f"{name.replace('_', ' ')} {shown}")
        elif isinstance(value, float):
            parts.append(f"{name.replace('_', ' ')} {value:.4g}")
        elif isinstance(value, dict) and name == "rows":
            parts.append(f"rows {sum(value.values()):,}")
    return ", ".join(parts)
