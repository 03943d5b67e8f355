"""What separates code one likes to read from the rest is the tail: its largest pieces."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.house.conftest import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef

FILE_LINES = 400
FUNCTION_LINES = 40
TEST_LINES = 60
ARGUMENTS = 5
PROTOCOL_METHODS = 6
PACKAGE_LINES = 60_000


def functions(source: Source) -> Iterator[Function]:
    return (node for node in ast.walk(source.tree) if isinstance(node, Function))


def lines(function: Function) -> int:
    """Count a function's lines without its docstring, which has rules of its own."""
    first = function.body[0]
    shown = ast.get_docstring(function) is not None
    documented = (first.end_lineno or first.lineno) - first.lineno + 1 if shown else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - documented


def arguments(function: Function) -> int:
    given = function.args
    count = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs)
    first = (given.posonlyargs + given.args)[:1]
    return count - sum(one.arg in {"self", "cls"} for one in first)


def is_protocol(node: ast.AST) -> bool:
    """Whether a class is one of typing's protocols; asyncio has another base of that name."""
    return isinstance(node, ast.ClassDef) and any(
        "Protocol" in {getattr(part, "id", ""), getattr(part, "attr", "")}
        for base in node.bases
        if ast.unparse(base) != "asyncio.Protocol"
        for part in ast.walk(base)
    )


def test_files_are_short(sources: tuple[Source, ...]) -> None:
    counts = {source.path: len(source.text.splitlines()) for source in sources}
    assert {path: count for path, count in counts.items() if count > FILE_LINES} == {}


def test_functions_are_short(sources: tuple[Source, ...]) -> None:
    long = [
        f"{source.path}:{function.lineno} {function.name} has {lines(function)} lines"
        for source in sources
        for function in functions(source)
        if lines(function) > (TEST_LINES if source.path.startswith("tests/") else FUNCTION_LINES)
    ]
    assert long == []


def test_functions_take_few_arguments(sources: tuple[Source, ...]) -> None:
    wide = [
        f"{source.path}:{function.lineno} {function.name} takes {arguments(function)} arguments"
        for source in sources
        for function in functions(source)
        if arguments(function) > ARGUMENTS
    ]
    assert wide == []


def test_protocols_are_narrow(package: tuple[Source, ...]) -> None:
    protocols = {
        f"{source.path} {node.name}": sum(isinstance(part, Function) for part in node.body)
        for source in package
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and is_protocol(node)
    }
    assert protocols, "no Protocol was found at all: the search is wrong"
    assert {name: count for name, count in protocols.items() if count > PROTOCOL_METHODS} == {}


def test_the_package_stays_small(package: tuple[Source, ...]) -> None:
    assert sum(len(source.text.splitlines()) for source in package) <= PACKAGE_LINES


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f(a, b, /, c, *, d): ...", 4),
        ("def f(self, a): ...", 1),
        ("async def f(cls, *rest, a=1, **more): ...", 1),
    ],
)
def test_arguments_are_counted_besides_self(code: str, expected: int) -> None:
    function = ast.parse(code).body[0]
    assert isinstance(function, Function)
    assert arguments(function) == expected
