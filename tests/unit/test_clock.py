"""Time as the program writes it."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.clock import from_iso, to_iso, utc_now

moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))


def test_the_current_time_has_whole_milliseconds_in_utc() -> None:
    now = utc_now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert to_iso(datetime(2027, 6, 15, 18, 0, tzinfo=tokyo)) == "2027-06-15T09:00:00.000Z"


@given(moments)
def test_a_time_that_was_written_is_the_time_that_is_read(moment: datetime) -> None:
    assert from_iso(to_iso(moment)) == moment


@given(moments, moments)
def test_written_times_sort_as_the_times_do(one: datetime, other: datetime) -> None:
    assert (to_iso(one) < to_iso(other)) == (one < other)
