"""From the name a pipeline uses to the function that does the work."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from towpath.core.errors import Invalid, did_you_mean
from towpath.core.plugins import load_plugin
from towpath.steps.lineage import Recording, recorded, with_lineage
from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from towpath.pipelines.pipeline import Pipeline
    from towpath.pipelines.runners import Execute, Report, Runner

Result = Mapping[str, object]
StepFunction = Callable[..., Result]

STEPS: dict[str, str] = {
    "project.call": "towpath.steps.project:call",
    "data.ingest": "towpath.steps.data:ingest",
    "feature.materialize": "towpath.steps.feature:materialize",
    "feature.backfill": "towpath.steps.feature:backfill",
    "feature.training_set": "towpath.steps.training_set:training_set",
    "feature.verify": "towpath.steps.feature:verify",
    "model.train": "towpath.steps.model:train",
    "model.evaluate": "towpath.steps.model:evaluate",
    "model.gate": "towpath.steps.model:gate",
    "model.promote": "towpath.steps.model:promote",
    "endpoint.replay": "towpath.steps.endpoint:replay",
    "monitor.watch": "towpath.steps.monitor:watch",
}
PRELOAD = (
    "towpath.steps.data",
    "towpath.steps.feature",
    "towpath.steps.model",
    "towpath.steps.training_set",
    "towpath.features.engines.embedded",
    "towpath.features.online.lmdb",
    "towpath.lake.tables.delta",
    "towpath.registry.stores.mlflow",
    # MLflow itself would import these two in each step that opens its database.
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)


def step_function(uses: str) -> StepFunction:
    """Find the function behind a step's ``uses``; what it reads and writes is recorded.

    Raises:
        Invalid: no step of that name.

    Example:
        >>> step_function("data.ingest").__name__
        'ingest'
    """
    return recorded(uses, _function(uses))


def _function(uses: str) -> StepFunction:
    """Find the function that does the work of a step."""
    if uses not in STEPS:
        raise Invalid(f"No step is called {uses!r}.", hint=did_you_mean(uses, STEPS))
    module, _, name = STEPS[uses].partition(":")
    return cast("StepFunction", getattr(importlib.import_module(module), name))


def check_steps(pipeline: Pipeline, where: str = "") -> None:
    """Check that each step uses something that exists, with parameters that it takes.

    Raises:
        Invalid: an unknown step or parameter, or a parameter that is missing.
    """
    for step in pipeline.steps:
        try:
            _check_parameters(_function(step.uses), step.uses, step.with_)
        except Invalid as error:
            message = f"Step {step.id!r} of pipeline {pipeline.name!r}: {error.message}"
            raise Invalid(message, where=where, hint=error.hint) from error


def open_runner(workspace: Workspace) -> Runner:
    """Return what runs the pipelines of a project, with the libraries its steps need."""
    runner = load_plugin("runners", "local")
    opened = runner(
        workspace.catalog,
        workspace.state / "runs",
        clock=workspace.clock,
        preload=PRELOAD,
        actor=workspace.actor,
    )
    return Recording(workspace, cast("Runner", opened))


def execute_in(root: Path) -> Execute:
    """Return what runs a step in the project at ``root``, opening its own stores."""

    def execute(uses: str, params: Mapping[str, object], report: Report) -> Result:
        function = _function(uses)
        _check_parameters(function, uses, params)
        with Workspace(root) as workspace:
            result = function(workspace, report, **params)
            return with_lineage(workspace, uses, params, result=result)

    return execute


def _check_parameters(function: StepFunction, uses: str, params: Mapping[str, object]) -> None:
    """Hold the given parameters against the function's keyword arguments."""
    known = {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for name in params:
        if name not in known:
            message = f"{uses} takes no parameter {name!r}."
            raise Invalid(message, hint=did_you_mean(name, known))
    for name, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and name not in params:
            raise Invalid(f"{uses} needs the parameter {name!r}.", hint=f"Add {name}: under with.")
