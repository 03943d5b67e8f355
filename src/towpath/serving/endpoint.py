"""What is served under one name: a model, how traffic is split, what an unknown key gets."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from towpath.core.errors import Invalid
from towpath.core.name import checked_name
from towpath.core.record import Record

UnknownKey = Literal["error", "defaults"]

SHARE_TOLERANCE = 1e-9


class Endpoint(Record, frozen=True):
    """A model that answers under a name.

    Args:
        name: its name, part of the URL.
        model: name of the model whose versions answer.
        unknown_key: what a key without a row gets: ``error`` is a 404, ``defaults`` a prediction
            from the defaults that the feature set declares.
        arms: share of the keys that each alias of the model answers; shares add up to 1.
        description: what it is for.
        owner: who answers for it.

    Raises:
        Invalid: a name that cannot be registered, or shares that do not add up to 1.

    Example:
        >>> Endpoint("delay", model="delay").arms
        {'champion': 1.0}
    """

    name: str
    model: str
    unknown_key: UnknownKey = "error"
    arms: dict[str, float] = msgspec.field(default_factory=lambda: {"champion": 1.0})
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        """Check names and shares once, at construction."""
        checked_name(self.name, "endpoint")
        checked_name(self.model, "model")
        for alias, share in self.arms.items():
            checked_name(alias, "alias of a model")
            if not 0.0 <= share <= 1.0:
                message = f"The arm {alias!r} of endpoint {self.name!r} has the share {share}."
                raise Invalid(message, hint="A share lies between 0 and 1.")
        total = math.fsum(self.arms.values())
        if abs(total - 1.0) > SHARE_TOLERANCE:
            message = f"The arms of endpoint {self.name!r} add up to {total:g}."
            raise Invalid(
                message, hint="Shares add up to 1, such as champion: 0.9, challenger: 0.1."
            )
