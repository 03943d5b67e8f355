from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("src", "tests", "examples", "benchmarks")
TEXT = (*CODE, "docs", "changes", ".ci")
SUFFIXES = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".svg", ".html", ".sql", ""}
MADE = {"__pycache__", ".towpath", "results"}


@dataclass(frozen=True)
class Source:
    """A Python file, with its path from the root of the repository."""

    path: str
    text: str
    tree: ast.Module


def files(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*")))
    return [path for path in found if path.is_file() and not MADE & set(path.parts)]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> tuple[Source, ...]:
    """All Python files: package, tests, examples and benchmarks."""
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text))
        for path in files(*CODE)
        if path.suffix == ".py"
        for text in [path.read_text(encoding="utf-8")]
    )


@pytest.fixture(scope="session")
def package(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """The Python files of the package."""
    return tuple(source for source in sources if source.path.startswith("src/"))


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """All files that somebody wrote, by path."""
    made = {"uv.lock", "summary.json"}
    top = [path for path in sorted(ROOT.glob("[!.]*")) if path.is_file() and path.name not in made]
    written = [path for path in (*top, *files(*TEXT)) if path.suffix in SUFFIXES]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in written}


@pytest.fixture(scope="session")
def pyproject() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
