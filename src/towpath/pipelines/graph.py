"""The order in which a pipeline's steps run."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from towpath.core.errors import Invalid, did_you_mean

if TYPE_CHECKING:
    from towpath.pipelines.pipeline import Pipeline, Step


def order(pipeline: Pipeline) -> tuple[Step, ...]:
    """Put the steps in an order in which each comes after what it needs.

    Steps that do not wait for one another keep the order they are written in.

    Raises:
        Invalid: an id given twice, an unknown need, or steps that wait for one another.

    Example:
        >>> from towpath.pipelines.pipeline import Pipeline, Step
        >>> pipeline = Pipeline("train", (Step("a", "x", needs=("b",)), Step("b", "x", needs=())))
        >>> [step.id for step in order(pipeline)]
        ['b', 'a']
    """
    needs = needed(pipeline)
    steps = {step.id: step for step in pipeline.steps}
    position = {step.id: index for index, step in enumerate(pipeline.steps)}
    sorter = TopologicalSorter(needs)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        message = f"Steps of the pipeline {pipeline.name!r} wait for one another: {circle}."
        raise Invalid(message, hint="Remove one of these needs.") from error
    waiting: list[str] = list(sorter.get_ready())
    ordered: list[Step] = []
    while waiting:
        waiting.sort(key=position.__getitem__)
        first = waiting.pop(0)
        ordered.append(steps[first])
        sorter.done(first)
        waiting.extend(sorter.get_ready())
    return tuple(ordered)


def needed(pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    """Name for each step the steps it needs, the default filled in.

    Raises:
        Invalid: an id given twice, or an unknown need.

    Example:
        >>> from towpath.pipelines.pipeline import Pipeline, Step
        >>> needed(Pipeline("train", (Step("a", "x"), Step("b", "x"))))
        {'a': (), 'b': ('a',)}
    """
    needs: dict[str, tuple[str, ...]] = {}
    previous: tuple[str, ...] = ()
    for step in pipeline.steps:
        if step.id in needs:
            message = f"The pipeline {pipeline.name!r} has two steps {step.id!r}."
            raise Invalid(message, hint="Give each step an id of its own.")
        needs[step.id] = previous if step.needs is None else step.needs
        previous = (step.id,)
    for name, wanted in needs.items():
        for need in wanted:
            if need not in needs:
                message = f"The step {name!r} needs {need!r}, which is no step of it."
                raise Invalid(message, hint=did_you_mean(need, needs), pipeline=pipeline.name)
    return needs
