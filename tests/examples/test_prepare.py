"""The flights' times in UTC: rows checked by hand, and what holds on every row."""

from __future__ import annotations

import runpy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest

PREPARE = Path(__file__).parents[2] / "examples" / "nycflights" / "prepare.py"
MINUTE = timedelta(minutes=1)
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Every dataset, as prepare.py writes it."""
    root = tmp_path_factory.mktemp("nycflights")
    rows = runpy.run_path(str(PREPARE))["main"](root)
    return {name: pyarrow.parquet.read_table(root / "data" / f"{name}.parquet") for name in rows}


def row(table: pa.Table, flight_id: str) -> dict[str, object] | None:
    """Return a flight's row of a dataset, None if it has none."""
    found: list[dict[str, object]] = table.filter(pc.field("flight_id") == flight_id).to_pylist()
    assert len(found) <= 1
    return found[0] if found else None


def utc(text: str) -> datetime:
    """Return a time of 2013, such as ``03-10 07:03``, in UTC."""
    return datetime.strptime(f"2013-{text}+0000", "%Y-%m-%d %H:%M%z")


def micros(
    column: pa.ChunkedArray[pa.Scalar[pa.DataType]],
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return timestamps as whole microseconds."""
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]] = column.cast(pa.int64()).to_numpy()
    return numbers


# flight, scheduled departure, scheduled arrival, departure, arrival
HAND_CHECKED = {
    "first flight of the year, to Houston": (
        "20130101-UA-1545-EWR", "01-01 10:15", "01-01 14:19", "01-01 10:17", "01-01 14:30",
    ),
    "lands at 24:00 Eastern": (
        "20130101-B6-1109-JFK", "01-02 02:55", "01-02 04:37", "01-02 03:09", "01-02 05:00",
    ),
    "overnight to Florida, delayed past midnight": (
        "20130709-UA-1680-EWR", "07-10 00:22", "07-10 03:35", "07-10 02:08", "07-10 05:20",
    ),
    "overnight to Puerto Rico, summer: the same clock as New York": (
        "20130709-UA-1071-EWR", "07-10 00:50", "07-10 04:42", "07-10 02:01", "07-10 05:48",
    ),
    "to Puerto Rico, winter: an hour ahead of New York": (
        "20130309-UA-1071-EWR", "03-10 01:03", "03-10 05:04", "03-10 01:21", "03-10 04:46",
    ),
    "to Los Angeles over the night in which clocks spring forward": (
        "20130309-AA-185-JFK", "03-10 02:35", "03-10 08:50", "03-10 02:34", "03-10 08:51",
    ),
    "arrives at 02:03, which New York's clock skipped": (
        "20130309-B6-35-JFK", "03-10 02:45", "03-10 05:34", "03-10 04:06", "03-10 07:03",
    ),
    "to Phoenix, which has no summer time, on the morning of the change": (
        "20130310-UA-1236-EWR", "03-10 10:19", "03-10 16:03", "03-10 10:15", "03-10 15:51",
    ),
    "to Los Angeles before the clocks fall back": (
        "20131102-VX-413-JFK", "11-02 20:55", "11-03 03:15", "11-03 02:17", "11-03 08:14",
    ),
    "to Puerto Rico while New York's clock falls back": (
        "20131102-B6-1503-JFK", "11-03 03:59", "11-03 07:40", "11-03 03:58", "11-03 07:50",
    ),
    "to Los Angeles on the day after the clocks fell back": (
        "20131103-B6-23-JFK", "11-03 12:00", "11-03 18:15", "11-03 11:45", "11-03 18:11",
    ),
    "to Honolulu": (
        "20130101-HA-51-JFK", "01-01 14:00", "01-02 01:30", "01-01 13:57", "01-02 01:16",
    ),
    "to Honolulu, 21 hours late": (
        "20130109-HA-51-JFK", "01-09 14:00", "01-10 01:30", "01-10 11:41", "01-10 22:42",
    ),
    "to Anchorage": (
        "20130706-UA-887-EWR", "07-06 20:15", "07-07 03:53", "07-06 20:29", "07-07 03:54",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HAND_CHECKED.values(), ids=HAND_CHECKED)
def test_times_of_a_flight_checked_by_hand(
    tables: Tables, case: tuple[str, str, str, str, str]
) -> None:
    flight_id, scheduled_departure, scheduled_arrival, departure, arrival = case
    planned = row(tables["schedule"], flight_id)
    departed = row(tables["departures"], flight_id)
    arrived = row(tables["arrivals"], flight_id)
    assert planned
    assert departed
    assert arrived
    assert planned["scheduled_departure"] == utc(scheduled_departure)
    assert planned["scheduled_arrival"] == utc(scheduled_arrival)
    assert planned["predict_at"] == utc(scheduled_departure) - timedelta(hours=2)
    assert departed["known_at"] == utc(departure)
    assert arrived["known_at"] == utc(arrival)


def test_a_cancelled_flight_is_known_six_hours_after_it_should_have_left(tables: Tables) -> None:
    flight_id = "20130209-DL-1031-LGA"
    departed = row(tables["departures"], flight_id)
    assert departed
    assert departed["known_at"] == utc("02-09 22:14")
    assert departed["cancelled"] is True
    assert departed["dep_delay"] is None
    assert departed["delayed"] is None
    assert row(tables["arrivals"], flight_id) is None


def test_a_diverted_flight_left_but_has_no_arrival(tables: Tables) -> None:
    flight_id = "20130101-MQ-4525-LGA"
    departed = row(tables["departures"], flight_id)
    assert departed
    assert departed["known_at"] == utc("01-01 20:25")
    assert departed["cancelled"] is False
    assert departed["dep_delay"] == -5
    assert row(tables["arrivals"], flight_id) is None


def test_a_flight_is_late_from_fifteen_minutes_on(tables: Tables) -> None:
    arrivals = tables["arrivals"]
    late = arrivals["late"].to_numpy()
    assert (late == (arrivals["arr_delay"].to_numpy() >= 15)).all()
    assert 0.24 < late.mean() < 0.25


def test_every_source_row_is_kept(tables: Tables) -> None:
    assert {name: table.num_rows for name, table in tables.items()} == {
        "schedule": 336_776,
        "departures": 336_776,
        "arrivals": 327_346,
        "weather": 26_115,
        "planes": 3_322,
        "airports": 1_458,
    }
    assert pc.sum(tables["departures"]["cancelled"]).as_py() == 8_255
    assert row(tables["schedule"], "20131231-MQ-3531-LGA")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("schedule", ["flight_id"]),
        ("departures", ["flight_id"]),
        ("arrivals", ["flight_id"]),
        ("weather", ["origin", "observed_at"]),
        ("planes", ["tail_number"]),
        ("airports", ["airport"]),
    ],
)
def test_the_key_identifies_a_row(tables: Tables, name: str, key: list[str]) -> None:
    groups = tables[name].group_by(key).aggregate([([], "count_all")])
    assert groups.num_rows == tables[name].num_rows


def landed_flights(tables: Tables) -> pa.Table:
    """Join the times of every flight that landed."""
    planned = tables["schedule"].select(
        ["flight_id", "scheduled_departure", "scheduled_arrival", "distance"]
    )
    departed = tables["departures"].select(["flight_id", "known_at", "dep_delay"])
    arrived = tables["arrivals"].rename_columns({"known_at": "arrived_at"})
    return arrived.join(planned, "flight_id").join(departed, "flight_id")


def test_two_sources_agree_on_every_arrival(tables: Tables) -> None:
    landed = landed_flights(tables)
    timetable = micros(landed["scheduled_arrival"]) + landed["arr_delay"].to_numpy() * 60_000_000
    assert (timetable == micros(landed["arrived_at"])).all()


def test_no_flight_arrives_before_it_left_and_flew(tables: Tables) -> None:
    landed = landed_flights(tables)
    on_the_way = (micros(landed["arrived_at"]) - micros(landed["known_at"])) // 60_000_000
    taxi = on_the_way - landed["air_time"].to_numpy()
    assert taxi.min() >= 2
    assert taxi.max() <= 4 * 60


def test_timetable_speeds_are_those_of_airliners(tables: Tables) -> None:
    planned = tables["schedule"].filter(pc.field("distance") > 17)
    times = micros(planned["scheduled_arrival"]) - micros(planned["scheduled_departure"])
    miles_per_hour = planned["distance"].to_numpy() / (times / 3.6e9)
    assert miles_per_hour.min() >= 60
    assert miles_per_hour.max() < 620


def test_no_outcome_is_known_when_its_flight_is_predicted(tables: Tables) -> None:
    asked = tables["schedule"].select(["flight_id", "predict_at"])
    for name in ("departures", "arrivals"):
        known = tables[name].select(["flight_id", "known_at"]).join(asked, "flight_id")
        assert (micros(known["known_at"]) > micros(known["predict_at"])).all()


def test_scheduled_departures_read_as_the_source_says(tables: Tables) -> None:
    zone = ZoneInfo("America/New_York")
    for planned in tables["schedule"].take(np.arange(0, 336_776, 97)).to_pylist():
        local = planned["scheduled_departure"].astimezone(zone)
        assert planned["flight_id"].startswith(local.strftime("%Y%m%d"))
        assert 1 <= local.hour <= 23


def test_weather_is_known_one_hour_after_it_was_taken(tables: Tables) -> None:
    weather = tables["weather"]
    assert (micros(weather["known_at"]) - micros(weather["observed_at"]) == 3_600_000_000).all()


def test_the_repeated_hour_of_the_autumn_night_is_two_hours_of_weather(tables: Tables) -> None:
    night = tables["weather"].filter(
        (pc.field("origin") == "EWR")
        & (pc.field("observed_at") >= datetime(2013, 11, 3, 5, tzinfo=UTC))
        & (pc.field("observed_at") <= datetime(2013, 11, 3, 6, tzinfo=UTC))
    )
    assert night["temperature"].to_pylist() == [51.98, 50.0]


def test_preparing_twice_writes_the_same_bytes(tables: Tables, tmp_path: Path) -> None:
    main = runpy.run_path(str(PREPARE))["main"]
    main(tmp_path)
    first = (tmp_path / "data" / "arrivals.parquet").read_bytes()
    main(tmp_path)
    assert (tmp_path / "data" / "arrivals.parquet").read_bytes() == first
    assert not list((tmp_path / "data").glob(".*"))
