"""From the CSV files of nycflights13 to Parquet files whose every time is in UTC.

The rules are in README.md, beside this file; run it with ``python prepare.py`` or as the step
``project.call`` of a pipeline.
"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from towpath.core.errors import MissingExtra, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Minutes: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

DISTRIBUTION = "nycflights13"
HOME_ZONE = "America/New_York"
ZONES_MISSING_IN_SOURCE = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")

MINUTES_A_DAY = 24 * 60
PREDICTION_LEAD = 2 * 60
CANCELLATION_KNOWN_AFTER = 6 * 60
WEATHER_KNOWN_AFTER = 60
LATE_FROM = 15

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REFERENCE_KNOWN_AT = datetime(2013, 1, 1, tzinfo=UTC)
OFFSETS_FROM = datetime(2012, 12, 30, tzinfo=UTC)
OFFSETS_HOURS = 24 * 370


def main(root: Path) -> Mapping[str, int]:
    """Write one Parquet file a dataset into ``root/data`` and return their numbers of rows.

    Raises:
        MissingExtra: the package with the data is not installed.
        NotFound: the package has another content than version 0.0.3.
    """
    source = {name: read_source(f"{name}.csv") for name in ("weather", "planes", "airports")}
    flights = Flights(read_source("flights.csv.zip"), time_zones(source["airports"]))
    tables = {
        "schedule": schedule(flights),
        "departures": departures(flights),
        "arrivals": arrivals(flights),
        "weather": weather(source["weather"]),
        "planes": planes(source["planes"]),
        "airports": airports(source["airports"]),
    }
    folder = root / "data"
    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        aside = folder / f".{name}.parquet"
        pyarrow.parquet.write_table(table, aside, compression="zstd")
        aside.replace(folder / f"{name}.parquet")
    return {name: table.num_rows for name, table in tables.items()}


def read_source(name: str) -> pa.Table:
    """Read one file of the package that holds the data; ``NA`` is a missing value.

    Raises:
        MissingExtra: the package is not installed.
        NotFound: the package has no such file.
    """
    try:
        listed = files(DISTRIBUTION) or []
    except PackageNotFoundError as error:
        message = f"The data comes from the package {DISTRIBUTION}, which is not installed."
        raise MissingExtra(message, hint=f"pip install {DISTRIBUTION}==0.0.3") from error
    path = next((Path(str(one.locate())) for one in listed if one.name == name), None)
    if path is None:
        message = f"The package {DISTRIBUTION} has no file {name}."
        raise NotFound(message, hint=f"pip install {DISTRIBUTION}==0.0.3")
    content = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(archive.namelist()[0])
    options = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return pyarrow.csv.read_csv(pa.BufferReader(content), convert_options=options)


def time_zones(source: pa.Table) -> dict[str, str]:
    """Map each airport to its time zone, the four that the source leaves out included."""
    listed = zip(source["faa"].to_pylist(), source["tzone"].to_pylist(), strict=True)
    return {code: zone for code, zone in listed if zone} | ZONES_MISSING_IN_SOURCE


class LocalClocks:
    """The difference of each zone's wall clock from UTC, for every hour of the data.

    Args:
        zones: names of time zones; the functions speak of them by their position here.
    """

    def __init__(self, zones: Sequence[str]) -> None:
        """Look up each zone's offset hour by hour; no zone of the data changes mid-hour."""
        hours = [OFFSETS_FROM + timedelta(hours=hour) for hour in range(OFFSETS_HOURS)]
        self._start = (OFFSETS_FROM - EPOCH) // timedelta(hours=1)
        self._offsets = np.array(
            [[_offset(hour, ZoneInfo(zone)) for hour in hours] for zone in zones]
        )

    def read(self, instant: Minutes, zone: Minutes) -> Minutes:
        """Return what the zone's clock shows, as minutes since 1970-01-01 on that clock."""
        return instant + self._offset_at(instant, zone)

    def next_time(self, after: Minutes, clock: Minutes, zone: Minutes) -> Minutes:
        """Return the first instant, not before ``after``, when the zone's clock shows a time.

        Args:
            after: instants in minutes UTC.
            clock: times of day such as 2359 or 2400.
            zone: positions of the zones.

        A time that the clock skips in the spring counts as if the clock had not been moved.
        """
        local = self.read(after, zone)
        time_of_day = clock // 100 * 60 + clock % 100
        wanted = local + (time_of_day - local) % MINUTES_A_DAY
        unmoved = wanted - self._offset_at(after, zone)
        moved = wanted - self._offset_at(unmoved, zone)
        return np.where(self.read(moved, zone) == wanted, moved, unmoved)

    def _offset_at(self, instant: Minutes, zone: Minutes) -> Minutes:
        """Look up the offsets in minutes."""
        offsets: Minutes = self._offsets[zone, instant // 60 - self._start]
        return offsets


class Flights:
    """The flights' times in minutes UTC, beside the columns they come from.

    Args:
        source: flights.csv as it is.
        zones: time zone by airport.

    Attributes:
        source: flights.csv as it is.
        departed: whether the flight left.
        arrived: whether it landed where it was to land.
        scheduled_departure: by the timetable.
        scheduled_arrival: by the timetable.
        departure: when it left the gate; meaningless unless ``departed``.
        arrival: when it reached the gate; meaningless unless ``arrived``.
    """

    def __init__(self, source: pa.Table, zones: Mapping[str, str]) -> None:
        """Derive the times; each local time belongs to the place where it is read."""
        self.source = source
        clocks = LocalClocks(sorted(set(zones.values())))
        zone = _zone_positions(source["dest"], zones)
        self.departed: Flags = source["dep_delay"].is_valid().to_numpy()
        self.arrived: Flags = source["arr_delay"].is_valid().to_numpy()
        self.scheduled_departure = _minutes(source["time_hour"]) + _whole(source["minute"])
        self.departure = self.scheduled_departure + _whole(source["dep_delay"])
        self.scheduled_arrival = clocks.next_time(
            self.scheduled_departure, _whole(source["sched_arr_time"]), zone
        )
        landed = self.departure + _whole(source["air_time"])
        self.arrival = clocks.next_time(landed, _whole(source["arr_time"]), zone)

    def identity(self) -> dict[str, pa.ChunkedArray]:
        """Return the columns that every row about a flight carries."""
        source = self.source
        date = pc.strftime(pc.assume_timezone(_local_date(source), timezone="UTC"), format="%Y%m%d")
        flight_id = pc.binary_join_element_wise(
            date, source["carrier"], source["flight"].cast(pa.string()), source["origin"], "-"
        )
        route = pc.binary_join_element_wise(source["origin"], source["dest"], "-")
        return {
            "flight_id": flight_id,
            "carrier": source["carrier"],
            "flight": source["flight"],
            "tail_number": source["tailnum"],
            "origin": source["origin"],
            "destination": source["dest"],
            "route": route,
        }


def schedule(flights: Flights) -> pa.Table:
    """One row a flight, as the timetable has it."""
    columns = flights.identity() | {
        "distance": flights.source["distance"],
        "scheduled_departure": _timestamps(flights.scheduled_departure),
        "scheduled_arrival": _timestamps(flights.scheduled_arrival),
        "predict_at": _timestamps(flights.scheduled_departure - PREDICTION_LEAD),
    }
    return pa.table(columns).sort_by([("predict_at", "ascending"), ("flight_id", "ascending")])


def departures(flights: Flights) -> pa.Table:
    """One row a flight: it left, or it was cancelled."""
    missed = flights.scheduled_departure + CANCELLATION_KNOWN_AFTER
    known = np.where(flights.departed, flights.departure, missed)
    delay = flights.source["dep_delay"]
    columns = flights.identity() | {
        "known_at": _timestamps(known),
        "dep_delay": delay,
        "delayed": pc.greater_equal(delay, LATE_FROM),
        "cancelled": pa.array(~flights.departed),
    }
    return pa.table(columns).sort_by([("known_at", "ascending"), ("flight_id", "ascending")])


def arrivals(flights: Flights) -> pa.Table:
    """One row for each flight that reached its destination."""
    delay = flights.source["arr_delay"]
    columns = flights.identity() | {
        "known_at": _timestamps(flights.arrival),
        "arr_delay": delay,
        "late": pc.greater_equal(delay, LATE_FROM),
        "air_time": flights.source["air_time"],
    }
    table = pa.table(columns).filter(pa.array(flights.arrived))
    return table.sort_by([("known_at", "ascending"), ("flight_id", "ascending")])


def weather(source: pa.Table) -> pa.Table:
    """One row an hour and airport of departure."""
    observed = _minutes(source["time_hour"])
    columns = {
        "origin": source["origin"],
        "observed_at": _timestamps(observed),
        "known_at": _timestamps(observed + WEATHER_KNOWN_AFTER),
        "temperature": source["temp"],
        "dew_point": source["dewp"],
        "humidity": source["humid"],
        "wind_direction": source["wind_dir"],
        "wind_speed": source["wind_speed"],
        "wind_gust": source["wind_gust"],
        "precipitation": source["precip"],
        "pressure": source["pressure"],
        "visibility": source["visib"],
    }
    return pa.table(columns).sort_by([("known_at", "ascending"), ("origin", "ascending")])


def planes(source: pa.Table) -> pa.Table:
    """One row an aircraft."""
    kept = ["year", "type", "manufacturer", "model", "engines", "seats", "engine"]
    columns = {"tail_number": source["tailnum"], "known_at": _always(source)}
    return pa.table(columns | {name: source[name] for name in kept}).sort_by("tail_number")


def airports(source: pa.Table) -> pa.Table:
    """One row an airport."""
    columns = {
        "airport": source["faa"],
        "known_at": _always(source),
        "name": source["name"],
        "latitude": source["lat"],
        "longitude": source["lon"],
        "altitude": source["alt"],
        "time_zone": source["tzone"],
    }
    return pa.table(columns).sort_by("airport")


def _offset(instant: datetime, zone: ZoneInfo) -> int:
    """Return the zone's offset from UTC in minutes."""
    offset = instant.astimezone(zone).utcoffset() or timedelta()
    return offset // timedelta(minutes=1)


def _zone_positions(codes: pa.ChunkedArray, zones: Mapping[str, str]) -> Minutes:
    """Return the position of each airport's zone among the sorted zones."""
    ordered = sorted(set(zones.values()))
    encoded = pc.dictionary_encode(codes).combine_chunks()
    positions = np.array([ordered.index(zones[code]) for code in encoded.dictionary.to_pylist()])
    chosen: Minutes = positions[encoded.indices.to_numpy()]
    return chosen


def _whole(column: pa.ChunkedArray) -> Minutes:
    """Return whole numbers, 0 where one is missing."""
    numbers: Minutes = column.fill_null(0).cast(pa.int64()).to_numpy()
    return numbers


def _minutes(column: pa.ChunkedArray) -> Minutes:
    """Return instants as minutes since 1970-01-01 UTC."""
    seconds: Minutes = column.cast(pa.timestamp("s", "UTC")).cast(pa.int64()).to_numpy()
    return seconds // 60


def _timestamps(minutes: Minutes) -> pa.Array:
    """Return minutes since 1970-01-01 UTC as timestamps."""
    return pa.array(minutes * 60_000_000).cast(pa.timestamp("us", "UTC"))


def _local_date(source: pa.Table) -> pa.ChunkedArray:
    """Return the local date of the scheduled departure."""
    number = np.array([_whole(source[part]) for part in ("year", "month", "day")])
    months = (number[0] - 1970) * 12 + number[1] - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]") + (number[2] - 1)
    return pa.chunked_array([pa.array(days).cast(pa.timestamp("s"))])


def _always(source: pa.Table) -> pa.Array:
    """Return the time from which reference data counts as known, once a row."""
    return pa.repeat(pa.scalar(REFERENCE_KNOWN_AT, pa.timestamp("us", "UTC")), source.num_rows)


if __name__ == "__main__":
    main(Path(__file__).parent)
