"""``towpath doctor``: what could go wrong here, and a fix for each."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from towpath.cli.exit import FINDINGS
from towpath.cli.output import console, json_option, print_json
from towpath.core.errors import NotFound, TowpathError
from towpath.core.finding import Finding
from towpath.core.settings import find_root, read_settings
from towpath.core.url import shown_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.workspace import Workspace

OLDEST_PYTHON = (3, 11)
FREE_GIGABYTES = 1.0
UNDELIVERED = "lineage.undelivered"
LIBRARIES = ("deltalake", "httptools", "lmdb", "mlflow", "numba", "pyarrow", "sklearn", "skops")


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Check this machine and the project, with a fix for each problem.

    \b
    Examples:
      towpath doctor
      towpath doctor --json
    """
    findings = (*machine_findings(), *project_findings(Path.cwd()))
    if as_json:
        print_json({"towpath": metadata.version("towpath"), "findings": findings})
    else:
        _print(findings)
    if any(not one.passed and one.severity == "block" for one in findings):
        raise click.exceptions.Exit(FINDINGS)


def machine_findings() -> tuple[Finding, ...]:
    """Check Python, the libraries and the disk."""
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return (
        Finding(
            "python",
            platform.python_version(),
            passed=sys.version_info >= OLDEST_PYTHON,
            message="Install Python 3.11 or later.",
        ),
        Finding(
            "libraries",
            f"{len(LIBRARIES) - len(missing)} of {len(LIBRARIES)} found",
            passed=not missing,
            message=f"Run: pip install --force-reinstall towpath  (missing: {', '.join(missing)})",
        ),
        Finding(
            "disk",
            f"{free:,.1f} GB free",
            passed=free >= FREE_GIGABYTES,
            observed=round(free, 1),
            limit=FREE_GIGABYTES,
            message="Free some space: tables are written anew before old ones go.",
        ),
        Finding(
            "processors",
            f"{os.cpu_count()} cores",
            passed=True,
            message="",
        ),
    )


def project_findings(start: Path) -> tuple[Finding, ...]:
    """Check the project at or above a folder; outside a project there is only a hint."""
    try:
        root = find_root(start)
    except NotFound as error:
        message = "Start one: towpath init NAME --from FILE.csv --label COLUMN"
        return (Finding("project", error.message, passed=False, severity="warn", message=message),)
    return (*_definition_findings(root), *_place_findings(root), _writable_finding(root))


def _definition_findings(root: Path) -> tuple[Finding, ...]:
    """Check that the settings and definitions can be read, fit each other and are registered."""
    from towpath.cli.project import planned
    from towpath.project.plan import require_applied
    from towpath.workspace import Workspace

    try:
        read_settings(root, os.environ)
        with Workspace(root) as workspace:
            planned(workspace)
            sound = Finding("definitions", root.name, passed=True)
            require_applied(workspace.project, workspace.catalog)
    except TowpathError as error:
        text = f"{error.where}: {error.message}" if error.where else error.message
        return (Finding("definitions", text, passed=False, message=error.hint),)
    return (sound,)


def _place_findings(root: Path) -> Iterator[Finding]:
    """Check that the lake answers, and that events of runs are taken."""
    from towpath.workspace import Workspace

    try:
        workspace = Workspace(root)
        _ = (workspace.project.datasets, workspace.catalog)
    except TowpathError:
        # It was told already.
        return
    with workspace:
        for name, ask in (("lake", _lake_finding), ("openlineage", _openlineage_finding)):
            try:
                yield ask(workspace)
            except TowpathError as error:
                yield Finding(name, error.message, passed=False, message=error.hint)


def _lake_finding(workspace: Workspace) -> Finding:
    """Check that the lake answers.

    Raises:
        Unavailable: it does not.
    """
    # Any name will do: whether it is there is asked of the disk or bucket.
    workspace.lake.store.version(workspace.settings.name)
    return Finding("lake", shown_url(workspace.settings.lake), passed=True)


def _openlineage_finding(workspace: Workspace) -> Finding:
    """Tell of events that wait for their collector.

    Raises:
        Invalid: the setting is no way to send them.
    """
    from towpath.catalog.events import read

    box = workspace.outbox
    if box is None or not box.waiting:
        place = shown_url(workspace.settings.openlineage)
        return Finding("openlineage", place, passed=True)
    why = [one.data["message"] for one in read(workspace.catalog, action=UNDELIVERED, limit=1)]
    return Finding(
        "openlineage",
        f"{box.waiting:,} events of runs wait for their collector",
        passed=False,
        severity="warn",
        observed=box.waiting,
        message=str(*why) or "They are sent with the next run.",
    )


def _writable_finding(root: Path) -> Finding:
    """Check that state can be written."""
    try:
        with tempfile.TemporaryFile(dir=root):
            return Finding("writable", str(root), passed=True)
    except OSError as error:
        message = "Change the folder's owner or permissions."
        return Finding("writable", f"{root}: {error.strerror}", passed=False, message=message)


def _print(findings: tuple[Finding, ...]) -> None:
    """List the findings, the fix under each that failed."""
    out = console()
    for one in findings:
        mark = "[green]✓[/]" if one.passed else "[red]✗[/]"
        if not one.passed and one.severity == "warn":
            mark = "[yellow]![/]"
        out.print(f"{mark} {one.check:<12} {one.subject}", soft_wrap=True)
        if not one.passed and one.message:
            out.print(f"    [green]fix:[/] {one.message}", soft_wrap=True)
