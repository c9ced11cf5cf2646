"""Events as files for calendars."""

from chalice.app import Response

from chalicelib import wiring
from chalicelib.errors import NotFound
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.operations import IF_NONE_MATCH, Operation, Tag, cacheable
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import public_text
from chalicelib.routes.events import EVENT_SLUG

blueprint = ApiBlueprint(__name__)

CALENDAR_TYPE = "text/calendar"
EXAMPLE = (
    "BEGIN:VCALENDAR\r\n"
    "VERSION:2.0\r\n"
    "PRODID:-//Events API//Events API//EN\r\n"
    "BEGIN:VEVENT\r\n"
    "SUMMARY:Tech Conference\r\n"
    "DTSTART:20270615T090000Z\r\n"
    "DTSTAMP:20270301T120000Z\r\n"
    "UID:0d1c8f5e-4a53-5c0e-8a30-0c8a6f4f3b1d\r\n"
    "LOCATION:ExCeL London\\, London\r\n"
    "STATUS:CONFIRMED\r\n"
    "END:VEVENT\r\n"
    "END:VCALENDAR\r\n"
)


@blueprint.api(
    "/api/events/{slug}/calendar.ics",
    describes=Operation(
        summary="Save an event to a calendar",
        tag=Tag.EVENTS,
        parameters=(EVENT_SLUG, IF_NONE_MATCH),
        answers=cacheable(
            "The event as an iCalendar file.", None, media_type=CALENDAR_TYPE, example=EXAMPLE
        ),
        errors=(NotFound,),
    ),
)
def get_calendar(request: ApiRequest) -> Response:
    """Show one event as an iCalendar file (RFC 5545). A cancelled one says so."""
    event = wiring.catalogue().event(request.path("slug")).described()
    described = {
        "Content-Type": f"{CALENDAR_TYPE}; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{event.slug}.ics"',
    }
    return public_text(request, wiring.event_calendar(event), described)
