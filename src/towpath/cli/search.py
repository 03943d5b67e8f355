"""``towpath search``: one box over everything that is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.output import console, json_option, open_workspace, print_json, print_table
from towpath.core.errors import cut

if TYPE_CHECKING:
    from towpath.catalog.search import Query, SearchResult
    from towpath.catalog.usage import Unused
    from towpath.workspace import Workspace

KINDS = ("dataset", "feature_view", "feature_set", "model", "endpoint", "monitor", "pipeline")


@click.command()
@json_option
@click.argument("words", nargs=-1)
@click.option("--kind", type=click.Choice(KINDS), help="Only what is of this kind.")
@click.option("--owner", default="", help="Only what this person or team answers for.")
@click.option("--tag", default="", help="Only what carries this tag.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=20,
    show_default=True,
    help="At most so many.",
)
@click.option("--unused", default="", metavar="SPAN", help="Only what nobody used for so long.")
def search(
    *, as_json: bool, words: tuple[str, ...], kind: str | None, unused: str, **wanted: str | int
) -> None:
    """Find datasets, features, models and endpoints by WORDS in names, columns, tags or texts.

    Every word must be there; the last may be the start of one. Without words, all is listed.

    \b
    Examples:
      towpath search dep_delay
      towpath search weather wind --kind dataset
      towpath search --tag hourly --owner operations
      towpath search --unused 30d
    """
    from towpath.catalog.search import Query

    query = Query(
        " ".join(words),
        kind or "",
        str(wanted["owner"]),
        str(wanted["tag"]),
        limit=int(wanted["limit"]),
    )
    with open_workspace() as workspace:
        if unused:
            _print_unused(workspace, query, unused, as_json=as_json)
        else:
            print_found(workspace, query, as_json=as_json)


def print_found(workspace: Workspace, query: Query, *, as_json: bool) -> None:
    """Search, and print what was found."""
    from rich.text import Text

    from towpath.catalog.search import search as find

    found = find(workspace.catalog, query)
    if as_json:
        print_json(found)
        return
    out = console()
    if not found.total:
        out.print(_nothing(workspace, query))
        return
    if found.did_you_mean:
        out.print(f"Nothing holds those words; found for [bold]{found.did_you_mean}[/]:")
    out.print(f"[bold]{_title(found)}[/]")
    longest = max(len(f"{hit.kind}/{hit.name}") for hit in found.hits)
    for hit in found.hits:
        line = Text(f"  {hit.kind}/{hit.name}".ljust(longest + 4)).append(hit.snippet, style="dim")
        out.print(line, overflow="ellipsis", no_wrap=True)
    for facet, counts in found.facets.items():
        told = ", ".join(f"{value} {count}" for value, count in counts.items())
        if told:
            out.print(f"  [dim]{facet:<6}[/] {told}")


def _title(found: SearchResult) -> str:
    """Say how much was found and how much of it is shown."""
    shown = len(found.hits)
    return f"Found {found.total:,}" + (f", the first {shown}" if shown < found.total else "")


def _nothing(workspace: Workspace, query: Query) -> str:
    """Say that nothing was found, and what to do about it."""
    from towpath.catalog.search import Query as Every
    from towpath.catalog.search import search as find

    if not find(workspace.catalog, Every(limit=1)).total:
        return "Nothing is registered yet: towpath apply"
    only = [
        f"{name} {value}" for name in ("kind", "owner", "tag") if (value := getattr(query, name))
    ]
    words = f" for {cut(query.text)!r}" if query.text else ""
    return f"Nothing found{words}{' with ' if only else ''}{', '.join(only)}."


def _print_unused(workspace: Workspace, query: Query, span: str, *, as_json: bool) -> None:
    """Print what nobody used for a span, and when it was used last."""
    from towpath.steps.usage import unused_assets

    found = unused_assets(workspace, query, span)
    if as_json:
        print_json(found)
        return
    if not found:
        console().print(f"Nothing that was found is unused for {span}.")
        return
    rows = [(f"{one.kind}/{one.name}", one.owner, _last(one)) for one in found[: query.limit]]
    more = f", the first {query.limit}" if len(found) > query.limit else ""
    print_table(f"Unused for {span}: {len(found):,}{more}", ("what", "owner", "last used"), rows)


def _last(one: Unused) -> str:
    """Write when something was used last."""
    return f"{one.last_at:%Y-%m-%d %H:%M}" if one.last_at else "never"
