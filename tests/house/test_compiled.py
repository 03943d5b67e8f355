"""A function that is compiled for compiled ones alone ends the process when Python calls it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNEL = "towpath.features.engines.kernel."
COMPILED = {"compiled", "brief", "inner"}
# Compiles what is not decorated.
COMPILER = "njit"
MODULES = {
    ".".join(path.relative_to(ROOT / folder).with_suffix("").parts): ast.parse(
        path.read_text("utf-8")
    )
    for folder in ("src", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
}


def decorators(node: ast.stmt) -> set[str]:
    if not isinstance(node, ast.FunctionDef):
        return set()
    return {one.id for one in node.decorator_list if isinstance(one, ast.Name)}


def compiled_later(tree: ast.Module) -> set[str]:
    """Name the functions that a module hands to the compiler."""
    return {
        argument.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == COMPILER
        for argument in node.args
        if isinstance(argument, ast.Name)
    }


INNER = {
    name: {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and "inner" in decorators(node)
    }
    for name, tree in MODULES.items()
}


def known_inner(name: str, tree: ast.Module) -> set[str]:
    """Name the inner functions that a module defines, imports, or reaches by a module."""
    known = set(INNER[name])
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            own = INNER.get(node.module, set())
            known |= {one.asname or one.name for one in node.names if one.name in own}
            for one in node.names:
                known |= INNER.get(f"{node.module}.{one.name}", set())
    return known


@pytest.mark.parametrize(
    "name", [name for name, tree in MODULES.items() if known_inner(name, tree)]
)
def test_python_names_no_function_that_only_compiled_ones_may_call(name: str) -> None:
    tree = MODULES[name]
    known, later = known_inner(name, tree), compiled_later(tree)
    named = {
        (node.lineno, part.id if isinstance(part, ast.Name) else part.attr)
        for node in tree.body
        if not decorators(node) & COMPILED
        if not (isinstance(node, ast.FunctionDef) and node.name in later)
        for part in ast.walk(node)
        if (isinstance(part, ast.Name) and part.id in known)
        or (isinstance(part, ast.Attribute) and part.attr in known)
    }
    assert named == set()


def test_the_functions_were_found() -> None:
    assert INNER[KERNEL + "exact_sum"] >= {"add", "rounded"}
    assert any(
        name.endswith("test_kernel") and known_inner(name, MODULES[name]) for name in MODULES
    )
