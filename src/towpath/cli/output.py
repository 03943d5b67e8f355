"""What a command prints: JSON for programs, tables for people, on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console

    from towpath.workspace import Workspace

F = TypeVar("F", bound=Callable[..., object])

MAX_WIDTH = 110
LARGE = 1000


def json_option(command: F) -> F:
    """Add ``--json`` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


def print_json(value: object) -> None:
    """Print a record or builtin as JSON, indented, with fields in a fixed order."""
    from towpath.core.record import to_json

    click.echo(msgspec.json.format(to_json(value), indent=2).decode())


def console(*, stderr: bool = False) -> Console:
    """Open a console that leaves colours out where nobody sees them."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else MAX_WIDTH
    return Console(stderr=stderr, width=width, highlight=False)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headings; numbers stand to the right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console().print(table if rows else f"{title}: none yet")


def open_workspace() -> Workspace:
    """Open the project at or above the present folder."""
    from towpath.workspace import Workspace

    return Workspace.find(Path.cwd())


def open_applied(folders: Sequence[str] = ()) -> Workspace:
    """Open the project and refuse to go on while it differs from what is registered.

    Args:
        folders: whose definitions the command needs, such as ``datasets``; all unless given.
    """
    from towpath.project.load import FOLDERS
    from towpath.project.plan import require_applied

    workspace = open_workspace()
    require_applied(workspace.project, workspace.catalog, folders or FOLDERS)
    return workspace


def _cell(value: object) -> str:
    """Write one value for a table."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)
