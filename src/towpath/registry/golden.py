"""Rows with known answers, replayed whenever a version is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from towpath.core.durable import write_durably
from towpath.core.errors import Conflict, Contract
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

GOLDEN_FILE = "golden.json"
TOLERANCE = 1e-9

Value = float | str | bool | None


class Golden(Record, frozen=True):
    """Feature rows in the order of the schema, and the probability of each.

    Args:
        rows: values of the features, None for null.
        probabilities: what the version answered when it was made.

    Example:
        >>> Golden(rows=((7.0, "UA"),), probabilities=(0.25,)).probabilities
        (0.25,)
    """

    rows: tuple[tuple[Value, ...], ...]
    probabilities: tuple[float, ...]


def write_golden(golden: Golden, folder: Path) -> None:
    """Write ``golden.json`` into a folder."""
    write_durably(folder / GOLDEN_FILE, msgspec.json.encode(golden))


def read_golden(folder: Path) -> Golden:
    """Read ``golden.json`` from a folder.

    Raises:
        Contract: the file is missing or damaged.
    """
    try:
        return msgspec.json.decode((folder / GOLDEN_FILE).read_bytes(), type=Golden)
    except (OSError, msgspec.DecodeError) as error:
        message = f"The golden rows in {folder} cannot be read ({error})."
        raise Contract(message, hint="Register the model again.") from error


def replay(golden: Golden, predict_one: Callable[[Sequence[object]], float]) -> None:
    """Ask a loaded predictor for every golden row.

    Raises:
        Conflict: an answer differs from the recorded one by more than 1e-9.

    Example:
        >>> replay(Golden(rows=((7.0,),), probabilities=(0.25,)), lambda row: 0.25)
    """
    for number, (row, wanted) in enumerate(zip(golden.rows, golden.probabilities, strict=True)):
        answer = predict_one(row)
        if not abs(answer - wanted) <= TOLERANCE:
            message = f"Golden row {number} gives {answer!r} where {wanted!r} was recorded."
            hint = "The files or the libraries changed: train and register the model again."
            raise Conflict(message, hint=hint, row=number)
