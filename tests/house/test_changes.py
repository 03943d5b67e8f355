"""One change is code, test, docs and a fragment; a decision that closes a door is an ADR."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {"added", "changed", "fixed", "removed", "security"}
DECISION_LINES = 60
SECTIONS = ["## Context", "## Decision", "## Consequences", "## Rejected"]


def fragments(root: Path) -> list[Path]:
    return [path for path in sorted((root / "changes").iterdir()) if path.name != "README.md"]


def decisions(root: Path) -> dict[str, str]:
    folder = root / "docs/decisions"
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("[0-9]*"))}


def test_a_fragment_is_named_for_its_issue_and_kind(root: Path) -> None:
    names = [path.name for path in fragments(root)]
    wrong = [
        name
        for name in names
        if not re.fullmatch(rf"[a-z0-9-]+\.({'|'.join(sorted(KINDS))})\.md", name)
    ]
    assert wrong == []


def test_a_fragment_is_one_paragraph(root: Path) -> None:
    texts = {path.name: path.read_text(encoding="utf-8").strip() for path in fragments(root)}
    assert [name for name, text in texts.items() if not text or "\n\n" in text] == []


def test_what_is_not_released_is_told(root: Path) -> None:
    """A version without a heading in the changelog has fragments that will become it."""
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    pyproject = (root / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', pyproject, re.MULTILINE)
    assert version
    assert f"## {version[1]}" in changelog or fragments(root)


def test_decisions_are_numbered_short_and_complete(root: Path) -> None:
    for number, (name, text) in enumerate(decisions(root).items(), start=1):
        assert re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", name)
        assert len(text.splitlines()) <= DECISION_LINES, name
        assert [line for line in text.splitlines() if line.startswith("## ")] == SECTIONS, name


def test_every_decision_is_listed(root: Path) -> None:
    index = (root / "docs/decisions/README.md").read_text(encoding="utf-8")
    assert [name for name in decisions(root) if f"]({name})" not in index] == []


def test_every_dependency_of_the_core_has_its_decision(
    root: Path, pyproject: dict[str, object]
) -> None:
    project = cast("dict[str, list[str]]", pyproject["project"])
    names = {re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0] for line in project["dependencies"]}
    stated = {
        name
        for text in decisions(root).values()
        for line in text.splitlines()
        if line.startswith("Dependencies: ")
        for name in re.findall(r"`([a-z0-9-]+)`", line)
    }
    assert sorted(names ^ stated) == []
