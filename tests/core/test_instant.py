from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.core.errors import Invalid
from towpath.core.instant import (
    format_instant,
    format_span,
    from_micros,
    parse_instant,
    parse_span,
    to_micros,
)
from towpath.core.interval import Interval


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_round_trip(instant: datetime) -> None:
    assert from_micros(to_micros(instant)) == instant
    assert parse_instant(format_instant(instant)) == instant


@given(st.integers(min_value=1, max_value=10**9))
def test_spans_round_trip(seconds: int) -> None:
    assert parse_span(format_span(timedelta(seconds=seconds))).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "3", "h", "3x", "3 h", "-3h", "0h", "3h garbage"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_span(text)


@pytest.mark.parametrize("text", ["9999999999d", "999999999d", "9" * 5000 + "d", "365000d1d"])
def test_a_span_longer_than_time_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="too long") as caught:
        parse_span(text)
    assert len(str(caught.value)) < 200


def test_leading_zeros_do_not_count() -> None:
    assert parse_span("0" * 50 + "3h") == timedelta(hours=3)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_time_outside_the_years_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="years"):
        parse_instant(text)


def test_naive_times_are_refused_everywhere() -> None:
    naive = datetime(2013, 10, 1, 8)  # noqa: DTZ001 - the naive time is what is tested
    for use in (to_micros, format_instant):
        with pytest.raises(Invalid, match="no time zone"):
            use(naive)
    with pytest.raises(Invalid, match="no time zone"):
        parse_instant("2013-10-01T08:00:00")
    with pytest.raises(Invalid, match="no time zone"):
        Interval(naive, naive)


def test_an_interval_excludes_its_end() -> None:
    day = Interval(parse_instant("2013-10-01"), parse_instant("2013-10-02"))
    assert day.start in day
    assert day.end not in day
    assert day.split(timedelta(hours=5))[-1].end == day.end


def test_an_interval_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(Invalid, match="ends before"):
        Interval(parse_instant("2013-10-02"), parse_instant("2013-10-01"))
