"""Calendar files: valid, stable, and read alike by two parsers that know nothing of each other."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from chalicelib.adapters.calendar import event_calendar
from chalicelib.domain.events import EventStatus
from tests.support.builders import NOW, an_event

# What people paste, and what a parser could trip over.
CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(
    "\r\n\t\x00\x07\x0b\x0c\x1c\x7f\x85\u2028\u2029\\\\;:,\"'nN =<>&😀é\ufeff\u202e\u0301"
)
TEXTS = st.text(CHARACTERS, min_size=1)
EVENTS = st.builds(
    an_event,
    name=TEXTS,
    location=TEXTS,
    city=TEXTS,
    organizer_name=TEXTS,
    description=TEXTS,
    image_url=st.none() | TEXTS.map(lambda text: f"https://img.example/{text}"),
    status=st.sampled_from([EventStatus.PUBLISHED, EventStatus.CANCELLED]),
)
# Characters that stay as they are in a line of text.
PLAIN = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.sampled_from("\\;:,nN "),
    min_size=1,
)


def parsed(file: str) -> Any:
    """The file's one event, as icalendar reads it."""
    (event,) = Calendar.from_ical(file).events
    return event


def read_by_vobject(file: str) -> Any:
    """The file's one event, as vobject reads it."""
    (calendar,) = vobject.readComponents(file)
    (event,) = calendar.vevent_list
    return event


def test_an_event_is_what_a_calendar_shows() -> None:
    event = an_event(
        name="Tech Conference",
        location="ExCeL London",
        city="London",
        date=datetime(2027, 6, 15, 9, 0, tzinfo=UTC),
        organizer_name="TechEvents Ltd",
        description="<p>Talks &amp; food, all day.</p><ul><li>one</li><li>two</li></ul>",
        image_url="https://img.example/a;b.png?w=1&h=2",
        created_at=NOW,
        updated_at=NOW + timedelta(minutes=5),
    )

    for read in (parsed, read_by_vobject):
        shown = read(event_calendar(event))
        assert text_of(shown, "summary") == "Tech Conference"
        assert text_of(shown, "location") == "ExCeL London, London"
        assert text_of(shown, "contact") == "TechEvents Ltd"
        assert text_of(shown, "description") == "Talks & food, all day.\n\none\ntwo"
        assert text_of(shown, "status") == "CONFIRMED"
        assert text_of(shown, "image") == "https://img.example/a;b.png?w=1&h=2"


def text_of(event: Any, name: str) -> str:
    """A property's text, by either parser."""
    found = event[name] if isinstance(event, dict) else getattr(event, name).value
    return str(found)


def test_the_file_is_what_the_standard_asks_for() -> None:
    calendar: Any = Calendar.from_ical(event_calendar(an_event()))
    event = parsed(event_calendar(an_event()))

    assert calendar["version"] == "2.0"
    assert calendar["prodid"].startswith("-//Events API//")
    # A METHOD would make it a message of the scheduling protocol, which needs an organizer's
    # address.
    assert "method" not in calendar
    assert [component.errors for component in calendar.walk()] == [[], []]
    assert event["dtstart"].dt == an_event().date
    # No end is known, so none is told.
    assert "dtend" not in event
    assert "duration" not in event
    vobject.readOne(event_calendar(an_event())).validate(raiseException=True)


def test_times_are_written_in_utc() -> None:
    file = event_calendar(an_event(date=datetime(2027, 6, 15, 9, 0, 0, 123000, tzinfo=UTC)))

    assert "\r\nDTSTART:20270615T090000Z\r\n" in file
    assert "TZID" not in file


def test_the_stamp_is_the_last_change_so_that_equal_events_give_equal_bytes() -> None:
    later = NOW + timedelta(days=1)
    event = an_event(updated_at=later)

    shown = parsed(event_calendar(event))
    assert shown["dtstamp"].dt == shown["last-modified"].dt == later
    assert shown["created"].dt == NOW
    assert event_calendar(event) == event_calendar(an_event(updated_at=later))


def test_an_edit_is_the_same_entry_in_a_later_version() -> None:
    before = parsed(event_calendar(an_event()))
    after = parsed(
        event_calendar(
            an_event(
                name="Renamed",
                slug="renamed",
                city_slug="lisbon",
                date=NOW + timedelta(days=90),
                updated_at=NOW + timedelta(seconds=1),
            )
        )
    )

    assert before["uid"] == after["uid"]
    assert before["sequence"] < after["sequence"]


def test_an_entry_keeps_its_name_for_ever() -> None:
    # Calendars that saved an event know it by this; another would be a second event to them.
    uid = parsed(event_calendar(an_event()))["uid"]

    assert uid == "712c7536-93db-5f88-9e37-8e8889a489e5"
    assert str(UUID(uid)) == uid


