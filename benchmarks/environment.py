"""Environments of the peers, and the prepared project that both sides measure on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"
EXAMPLE = ROOT / "examples" / "nycflights"


def peer_python(name: str, requirements: list[str]) -> Path:
    """Make (once) an environment with a peer's libraries and return its interpreter."""
    folder = BUILD / "peers" / name
    python = folder / "bin" / "python"
    mark = folder / "requirements.json"
    if mark.exists() and json.loads(mark.read_text()) == requirements:
        return python
    uv = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", str(folder)], check=True)
    command = [uv, "pip", "install", "--quiet", "--python", str(python), *requirements]
    subprocess.run(command, check=True)
    mark.write_text(json.dumps(requirements))
    return python


def prepared_project() -> Path:
    """Return a copy of the example project, trained; it is made once and kept."""
    folder = BUILD / "bench" / "nycflights"
    if not (folder / ".trained").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".towpath", "data"))
        for command in (["apply"], ["run", "train"]):
            towpath(folder, *command)
        (folder / ".trained").touch()
    return folder


def towpath(folder: Path, *arguments: str) -> str:
    """Run the command line in a project and return what it printed."""
    command = [str(Path(sys.executable).parent / "towpath"), *arguments]
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def run_json(python: Path | str, script: str, *arguments: str) -> dict[str, Any]:
    """Run a script and decode the JSON object on its last line."""
    interpreter = sys.executable if python == "python" else str(python)
    command = [interpreter, str(ROOT / "benchmarks" / script), *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
