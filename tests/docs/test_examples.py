"""Every example in the docstrings, in README.md and under docs/ runs and prints what it says."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

from towpath.core.errors import MissingExtra

if TYPE_CHECKING:
    from sybil.document import Document

ROOT = Path(__file__).parents[2]
# Decorators of what the tutorial shows, and of what only compiled functions can call.
NOT_SHOWN = ("command", "inner")
PAGES = Sybil(parsers=[PythonCodeBlockParser()])
DOCSTRINGS = Sybil(parsers=[DocTestParser()])
# Raise these with the number of examples: a pattern that finds nothing would pass in silence.
FEWEST_DOCSTRING_EXAMPLES = 250
FEWEST_PAGE_EXAMPLES = 4
# What these need (an open catalog, a filled lake, a trained model) is more than an example holds;
# their tests show them. The list may only shrink.
SHOWN_BY_TESTS = {
    "catalog/batches.py",
    "catalog/definitions.py",
    "catalog/intervals.py",
    "catalog/table_versions.py",
    "features/bring.py",
    "features/engines/kernel/compiled.py",
    "features/event_files.py",
    "features/materialize.py",
    "features/server/definitions.py",
    "features/server/freshness.py",
    "features/server/native.py",
    "features/server/push.py",
    "features/server/run.py",
    "features/training.py",
    "features/verify.py",
    "lake/frames/spark.py",
    "lake/ingest.py",
    "modelling/artifact.py",
    "modelling/kernel.py",
    "modelling/outputs.py",
    "modelling/train.py",
    "project/check.py",
    "project/load.py",
    "registry/bundle.py",
    "registry/promote.py",
    "serving/bundle.py",
    "serving/compact.py",
    "serving/live.py",
    "serving/message.py",
    "serving/predict.py",
    "serving/score.py",
    "serving/served.py",
    "serving/server.py",
    "web/workers.py",
}


def documents(sybil: Sybil, paths: list[Path]) -> dict[str, Document]:
    parsed = {path: sybil.parse(path) for path in paths}
    return {
        path.relative_to(ROOT).as_posix(): document
        for path, document in parsed.items()
        if list(document.examples())
    }


MODULES = documents(DOCSTRINGS, sorted((ROOT / "src").rglob("*.py")))
# Their blocks build on each other and on commands: test_commands.py runs them in order.
WHOLE = {ROOT / "docs" / "data.md"}
TEXTS = documents(PAGES, [ROOT / "README.md", *sorted({*(ROOT / "docs").rglob("*.md")} - WHOLE)])


def public_functions(tree: ast.Module) -> list[str]:
    """Name the public functions of a module that Python can call, but for commands."""
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and not any(shown in ast.dump(one) for one in node.decorator_list for shown in NOT_SHOWN)
    ]


@pytest.mark.parametrize("name", [*MODULES, *TEXTS])
def test_examples_hold(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = (MODULES | TEXTS)[name]
    for example in document.examples():
        try:
            example.evaluate()
        except MissingExtra as error:
            pytest.skip(str(error))


def test_the_examples_were_found() -> None:
    counts = [
        sum(len(list(document.examples())) for document in group.values())
        for group in (MODULES, TEXTS)
    ]
    assert counts[0] >= FEWEST_DOCSTRING_EXAMPLES
    assert counts[1] >= FEWEST_PAGE_EXAMPLES


def test_a_module_with_public_functions_shows_one_of_them() -> None:
    """Commands and steps are shown by the tutorial, which runs them."""
    paths = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "src").rglob("*.py"))]
    silent = {
        path.removeprefix("src/towpath/")
        for path in paths
        if public_functions(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        and path not in MODULES
        and path.split("/")[2] not in {"cli", "steps", "testing"}
    }
    assert sorted(silent - SHOWN_BY_TESTS) == [], "give one of its functions an example"
    assert sorted(SHOWN_BY_TESTS - silent) == [], "has an example now: take it off the list"
