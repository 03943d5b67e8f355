"""``towpath feature``: what is computed and kept: online values, training sets, their proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from towpath.cli.exit import FINDINGS
from towpath.cli.output import console, json_option, open_applied, print_json
from towpath.cli.step import run_step

if TYPE_CHECKING:
    from towpath.features.training_set import TrainingSet
    from towpath.steps.training_set import Rebuilt
    from towpath.workspace import Workspace

SHOWN_MISMATCHES = 10
HASH_SHOWN = 16


@click.command()
@json_option
@click.argument("feature_sets", nargs=-1)
@click.option("--until", default="", help="Event times up to here, now unless given.")
@click.option("--history", default="1d", show_default=True, help="Readable this far back.")
def materialize(*, as_json: bool, feature_sets: tuple[str, ...], until: str, history: str) -> None:
    """Bring what serving needs into the online store.

    Nothing is written where neither the data nor --until differ from the last time.

    \b
    Examples:
      towpath feature materialize
      towpath feature materialize flight --until 2013-10-08 --history 7d
    """
    run_step(
        "feature.materialize",
        as_json=as_json,
        feature_sets=feature_sets,
        until=until,
        history=history,
    )


@click.command()
@json_option
@click.argument("view")
@click.option("--from", "start", required=True, help="First prediction time.")
@click.option("--to", "until", default="", help="Last prediction time, now unless given.")
@click.option("--step", default="", help="In pieces of this length, each kept when it is done.")
def backfill(*, as_json: bool, view: str, start: str, until: str, step: str) -> None:
    """Make a VIEW readable online at any time of a past range.

    What is there already stays and is not written again. After a kill, the same command goes on
    from the last piece.

    \b
    Examples:
      towpath feature backfill carrier --from 2013-10-01 --to 2013-10-08
      towpath feature backfill carrier --from 2013-01-01 --step 30d
    """
    interval = f"{start}/{until}"
    run_step("feature.backfill", as_json=as_json, view=view, interval=interval, step=step)


@click.command("training-set")
@json_option
@click.argument("feature_set", required=False)
@click.option("--model", default="", help="Make and keep what a model learns from.")
@click.option("--labels", default="", help="Rows: a dataset, or a CSV or Parquet file.")
@click.option("--sql", default="", help="Rows: a SELECT over datasets.")
@click.option("--at", default="", help="Rows: all keys known at this time, as of it.")
@click.option("--since", default="", help="With --at: leave out keys last seen before.")
@click.option("--as-served", is_flag=True, help="See only what had been ingested by then.")
@click.option("--visible-after", default="", help="With --as-served: or came this much later.")
@click.option("--save", default="", metavar="NAME", help="Keep it, to be made again from its id.")
@click.option("--overwrite", is_flag=True, help="Take the place of another one of that name.")
@click.option("--rebuild", default="", metavar="ID", help="Make a kept one again, and compare.")
def training_set(*, as_json: bool, feature_set: str | None, **given: str | bool) -> None:
    """Compute the features of a set for every row, each as of its own time.

    The rows are those of the set's spine unless others are given; their order and columns stay.
    With --rebuild it exits with 1 if the rows are not the same, bit for bit.

    \b
    Examples:
      towpath feature training-set flight
      towpath feature training-set flight --labels late.csv --as-served --save late
      towpath feature training-set flight --sql "SELECT * FROM schedule WHERE origin = 'JFK'"
      towpath feature training-set flight --at 2013-10-01
      towpath feature training-set --rebuild late
      towpath feature training-set --model delay
    """
    _check_options(feature_set, given)
    if given["model"]:
        run_step("feature.training_set", as_json=as_json, model=given["model"])
        return
    from towpath.steps.training_set import rebuild_training_set

    with open_applied() as workspace:
        if given["rebuild"]:
            _report(rebuild_training_set(workspace, str(given["rebuild"])), as_json=as_json)
            return
        found = _made(workspace, str(feature_set), given)
    if as_json:
        print_json(
            {"manifest": found.manifest, "id": found.manifest.id, "filled": found.fill_rates()}
        )
        return
    console().print(str(found), markup=False, soft_wrap=True)
    if found.manifest.name:
        console().print(f"Kept as {found.manifest.name}, id {found.manifest.id}")


@click.command()
@json_option
@click.argument("endpoint")
def verify(*, as_json: bool, endpoint: str) -> None:
    """Recompute the features of every logged prediction from the lake, and compare.

    Exits with 1 if any differs.

    \b
    Examples:
      towpath feature verify delay
      towpath feature verify delay --json
    """
    result = run_step("feature.verify", as_json=as_json, endpoint=endpoint)
    first = result["first"]
    if not result["mismatches"]:
        return
    if not as_json and isinstance(first, list):
        for one in first[:SHOWN_MISMATCHES]:
            console().print(f"  {one}", soft_wrap=True, markup=False)
    raise click.exceptions.Exit(FINDINGS)


def _check_options(feature_set: str | None, given: dict[str, str | bool]) -> None:
    """Refuse options that contradict each other."""
    from towpath.core.errors import Invalid

    asked = [name for name in ("model", "rebuild") if given[name]]
    if (feature_set is None) == (not asked) or len(asked) > 1:
        message = "A training set is of a feature set, of a --model, or one to --rebuild."
        raise Invalid(message, hint="Give one of the three: towpath feature training-set SET")
    rows = [f"--{name}" for name in ("labels", "sql", "at") if given[name]]
    if len(rows) > 1 or (asked and rows):
        message = f"{' and '.join(rows)} cannot be given {'together' if len(rows) > 1 else 'here'}."
        raise Invalid(message, hint="Give one of --labels, --sql and --at, with a feature set.")
    for name, needed in (("since", "at"), ("visible_after", "as_served"), ("overwrite", "save")):
        if given[name] and not given[needed]:
            options = [f"--{one.replace('_', '-')}" for one in (name, needed)]
            message = f"{options[0]} is given without {options[1]}."
            raise Invalid(message, hint=f"Add {options[1]}, or leave {options[0]} out.")


def _made(workspace: Workspace, feature_set: str, given: dict[str, str | bool]) -> TrainingSet:
    """Make a training set, and keep it if it is to have a name."""
    from towpath.core.instant import parse_instant, parse_span
    from towpath.features.manifest import DatasetLabels, KeysAt
    from towpath.steps.training_set import make_training_set, save_training_set

    labels: object = None
    if given["labels"]:
        name = str(given["labels"])
        labels = DatasetLabels(name) if name in workspace.lake.datasets else Path(name)
    if given["sql"]:
        labels = given["sql"]
    if given["at"]:
        since = parse_instant(str(given["since"])) if given["since"] else None
        labels = KeysAt(parse_instant(str(given["at"])), since)
    visible = parse_span(str(given["visible_after"])) if given["visible_after"] else None
    served = visible or bool(given["as_served"])
    found = make_training_set(workspace, feature_set, labels=labels, as_served=served)
    if not given["save"]:
        return found
    overwrite = bool(given["overwrite"])
    return save_training_set(workspace, found, str(given["save"]), overwrite=overwrite)


def _report(found: Rebuilt, *, as_json: bool) -> None:
    """Say whether a training set came out as before."""
    if as_json:
        print_json(found)
    elif found.equal:
        console().print(f"{found.id}: {found.rows:,} rows, the same bit for bit")
    else:
        hashes = f"{found.hash[:HASH_SHOWN]}, not {found.expected[:HASH_SHOWN]}"
        console().print(f"{found.id}: {found.rows:,} rows that differ: {hashes}")
    if not found.equal:
        raise click.exceptions.Exit(FINDINGS)
