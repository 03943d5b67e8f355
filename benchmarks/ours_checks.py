"""Our checks of the rows that the peers check."""

from __future__ import annotations

import json
import sys
import time

import pyarrow.parquet

from towpath.lake.checks import check_rows
from towpath.lake.contract import conform
from towpath.lake.dataset import Check, Column, Dataset

FLIGHTS = Dataset(
    "flights",
    (
        Column("id", "int64", unique=True),
        Column("code", "string", pattern="FL-[0-9]{7}", unique=True),
        Column("kind", "string", allowed=("economy", "business", "first", "charter", "cargo")),
        Column("seats", "int64", minimum=0, maximum=500),
        Column("fare", "float64", nullable=True, minimum=0.0, maximum=1000.0),
        Column("mail", "string", nullable=True, pattern="[a-z0-9.]+@[a-z]+[.]org"),
        Column("note", "string", nullable=True, max_length=40),
        Column("cabin", "int64", allowed=(0, 1, 2)),
        Column("departed", "timestamp", nullable=True, minimum="2024-01-01"),
        Column("landed", "timestamp", nullable=True),
    ),
    checks=(
        Check("lands_later", "landed > departed"),
        Check("charter_has_fare", "kind IS DISTINCT FROM 'charter' OR fare IS NOT NULL"),
        Check("cargo_has_no_seats", "kind IS DISTINCT FROM 'cargo' OR seats = 0"),
    ),
)


def main(path: str) -> None:
    table = conform(FLIGHTS, pyarrow.parquet.read_table(path), origin=path)
    check_rows(FLIGHTS, table.slice(0, 10))
    start = time.perf_counter()
    failures = check_rows(FLIGHTS, table)
    failing = {f"{one.check} {one.subject}": len(one.rows) for one in failures}
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "failing": failing}))


if __name__ == "__main__":
    main(sys.argv[1])
