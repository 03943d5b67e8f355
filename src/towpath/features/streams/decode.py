"""From the bytes of messages to rows of a dataset; what cannot be read stops no other message."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from towpath.core.errors import Contract, Invalid, TowpathError
from towpath.features.push import SHOWN
from towpath.features.pushed_rows import stream_of, table_of
from towpath.lake.contract import arrow_schema, conform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from towpath.features.push import Pusher
    from towpath.features.streams import Message
    from towpath.lake.dataset import Dataset

    Row = dict[str, object]
    Owners = NDArray[np.int64]

# How an Arrow stream begins; no JSON does.
ARROW_START = b"\xff\xff\xff\xff"
# Too deep a JSON is an error of recursion, all else one of value.
UNREADABLE = (RecursionError, ValueError)
ORIGIN = "the message"
decode_json = msgspec.json.Decoder(dict[str, object] | list[dict[str, object]]).decode


class Sorted(NamedTuple):
    """What messages hold.

    Args:
        rows: those that may be pushed, in the contract's types.
        refused: why a message is refused, in whole or in part, by its number from 0.
    """

    rows: pa.Table
    refused: dict[int, str]


def sort(messages: Sequence[Message], dataset: Dataset, pusher: Pusher) -> Sorted:
    r"""Tell the rows of messages that keep the contract from messages that do not.

    A message is a JSON object with a row's values by column (columns that it lacks are null), an
    array of such objects, or an Arrow stream. Whether it is refused does not depend on those it
    came with. Of a message with some wrong rows, the others may be pushed.

    Example:
        >>> from towpath.features.online.memory import MemoryStore
        >>> from towpath.features.push import Pusher
        >>> from towpath.features.streams import Message
        >>> from towpath.lake.dataset import Column, Dataset
        >>> columns = (Column("id", "int64"), Column("at", "timestamp"))
        >>> trips = Dataset("trips", columns, key=("id",), event_time="at")
        >>> row = b'{"id": 1, "at": "2026-01-01T00:00:00Z"}'
        >>> messages = [Message("0-1", row, 0), Message("0-2", b'{"id": 2}', 0)]
        >>> rows, refused = sort(messages, trips, Pusher(MemoryStore(), trips, []))
        >>> rows["id"].to_pylist(), refused
        ([1], {1: 'at is null'})
    """
    pieces, refused = _tables(messages, dataset)
    tables = [arrow_schema(dataset).empty_table(), *pieces.values()]
    owners = np.repeat(
        np.fromiter(pieces, np.int64, len(pieces)), [one.num_rows for one in pieces.values()]
    )
    judged = pusher.judged(pa.concat_tables(tables).combine_chunks())
    if not judged.wrong:
        return Sorted(judged.rows, refused)
    refused |= _told(judged.wrong, owners)
    fine = np.ones(len(owners), dtype=np.bool_)
    fine[list(judged.wrong)] = False
    return Sorted(judged.rows.filter(pa.array(fine)), refused)


def _tables(
    messages: Sequence[Message], dataset: Dataset
) -> tuple[dict[int, pa.Table], dict[int, str]]:
    """Read messages; return the rows of each, and why others cannot be read."""
    plain: dict[int, list[Row]] = {}
    pieces: dict[int, pa.Table] = {}
    refused = {number: one.fault for number, one in enumerate(messages) if one.fault}
    for number, message in enumerate(messages):
        if number in refused:
            continue
        try:
            if message.content.startswith(ARROW_START):
                pieces[number] = conform(dataset, stream_of(message.content), origin=ORIGIN)
            else:
                plain[number] = _rows(message.content, dataset)
        except (Contract, Invalid) as error:
            refused[number] = error.message
    if plain:
        pieces |= _typed(plain, dataset, refused)
    return dict(sorted(pieces.items())), refused


def _rows(content: bytes, dataset: Dataset) -> list[Row]:
    """Read the rows of JSON.

    Raises:
        Invalid: it is no JSON, or none of rows.
        Contract: a row has a column that the contract has not.
    """
    try:
        found = decode_json(content)
    except UNREADABLE as error:
        message = f"the message is neither an Arrow stream nor JSON of rows: {error}"
        raise Invalid(message) from None
    rows = found if isinstance(found, list) else [found]
    known = set(dataset.names)
    for row in rows:
        if unknown := row.keys() - known:
            message = f"the message has the column {min(unknown)!r}, {dataset.name!r} has not"
            raise Contract(message)
    return rows


def _typed(
    plain: Mapping[int, list[Row]], dataset: Dataset, refused: dict[int, str]
) -> dict[int, pa.Table]:
    """Bring rows to the contract's types: all at once, or one by one if some do not fit."""
    try:
        whole = _table([row for rows in plain.values() for row in rows], dataset)
    except TowpathError:
        return _typed_apart(plain, dataset, refused)
    ends = np.cumsum([len(rows) for rows in plain.values()]).tolist()
    starts = [0, *ends[:-1]]
    return {
        number: whole.slice(start, end - start)
        for number, start, end in zip(plain, starts, ends, strict=True)
    }


def _typed_apart(
    plain: Mapping[int, list[Row]], dataset: Dataset, refused: dict[int, str]
) -> dict[int, pa.Table]:
    """Bring the rows of each message to the contract's types, refusing those that do not fit."""
    pieces = {}
    for number, rows in plain.items():
        try:
            pieces[number] = _table(rows, dataset)
        except TowpathError as error:
            refused[number] = error.message
    return pieces


def _table(rows: Sequence[Row], dataset: Dataset) -> pa.Table:
    """Return rows in the contract's types.

    Raises:
        Invalid: a value is of another type.
    """
    columns = {name: [row.get(name) for row in rows] for name in dataset.names}
    return conform(dataset, table_of(dataset, columns), origin=ORIGIN)


def _told(wrong: Mapping[int, str], owners: Owners) -> dict[int, str]:
    """Say for each message with wrong rows what is wrong with the first of them."""
    by_message: dict[int, list[int]] = {}
    for row in wrong:
        by_message.setdefault(int(owners[row]), []).append(row)
    told = {}
    for number, rows in by_message.items():
        # The rows of a message stand together.
        start, end = np.searchsorted(owners, [number, number + 1]).tolist()
        if end - start == 1:
            told[number] = wrong[start]
            continue
        shown = "; ".join(f"row {row - start}: {wrong[row]}" for row in rows[:SHOWN])
        told[number] = f"{len(rows)} of {end - start} rows are refused: {shown}"
    return told
