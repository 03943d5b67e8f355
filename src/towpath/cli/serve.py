"""``towpath serve``: the project's endpoints over HTTP."""

from __future__ import annotations

from contextlib import ExitStack

import click

from towpath.cli.address import announced
from towpath.cli.output import console, open_applied


@click.command()
@click.argument("endpoints", nargs=-1)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, help="Port; 0 for any that is free.")
def serve(*, endpoints: tuple[str, ...], host: str, port: int) -> None:
    """Serve endpoints until Ctrl-C; all of them unless named.

    A promotion is followed within a second, without a restart.

    \b
    Examples:
      towpath serve
      towpath serve delay --port 8080
    """
    from towpath.project.load import SERVED_FOLDERS
    from towpath.serving.run import Options
    from towpath.serving.run import serve as run
    from towpath.steps.endpoint import served

    with open_applied(SERVED_FOLDERS) as workspace, ExitStack() as announcement:
        options = Options(workspace.state, workspace.artifacts, host=host, port=port)
        found = served(workspace, endpoints)
        names = tuple(one.endpoint.name for one in found)

        def ready(url: str) -> None:
            announcement.enter_context(announced(workspace.state, url, names))
            _print(url, names)

        run(found, options, ready=ready)


def _print(url: str, names: tuple[str, ...]) -> None:
    """Say what is served where."""
    out = console(stderr=True)
    for name in names:
        out.print(f"serving [bold]{name}[/] at {url}/endpoints/{name}/predict", soft_wrap=True)
    out.print(f"[dim]what there is: {url}/   metrics: {url}/metrics   stop: Ctrl-C[/]")
