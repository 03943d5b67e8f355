"""How keys and a key's events are written as bytes, and features computed from those bytes.

A value is one block: six int64 (version, events, columns, strings, layout, since), event times and
sequence numbers (int64), values by column (int64, a float as its bits, a string as its number in
this block), presence by column (uint8, padded to eight bytes), where each string starts (int64,
one more than there are), and the strings in UTF-8. Events are sorted by time and sequence.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from towpath.core.errors import Invalid
from towpath.core.instant import parse_instant, to_micros
from towpath.features.engines.kernel.compiled import compiled
from towpath.features.engines.kernel.form import COLUMN, FUNCTION, SHARE, Ints, Mask
from towpath.features.engines.kernel.sweep import Plan, sweep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from towpath.features.engines.compile import CompiledView
    from towpath.features.online import Buffer

VERSION = 1
HEADER = 6
WORD = 8
LONGEST_KEY = 511
# The row for keys without events; no encoded key starts with a zero byte.
NOTHING = b"\x00"
OK, FOREIGN, TOO_EARLY = range(3)
PYTHON_TYPES: dict[str, type] = {
    "bool": bool,
    "int64": int,
    "float64": float,
    "string": str,
    "timestamp": int,
}

_encode = msgspec.msgpack.Encoder().encode


class Block(NamedTuple):
    """The events of one key, sorted by time and sequence.

    Args:
        times: int64 [n], microseconds UTC.
        sequence: int64 [n], order of ingestion.
        bits: int64 [columns, n], values as ``arrays.to_bits`` returns them.
        valid: uint8 [columns, n], where a value is present.
        strings: what the numbers in string columns stand for.
        layout: identifies the view, its columns and their types.
        since: the earliest time for which the block holds all that is needed.
    """

    times: Ints
    sequence: Ints
    bits: Ints
    valid: Mask
    strings: tuple[str, ...] = ()
    layout: int = 0
    since: int = 0


def encode_key(values: Sequence[object]) -> bytes:
    """Write the parts of a key as bytes; distinct keys give distinct bytes.

    A key longer than a store can hold is replaced by its SHA-256.

    Example:
        >>> encode_key(("UA", 7)) == encode_key(("UA", 7))
        True
    """
    encoded = _encode(tuple(values))
    if len(encoded) <= LONGEST_KEY:
        return encoded
    return b"\xc1" + hashlib.sha256(encoded).digest()


def coerce(value: object, dtype: str, name: str) -> object:
    """Return a caller's value as the type of its column: times as microseconds, dates as text.

    Raises:
        Invalid: the value is of another type, or a time without zone.

    Example:
        >>> coerce("1970-01-01T00:00:01Z", "timestamp", "at")
        1000000
        >>> coerce(2, "float64", "fare")
        2.0
    """
    if value is None or type(value) is PYTHON_TYPES.get(dtype):
        return value
    if dtype == "date":
        return _date_text(value, name)
    if dtype == "timestamp" and isinstance(value, str | datetime):
        return to_micros(parse_instant(value) if isinstance(value, str) else value)
    if dtype == "float64" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    message = f"{name!r} is {value!r}, which is not {dtype}."
    raise Invalid(message, hint=f"Give a value of type {dtype}.", name=name)


def _date_text(value: object, name: str) -> str:
    """Return a date as ISO 8601, the form in which the store's keys hold it."""
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, date) or isinstance(found, datetime):
        message = f"{name!r} is {value!r}, which is not a date."
        raise Invalid(message, hint="Give it as 2013-10-01.", name=name)
    return found.isoformat()


def check_held(view: str, plan: CompiledView) -> None:
    """Refuse a view with a feature that cannot be computed from a block.

    Raises:
        Invalid: a feature is a list or decimal, or looks for a string.

    Example:
        >>> from towpath.features.engines.compile import compile_view
        >>> from towpath.features.view import FeatureView, Latest
        >>> view = FeatureView("car", "trips", ("car",), (Latest("km"),))
        >>> check_held("car", compile_view(view, {"km": "int64"}))
    """
    for name, dtype, scale, spec in zip(
        plan.names, plan.results, plan.scales, plan.specs, strict=True
    ):
        problem = ""
        if dtype not in PYTHON_TYPES:
            problem = f"a {dtype}"
        elif scale:
            problem = "made of decimals"
        elif spec[FUNCTION] == SHARE and plan.dtypes[spec[COLUMN]] == "string":
            problem = "the share of a string"
        if problem:
            message = f"The online store cannot hold {name!r} of view {view!r}: it is {problem}."
            hint = "Use it in training sets, or move it to a view that is not served."
            raise Invalid(message, hint=hint, view=view, feature=name)


def pack(block: Block) -> bytes:
    """Write a key's events as bytes.

    Example:
        >>> import numpy as np
        >>> one = np.array([5])
        >>> len(pack(Block(one, one, one.reshape(1, 1), np.ones((1, 1), np.uint8))))
        88
    """
    texts = [text.encode() for text in block.strings]
    starts = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    sizes = [block.times.size, len(block.bits), len(texts)]
    header = np.array([VERSION, *sizes, block.layout, block.since], dtype=np.int64)
    valid = block.valid.tobytes()
    return b"".join(
        (
            header.tobytes(),
            block.times.tobytes(),
            block.sequence.tobytes(),
            block.bits.tobytes(),
            valid + bytes(-len(valid) % WORD),
            starts.tobytes(),
            *texts,
        )
    )


def read_string(data: Buffer, number: int) -> str:
    """Return one of a block's strings."""
    _, events, columns, texts = np.frombuffer(data, np.int64, 4).tolist()
    padded = -(-events * columns // WORD) * WORD
    place = (HEADER + events * (2 + columns)) * WORD + padded
    start, stop = np.frombuffer(data, np.int64, 2, place + number * WORD).tolist()
    base = place + (texts + 1) * WORD
    return bytes(data[base + start : base + stop]).decode()


@compiled
def sweep_block(data: Mask, plan: Plan, layout: int, at: int, results: Ints) -> int:
    """Compute all features of one key at one time from its block; OK, FOREIGN or TOO_EARLY.

    Args:
        data: uint8, the block.
        plan: features and windows, as ``kernel.sweep`` reads them.
        layout: the layout that the block must have.
        at: prediction time in microseconds.
        results: int64 [2, features], receives values, a float as its bits, a string as its number;
            and where there is a value.
    """
    if data.size < HEADER * WORD:
        return FOREIGN
    header = data[: HEADER * WORD].view(np.int64)
    count, columns = header[1], header[2]
    if header[0] != VERSION or header[4] != layout:
        return FOREIGN
    if header[5] > at:
        return TOO_EARLY
    end = (HEADER + count * (2 + columns)) * WORD
    # Copied, as memory that cannot be written to would need a compiled form of its own.
    words = data[HEADER * WORD : end].copy().view(np.int64)
    bits = words[2 * count :].reshape((columns, count))
    valid = data[end : end + columns * count].copy().reshape((columns, count))
    bounds = np.array([0, count], dtype=np.int64)
    label = (np.zeros(1, dtype=np.int32), np.array([at], dtype=np.int64))
    present = np.zeros((results.shape[1], 1), dtype=np.uint8)
    found = results[0].reshape((results.shape[1], 1))
    target = (np.zeros(1, dtype=np.int64), found, present)
    events = (words[:count], bounds, (bits, valid, np.arange(columns)))
    sweep(events, label, plan, target)
    results[1] = present[:, 0]
    return OK
