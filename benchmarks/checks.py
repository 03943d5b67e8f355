"""Twenty checks on a million rows: ours, Great Expectations and one hand-written Polars select."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from benchmarks.claim import Claim, compare
from benchmarks.environment import BUILD, peer_python, run_json

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RUNS = 7
SLOW_RUNS = 3
ROWS = 1_000_000
# Each check fails in one row of so many; no row fails two checks.
ONE_IN = 2_000
POLARS = ["polars==2.1.0", "pyarrow"]
GREAT_EXPECTATIONS = ["great-expectations==1.24.1", "pandas", "pyarrow"]
KINDS = ("economy", "business", "first", "charter", "cargo")
START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
MOMENT = pa.timestamp("us", "UTC")
FASTER = 8.0
WITHIN = 0.5


def measure() -> list[Claim]:
    path = str(write_rows())
    polars = peer_python("polars", POLARS)
    expectations = peer_python("great_expectations", GREAT_EXPECTATIONS)
    ours, plain, slow = [], [], []
    for run in range(RUNS):
        mine = run_json("python", "ours_checks.py", path)
        theirs = run_json(polars, "peers/polars_checks.py", path)
        assert len(mine["failing"]) == 20, mine
        assert mine["failing"] == theirs["failing"], (mine, theirs)
        ours.append(mine["seconds"])
        plain.append(theirs["seconds"])
        if run < SLOW_RUNS:
            found = run_json(expectations, "peers/great_expectations_checks.py", path)
            assert mine["failing"] == found["failing"], (mine, found)
            slow.append(found["seconds"])
    what = "20 checks on 1,000,000 rows in memory, with the numbers of the failing rows"
    return [
        compare(what, ours, ("Great Expectations", slow), unit="s", target=FASTER),
        compare(what, ours, ("one Polars select", plain), unit="s", target=WITHIN),
    ]


def write_rows() -> Path:
    """Write the rows that all sides check; the k-th check fails where the row is k in 2,000."""
    rows = np.arange(ROWS)
    draw = np.random.default_rng(7)
    place = rows % ONE_IN
    kind = draw.choice(np.array(KINDS), ROWS)
    seats = np.where(kind == "cargo", 0, draw.integers(1, 400, ROWS))
    fare = np.round(draw.uniform(10, 900, ROWS), 2)
    spoil(kind, place, {3: "first", 6: "first", 7: "first", 8: "other", 14: "charter", 15: "cargo"})
    spoil(seats, place, {6: -1, 7: 501, 14: 9, 15: 9})
    spoil(fare, place, {4: -1.0, 5: 1001.0})
    departed = START + rows * 1_000_000
    landed = np.where(place == 13, departed - 1, departed + 3_600_000_000)
    numbers, codes = draw.permutation(ROWS), draw.permutation(ROWS)
    # The first of two equal values counts as good, the second as failing.
    numbers[place == 20], codes[place == 20] = numbers[place == 16], codes[place == 17]
    # Eight digits do not match the pattern.
    codes[place == 9] += 10_000_000
    departed[place == 18] = START - 1
    table = pa.table(
        {
            "id": pa.array(numbers, mask=place == 0),
            "code": texts("FL-{:07d}", codes, place, {}, hole=1),
            "kind": pa.array(kind, mask=place == 2),
            "seats": pa.array(seats, mask=place == 3),
            "fare": pa.array(fare, mask=place == 14),
            "mail": texts("crew.{}@example.org", numbers % 9973, place, {10: "a b@example.org"}),
            "note": texts("nothing to report of {}", numbers % 31, place, {11: "n" * 41}),
            "cabin": pa.array(np.where(place == 12, 9, rows % 3), mask=place == 19),
            "departed": pa.array(departed, MOMENT),
            "landed": pa.array(landed, MOMENT),
        }
    )
    path = BUILD / "bench" / "checks.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path)
    return path


def spoil(values: NDArray[Any], place: NDArray[np.int64], wrong: dict[int, object]) -> None:
    """Put a wrong value at each place of every 2,000 rows."""
    for one, value in wrong.items():
        values[place == one] = value


def texts(
    form: str,
    numbers: NDArray[np.int64],
    place: NDArray[np.int64],
    wrong: dict[int, str],
    *,
    hole: int = -1,
) -> pa.Array[Any]:
    """Write a text for each number, a wrong one or none at the given places."""
    values = np.array([form.format(number) for number in numbers.tolist()], dtype=object)
    spoil(values, place, wrong)
    return pa.array(values, pa.string(), mask=place == hole)
