"""``towpath serve``: the project's endpoints over HTTP."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from towpath.cli.output import console, open_applied

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from towpath.workspace import Workspace


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

    with open_applied(SERVED_FOLDERS) as workspace:
        options = Options(workspace.state, workspace.artifacts, host=host, port=port)
        found = served(workspace, endpoints)
        names = [one.endpoint.name for one in found]
        try:
            run(found, options, ready=_announced(workspace, names))
        finally:
            _address_file(workspace).unlink(missing_ok=True)


def _announced(workspace: Workspace, names: list[str]) -> Callable[[str], None]:
    """Return what tells people and ``towpath predict`` where the server is."""
    from towpath.core.durable import write_durably
    from towpath.core.record import to_json

    def ready(url: str) -> None:
        address = {"url": url, "pid": os.getpid(), "endpoints": names}
        write_durably(_address_file(workspace), to_json(address))
        out = console(stderr=True)
        for name in names:
            out.print(f"serving [bold]{name}[/] at {url}/endpoints/{name}/predict", soft_wrap=True)
        out.print(f"[dim]what there is: {url}/   metrics: {url}/metrics   stop: Ctrl-C[/]")

    return ready


def _address_file(workspace: Workspace) -> Path:
    """Return where the running server's address is written."""
    return workspace.state / "server.json"
