"""A backend is one file, one entry point, one line in its suite and one row in the docs."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest

from towpath.core.errors import MissingExtra

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
BACKENDS = [
    pytest.param(group, name, target, id=f"{group.removeprefix('towpath.')}-{name}")
    for group, backends in PROJECT["project"]["entry-points"].items()
    for name, target in backends.items()
]


@pytest.mark.parametrize(("group", "name", "target"), BACKENDS)
def test_a_backend_loads_and_says_what_it_is_for(group: str, name: str, target: str) -> None:
    module, _, attribute = target.partition(":")
    try:
        backend = getattr(importlib.import_module(module), attribute)
    except (ModuleNotFoundError, MissingExtra) as error:
        if name not in EXTRAS:
            raise
        pytest.skip(f"{error}: it is in the extra {name}")
    assert backend.__doc__, f"{group} {name} has no docstring"


@pytest.mark.parametrize("group", PROJECT["project"]["entry-points"])
def test_one_suite_runs_over_all_backends_of_a_protocol(group: str) -> None:
    """One test module names them all, by their classes or as parameters."""
    backends = PROJECT["project"]["entry-points"][group]
    suites = [
        path
        for path in (ROOT / "tests").rglob("test_*.py")
        for text in [path.read_text(encoding="utf-8")]
        if all(target.split(":")[1] in text for target in backends.values())
        or (len(backends) > 1 and all(f'"{name}"' in text for name in backends))
    ]
    assert suites, f"no test module names all of {', '.join(backends)}"


@pytest.mark.parametrize(("group", "name", "target"), BACKENDS)
def test_a_backend_has_its_row_in_the_docs(group: str, name: str, target: str) -> None:
    page = (ROOT / "docs/reference/backends.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    wanted = {f"`{group.removeprefix('towpath.')}`", f"`{name}`", f"`{target.split(':')[1]}`"}
    assert any(all(part in row for part in wanted) for row in rows), f"no row with {wanted}"


def test_every_backend_is_protected_from_import_by_name() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    protected = [one["protected_modules"] for one in contracts if one["type"] == "protected"]
    targets = [str(parameter.values[2]).partition(":")[0] for parameter in BACKENDS]
    assert protected == [sorted(targets)]
