"""The commands in README.md and the tutorial work, in the order in which one reads them."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"<!-- (tested|file): ([^,]+?)(?:, code (\d))? -->\n```(\w+)\n(.*?)```", re.DOTALL
)
PAGES = ("docs/tutorial.md", "docs/data.md")


def blocks(page: str) -> list[tuple[str, str, str, str, str]]:
    """Return a page's marked blocks: mark, name, code of its last command, language, text."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def shell(text: str, folder: Path, code: int = 0) -> Path:
    """Run commands one by one and return the folder they end in; the last ends with a code."""
    lines = text.splitlines()
    for line in lines:
        if line.startswith("pip install"):
            continue
        if line.startswith("cd "):
            folder = folder / line.removeprefix("cd ")
            continue
        words = line.split("#")[0].split()
        ran = subprocess.run(
            words, cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
        wanted = code if line == lines[-1] else 0
        assert ran.returncode == wanted, f"{line}\n{ran.stdout}\n{ran.stderr}"
    return folder


def environment() -> dict[str, str]:
    """Put the commands of this environment first."""
    return os.environ | {"PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_from_top_to_bottom(page: str, tmp_path: Path) -> None:
    folder = tmp_path
    for mark, name, code, language, text in blocks(page):
        if mark == "file":
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        elif language == "python":
            (folder / "make.py").write_text(text, encoding="utf-8")
            shell("python make.py", folder)
        else:
            folder = shell(text, folder, int(code or 0))
    assert (folder / "towpath.toml").exists()


def test_the_readme_begins_as_the_tutorial_does() -> None:
    first = {
        page: [text for _, name, *_, text in blocks(page) if name == "first-success"]
        for page in ("README.md", "docs/tutorial.md")
    }
    assert first["README.md"]
    assert first["README.md"] == first["docs/tutorial.md"]


def test_the_first_success_takes_five_commands() -> None:
    text = next(text for _, name, *_, text in blocks("README.md") if name == "first-success")
    assert len(text.splitlines()) <= 5


def test_every_make_target_in_the_texts_exists() -> None:
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        name
        for page in pages
        for name in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert named - set(targets) == set()
