"""The features of one key: online as they are served, or in the lake as of any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import NotFound
from towpath.core.instant import to_micros
from towpath.core.plugins import load_plugin
from towpath.features.arrays import arrow_type
from towpath.features.explain import Explainer
from towpath.features.feature_set import feature_schema
from towpath.features.lookup import Lookup
from towpath.features.spine import latest_rows
from towpath.features.training import training_set
from towpath.lake.tables import SEQUENCE
from towpath.project.load import pick

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from towpath.features.engines import Engine
    from towpath.features.explanation import Explanation
    from towpath.workspace import Workspace

HINT = "Materialise newer rows: towpath feature materialize"


def online_features(
    workspace: Workspace, feature_set: str, key: Mapping[str, object]
) -> Mapping[str, object]:
    """Read the features of one key of the spine from the online store, as of now.

    Raises:
        NotFound: no such feature set or key, or nothing is materialised.
    """
    project = workspace.project
    chosen = pick(project.feature_sets, feature_set, "feature set")
    lookup = Lookup(workspace.online, chosen, project.views, project.datasets)
    found = lookup.by_key(key, to_micros(workspace.clock.now()))
    if found is None:
        raise NotFound(f"No row of {chosen.spine!r} has the key {_text(key)}.", hint=HINT)
    return found


def explain_features(
    workspace: Workspace,
    feature_set: str,
    key: Mapping[str, object],
    *,
    at: datetime | None = None,
    feature: str = "",
) -> Explanation:
    """Say which events made the features of one key of the spine in the online store.

    Args:
        workspace: the project.
        feature_set: its name.
        key: the spine's key columns.
        at: time that the features are of, now unless given; as far back as was materialised.
        feature: only this one; all unless given.

    Raises:
        NotFound: no such feature set, feature or key, or nothing is materialised.
        Invalid: a time before what was materialised.
    """
    project = workspace.project
    chosen = pick(project.feature_sets, feature_set, "feature set")
    # One key's events are computed here, whatever engine makes training sets.
    engine = cast("Engine", load_plugin("engines", "embedded")(1))
    explainer = Explainer(workspace.online, chosen, project.views, project.datasets, engine=engine)
    return explainer.explain(key, to_micros(at or workspace.clock.now()), feature=feature)


def features_at(
    workspace: Workspace, feature_set: str, key: Mapping[str, object], at: datetime
) -> Mapping[str, object]:
    """Compute the features of one key of the spine from the lake, as of any time.

    They are those of a training set for that time, and those that were served then.

    Raises:
        NotFound: no such feature set or key.
    """
    project = workspace.project
    chosen = pick(project.feature_sets, feature_set, "feature set")
    table = workspace.lake[chosen.spine]
    where = pc.scalar(True)  # noqa: FBT003 - a value
    for name, value in key.items():
        kind = arrow_type(table.dataset.column(name).dtype)
        asked: pa.Array[Any] = pa.array(cast("list[str | None]", [value])).cast(kind)
        where &= pc.field(name) == asked[0]
    if table.dataset.event_time:
        where &= pc.field(table.dataset.event_time) <= at
    rows = latest_rows(table.scan([*table.dataset.names, SEQUENCE], where), table.dataset)
    if not rows.num_rows:
        message = f"No row of {chosen.spine!r} has the key {_text(key)} at that time."
        hint = f"Look at its rows: towpath data show {chosen.spine} --rows 3"
        raise NotFound(message, hint=hint)
    moment = pa.array([to_micros(at)], pa.int64()).cast(pa.timestamp("us", "UTC"))
    rows = rows.set_column(rows.column_names.index(chosen.at), chosen.at, moment)
    found = training_set(workspace.lake, chosen, project.views, spine=rows, engine=workspace.engine)
    names = list(feature_schema(chosen, project.views, project.datasets))
    row: dict[str, object] = found.select(names).to_pylist()[0]
    return row


def _text(key: Mapping[str, object]) -> str:
    """Write a key on one line."""
    return ", ".join(f"{name} {value}" for name, value in key.items())
