"""Pushes and reads until the server is gone: ``python -m tests.faults.push_load URL OUT FIRST``.

Each push has the rides of a driver of its own, from FIRST on, some of them twice; the driver is
written to OUT as soon as the push is acknowledged.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import urlsplit

from tests.faults.crowd import CONNECTIONS, crowd

ROWS = 5
JSON = {"content-type": "application/json"}


def rides(driver: int) -> dict[str, list[object]]:
    """Make the rides of a driver; the last is there twice in one push of four."""
    ended = datetime.now(UTC) - timedelta(minutes=5)
    each = [*range(ROWS), *([ROWS - 1] if driver % 4 == 0 else [])]
    times = [(ended - timedelta(minutes=one)).isoformat() for one in each]
    return {
        "ride_id": [driver * ROWS + one for one in each],
        "driver_id": [driver for _ in each],
        "zone": ["west" for _ in each],
        "fare": [1.5 for _ in each],
        "tip": [None for _ in each],
        "seats": [1 for _ in each],
        "card": [True for _ in each],
        "note": ["pushed" for _ in each],
        "began": [*times],
        "ended": [*times],
    }


def ask(address: str, out: int, first: int, start: int) -> None:
    """Push one driver's rides after the other, and read some of them."""
    connection = http.client.HTTPConnection(address, timeout=60)
    for number in count(start, CONNECTIONS):
        driver = first + number
        body = {"push_source_name": "rides", "df": rides(driver), "to": "online_and_offline"}
        asked = {"entities": {"driver_id": [driver]}, "features": ["driver:count_7d"]}
        try:
            status = posted(connection, "/push", body)
            if status == http.client.OK:
                os.write(out, f"{driver}\n".encode())
                posted(connection, "/get-online-features", asked)
        except (OSError, http.client.HTTPException):
            return


def posted(connection: http.client.HTTPConnection, path: str, body: object) -> int:
    """Send a request; return the status of its answer, which has come whole."""
    connection.request("POST", path, json.dumps(body), JSON)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def main(url: str, path: str, first: str) -> None:
    address = urlsplit(url).netloc
    crowd(lambda out, start: ask(address, out, int(first), start), path)


if __name__ == "__main__":
    main(*sys.argv[1:4])
