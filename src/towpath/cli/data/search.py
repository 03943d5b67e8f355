"""``towpath data search``: ``towpath search`` among datasets."""

from __future__ import annotations

from functools import partial

import click

from towpath.cli.search import search as everything

HELP = """Find datasets by WORDS in names, columns, tags, owners or texts.

\b
Examples:
  towpath data search weather wind
  towpath data search --tag hourly --json
"""
KIND = "kind"


def _among_datasets() -> click.Command:
    """Make the command: the search for everything, without the choice of a kind."""
    assert everything.callback is not None, "a command has a callback"  # noqa: S101 - for types
    return click.Command(
        "search",
        params=[one for one in everything.params if one.name != KIND],
        callback=partial(everything.callback, **{KIND: "dataset"}),
        help=HELP,
    )


search = _among_datasets()
