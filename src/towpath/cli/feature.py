"""``towpath feature``: what models read."""

from __future__ import annotations

import click

from towpath.cli.exit import FINDINGS
from towpath.cli.output import console, json_option, open_workspace, print_json, print_table
from towpath.cli.step import run_step

SHOWN_MISMATCHES = 10


@click.group()
def feature() -> None:
    """Features: list, get, materialize, training-set, verify."""


@feature.command("list")
@json_option
def list_features(*, as_json: bool) -> None:
    """List every feature of every feature set, with where it comes from.

    \b
    Examples:
      towpath feature list
      towpath feature list --json
    """
    from towpath.features.feature_set import feature_schema

    with open_workspace() as workspace:
        project = workspace.project
        rows = []
        for one in project.feature_sets.values():
            sources = {ref.name: project.views[ref.view].source for ref in one.refs}
            for name, dtype in feature_schema(one, project.views, project.datasets).items():
                view = name.partition("__")[0]
                derived = any(name == other.name for other in one.derived)
                origin = sources.get(view, "derived" if derived else one.spine)
                rows.append((one.name, name, dtype, origin))
    if as_json:
        heads = ("feature_set", "name", "dtype", "source")
        print_json([dict(zip(heads, row, strict=True)) for row in rows])
        return
    print_table("Features", ("feature set", "name", "type", "from"), rows)


@feature.command()
@json_option
@click.argument("feature_set")
@click.argument("key")
@click.option("--at", default="", help="As of this time, now unless given.")
def get(*, as_json: bool, feature_set: str, key: str, at: str) -> None:
    """Read the features of one KEY from the online store.

    \b
    Examples:
      towpath feature get flight 20131005-UA-1545-EWR --at 2013-10-05T14:00Z
      towpath feature get orders 1042 --json
    """
    from towpath.cli.predict import parse_key
    from towpath.core.errors import NotFound
    from towpath.core.instant import parse_instant, to_micros
    from towpath.features.lookup import Lookup
    from towpath.project.load import pick

    with open_workspace() as workspace:
        project = workspace.project
        chosen = pick(project.feature_sets, feature_set, "feature set")
        spine = project.datasets[chosen.spine]
        parsed = parse_key(key, tuple(spine.column(name) for name in spine.key))
        instant = parse_instant(at) if at else workspace.clock.now()
        lookup = Lookup(workspace.online, chosen, project.views, project.datasets)
        found = lookup.by_key(parsed, to_micros(instant))
    if found is None:
        hint = "Materialise newer rows: towpath feature materialize"
        raise NotFound(f"No row of {spine.name!r} has the key {key}.", hint=hint)
    if as_json:
        print_json(found)
        return
    print_table(f"{feature_set} {key}", ("feature", "value"), list(found.items()))


@feature.command()
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


@feature.command("training-set")
@json_option
@click.argument("model")
def training_set(*, as_json: bool, model: str) -> None:
    """Compute a model's features for every row, each as of its own time.

    \b
    Examples:
      towpath feature training-set delay
      towpath feature training-set delay --json
    """
    run_step("feature.training_set", as_json=as_json, model=model)


@feature.command()
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
