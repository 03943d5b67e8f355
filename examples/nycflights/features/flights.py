"""What is known about a flight two hours before it is to leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from towpath.features.derived import derived, derived_sql
from towpath.features.feature_set import FeatureSet
from towpath.features.view import FeatureView, Latest, aggregates

OWNER = "flight-operations"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3_600_000_000
DAY = 24 * HOUR
Micros = npt.NDArray[np.int64]

origin_departures = FeatureView(
    "origin_departures",
    "departures",
    keys=("origin",),
    features=(
        *aggregates("mean", "dep_delay", windows=["3h", "1d"]),
        *aggregates("mean", "delayed", windows=["3h"]),
        *aggregates("mean", "cancelled", windows=["1d"]),
        *aggregates("count", windows=["3h"]),
    ),
    description="How the airport of departure runs.",
    owner=OWNER,
)
origin_arrivals = FeatureView(
    "origin_arrivals",
    "arrivals",
    keys=("origin",),
    features=aggregates("mean", "late", windows=["3h", "1d", "7d"]),
    description="How late flights from the airport of departure arrive.",
    owner=OWNER,
)
origin_timetable = FeatureView(
    "origin_timetable",
    "schedule",
    keys=("origin",),
    features=aggregates("count", windows=["3h"], exclude_current=True),
    description="Flights due to leave from an hour before the prediction to two hours after it.",
    owner=OWNER,
)
carrier_departures = FeatureView(
    "carrier_departures",
    "departures",
    keys=("carrier",),
    features=(
        *aggregates("mean", "dep_delay", windows=["3h", "1d"]),
        *aggregates("mean", "cancelled", windows=["1d"]),
    ),
    description="How the airline runs.",
    owner=OWNER,
)
carrier_arrivals = FeatureView(
    "carrier_arrivals",
    "arrivals",
    keys=("carrier",),
    features=(
        *aggregates("mean", "arr_delay", windows=["1d"]),
        *aggregates("mean", "late", windows=["7d"]),
    ),
    description="How late the airline's flights arrive.",
    owner=OWNER,
)
carrier_at_origin = FeatureView(
    "carrier_at_origin",
    "departures",
    keys=("carrier", "origin"),
    features=(
        *aggregates("mean", "dep_delay", windows=["3h"]),
        *aggregates("mean", "delayed", windows=["1d"]),
    ),
    description="How the airline runs at the airport of departure.",
    owner=OWNER,
)
destination_departures = FeatureView(
    "destination_departures",
    "departures",
    keys=("destination",),
    features=(
        *aggregates("mean", "dep_delay", windows=["3h"]),
        *aggregates("sum", "cancelled", windows=["1d"]),
    ),
    description="How flights to the destination leave.",
    owner=OWNER,
)
destination_arrivals = FeatureView(
    "destination_arrivals",
    "arrivals",
    keys=("destination",),
    features=(
        *aggregates("mean", "arr_delay", windows=["3h", "1d"]),
        *aggregates("mean", "late", windows=["7d"]),
    ),
    description="How late flights reach the destination.",
    owner=OWNER,
)
route_departures = FeatureView(
    "route_departures",
    "departures",
    keys=("route",),
    features=aggregates("mean", "cancelled", windows=["7d"]),
    description="How often the route is cancelled.",
    owner=OWNER,
)
route_arrivals = FeatureView(
    "route_arrivals",
    "arrivals",
    keys=("route",),
    features=(
        *aggregates("mean", "arr_delay", windows=["1d", "7d"]),
        *aggregates("mean", "late", windows=["30d"]),
    ),
    description="How late the route is.",
    owner=OWNER,
)
flight_arrivals = FeatureView(
    "flight_arrivals",
    "arrivals",
    keys=("carrier", "flight"),
    features=(
        *aggregates("mean", "arr_delay", windows=["7d", "30d"]),
        *aggregates("mean", "late", windows=["30d"]),
    ),
    description="How late the flight of this number was on earlier days.",
    owner=OWNER,
)
aircraft_departures = FeatureView(
    "aircraft_departures",
    "departures",
    keys=("tail_number",),
    features=(
        Latest("dep_delay", name="dep_delay_latest"),
        *aggregates("mean", "dep_delay", windows=["1d"]),
        *aggregates("count", windows=["12h"]),
    ),
    ttl=timedelta(days=1),
    description="How the aircraft left New York of late.",
    owner=OWNER,
)
aircraft_arrivals = FeatureView(
    "aircraft_arrivals",
    "arrivals",
    keys=("tail_number",),
    features=(
        Latest("arr_delay", name="arr_delay_latest"),
        *aggregates("mean", "arr_delay", windows=["1d", "7d"]),
    ),
    ttl=timedelta(days=1),
    description="How late the aircraft was of late.",
    owner=OWNER,
)
origin_weather = FeatureView(
    "origin_weather",
    "weather",
    keys=("origin",),
    features=(
        Latest("temperature"),
        Latest("dew_point"),
        Latest("humidity"),
        Latest("wind_speed"),
        Latest("wind_gust"),
        Latest("precipitation"),
        Latest("pressure"),
        Latest("visibility"),
    ),
    ttl=timedelta(hours=6),
    description="The last known weather at the airport of departure.",
    owner="meteorology",
)
aircraft = FeatureView(
    "aircraft",
    "planes",
    keys=("tail_number",),
    features=(Latest("year"), Latest("seats")),
    description="The aircraft by the register.",
    owner="fleet",
)
destination_airport = FeatureView(
    "destination_airport",
    "airports",
    keys=("airport",),
    features=(Latest("latitude"), Latest("longitude")),
    description="Where the flight goes.",
    owner="fleet",
)


def clock_changes() -> Micros:
    """Return when New York's clock goes forward and back, in turn, in microseconds UTC.

    The rule in force since 2007: 2 o'clock on the second Sunday of March and the first of November.
    """
    changes = []
    for year in range(2007, 2100):
        for month, first_day, hour in ((3, 8, 7), (11, 1, 6)):
            earliest = datetime(year, month, first_day, hour, tzinfo=UTC)
            sunday = earliest + timedelta(days=6 - earliest.weekday())
            changes.append((sunday - EPOCH) // timedelta(microseconds=1))
    return np.array(changes)


CLOCK_CHANGES = clock_changes()


def new_york(instant: Micros) -> Micros:
    """Return what New York's clock shows, as microseconds since 1970-01-01 on that clock."""
    summer = np.searchsorted(CLOCK_CHANGES, instant, side="right") % 2
    local: Micros = instant + (summer - 5) * HOUR
    return local


