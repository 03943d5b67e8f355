"""False alarms and power are measured on simulated weeks of 20 columns.

``jitter`` is what every column's mean, or category's log share, varies from week to week in
standard deviations, so that the weeks are not samples of one distribution.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from towpath.core.instant import parse_instant, to_micros
from towpath.core.interval import Interval
from towpath.monitoring import drift as drift_module
from towpath.monitoring.drift import DriftScore, drift, score
from towpath.monitoring.profile import (
    Bins,
    Profile,
    learn_bins,
    profile,
    profiled,
    windows_between,
)

START = parse_instant("2013-01-07")
WEEK = timedelta(days=7)
WEEK_MICROS = 7 * 86_400_000_000
COLUMNS = 20
HISTORY = 26
NORMAL = [f"x{number}" for number in range(0, COLUMNS, 4)]

Fault = Literal["none", "mean", "scale", "thousandfold", "stuck", "nulls"]
Floats = npt.NDArray[np.float64]
Week = npt.NDArray[np.int64]


def simulated(
    seed: int, *, weeks: int, rows: int, jitter: float, fault: Fault = "none"
) -> pa.Table:
    """Weeks of normal, lognormal, Poisson and categorical columns; a fault in the last week."""
    rng = np.random.default_rng(seed)
    week = np.repeat(np.arange(weeks), rows)
    at = to_micros(START) + week * WEEK_MICROS + rng.integers(0, WEEK_MICROS, len(week))
    columns: dict[str, object] = {"at": pa.array(at, pa.timestamp("us", "UTC"))}
    for number in range(COLUMNS):
        values = simulated_column(rng, number % 4, week, jitter)
        missing = rng.random(len(week)) < (0.05 if number % 5 == 0 else 0.0)
        if number % 4 == 0:
            values, missing = broken(rng, values, missing, week == weeks - 1, fault)
        kind = pa.string() if number % 4 == 3 else pa.float64()
        columns[f"x{number}"] = pa.array(values, mask=missing).cast(kind)
    return pa.table(columns)


def simulated_column(rng: np.random.Generator, kind: int, week: Week, jitter: float) -> Floats:
    shift = rng.normal(0, jitter, week.max() + 1)[week]
    if kind == 0:
        return np.asarray(rng.normal(0, 1, len(week)) + shift)
    if kind == 1:
        return np.asarray(np.exp(rng.normal(0, 1, len(week)) + shift))
    if kind == 2:
        return np.asarray(rng.poisson(np.exp(1 + shift / 2)), dtype=np.float64)
    shares = np.exp(rng.normal(0, jitter, (week.max() + 1, 30))) / np.arange(1, 31)
    reached = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
    above = rng.random(len(week))[:, None] > reached[week]
    return np.asarray(above.sum(axis=1), dtype=np.float64)


def broken(
    rng: np.random.Generator,
    values: Floats,
    missing: npt.NDArray[np.bool_],
    now: npt.NDArray[np.bool_],
    fault: Fault,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    match fault:
        case "mean":
            values = values + 0.5 * now
        case "scale":
            values = np.where(now, values * 1.5, values)
        case "thousandfold":
            values = np.where(now, values * 1000, values)
        case "stuck":
            values = np.where(now & (rng.random(len(now)) < 0.3), 0.1, values)
        case "nulls":
            missing = missing | (now & (rng.random(len(now)) < 0.1))
    return values, missing


def scores(table: pa.Table, *, weeks: int, first: int = HISTORY) -> tuple[DriftScore, ...]:
    windows = windows_between(START, START + weeks * WEEK, span=WEEK)
    bins = learn_bins(table, profiled(table))
    return drift(profile(table, bins, at="at", windows=windows), bins, first=first)


def alarms(found: tuple[DriftScore, ...]) -> list[str]:
    return [one.column for one in found if one.status == "alarm"]


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "jitter"), [(300, 0.0), (300, 0.05), (2000, 0.05)])
def test_without_drift_at_most_one_alarm_in_thirty_weeks_of_twenty_columns(
    rows: int, jitter: float
) -> None:
    weeks = HISTORY + 30
    counts = [
        len(alarms(scores(simulated(seed, weeks=weeks, rows=rows, jitter=jitter), weeks=weeks)))
        for seed in range(4)
    ]
    assert np.mean(counts) <= 1.0, counts


@pytest.mark.parametrize("fault", ["mean", "scale", "thousandfold", "stuck", "nulls"])
def test_a_fault_is_found_in_its_first_week(fault: Fault) -> None:
    weeks, found, other = HISTORY + 1, 0, 0
    for seed in range(4):
        table = simulated(seed, weeks=weeks, rows=2000, jitter=0.05, fault=fault)
        named = alarms(scores(table, weeks=weeks))
        found += sum(name in NORMAL for name in named)
        other += sum(name not in NORMAL for name in named)
    assert found >= 0.95 * 4 * len(NORMAL)
    assert other <= 1


def test_a_lasting_change_goes_on_alarming() -> None:
    weeks = HISTORY + 6
    table = simulated(3, weeks=weeks, rows=500, jitter=0.0)
    late = np.asarray(table.column("at").cast(pa.int64())) >= to_micros(START + HISTORY * WEEK)
    moved = np.asarray(table.column("x4")) + 1.0 * late
    index = table.column_names.index("x4")
    table = table.set_column(index, "x4", pa.array(moved))
    assert alarms(scores(table, weeks=weeks)).count("x4") == 6


def test_little_history_is_learned_from_without_alarms() -> None:
    found = scores(simulated(1, weeks=5, rows=100, jitter=0.0), weeks=5, first=0)
    by_week = [[one.status for one in found[n : n + COLUMNS]] for n in range(0, 100, COLUMNS)]
    assert all(status == "learning" for week in by_week[:4] for status in week)
    assert all(status != "learning" for status in by_week[4])


def test_a_change_too_small_to_matter_does_not_alarm() -> None:
    weeks = HISTORY + 1
    table = simulated(2, weeks=weeks, rows=20_000, jitter=0.0)
    now = np.asarray(table.column("at").cast(pa.int64())) >= to_micros(START + HISTORY * WEEK)
    moved = pa.array(np.asarray(table.column("x4")) + 0.08 * now)
    table = table.set_column(table.column_names.index("x4"), "x4", moved)
    one = next(one for one in scores(table, weeks=weeks) if one.column == "x4")
    assert one.z > 5
    assert one.status == "quiet"


def test_the_message_says_what_moved_and_which_way() -> None:
    weeks = HISTORY + 1
    found = scores(simulated(0, weeks=weeks, rows=2000, jitter=0.0, fault="nulls"), weeks=weeks)
    assert "null rate +" in next(one for one in found if one.column == "x0").message
    found = scores(simulated(0, weeks=weeks, rows=2000, jitter=0.0, fault="mean"), weeks=weeks)
    assert "shifted by +0." in next(one for one in found if one.column == "x0").message


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 30), st.integers(0, 10_000))
def test_the_divergence_is_that_of_scipy(bins: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left = np.asarray(rng.integers(1, 50, bins), dtype=np.float64)
    right = np.asarray(rng.integers(0, 50, bins), dtype=np.float64)
    right[0] += 1
    found = drift_module._jensen_shannon(left, right)
    assert found == pytest.approx(jensenshannon(left, right) ** 2, abs=1e-12)


def test_a_column_that_held_values_in_one_window_only_is_no_number_out_of_nothing() -> None:
    """One earlier window with values says nothing about how the location varies."""
    window = Interval(START, START + WEEK)
    history = [Profile("x", window, (0, 0), 100)] * 5 + [Profile("x", window, (50, 50), 0)]
    now = Profile("x", window, (20, 80), 0)
    found = score(now, history, Bins("x", "numeric", (0.0,)))
    assert "location" not in [one.channel for one in found.moves]
    assert all(np.isfinite((one.z, one.p, one.effect)).all() for one in found.moves)
