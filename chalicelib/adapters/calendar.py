"""An event as an iCalendar file (RFC 5545). The only importer of icalendar.

What calendars do with it: Google, Apple and Outlook know an event by its UID, and replace what they
have of it by what has a higher SEQUENCE. There is no METHOD: with one the file would be a message
of the scheduling protocol (RFC 5546), where PUBLISH asks for an organizer's e-mail address.
"""

import re
import string
from datetime import datetime
from urllib.parse import quote
from uuid import UUID, uuid5

from icalendar import Calendar, vText
from icalendar import Event as CalendarEvent

from chalicelib.domain.clock import to_iso
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.html_text import plain_text
from chalicelib.version import VERSION

_PRODUCT = f"-//Events API//Events API {VERSION}//EN"
# Never to change: calendars would take every event for a new one.
_NAMESPACE = UUID("5a7f3c1e-8d0b-4c7e-9f52-6b1d2e90a4c3")
_STATUSES = {EventStatus.PUBLISHED: "CONFIRMED", EventStatus.CANCELLED: "CANCELLED"}
_MAX_INTEGER = 2**31 - 1
_SAFE_IN_URI = string.punctuation.replace(",", "")

# Some readers end a line at these; and what controls a terminal may not be in a text (RFC 5545,
# section 3.3.11).
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")


class _Text(vText):
    """A text whose backslash before an `N` stays one: icalendar takes the two for a line's end."""

    def to_ical(self) -> bytes:
        parts: list[bytes] = [vText(part).to_ical() for part in self.split(r"\N")]
        return rb"\\N".join(parts)


def event_calendar(event: Event) -> str:
    """Return the file of an event: the same bytes for the same event, in UTC, lines up to 75 bytes.

    It says no end, since none is known. DTSTAMP is the last change, as it is to be where there is
    no METHOD (section 3.8.7.2).
    """
    entry = CalendarEvent()
    entry.add("uid", _uid(event))
    entry.add("dtstamp", event.updated_at)
    entry.add("created", event.created_at)
    entry.add("last-modified", event.updated_at)
    entry.add("sequence", _sequence(event.created_at, event.updated_at))
    entry.add("status", _STATUSES[event.status])
    entry.add("dtstart", event.date)
    entry.add("summary", _one_line(event.name))
    entry.add("location", _one_line(f"{event.location}, {event.city}"))
    entry.add("contact", _one_line(event.organizer_name))
    description = _lines(plain_text(event.description))
    if description:
        entry.add("description", description)
    if event.image_url is not None:
        entry.add("image", _uri(event.image_url), {"VALUE": "URI"})
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add_component(entry)
    file: bytes = calendar.to_ical()
    return file.decode()


def _uid(event: Event) -> str:
    """Return what never changes and no other event has, here or in another installation.

    An id is given out once; the moment tells installations apart. A plain UUID (RFC 7986, section
    5.3): a host's name could change.
    """
    return str(uuid5(_NAMESPACE, f"{event.id} {to_iso(event.created_at)}"))


def _sequence(created_at: datetime, updated_at: datetime) -> int:
    """Return a number that grows with every edit: the seconds between creation and last change."""
    seconds = int((updated_at - created_at).total_seconds())
    return min(max(seconds, 0), _MAX_INTEGER)


def _one_line(text: str) -> _Text:
    return _Text(_lines(text).replace("\n", " "))


def _lines(text: str) -> _Text:
    return _Text(_CONTROL.sub(" ", _LINE_END.sub("\n", text)))


def _uri(url: str) -> str:
    """Percent-encode what a URI may not hold (RFC 3986), and commas: readers take them for the end
    of a value.
    """
    return quote(url, safe=_SAFE_IN_URI)
