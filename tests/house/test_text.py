"""Names say what a thing holds, and no text tells on which machine it was written."""

from __future__ import annotations

import ast
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.house.conftest import Source

VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager", "infra"}
# Places where people keep their files. A path under /tmp or a made-up one such as /data is fine.
PERSONAL = re.compile(r"(?<![\w.])/(?:root|home|Users|work|workspace|mnt)/\w")
# Spelt apart, so that this file does not find itself.
UNFINISHED = re.compile(r"#\s*(?:TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
MOCKS = {"mock", "pytest_mock"}


def test_no_module_has_a_vague_name(sources: tuple[Source, ...]) -> None:
    names = {source.path: PurePosixPath(source.path).with_suffix("").parts for source in sources}
    assert [path for path, parts in names.items() if VAGUE & set(parts)] == []


def test_no_text_names_a_place_on_somebodys_machine(texts: dict[str, str], root: Path) -> None:
    here = {f"{root}/", f"{Path.home()}/"}
    found = [
        path
        for path, text in texts.items()
        if any(place in text for place in here) or PERSONAL.search(text)
    ]
    assert found == []


def test_nothing_is_left_for_later(texts: dict[str, str]) -> None:
    assert [path for path, text in texts.items() if UNFINISHED.search(text)] == []


def test_text_files_are_tidy(texts: dict[str, str]) -> None:
    """One newline at the end, no trailing spaces, no tabs where a Makefile does not need them."""
    untidy = [
        path
        for path, text in texts.items()
        if text and (not text.endswith("\n") or text.endswith("\n\n") or " \n" in text)
    ]
    assert untidy == []


def test_no_test_replaces_our_own_code_by_a_mock(sources: tuple[Source, ...]) -> None:
    imports = [
        (source.path, name)
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
    ]
    assert [path for path, name in imports if MOCKS & set(name.split("."))] == []