@derived(inputs=("scheduled_departure",), dtype="int64")
def hour(scheduled_departure: Micros) -> Micros:
    """Hour of the scheduled departure on New York's clock."""
    return new_york(scheduled_departure) // HOUR % 24


@derived(inputs=("scheduled_departure",), dtype="int64")
def weekday(scheduled_departure: Micros) -> Micros:
    """Day of the week in New York; Monday is 0."""
    # 1970-01-01 was a Thursday.
    return (new_york(scheduled_departure) // DAY + 3) % 7


# Years since the aircraft was built.
aircraft_age = derived_sql("aircraft_age", "CAST(year(predict_at) - aircraft__year AS DOUBLE)")

flight_delay = FeatureSet(
    "flight_delay",
    spine="schedule",
    at="predict_at",
    views=(
        "origin_departures",
        "origin_arrivals",
        "origin_timetable",
        "carrier_departures",
        "carrier_arrivals",
        "carrier_at_origin",
        "destination_departures",
        "destination_arrivals",
        "route_departures",
        "route_arrivals",
        "flight_arrivals",
        "aircraft_departures",
        "aircraft_arrivals",
        "origin_weather",
        "aircraft",
        destination_airport.on(airport="destination"),
    ),
    columns=("distance", "carrier", "origin", "destination"),
    derived=(hour, weekday, aircraft_age),
    description="What is known about a flight two hours before it is to leave.",
    owner=OWNER,
)
