"""A pipeline as configuration: named steps, what they need, how long they may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from towpath.core.errors import Invalid
from towpath.core.instant import parse_span
from towpath.core.name import checked_name
from towpath.core.record import Record

if TYPE_CHECKING:
    from datetime import timedelta


class Step(Record, frozen=True):
    """One piece of work, done by whatever is registered under ``uses``.

    Args:
        id: name of the step in its pipeline.
        uses: what does the work, such as ``data.ingest``.
        with_: parameters for it; written ``with`` in YAML.
        needs: steps that must have succeeded; absent means the step before, ``[]`` means none.
        timeout: span after which the step is ended, such as ``10m``; empty means no limit.
        retries: how many further attempts a failure gets.

    Raises:
        Invalid: an id that is no name, an empty ``uses``, a bad span, negative retries.

    Example:
        >>> Step("train", "model.train", {"model": "delay"}, timeout="10m").limit
        datetime.timedelta(seconds=600)
    """

    id: str
    uses: str
    with_: dict[str, object] = msgspec.field(default_factory=dict, name="with")
    needs: tuple[str, ...] | None = None
    timeout: str = ""
    retries: int = 0

    def __post_init__(self) -> None:
        """Refuse what could not run."""
        checked_name(self.id, "step")
        if not self.uses:
            message = f"The step {self.id!r} uses nothing."
            raise Invalid(message, hint="Name what does the work, such as uses: data.ingest.")
        if self.retries < 0:
            message = f"The step {self.id!r} has {self.retries} retries."
            raise Invalid(message, hint="Give 0 or more.")
        if self.timeout:
            parse_span(self.timeout)

    @property
    def limit(self) -> timedelta | None:
        """How long one attempt may take; None for any time."""
        return parse_span(self.timeout) if self.timeout else None


class Pipeline(Record, frozen=True):
    """Steps in an order.

    Args:
        name: the pipeline's name.
        steps: the steps, in the order they are written.
        description: what it is for.
        owner: who answers for it.
        schedule: kept with the definition; nothing starts it by itself yet.

    Raises:
        Invalid: no steps, or a name that cannot be registered.

    Example:
        >>> Pipeline("train", (Step("ingest", "data.ingest"),)).steps[0].id
        'ingest'
    """

    name: str
    steps: tuple[Step, ...]
    description: str = ""
    owner: str = ""
    schedule: str = ""

    def __post_init__(self) -> None:
        """Refuse a pipeline that has nothing to run."""
        checked_name(self.name, "pipeline")
        if not self.steps:
            message = f"The pipeline {self.name!r} has no steps."
            raise Invalid(message, hint="Add one: - id: NAME, uses: WHAT.")
