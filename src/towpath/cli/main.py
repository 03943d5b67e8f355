"""The entry point: commands loaded when called, errors turned into exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

from towpath.cli.exit import exit_code, render_error
from towpath.core.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("towpath.cli.init:init", "Start a project, on your own CSV or a sample."),
    "plan": ("towpath.cli.project:plan", "Show what applying the project would change."),
    "apply": ("towpath.cli.project:apply", "Register the project's definitions."),
    "run": ("towpath.cli.run:run", "Run a pipeline, with its progress."),
    "serve": ("towpath.cli.serve:serve", "Serve the project's endpoints over HTTP."),
    "predict": ("towpath.cli.predict:predict", "Ask an endpoint for predictions by key."),
    "data": ("towpath.cli.data:data", "Datasets: find, show, ingest, check, compare, export."),
    "feature": ("towpath.cli.feature:feature", "Features: list, get, materialize, verify."),
    "model": ("towpath.cli.model:model", "Models: train, evaluate, gate, promote."),
    "monitor": ("towpath.cli.monitor:monitor", "Monitors: replay the past, watch the present."),
    "search": ("towpath.cli.search:search", "Find what is registered by words, or what is unused."),
    "lineage": ("towpath.cli.lineage:lineage", "What something is made of, and is used for."),
    "spark": ("towpath.cli.spark:spark", "A cluster of Spark on this machine: up, status, down."),
    "status": ("towpath.cli.status:status", "What is registered, trained, served and watched."),
    "doctor": ("towpath.cli.doctor:doctor", "Check this machine and project, with a fix for each."),
}

EPILOG = """\b
First success on your own CSV:
  towpath init shop --from orders.csv --label returned --key order_id
  cd shop
  towpath run train
  towpath predict returned 1042
"""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the path."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            ctx.fail(f"No such command {cmd_name!r}. {did_you_mean(cmd_name, COMMANDS)}")
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.command(
    cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="towpath")
@click.option("--debug", is_flag=True, help="Show the trace of an error.")
def towpath(debug: bool) -> None:  # noqa: FBT001 - click passes options by name
    """One path for a model: data, features, training, endpoint, monitor, and back to data."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Threads of scikit-learn that wait must not spin: beside any other load they slow tenfold.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        code = towpath.main(given, prog_name="towpath", standalone_mode=False)
    except Exception as error:
        if "--debug" in given:
            raise
        render_error(error)
        sys.exit(exit_code(error))
    sys.exit(code if isinstance(code, int) else 0)
