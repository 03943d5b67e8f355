"""``towpath data export`` and ``import``: rows and contracts for other programs, and from them."""

from __future__ import annotations

from pathlib import Path

import click

from towpath.cli.data.text import VERSION, moment, names
from towpath.cli.output import console, json_option, open_workspace, print_json

FILE = click.Path(dir_okay=False, path_type=Path)
CONTRACT = (".yaml", ".yml")


@click.command()
@json_option
@click.argument("name")
@click.argument("file", type=FILE)
@click.option("--columns", default="", help="Only these, with commas between.")
@click.option("--as-of", default="", help="The rows as they stood at this time.")
@click.option("--version", type=VERSION, help="The rows of this version.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def export(*, as_json: bool, name: str, file: Path, force: bool, **chosen: object) -> None:
    """Write a dataset to FILE: .parquet, .csv or .jsonl for rows, .odcs.yaml for the contract.

    The contract is written in the Open Data Contract Standard, version 3.

    \b
    Examples:
      towpath data export flights flights.parquet
      towpath data export flights delays.csv --columns flight_id,dep_delay --as-of 2024-01-01
      towpath data export flights flights.odcs.yaml
    """
    from towpath.lake.export import export as write
    from towpath.steps.contract import export_contract

    with open_workspace() as workspace:
        table = workspace.lake[name]
        told: dict[str, object] = {"dataset": name, "file": str(file)}
        if file.suffix in CONTRACT:
            export_contract(table.dataset, file, replace=force)
        else:
            columns, version = str(chosen["columns"] or ""), chosen["version"]
            rows = table.scan(
                names(columns) or None,
                as_of=moment(str(chosen["as_of"] or "")),
                version=version if isinstance(version, int) else None,
            )
            if not columns:
                own = [one for one in rows.column_names if not one.startswith("_")]
                rows = rows.select(own)
            write(rows, file, replace=force)
            told |= {"rows": rows.num_rows, "columns": rows.column_names}
    if as_json:
        print_json(told)
        return
    what = f"{told['rows']:,} rows" if "rows" in told else "the contract"
    console().print(f"Wrote {what} of {name} to {file}", soft_wrap=True)


@click.command("import")
@json_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--table", default="", help="Which table of the contract, if it has several.")
@click.option("--force", is_flag=True, help="Replace a definition that is there.")
def import_contract(*, as_json: bool, file: Path, table: str, force: bool) -> None:
    """Draft a dataset from FILE, a contract of the Open Data Contract Standard, version 3.

    It is written to datasets/NAME.yaml; what has no place there is told.

    \b
    Examples:
      towpath data import orders.odcs.yaml
      towpath data import shop.odcs.yaml --table orders
    """
    from towpath.steps.contract import import_contract as draft

    with open_workspace() as workspace:
        found = draft(workspace, file, table=table, replace=force)
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(f"Wrote {found.file}: {found.columns} columns", soft_wrap=True)
    for note in found.notes:
        out.print(f"  [yellow]not carried over:[/] {note}", soft_wrap=True)
    out.print("[green]next:[/] read and mend it, then: towpath apply")
