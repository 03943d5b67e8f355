"""What is public is documented, or the build fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import msgspec
import pytest

from towpath.cli.exit import EXIT_CODES
from towpath.cli.main import COMMANDS, towpath
from towpath.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
ROUTE = re.compile(r'Route\("[A-Z]+", "([^"]+)"')


def reference(root: Path, name: str) -> str:
    return (root / "docs" / name).read_text(encoding="utf-8")


def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Name a command and, for a group, those under it."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for child in command.list_commands(context):
        found = command.get_command(context, child)
        assert found is not None
        yield from walk(found, f"{name} {child}")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_row_and_its_options(name: str, root: Path) -> None:
    rows = [row for row in reference(root, "reference/cli.md").splitlines() if row.startswith("|")]
    command = towpath.get_command(click.Context(towpath), name)
    assert command is not None
    for full, leaf in walk(command, f"towpath {name}"):
        row = next((row for row in rows if row.startswith(f"| `{full}")), "")
        options = [
            option for one in leaf.params for option in one.opts if isinstance(one, click.Option)
        ]
        missing = [option for option in options if f"`{option}" not in row and len(option) > 2]
        assert row, f"docs/reference/cli.md has no row for {full}"
        assert missing == [], f"docs/reference/cli.md: {full} lacks {missing}"


def test_the_reference_names_no_command_that_is_gone(root: Path) -> None:
    named = re.findall(r"^\| `towpath ([a-z]+)", reference(root, "reference/cli.md"), re.MULTILINE)
    assert sorted(set(named)) == sorted(COMMANDS)


def test_every_exit_code_is_documented(root: Path) -> None:
    text = reference(root, "reference/cli.md")
    assert [code for code in EXIT_CODES.values() if f"| {code} |" not in text] == []


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_setting_has_its_row_with_its_default(name: str, root: Path) -> None:
    fields = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    required = fields[name] is msgspec.NODEFAULT
    default = "required" if required else f"`{fields[name]}`"
    start = f"| `{name}` | {default} | `TOWPATH_{name.upper()}` |"
    assert start in reference(root, "reference/settings.md")


def test_every_route_is_documented(root: Path) -> None:
    server = (root / "src/towpath/serving/server.py").read_text(encoding="utf-8")
    routes = {*ROUTE.findall(server), "/endpoints/{name}/predict"}
    assert "/healthz" in routes, "the routes were not found: the search is wrong"
    text = reference(root, "reference/http.md")
    assert sorted(route for route in routes if f"`{route}`" not in text) == []


def test_links_between_pages_lead_somewhere(root: Path) -> None:
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "changes").glob("*.md")]
    broken = [
        f"{path.relative_to(root)}: {link}"
        for path in pages
        for link in LINK.findall(path.read_text(encoding="utf-8"))
        if not link.startswith(("http:", "https:", "mailto:")) and not (path.parent / link).exists()
    ]
    assert broken == []


def test_every_page_is_reached_from_the_index(root: Path) -> None:
    docs = root / "docs"
    reached: set[Path] = set()
    waiting = [docs / "index.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            links = LINK.findall(page.read_text(encoding="utf-8"))
            waiting += [page.parent / link for link in links]
    assert sorted(path.name for path in docs.rglob("*.md") if path.resolve() not in reached) == []


def test_the_readme_fits_on_a_few_screens(root: Path) -> None:
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    assert 20 <= len(lines) <= 120


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples_line_by_line(name: str) -> None:
    command = towpath.get_command(click.Context(towpath), name)
    assert command is not None
    for full, leaf in walk(command, f"towpath {name}"):
        text = leaf.get_help(click.Context(leaf, info_name=full))
        assert re.search(r"^ +Examples?:$", text, re.MULTILINE), f"{full} shows no example"
        assert f"\n    {full}" in text, f"{full} is not in its own examples"
