"""The same twenty checks as one Polars select: what a careful user writes by hand."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime

import polars as pl

START = datetime(2024, 1, 1, tzinfo=UTC)
KINDS = ["economy", "business", "first", "charter", "cargo"]


def repeated(name: str) -> pl.Expr:
    """Count the values that an earlier row has."""
    return pl.col(name).count() - pl.col(name).drop_nulls().n_unique()


def checks() -> dict[str, pl.Expr]:
    col = pl.col
    return {
        "not_null flights.id": col("id").null_count(),
        "not_null flights.code": col("code").null_count(),
        "not_null flights.kind": col("kind").null_count(),
        "not_null flights.seats": col("seats").null_count(),
        "not_null flights.cabin": col("cabin").null_count(),
        "minimum flights.seats": (col("seats") < 0).sum(),
        "maximum flights.seats": (col("seats") > 500).sum(),
        "minimum flights.fare": (col("fare") < 0).sum(),
        "maximum flights.fare": (col("fare") > 1000).sum(),
        "minimum flights.departed": (col("departed") < START).sum(),
        "allowed flights.kind": (~col("kind").is_in(KINDS)).sum(),
        "allowed flights.cabin": (~col("cabin").is_in([0, 1, 2])).sum(),
        "pattern flights.code": (~col("code").str.contains("^FL-[0-9]{7}$")).sum(),
        "pattern flights.mail": (~col("mail").str.contains("^[a-z0-9.]+@[a-z]+[.]org$")).sum(),
        "max_length flights.note": (col("note").str.len_chars() > 40).sum(),
        "unique flights.id": repeated("id"),
        "unique flights.code": repeated("code"),
        "lands_later flights": (~(col("landed") > col("departed"))).sum(),
        "charter_has_fare flights": ((col("kind") == "charter") & col("fare").is_null()).sum(),
        "cargo_has_no_seats flights": ((col("kind") == "cargo") & (col("seats") != 0)).sum(),
    }


def main(path: str) -> None:
    rows = pl.read_parquet(path)
    rows.head(10).select(**checks())
    start = time.perf_counter()
    failing = rows.select(**checks()).row(0, named=True)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "failing": failing}))


if __name__ == "__main__":
    main(sys.argv[1])
