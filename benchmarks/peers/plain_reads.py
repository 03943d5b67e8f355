"""The plainest server that reads and answers the same: granian, py-lmdb, numpy and msgspec.

It knows neither windows nor definitions, late events, time limits or statuses other than PRESENT;
what it does, no server in Python does without. ``PARQUET FOLDER PORT`` serves the floats of PARQUET
by ``driver_id``, which it brings into FOLDER first.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import granian_serving
import lmdb
import msgspec
import numpy as np
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

VIEWS, FEATURES = 5, 10
MAP_BYTES = 1 << 30


class Asked(msgspec.Struct):
    features: list[str]
    entities: dict[str, list[int]]


def fill(parquet: str, folder: Path) -> lmdb.Environment:
    """Write a time and ten floats for each driver of each view."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = lmdb.open(str(folder), map_size=MAP_BYTES, sync=False)
    table = pq.read_table(parquet)
    drivers = table["driver_id"].to_pylist()
    moments = table["event_timestamp"].cast("int64").to_numpy().view(np.float64)
    with environment.begin(write=True) as transaction:
        for view in range(VIEWS):
            names = [f"view_{view}_feature_{place}" for place in range(FEATURES)]
            rows = np.column_stack([moments, *(table[name].to_numpy() for name in names)])
            for driver, row in zip(drivers, rows, strict=True):
                transaction.put(b"%d:%d" % (view, driver), row.tobytes())
    return environment


class Reads:
    """Answers as Feast's server does."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self._environment = environment
        self._decode = msgspec.json.Decoder(Asked).decode
        self._encode = msgspec.json.Encoder().encode

    def answer(self, body: bytes) -> bytes:
        asked = self._decode(body)
        drivers = asked.entities["driver_id"]
        present = ["PRESENT"] * len(drivers)
        never = ["1970-01-01T00:00:00Z"] * len(drivers)
        results: list[dict[str, Any]] = [
            {"values": drivers, "statuses": present, "event_timestamps": never}
        ]
        wanted = [name.partition(":")[2] for name in asked.features]
        with self._environment.begin() as transaction, transaction.cursor() as cursor:
            for view in range(-(-len(wanted) // FEATURES)):
                found = cursor.getmulti([b"%d:%d" % (view, one) for one in drivers])
                rows = np.frombuffer(b"".join([value for _, value in found]))
                rows = rows.reshape(len(drivers), FEATURES + 1)
                times = np.datetime_as_string(rows[:, 0].view("datetime64[us]"), timezone="UTC")
                shown = {"statuses": present, "event_timestamps": times.tolist()}
                results += [{"values": values, **shown} for values in rows.T[1:].tolist()]
        metadata = {"feature_names": ["driver_id", *wanted]}
        return self._encode({"metadata": metadata, "results": results, "status": True})


def application(reads: Reads) -> Callable[..., Awaitable[None]]:
    async def answer(
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[object], Awaitable[None]],
    ) -> None:
        if scope["type"] == "http":
            body = reads.answer((await receive())["body"])
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return answer


if __name__ == "__main__":
    reads = Reads(fill(sys.argv[1], Path(sys.argv[2])))
    granian_serving.run(application(reads), int(sys.argv[3]))
