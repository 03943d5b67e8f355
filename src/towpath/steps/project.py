"""A project's own functions as steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from towpath.core.errors import Invalid
from towpath.project.load import load_function

if TYPE_CHECKING:
    from towpath.pipelines.runners import Report
    from towpath.workspace import Workspace


def call(
    workspace: Workspace,
    report: Report,
    *,
    function: str,
    arguments: Mapping[str, object] | None = None,
) -> Mapping[str, object]:
    """Call a function of the project, written as ``file.py:name``.

    It is called with the project's folder and the given arguments by name, and returns a
    mapping that JSON can hold, or nothing.

    Raises:
        NotFound: no such file or function.
        Invalid: the function returned something else.
    """
    report(0.0, function)
    result = load_function(workspace.root, function)(workspace.root, **(arguments or {}))
    if result is None:
        return {}
    if not isinstance(result, Mapping):
        message = f"{function} returned {type(result).__name__}."
        raise Invalid(message, hint="Return a mapping of names to numbers and text, or nothing.")
    return result
