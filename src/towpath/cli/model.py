"""``towpath model``: candidates and registered versions."""

from __future__ import annotations

import click

from towpath.cli.exit import FINDINGS
from towpath.cli.output import F, console, json_option, open_workspace, print_json, print_table
from towpath.cli.step import run_step

METRICS = ("roc_auc", "log_loss", "brier")


def of_candidate(command: F) -> F:
    """Add what names a candidate: its model and its estimator."""
    named = click.argument("model", metavar="NAME")(click.argument("estimator")(command))
    return json_option(named)


@click.group()
def model() -> None:
    """Models: list, show, train, evaluate, gate, promote."""


@model.command("list")
@json_option
@click.argument("name", default="")
def list_versions(*, as_json: bool, name: str) -> None:
    """List registered versions, of one model or of all.

    \b
    Examples:
      towpath model list
      towpath model list delay --json
    """
    with open_workspace() as workspace:
        versions = workspace.models.list(name)
        aliases = {one.model: workspace.models.aliases(one.model) for one in versions}
    if as_json:
        print_json({"versions": versions, "aliases": aliases})
        return
    rows = [
        (
            one.model,
            one.version,
            one.estimator,
            ", ".join(alias for alias, at in aliases[one.model].items() if at == one.version),
            *(one.metrics[metric].value if metric in one.metrics else None for metric in METRICS),
            one.predictor,
            f"{one.created_at:%Y-%m-%d %H:%M}",
        )
        for one in versions
    ]
    heads = ("model", "version", "estimator", "alias", "ROC AUC", "log loss", "Brier", "served by")
    print_table("Model versions", (*heads, "trained"), rows)


@model.command()
@json_option
@click.argument("name")
@click.argument("version", default="champion")
def show(*, as_json: bool, name: str, version: str) -> None:
    """Show the model card of a version: a number or an alias, the champion unless given.

    \b
    Examples:
      towpath model show delay
      towpath model show delay 2 --json
    """
    with open_workspace() as workspace:
        found = workspace.models.get(name, int(version) if version.isdigit() else version)
        card = (workspace.artifacts / found.bundle / "card.md").read_text(encoding="utf-8")
    if as_json:
        print_json(found)
        return
    from rich.markdown import Markdown

    console().print(Markdown(card))


@model.command()
@of_candidate
def train(*, as_json: bool, **candidate: str) -> None:
    """Fit one ESTIMATOR of a model on its training rows, and compile it for serving.

    \b
    Examples:
      towpath model train delay boosting
      towpath model train delay baseline --json
    """
    run_step("model.train", as_json=as_json, **candidate)


@model.command()
@of_candidate
def evaluate(*, as_json: bool, **candidate: str) -> None:
    """Measure a trained ESTIMATOR on the test rows, beside the base rate.

    \b
    Examples:
      towpath model evaluate delay boosting
      towpath model evaluate delay boosting --json
    """
    run_step("model.evaluate", as_json=as_json, **candidate)


@model.command()
@of_candidate
def gate(*, as_json: bool, **candidate: str) -> None:
    """Test a trained ESTIMATOR against the champion on the same rows.

    Exits with 1 if it is not better beyond chance.

    \b
    Examples:
      towpath model gate delay boosting
      towpath model gate delay boosting --json
    """
    result = run_step("model.gate", as_json=as_json, **candidate)
    if result["decision"] != "promote":
        raise click.exceptions.Exit(FINDINGS)


@model.command()
@of_candidate
def promote(*, as_json: bool, **candidate: str) -> None:
    """Register a judged ESTIMATOR; it becomes the champion if its gate let it through.

    Exits with 1 if it was registered but not promoted.

    \b
    Examples:
      towpath model promote delay boosting
      towpath model promote delay boosting --json
    """
    result = run_step("model.promote", as_json=as_json, **candidate)
    if not result["promoted"]:
        raise click.exceptions.Exit(FINDINGS)
