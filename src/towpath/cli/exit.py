"""Exit codes in one table, and how an error is shown."""

from __future__ import annotations

import sys

import click

from towpath.core.errors import (
    Conflict,
    Contract,
    Denied,
    Invalid,
    MissingExtra,
    NotFound,
    TowpathError,
    Unavailable,
)

OK = 0
FINDINGS = 1
STOPPED = 130

EXIT_CODES: dict[type[BaseException], int] = {
    Contract: FINDINGS,
    Invalid: 2,
    MissingExtra: 2,
    click.ClickException: 2,
    NotFound: 3,
    Denied: 4,
    PermissionError: 4,
    Conflict: 5,
    Unavailable: 6,
    click.Abort: STOPPED,
}
UNEXPECTED = 70


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error.

    Example:
        >>> exit_code(NotFound("There is no model 'x'."))
        3
    """
    for kind, code in EXIT_CODES.items():
        if isinstance(error, kind):
            return code
    return UNEXPECTED


def render_error(error: BaseException) -> None:
    """Write an error to standard error: what, where, and what to do next."""
    if isinstance(error, click.Abort):
        _line("stopped", "Stopped; the same command goes on from here.")
        return
    if isinstance(error, click.ClickException):
        error.show(sys.stderr)
        return
    if isinstance(error, TowpathError):
        _line("error", error.message)
        _line("where", error.where)
        _line("next", error.hint)
        return
    if isinstance(error, PermissionError):
        _line("error", f"No permission to write {error.filename}.")
        _line("next", "Change the folder's owner, or point towpath.toml at another folder.")
        return
    _line("error", f"{type(error).__name__}: {error}")
    _line("next", "This is a defect. See the trace with: towpath --debug COMMAND")


def _line(label: str, text: str) -> None:
    """Write one labelled line, nothing where there is no text."""
    if text:
        colour = {"error": "red", "next": "green"}.get(label)
        click.echo(f"{click.style(label + ':', fg=colour, bold=True)} {text}", err=True)
