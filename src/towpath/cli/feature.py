"""``towpath feature``: what models read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from towpath.cli.exit import FINDINGS
from towpath.cli.feature_make import backfill, materialize, training_set, verify
from towpath.cli.feature_serve import flush, serve, token
from towpath.cli.feature_stream import consume, dead_letters
from towpath.cli.output import console, json_option, open_workspace, print_json, print_table

if TYPE_CHECKING:
    from towpath.features.explanation import Explanation
    from towpath.features.statistics import FeatureStatistics
    from towpath.steps.feature_summary import Summary


@click.group()
def feature() -> None:
    """Features: list, show, get, diff, materialize, backfill, training-set, verify, serve."""


for command in (
    materialize,
    backfill,
    training_set,
    verify,
    serve,
    token,
    flush,
    consume,
    dead_letters,
):
    feature.add_command(command)


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
@click.argument("name")
def show(*, as_json: bool, name: str) -> None:
    """Show a view or feature set: its features, what they hold, how fresh they are, its lineage.

    \b
    Examples:
      towpath feature show flight
      towpath feature show carrier --json
    """
    from towpath.steps.feature_summary import summarize

    with open_workspace() as workspace:
        found = summarize(workspace, name)
    if as_json:
        print_json(found)
        return
    _print_summary(found)


@feature.command()
@json_option
@click.argument("feature_set")
@click.argument("key")
@click.option("--at", default="", help="As of this time, computed from the lake.")
@click.option("--explain", is_flag=True, help="Show which events made each value online.")
@click.option("--feature", "only", default="", help="With --explain: only this feature.")
def get(*, as_json: bool, feature_set: str, key: str, at: str, **given: str | bool) -> None:
    """Read the features of one KEY from the online store, or as of any time from the lake.

    With --explain they are read from the online store in any case, and computed again from the
    events that are shown; it exits with 1 if that does not give the value that is served.

    \b
    Examples:
      towpath feature get flight 20131005-UA-1545-EWR
      towpath feature get flight 20131005-UA-1545-EWR --at 2013-10-05T14:00Z
      towpath feature get flight 20131005-UA-1545-EWR --explain --feature carrier__delay_mean_7d
      towpath feature get orders 1042 --json
    """
    from towpath.cli.predict import parse_key
    from towpath.core.instant import parse_instant
    from towpath.project.load import pick
    from towpath.steps.feature_value import explain_features, features_at, online_features

    explain, only = bool(given["explain"]), str(given["only"])
    _check_explain(explain=explain, only=only)
    with open_workspace() as workspace:
        project = workspace.project
        spine = project.datasets[pick(project.feature_sets, feature_set, "feature set").spine]
        parsed = parse_key(key, tuple(spine.column(name) for name in spine.key))
        moment = parse_instant(at) if at else None
        if explain:
            told = explain_features(workspace, feature_set, parsed, at=moment, feature=only)
            _print_explanation(told, as_json=as_json)
            return
        if moment is not None:
            found = features_at(workspace, feature_set, parsed, moment)
        else:
            found = online_features(workspace, feature_set, parsed)
    if as_json:
        print_json(found)
        return
    print_table(f"{feature_set} {key}", ("feature", "value"), list(found.items()))


@feature.command()
@json_option
@click.argument("before")
@click.argument("after", default="")
def diff(*, as_json: bool, before: str, after: str) -> None:
    """Show which features differ between two versions of a view or feature set.

    A version is written NAME@VERSION, where VERSION is one of `towpath feature show`, its
    beginning, `registered` or `project`. A bare NAME compares what is registered with the files.

    \b
    Examples:
      towpath feature diff flight
      towpath feature diff flight@3f2a flight@registered
      towpath feature diff carrier@registered carrier_v2@project
    """
    from towpath.steps.feature_diff import diff_features

    with open_workspace() as workspace:
        found = diff_features(workspace, before, after)
    if as_json:
        print_json(found)
        return
    rows = [(one.feature, one.change, "\n".join(one.fields)) for one in found.changes]
    if rows:
        print_table(f"{found.before} to {found.after}", ("feature", "change", "what"), rows)
    else:
        console().print(f"{found.before} and {found.after} have the same features.")


def _check_explain(*, explain: bool, only: str) -> None:
    """Refuse to narrow what is not asked for."""
    from towpath.core.errors import Invalid

    if only and not explain:
        message = "--feature is given without --explain."
        raise Invalid(message, hint="Add --explain, or leave --feature out.")


def _print_explanation(found: Explanation, *, as_json: bool) -> None:
    """Print what made the features; it is a finding if that gives other values."""
    from towpath.cli.feature_explain import print_explanation

    if as_json:
        print_json(found)
    else:
        print_explanation(found)
    if found.contradicted:
        raise click.exceptions.Exit(FINDINGS)


def _print_summary(found: Summary) -> None:
    """Print what is known of a view or set."""
    out = console()
    out.print(f"[bold]{found.name}[/]  {found.description}", soft_wrap=True)
    facts = (
        ("kind", found.kind.replace("_", " ")),
        ("rows of", found.source),
        ("keys" if found.kind == "feature_view" else "at", ", ".join(found.keys) or "none"),
        ("owner", found.owner or "none"),
        ("version", found.version or "not registered"),
        ("upstream", f"{len(found.upstream)} columns and features"),
        ("downstream", ", ".join(found.downstream) or "none"),
    )
    for label, text in facts:
        out.print(f"  {label:<11} {text}", soft_wrap=True)
    rows = [
        (one.name, one.dtype, one.computed, *_statistics(one.statistics)) for one in found.features
    ]
    heads = ("name", "type", "computed", "filled", "mean", "minimum", "maximum")
    print_table("Features", heads, rows)
    if found.measured_at:
        out.print(f"  as in the training set of {found.measured_at}")
    for one in found.freshness:
        told = f"events up to {one.until}, the latest of {one.newest or 'none'}, {one.keys:,} keys"
        out.print(f"  {one.view} online: {told}", soft_wrap=True)


def _statistics(found: FeatureStatistics | None) -> tuple[object, ...]:
    """Return what a table shows of a feature's statistics."""
    if found is None:
        return ("", "", "", "")
    return (f"{found.filled:.1%}", found.mean, found.minimum, found.maximum)
