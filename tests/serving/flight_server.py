"""A server as a process of its own: ``python flight_server.py CONFIG.json``.

It writes its URL when it is ready and the modules it has loaded when it ends.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from towpath.core.errors import TowpathError
from towpath.core.record import Record, from_json
from towpath.lake.dataset import Column
from towpath.serving.endpoint import Endpoint
from towpath.serving.run import Options, serve
from towpath.serving.served import Served

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA = {"number": "float64", "late": "bool", "carrier": "string"}
FLIGHTS = 1000
TIMED = (Column("scheduled", "timestamp"),)


class Config(Record, frozen=True):
    folder: str
    port: int = 0
    unknown_key: Literal["error", "defaults"] = "error"
    delay: float = 0.0
    features: int = 0
    timed: bool = False


class FlightSource:
    """Knows the flights ``f0`` to ``f999``; the feature ``number`` is the one in the key."""

    def __init__(self, *, delay: float, features: int) -> None:
        self._delay = delay
        self._more = {f"more_{at}": float(at) for at in range(features)}

    def by_keys(
        self, keys: Sequence[Mapping[str, object]], at: int
    ) -> Sequence[Mapping[str, object] | None]:
        end = time.perf_counter() + self._delay
        while time.perf_counter() < end:
            pass
        return [self._features(float(str(key["flight_id"])[1:]), at) for key in keys]

    def by_rows(self, rows: Sequence[Mapping[str, object]], at: int) -> Sequence[Sequence[object]]:
        return [[row["number"], at < 0, row["carrier"], *self._more.values()] for row in rows]

    def _features(self, number: float, at: int) -> Mapping[str, object] | None:
        if number >= FLIGHTS:
            return None
        return {"number": number, "late": at < 0, "carrier": None, **self._more}

    def freshness(self) -> Mapping[str, int]:
        return {"carrier": 1_000_000}


def schema_of(features: int) -> dict[str, str]:
    return SCHEMA | {f"more_{at}": "float64" for at in range(features)}


def served(config: Config) -> Served:
    return Served(
        endpoint=Endpoint("delay", model="late", unknown_key=config.unknown_key),
        source=FlightSource(delay=config.delay, features=config.features),
        schema=schema_of(config.features),
        key=(Column("flight_id", "string"), *(TIMED if config.timed else ())),
        row=(
            Column("flight_id", "string"),
            Column("number", "float64"),
            Column("carrier", "string", nullable=True),
            Column("scheduled", "timestamp", nullable=True),
        ),
        defaults={"number": 0.0},
    )


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(path: str) -> int:
    config = from_json(Path(path).read_bytes(), Config)
    options = Options(
        state=Path(config.folder) / "state",
        artifacts=Path(config.folder) / "artifacts",
        port=config.port,
    )
    try:
        serve([served(config)], options, ready=say)
    except TowpathError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}")
        return 1
    say(" ".join(sorted(sys.modules)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