@pytest.mark.parametrize("other", [{"id": 2}, {"created_at": NOW + timedelta(milliseconds=1)}])
def test_events_of_the_same_name_here_or_elsewhere_are_not_one(other: dict[str, Any]) -> None:
    uids = {parsed(event_calendar(event))["uid"] for event in (an_event(), an_event(**other))}

    assert len(uids) == 2


@pytest.mark.parametrize(
    ("updated_at", "sequence"),
    [
        (NOW, 0),
        (NOW + timedelta(milliseconds=999), 0),
        (NOW + timedelta(hours=1), 3600),
        # Two machines' clocks may differ.
        (NOW - timedelta(seconds=3), 0),
        (NOW + timedelta(days=365 * 200), 2**31 - 1),
    ],
)
def test_the_version_is_a_number_that_calendars_can_hold(
    updated_at: datetime, sequence: int
) -> None:
    assert parsed(event_calendar(an_event(updated_at=updated_at)))["sequence"] == sequence


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        # Parsers take a comma for the end of a value.
        ("https://img.example/w_100,h_50/a;b.png", "https://img.example/w_100%2Ch_50/a;b.png"),
        ("https://img.example/%C3%A9?a=1&b=%20#c", "https://img.example/%C3%A9?a=1&b=%20#c"),
        ("https://img.example/é\u2028\x85", "https://img.example/%C3%A9%E2%80%A8%C2%85"),
    ],
)
def test_a_picture_is_where_it_was_said_to_be(url: str, shown: str) -> None:
    file = event_calendar(an_event(image_url=url))

    for read in (parsed, read_by_vobject):
        assert text_of(read(file), "image") == shown


def test_a_cancelled_event_says_so() -> None:
    file = event_calendar(an_event(status=EventStatus.CANCELLED))

    assert parsed(file)["status"] == "CANCELLED"
    assert read_by_vobject(file).status.value == "CANCELLED"


def test_what_an_event_does_not_have_is_left_out() -> None:
    event = parsed(event_calendar(an_event(description="<p></p>", image_url=None)))

    assert "description" not in event
    assert "image" not in event


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a,b;c:d\\e", "a,b;c:d\\e"),
        ("C:\\New and \\n and \\\\N", "C:\\New and \\n and \\\\N"),
        ("ends in \\", "ends in \\"),
        ("one\ntwo\r\nthree\rfour", "one two three four"),
        ("one\u2028two\u2029three\x85four\x0bfive", "one two three four five"),
        ("tab\there", "tab\there"),
        ("bell\x07nul\x00del\x7f", "bell nul del "),
        ("😀" * 100, "😀" * 100),
        ("BEGIN:VEVENT", "BEGIN:VEVENT"),
        ("x\r\nEND:VEVENT\r\nATTACH:file:///etc/passwd", "x END:VEVENT ATTACH:file:///etc/passwd"),
    ],
)
def test_a_name_is_read_as_it_is_written_in_one_line(name: str, shown: str) -> None:
    file = event_calendar(an_event(name=name))

    assert text_of(parsed(file), "summary") == shown
    assert text_of(read_by_vobject(file), "summary") == shown


@given(EVENTS)
def test_whatever_an_event_holds_both_parsers_read_the_same(event: Any) -> None:
    file = event_calendar(event)

    ours, theirs = parsed(file), read_by_vobject(file)
    assert sorted(ours.keys()) == sorted(name.upper() for name in theirs.contents)
    for name in ("summary", "location", "contact", "status", "uid"):
        assert text_of(ours, name) == text_of(theirs, name)
    for name in {"description", "image"} & {name.lower() for name in ours}:
        assert text_of(ours, name) == text_of(theirs, name)


@given(PLAIN)
def test_a_name_without_controls_is_read_exactly_as_it_is(name: str) -> None:
    file = event_calendar(an_event(name=name, location=name, organizer_name=name))

    for event in (parsed(file), read_by_vobject(file)):
        assert text_of(event, "summary") == name
        assert text_of(event, "location") == f"{name}, London"
        assert text_of(event, "contact") == name


@given(EVENTS)
def test_lines_are_short_end_in_crlf_and_hold_no_control(event: Any) -> None:
    file = event_calendar(event)

    assert file.endswith("END:VCALENDAR\r\n")
    lines = file.split("\r\n")
    assert max(len(line.encode()) for line in lines) <= 75
    # Whatever else a reader could take for a line's end is not there.
    assert file.splitlines() == lines[:-1]
    assert not [char for char in "".join(lines) if char < " " and char != "\t"]


def test_the_largest_event_is_a_file_that_both_parsers_read() -> None:
    event = an_event(
        name="é" * 255, location="😀" * 255, organizer_name=";" * 255, description="€" * 5_000
    )

    file = event_calendar(event)

    assert len(file.encode()) < 25_000
    for read in (parsed, read_by_vobject):
        assert text_of(read(file), "description") == "€" * 5_000
