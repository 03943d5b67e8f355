"""An error is caught where something can be done about it, and only there."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.house.conftest import Source

# The outermost loops, which must go on or report whatever happens, each with its reason.
ALLOWED = {
    "src/towpath/cli/main.py": "every error becomes an exit code and a line to act on",
    "src/towpath/features/server/flusher.py": "a lake that fails does not stop the server",
    "src/towpath/features/warm.py": "warming calls the project's functions with empty values",
    "src/towpath/monitoring/alerters/__init__.py": "one alerter's failure does not stop the others",
    "src/towpath/pipelines/runners/child.py": "every way for a step to fail is an outcome",
    "src/towpath/project/load.py": "a project's own Python file may raise anything at import",
    "src/towpath/serving/live.py": "a new version that does not load leaves the old one serving",
    "src/towpath/web/app.py": "every error becomes an answer, the unforeseen ones a log entry too",
    "src/towpath/web/wire/exchange.py": "an answer that cannot be sent ends one connection alone",
}
BROAD = {"Exception", "BaseException"}


def caught(handler: ast.ExceptHandler) -> Iterator[str]:
    if handler.type is None:
        yield "BaseException"
        return
    for node in ast.walk(handler.type):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.id if isinstance(node, ast.Name) else node.attr


def passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether the handler only cleans up, and its last line raises what it caught."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def broad(source: Source) -> list[int]:
    handlers = (node for node in ast.walk(source.tree) if isinstance(node, ast.ExceptHandler))
    return [
        handler.lineno
        for handler in handlers
        if BROAD & set(caught(handler)) and not passes_on(handler)
    ]


def test_broad_except_only_in_the_outermost_loops(package: tuple[Source, ...]) -> None:
    found = {source.path for source in package if broad(source)}
    assert sorted(found - ALLOWED.keys()) == []
    assert sorted(ALLOWED.keys() - found) == [], "no longer needed: take it off the list"
