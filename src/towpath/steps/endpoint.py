"""Deploying, serving and replaying endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from towpath.catalog.events import emit
from towpath.core.errors import Conflict, NotFound
from towpath.core.event import Event
from towpath.core.instant import parse_instant
from towpath.core.interval import Interval
from towpath.features.feature_set import FeatureSet, definition_version, feature_schema
from towpath.features.lookup import Lookup
from towpath.features.training import training_set
from towpath.lake.system import PREDICTIONS, REPLAY
from towpath.project.load import pick
from towpath.registry.bundle import read_contract
from towpath.serving.compact import compact
from towpath.serving.live import Taken, load_deployment
from towpath.serving.pointer import Deployment, deployment_of, read_pointer, write_pointer
from towpath.serving.run import log_folder
from towpath.serving.score import score
from towpath.serving.served import Served, from_lookup
from towpath.steps.usage import note_served

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from towpath.pipelines.runners import Report
    from towpath.serving.endpoint import Endpoint
    from towpath.workspace import Workspace

REPLAY_ROWS = 20_000


def deploy(workspace: Workspace, model: str) -> tuple[str, ...]:
    """Point every endpoint of a model at the versions that its arms' aliases name now.

    Returns:
        The endpoints that were pointed; one of whose arms an alias is missing is left alone.
    """
    aliases = workspace.models.aliases(model)
    versions = {alias: workspace.models.get(model, at) for alias, at in aliases.items()}
    pointed = []
    for endpoint in workspace.project.endpoints.values():
        if endpoint.model == model and set(endpoint.arms) <= set(versions):
            _point(workspace, deployment_of(endpoint, versions))
            pointed.append(endpoint.name)
    return tuple(pointed)


def _point(workspace: Workspace, deployment: Deployment) -> None:
    """Point an endpoint at versions, and log it, unless it points there already."""
    try:
        if read_pointer(workspace.state, deployment.endpoint) == deployment:
            return
    except (NotFound, Conflict):
        pass
    write_pointer(workspace.state, deployment)
    arms = [f"{one.alias}: {one.model}/{one.version}" for one in deployment.arms]
    event = Event(
        at=workspace.clock.now(),
        actor=workspace.actor,
        action="endpoint.deployed",
        subject=f"endpoint/{deployment.endpoint}",
        data={"arms": arms},
    )
    emit(workspace.catalog, event)


def served(workspace: Workspace, names: Sequence[str] = ()) -> tuple[Served, ...]:
    """Put together what a server answers from: all endpoints unless named.

    Raises:
        NotFound: no such endpoint, nothing deployed there, or nothing materialised.
    """
    endpoints = workspace.project.endpoints
    chosen = [pick(endpoints, name, "endpoint") for name in names] or list(endpoints.values())
    return tuple(_served(workspace, endpoint) for endpoint in chosen)


def feature_set_of(workspace: Workspace, endpoint: Endpoint) -> FeatureSet:
    """Return the feature set that the deployed version of an endpoint reads.

    Raises:
        NotFound: nothing is deployed, or the feature set is gone.
    """
    arm = read_pointer(workspace.state, endpoint.name).arms[0]
    contract = read_contract(workspace.artifacts / arm.bundle)
    return pick(workspace.project.feature_sets, contract.feature_set, "feature set")


def replay(
    workspace: Workspace, report: Report, *, endpoint: str, start: str, until: str
) -> Mapping[str, object]:
    """Predict every row of a past interval, each as of its own prediction time.

    The features are those that the row would have been served with; the predictions are kept
    in the dataset ``predictions``, once however often the interval is replayed.

    Args:
        workspace: the project.
        report: hears of the progress.
        endpoint: its name.
        start: first prediction time.
        until: end of the prediction times.

    Returns:
        ``predictions``: how many rows were predicted; ``new``: how many of them were not kept
        yet.

    Raises:
        NotFound: no such endpoint, nothing deployed, or no rows in the interval.
    """
    interval = Interval(parse_instant(start), parse_instant(until))
    chosen = pick(workspace.project.endpoints, endpoint, "endpoint")
    project, feature_set = workspace.project, feature_set_of(workspace, chosen)
    key = project.datasets[feature_set.spine].key
    rows = _rows_between(workspace, feature_set, interval)
    definitions = (feature_set, project.views, project.datasets)
    loaded = load_deployment(
        read_pointer(workspace.state, chosen.name),
        Taken(feature_schema(*definitions), definition_version(*definitions)),
        artifacts=workspace.artifacts,
    )
    report(0.05, f"features of {rows.num_rows:,} rows")
    features = training_set(
        workspace.lake, feature_set, project.views, spine=rows, engine=workspace.engine
    )
    new = 0
    for offset in range(0, features.num_rows, REPLAY_ROWS):
        report(0.2 + 0.8 * offset / features.num_rows, f"predicted {offset:,} rows")
        table = score(loaded, features.slice(offset, REPLAY_ROWS), key=key, at=feature_set.at)
        new += _keep(workspace, table)
    return {"predictions": features.num_rows, "new": new}


def logged_predictions(workspace: Workspace, endpoint: str) -> pa.Table:
    """Bring the log of an endpoint into the lake and return its predictions.

    Raises:
        NotFound: there are none yet.
    """
    folder = log_folder(workspace.state, endpoint)
    if folder.exists():
        compact(folder, workspace.lake)
    table = workspace.lake[PREDICTIONS.name]
    rows = table.scan(where=pc.field("endpoint") == endpoint) if table.exists() else None
    if rows is None or not rows.num_rows:
        message = f"Endpoint {endpoint!r} has made no predictions yet."
        raise NotFound(message, hint=f"Ask it: towpath predict {endpoint} KEY")
    return rows


def _keep(workspace: Workspace, table: pa.Table) -> int:
    """Append the predictions that an earlier replay did not keep, and count them."""
    stored = workspace.lake[PREDICTIONS.name]
    if stored.exists():
        known = stored.scan(["id"], pc.field("origin") == REPLAY)["id"]
        table = table.filter(pc.invert(pc.is_in(table["id"], value_set=known.combine_chunks())))
    if table.num_rows:
        workspace.lake.ingest(PREDICTIONS.name, table, mode="append")
    return table.num_rows


def _rows_between(workspace: Workspace, feature_set: FeatureSet, interval: Interval) -> pa.Table:
    """Return the spine's rows with a prediction time in the interval, in a fixed order."""
    table = workspace.lake[feature_set.spine]
    moment = pc.field(feature_set.at)
    rows = table.scan(where=(moment >= interval.start) & (moment < interval.end))
    if not rows.num_rows:
        message = f"Dataset {feature_set.spine!r} has no rows to predict in {interval}."
        hint = f"Look at its times: towpath data show {feature_set.spine} --rows 3"
        raise NotFound(message, hint=hint)
    return rows.sort_by([(name, "ascending") for name in (feature_set.at, *table.dataset.key)])


def _served(workspace: Workspace, endpoint: Endpoint) -> Served:
    """Put one endpoint together."""
    project, feature_set = workspace.project, feature_set_of(workspace, endpoint)
    lookup = Lookup(workspace.online, feature_set, project.views, project.datasets)
    note_served(workspace, read_pointer(workspace.state, endpoint.name), feature_set)
    return from_lookup(endpoint, lookup, project.datasets[feature_set.spine])
