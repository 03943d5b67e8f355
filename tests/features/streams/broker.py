"""One way to talk to both kinds of servers, and the events that are put on their streams."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from towpath.core.clock import SystemClock
from towpath.core.errors import Unavailable
from towpath.core.instant import format_instant, from_micros, to_micros
from towpath.features.feature_set import FeatureSet
from towpath.features.lookup import Lookup
from towpath.features.online.memory import MemoryStore
from towpath.features.streams import open_source
from towpath.features.streams.take import Goal, Taker
from towpath.features.view import FeatureView, Latest, aggregates
from towpath.lake.dataset import Column, Dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.kafka_server import Kafka
    from tests.valkey import Valkey

    from towpath.features.online import OnlineStore
    from towpath.features.push import Target
    from towpath.features.streams import Message, Source
    from towpath.features.streams.consume import Progress

HOUR = 3_600_000_000
START = to_micros(SystemClock().now()) // HOUR * HOUR - 12 * HOUR
TRIPS = Dataset(
    "trips",
    (
        Column("id", "int64"),
        Column("car", "string"),
        Column("km", "float64", nullable=True, minimum=0.0),
        Column("ended", "timestamp"),
    ),
    key=("id",),
    event_time="ended",
)
ASKS = Dataset("asks", (Column("car", "string"), Column("at", "timestamp")))
CAR = FeatureView(
    "car",
    "trips",
    ("car",),
    (*aggregates("count", windows=["7d"]), *aggregates("sum", "km", windows=["7d"]),
     Latest("km")),
)  # fmt: skip
RIDE = FeatureSet("ride", "asks", "at", ("car",))
CARS = ("a", "b", "c")


class Broker(Protocol):
    """A server of streams under test."""

    def url(self, stream: str) -> str: ...

    def make(self, stream: str, parts: int = 1) -> None: ...

    def put(self, stream: str, contents: Sequence[bytes]) -> None: ...

    def kill(self) -> None: ...

    def start(self) -> None: ...


class ValkeyBroker:
    """Streams of Valkey; what a consumer took that died is free after a second."""

    def __init__(self, server: Valkey) -> None:
        self.server = server

    def url(self, stream: str) -> str:
        return self.server.url(f"stream={stream}&claim=1&timeout=1")

    def make(self, stream: str, parts: int = 1) -> None:
        """Make an empty stream; it needs no parts to be shared."""
        assert parts
        with self.server.client() as client:
            client.xgroup_create(stream, "towpath", id="0", mkstream=True)

    def put(self, stream: str, contents: Sequence[bytes]) -> None:
        with self.server.client() as client, client.pipeline(transaction=False) as pipeline:
            for one in contents:
                pipeline.xadd(stream, {"data": one})
            pipeline.execute()

    def kill(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()


class KafkaBroker:
    """Topics of Kafka."""

    def __init__(self, server: Kafka) -> None:
        self.server = server

    def url(self, stream: str) -> str:
        return self.server.url(stream)

    def make(self, stream: str, parts: int = 1) -> None:
        self.server.make(stream, parts)

    def put(self, stream: str, contents: Sequence[bytes]) -> None:
        self.server.put(stream, contents)

    def kill(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()


class Ear:
    """Hears what a consumer says."""

    def __init__(self) -> None:
        self.heard: list[Progress] = []
        self.outages: list[str] = []

    def progress(self, progress: Progress) -> None:
        self.heard.append(progress)

    def outage(self, error: Unavailable, *, seconds: float) -> None:
        self.outages.append(f"{error.message} again in {seconds}")


class Down(MemoryStore):
    """A store that does not answer for some calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def change(self, *given: object, **options: object) -> None:
        if self.left:
            self.left -= 1
            raise Unavailable("the store does not answer")
        super().change(*given, **options)  # type: ignore[arg-type]  # passed on as given


def trip(number: int, **other: object) -> dict[str, Any]:
    """Return the trip of a number, as JSON has it."""
    ended = format_instant(from_micros(START + number * 1_000_000))
    return {"id": number, "car": CARS[number % 3], "km": number / 4, "ended": ended, **other}


def packed(*rows: dict[str, Any]) -> bytes:
    """Return a message: an object for one row, an array for more."""
    return json.dumps(rows[0] if len(rows) == 1 else rows).encode()


def arrow(*rows: dict[str, Any]) -> bytes:
    """Return rows as an Arrow stream."""
    return streamed(rows_of(*rows))


def rows_of(*rows: dict[str, Any]) -> pa.Table:
    """Return rows as a table."""
    ended = [START + row["id"] * 1_000_000 for row in rows]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in ("id", "car", "km")}
    return pa.table({**columns, "ended": pa.array(ended).cast(pa.timestamp("us", "UTC"))})


def streamed(table: pa.Table) -> bytes:
    """Return a table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def taker_of(
    source: Source, store: OnlineStore, folder: Path, to: Target = "online", *, views: bool = True
) -> Taker:
    """Return what takes trips in."""
    goal = Goal(TRIPS, [CAR] if views else [], to, store, folder / "pushed", folder / "dead")
    return Taker(goal, source.name, clock=SystemClock())


def opened(broker: Broker, stream: str) -> Source:
    """Open a stream as a consumer of the one group."""
    return open_source(broker.url(stream), "towpath")


def read_all(source: Source, count: int, *, acknowledge: bool = True) -> list[Message]:
    """Read messages until there are so many, or none came for a while."""
    found: list[Message] = []
    idle = 0
    while len(found) < count and idle < 30:
        some = source.read(1000, seconds=0.5)
        idle = 0 if some else idle + 1
        found += some
        if acknowledge:
            source.acknowledge(some)
    return found


def features(store: OnlineStore) -> list[list[object]]:
    """Return the features of all cars as of now, after all trips."""
    now = to_micros(SystemClock().now())
    lookup = Lookup(store, RIDE, {"car": CAR}, {"trips": TRIPS, "asks": ASKS})
    return [lookup.by_rows([{"car": car}], now)[0] for car in CARS]


def expected(numbers: Sequence[int]) -> list[list[object]]:
    """Return the features of all cars after the trips of these numbers, each once."""
    found: list[list[object]] = []
    for place in range(len(CARS)):
        own = sorted({one for one in numbers if one % 3 == place})
        found.append([len(own), sum(one / 4 for one in own), own[-1] / 4])
    return found
