"""Whether the definitions of a project fit each other, and which of them depend on which."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from towpath.core.errors import Invalid, TowpathError
from towpath.core.plugins import require_plugin
from towpath.features.feature_set import validate, validate_view
from towpath.pipelines.graph import order
from towpath.project.load import Project, pick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from towpath.modelling.model import Model

Reference = tuple[str, str]


def check_project(project: Project) -> None:
    """Check every reference from one definition to another.

    Raises:
        Invalid: a definition names something that does not exist or does not fit; file and
            line are those of the definition that names it.
    """
    for name, view in project.views.items():
        with _written_at(project, "feature_view", name):
            validate_view(view, project.datasets)
    for name, one in project.feature_sets.items():
        with _written_at(project, "feature_set", name):
            validate(one, project.views, project.datasets)
    for name, model in project.models.items():
        with _written_at(project, "model", name):
            _check_label(project, model)
    for name, pipeline in project.pipelines.items():
        with _written_at(project, "pipeline", name):
            order(pipeline)
    for name, endpoint in project.endpoints.items():
        with _written_at(project, "endpoint", name):
            pick(project.models, endpoint.model, "model")
    for name, monitor in project.monitors.items():
        with _written_at(project, "monitor", name):
            pick(project.endpoints, monitor.endpoint, "endpoint")
            for alerter in monitor.to:
                require_plugin("alerters", alerter)


@contextmanager
def _written_at(project: Project, kind: str, name: str) -> Iterator[None]:
    """Turn what goes wrong inside into an error at the place where the definition is written."""
    try:
        yield
    except TowpathError as error:
        message = error.message if name in error.message else f"{kind} {name!r}: {error.message}"
        where = error.where or project.where(kind, name)
        raise Invalid(message, where=where, hint=error.hint, **error.data) from error


def _check_label(project: Project, model: Model) -> None:
    """Check that a model's label can be joined to the rows it is trained on."""
    feature_set = pick(project.feature_sets, model.features, "feature set")
    spine = project.datasets[feature_set.spine]
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
