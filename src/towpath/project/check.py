"""Whether the definitions of a project fit each other, and which of them depend on which."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from towpath.core.errors import Invalid, TowpathError
from towpath.core.plugins import require_plugin
from towpath.features.feature_set import validate, validate_view
from towpath.pipelines.graph import order
from towpath.project.load import Project, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from towpath.modelling.model import Model
    from towpath.monitoring.monitor import Monitor

Reference = tuple[str, str]


def check_project(project: Project) -> None:
    """Check every reference from one definition to another.

    Raises:
        Invalid: a definition names something that does not exist or does not fit; file and
            line are those of the definition that names it. Where a dataset or column is missing,
            ``affects`` in its data names all that breaks, such as ``model/delay``.
    """
    failed: list[tuple[Reference, TowpathError]] = []
    for kind, name, check in _checks(project):
        try:
            check()
        except TowpathError as error:
            failed.append(((kind, name), error))
    if failed:
        raise _refused(project, failed) from failed[0][1]


def _checks(project: Project) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Yield kind and name of each definition, and what checks it."""
    for name, view in project.views.items():
        yield "feature_view", name, partial(validate_view, view, project.datasets)
    for name, one in project.feature_sets.items():
        yield "feature_set", name, partial(validate, one, project.views, project.datasets)
    for name, model in project.models.items():
        yield "model", name, partial(_check_label, project, model)
    for name, pipeline in project.pipelines.items():
        yield "pipeline", name, partial(order, pipeline)
    for name, endpoint in project.endpoints.items():
        yield "endpoint", name, partial(pick, project.models, endpoint.model, "model")
    for name, monitor in project.monitors.items():
        yield "monitor", name, partial(_check_monitor, project, monitor)


def _refused(project: Project, failed: Sequence[tuple[Reference, TowpathError]]) -> Invalid:
    """Make the error of the first definition that does not fit, at the place where it is written.

    Args:
        project: the definitions.
        failed: those that do not fit, with why.
    """
    (kind, name), error = failed[0]
    message = error.message if name in error.message else f"{kind} {name!r}: {error.message}"
    data, missing = dict(error.data), _missing(error)
    if missing[0]:
        alike = [one for one, why in failed if _missing(why) == missing]
        broken = [[f"{one[0]}/{one[1]}", *dependents(project, *one)] for one in alike]
        affects = tuple(dict.fromkeys(chain.from_iterable(broken)))
        data["affects"] = affects
        if len(affects) > 1:
            message = f"{message} That breaks {', '.join(affects)}."
    where = error.where or project.where(kind, name)
    return Invalid(message, where=where, hint=error.hint, **data)


def _missing(error: TowpathError) -> tuple[object, object]:
    """Name the dataset, and the column if it is one, that an error misses."""
    data = error.data
    dataset = data.get("name") if data.get("kind") == "dataset" else data.get("dataset")
    return dataset, data.get("column")


def _check_monitor(project: Project, monitor: Monitor) -> None:
    """Check that what a monitor watches and tells is there."""
    pick(project.endpoints, monitor.endpoint, "endpoint")
    for alerter in monitor.to:
        require_plugin("alerters", alerter)


def _check_label(project: Project, model: Model) -> None:
    """Check that a model's label can be joined to the rows it is trained on."""
    feature_set = pick(project.feature_sets, model.features, "feature set")
    spine = pick(project.datasets, feature_set.spine, "dataset")
    label = pick(project.datasets, model.label.dataset, "dataset")
    label.column(model.label.column)
    if not label.event_time:
        message = f"The label's dataset {label.name!r} has no event_time."
        raise Invalid(message, hint="Say in its contract which column tells when a row was known.")
    missing = [column for column in spine.key if column not in label.names]
    if not spine.key or missing:
        message = (
            f"The label's dataset {label.name!r} cannot be joined to {spine.name!r} by its key."
        )
        hint = f"Give {label.name!r} the column {missing[0]!r}." if missing else "Declare a key."
        raise Invalid(message, hint=hint)


def references(project: Project) -> Iterator[tuple[Reference, Reference]]:
    """Yield each dependency as (definition, what it needs)."""
    for view in project.views.values():
        yield ("feature_view", view.name), ("dataset", view.source)
    for one in project.feature_sets.values():
        yield ("feature_set", one.name), ("dataset", one.spine)
        for ref in one.refs:
            yield ("feature_set", one.name), ("feature_view", ref.view)
    for model in project.models.values():
        yield ("model", model.name), ("feature_set", model.features)
        yield ("model", model.name), ("dataset", model.label.dataset)
    for endpoint in project.endpoints.values():
        yield ("endpoint", endpoint.name), ("model", endpoint.model)
    for monitor in project.monitors.values():
        yield ("monitor", monitor.name), ("endpoint", monitor.endpoint)


def dependents(project: Project, kind: str, name: str) -> tuple[str, ...]:
    """Name all definitions downstream of one, as ``kind/name``, nearest first."""
    edges = tuple(references(project))
    reached: list[Reference] = [(kind, name)]
    for target in reached:
        reached += [user for user, needed in edges if needed == target and user not in reached]
    return tuple(f"{one}/{its_name}" for one, its_name in reached[1:])
