"""The same twenty checks as one suite of Great Expectations on a pandas frame in memory."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

# The setting is read at import.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

START = datetime(2024, 1, 1, tzinfo=UTC)
KINDS = ["economy", "business", "first", "charter", "cargo"]
# A repeated value counts on both of its rows here, and on the later one elsewhere.
BOTH = {"unique flights.id", "unique flights.code"}


def checks() -> dict[str, Any]:
    null, between = gxe.ExpectColumnValuesToNotBeNull, gxe.ExpectColumnValuesToBeBetween
    allowed, like = gxe.ExpectColumnValuesToBeInSet, gxe.ExpectColumnValuesToMatchRegex
    condition: dict[str, Any] = {"condition_parser": "pandas"}
    charter = {"row_condition": 'kind == "charter"', **condition}
    cargo = {"row_condition": 'kind == "cargo"', **condition}
    mail = "^[a-z0-9.]+@[a-z]+[.]org$"
    return {
        "not_null flights.id": null(column="id"),
        "not_null flights.code": null(column="code"),
        "not_null flights.kind": null(column="kind"),
        "not_null flights.seats": null(column="seats"),
        "not_null flights.cabin": null(column="cabin"),
        "minimum flights.seats": between(column="seats", min_value=0),
        "maximum flights.seats": between(column="seats", max_value=500),
        "minimum flights.fare": between(column="fare", min_value=0),
        "maximum flights.fare": between(column="fare", max_value=1000),
        "minimum flights.departed": between(column="departed", min_value=START),
        "allowed flights.kind": allowed(column="kind", value_set=KINDS),
        "allowed flights.cabin": allowed(column="cabin", value_set=[0, 1, 2]),
        "pattern flights.code": like(column="code", regex="^FL-[0-9]{7}$"),
        "pattern flights.mail": like(column="mail", regex=mail),
        "max_length flights.note": gxe.ExpectColumnValueLengthsToBeBetween(
            column="note", max_value=40
        ),
        "unique flights.id": gxe.ExpectColumnValuesToBeUnique(column="id"),
        "unique flights.code": gxe.ExpectColumnValuesToBeUnique(column="code"),
        "lands_later flights": gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="landed", column_B="departed"
        ),
        "charter_has_fare flights": null(column="fare", **charter),
        "cargo_has_no_seats flights": allowed(column="seats", value_set=[0], **cargo),
    }


def named(expectations: dict[str, Any]) -> list[Any]:
    """Name the expectations, whose results come in another order."""
    for name, one in expectations.items():
        one.meta = {"name": name}
    return list(expectations.values())


def main(path: str) -> None:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("frames").add_dataframe_asset("rows")
    batch = source.add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(gx.ExpectationSuite("flights", named(checks())))
    frame = pd.read_parquet(path)
    validation = gx.ValidationDefinition(name="all", data=batch, suite=suite)
    validation.run(batch_parameters={"dataframe": frame.head(10)}, result_format="BASIC")
    start = time.perf_counter()
    result = validation.run(batch_parameters={"dataframe": frame}, result_format="BASIC")
    failing = {
        one.expectation_config.meta["name"]: one.result["unexpected_count"]
        for one in result.results
    }
    seconds = time.perf_counter() - start
    for name in BOTH:
        failing[name] //= 2
    print(json.dumps({"seconds": seconds, "failing": failing}))


if __name__ == "__main__":
    main(sys.argv[1])
