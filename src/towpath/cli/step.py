"""A step of the path as a command: its progress, its result, its exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from towpath.cli.output import console, open_applied, print_json
from towpath.cli.progress import CLEAR, say, summary

if TYPE_CHECKING:
    from collections.abc import Mapping


def run_step(uses: str, *, as_json: bool, **params: object) -> Mapping[str, object]:
    """Run one step in this process and print what it found.

    Args:
        uses: the step's name in pipelines, such as ``model.train``.
        as_json: whether to print JSON.
        params: the step's parameters; empty ones are left to their defaults.
    """
    import logging

    from towpath.steps.execute import step_function

    # What alerters log takes the place of the progress that stands on the last line.
    logging.basicConfig(format=f"{CLEAR}%(message)s" if sys.stderr.isatty() else "%(message)s")

    given = {name: value for name, value in params.items() if value not in ("", ())}
    with open_applied() as workspace:
        result = step_function(uses)(workspace, say, **given)
    say(1.0, "done")
    if as_json:
        print_json(result)
    else:
        console().print(f"{uses}: {summary(result) or 'done'}", soft_wrap=True)
    return result
