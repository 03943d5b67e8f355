"""``towpath data infer``: a contract drafted from data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from towpath.lake.source_spec import SourceSpec


@click.command()
@click.argument("file", default="")
@click.option("--name", default="", help="Name of the dataset, that of the source unless given.")
@click.option("--url", default="", help="A database, as postgresql://USER:${PASSWORD}@HOST/NAME.")
@click.option("--table", default="", help="The table or view of the database.")
@click.option("--query", default="", help="A SELECT in its place.")
@click.option("--delimiter", default="", help="What stands between the cells of a CSV.")
def infer(*, file: str, name: str, **given: str) -> None:
    """Draft a contract from FILE or a database, to be edited and kept.

    FILE is CSV, TSV or JSON Lines (also .gz or .zip), or Parquet: a path, a folder, a glob or an
    s3:// URL. The draft goes to standard output.

    \b
    Examples:
      towpath data infer orders.csv > datasets/orders.yaml
      towpath data infer s3://lake/orders/ --name orders
      towpath data infer --url sqlite:///shop.db --table orders > datasets/orders.yaml
    """
    from towpath.core.errors import Invalid
    from towpath.lake.infer import infer as draft
    from towpath.lake.source_spec import SourceSpec
    from towpath.project.tidy import legal_name
    from towpath.project.yaml import write_record

    if bool(file) == bool(given["url"]):
        message = "Either a file is read or a database, and not both."
        raise Invalid(message, hint="Run: towpath data infer FILE, or --url URL --table TABLE")
    spec = SourceSpec(path=file, **given)
    dataset = draft(spec, name or legal_name(_named(spec)))
    click.echo(write_record(dataset), nl=False)


def _named(spec: SourceSpec) -> str:
    """Name a dataset for its source."""
    if spec.url:
        return spec.table.rpartition(".")[2] or "query"
    path = Path(spec.path)
    name = path.name.partition(".")[0]
    # A glob is named for its folder.
    return path.parent.name if "*" in name or "?" in name else name
