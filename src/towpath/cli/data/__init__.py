"""``towpath data``: datasets and their tables."""

from __future__ import annotations

import click

from towpath.cli.data.check import check
from towpath.cli.data.diff import diff
from towpath.cli.data.export import export, import_contract
from towpath.cli.data.history import history
from towpath.cli.data.infer import infer
from towpath.cli.data.ingest import ingest
from towpath.cli.data.overview import list_datasets
from towpath.cli.data.profile import profile
from towpath.cli.data.search import search
from towpath.cli.data.show import show
from towpath.cli.data.upkeep import compact, vacuum

COMMANDS = (
    list_datasets,
    show,
    search,
    ingest,
    check,
    history,
    diff,
    profile,
    infer,
    export,
    import_contract,
    compact,
    vacuum,
)


class Ordered(click.Group):
    """A group that lists its commands in the order in which one needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(self.commands)


@click.group(cls=Ordered)
def data() -> None:
    """Datasets: find, ingest, check, compare and look after them."""


for one in COMMANDS:
    data.add_command(one)
