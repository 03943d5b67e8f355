"""``towpath feature serve`` and ``towpath feature token``: features over HTTP."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from towpath.cli.output import console, json_option, open_applied, open_workspace, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.features.server.definitions import Definitions

FOLDERS = ("datasets", "features")
TOKENS = "tokens.json"
PUSHED = "pushed"
DEAD = "dead_letters"
DAYS = 90


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=6566, show_default=True, help="Port; 0 for any that is free.")
@click.option("--workers", default=1, show_default=True, help="Processes that answer.")
@click.option("--tokens", is_flag=True, help="Ask for the tokens of `towpath feature token`.")
@click.option(
    "--flush-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How often pushed rows are brought into the lake; 0 for never.",
)
def serve(*, host: str, port: int, workers: int, tokens: bool, flush_seconds: float) -> None:
    """Serve the features of all sets and views until Ctrl-C, also to Feast's clients.

    \b
    Examples:
      towpath feature serve
      towpath feature serve --port 8080 --workers 4 --tokens
    """
    from towpath.features.server.run import Options
    from towpath.features.server.run import serve as run

    with open_workspace() as workspace:
        file = workspace.state / TOKENS if tokens else None
        options = Options(
            workspace.state / PUSHED,
            host=host,
            port=port,
            workers=workers,
            tokens=file,
            flush_seconds=flush_seconds,
        )
    run(_opened, options, ready=_print)


@click.command()
@json_option
@click.argument("name")
@click.option("--write", is_flag=True, help="Allow to push too, not only to read.")
@click.option("--days", default=DAYS, show_default=True, help="When it expires.")
@click.option("--revoke", is_flag=True, help="Forget the token instead.")
def token(*, as_json: bool, name: str, write: bool, days: int, revoke: bool) -> None:
    """Make a token for a client of `towpath feature serve --tokens`; it is shown once.

    \b
    Examples:
      towpath feature token ranker
      towpath feature token collector --write --days 30
      towpath feature token ranker --revoke
      towpath feature token ranker --json
    """
    from towpath.core.instant import format_instant
    from towpath.web.token import make_token, revoke_token

    with open_workspace() as workspace:
        path = workspace.state / TOKENS
        expires = workspace.clock.now() + timedelta(days=days)
    if revoke:
        revoke_token(path, name)
        console(stderr=True).print(f"{name} is refused from now on")
        if as_json:
            print_json({"name": name, "revoked": True})
        return
    scopes = ("read", "write") if write else ("read",)
    made = make_token(path, name, scopes=scopes, expires=expires)
    if as_json:
        told = {"name": name, "scopes": scopes, "expires": format_instant(expires)}
        print_json({**told, "token": made})
        return
    click.echo(made)


@click.command()
@json_option
def flush(*, as_json: bool) -> None:
    """Bring rows that were pushed to `offline` from the log into their datasets.

    `towpath feature serve` does so every minute. Dead letters of streams go into theirs,
    `dead_letters`.

    \b
    Examples:
      towpath feature flush
      towpath feature flush --json
    """
    from towpath.features.push_log import flush as run
    from towpath.features.streams.dead_letters import bring_in

    with open_workspace() as workspace:
        rows = run(workspace.state / PUSHED, workspace.lake)
        bring_in(workspace.state / DEAD, workspace.lake)
    if as_json:
        print_json({"rows": rows})
        return
    console(stderr=True).print(f"{rows:,} pushed rows are in their datasets")


@contextmanager
def _opened() -> Iterator[Definitions]:
    """Open the project in the process that serves it."""
    from towpath.features.server.definitions import Definitions

    with open_applied(FOLDERS) as workspace:
        project = workspace.project
        yield Definitions(
            workspace.online,
            project.feature_sets,
            project.views,
            project.datasets,
            lake=lambda: workspace.lake,
        )


def _print(url: str) -> None:
    """Say where features are served."""
    out = console(stderr=True)
    out.print(f"serving features at [bold]{url}[/]", soft_wrap=True)
    out.print(f"[dim]what there is: {url}/   metrics: {url}/metrics   stop: Ctrl-C[/]")
