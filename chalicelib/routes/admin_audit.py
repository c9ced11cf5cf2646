"""The audit trail: which admin changed what."""

import re
from datetime import datetime

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.audit import SubjectKind
from chalicelib.domain.clock import to_iso
from chalicelib.errors import InvalidInput
from chalicelib.functions.guard import jwt_authorizer
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.cursors import encode_cursor
from chalicelib.http.operations import Answer, Operation, Tag
from chalicelib.http.order_pages import PAGE_PARAMETERS, Listing, read_page
from chalicelib.http.query import MomentParameter, OpenParameter, TextParameter
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_text_response, to_json
from chalicelib.services.port_types import AuditQuery, Page

blueprint = ApiBlueprint(__name__)

_SUBJECT = re.compile("(event|city|order|database):([A-Za-z0-9-]{1,100})")
# Kinds whose subjects have a slug beside their id.
_NAMED = frozenset({SubjectKind.EVENT, SubjectKind.CITY})

SUBJECT = OpenParameter(
    "subject",
    "Only changes of one thing: `event:` or `city:` and its id or a slug that it has or had, also "
    "where it is gone; `order:` and its id; `database:all`. An unknown one gives an empty list.",
    f"^{_SUBJECT.pattern}$",
)
ACTOR = TextParameter("actor", 255, "Only changes that this user made: the user's id.")
FROM = MomentParameter("from", end_of_day=False, description="Only changes from this time on.")
TO = MomentParameter(
    "to", end_of_day=True, description="Only changes up to this time; of a date, its whole day."
)


@blueprint.api(
    "/api/admin/audit",
    authorizer=jwt_authorizer,
    describes=Operation(
        summary="List who changed what",
        tag=Tag.ADMIN_AUDIT,
        parameters=(SUBJECT, ACTOR, FROM, TO, *PAGE_PARAMETERS),
        answers=(Answer("A page of changes.", model="AuditList"),),
    ),
)
def list_changes(request: ApiRequest) -> Response:
    """List what admins changed, latest first: all of it, or what was done to one thing, by one
    user, in a span of time. Entries are never changed nor deleted, and hold nothing about buyers.

    An entry can be missing for the fraction of a second that an index is behind. With both
    `subject` and `actor` a page may be short although more follows: `pagination.hasMore` tells.
    """
    request.admin()
    named, actor = SUBJECT.read(request), ACTOR.read(request)
    since, until = FROM.read(request), TO.read(request)
    listing = ("admin-audit", named, actor, _text(since), _text(until))
    limit, after = read_page(request, listing)
    subject = None if named is None else _subject_key(named)
    page = Page((), None)
    if named is None or subject is not None:
        query = AuditQuery(limit, after, subject, actor, since, until)
        page = wiring.stores().audit_trail.find(query)
    return json_text_response(_page_json(page, limit, listing))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_iso(moment)


def _subject_key(named: str) -> str | None:
    """Return the key of what is asked about, or None where nothing ever had that slug; raises
    `InvalidInput`.
    """
    parts = _SUBJECT.fullmatch(named)
    if parts is None:
        raise InvalidInput.of(
            "subject",
            "must be a kind and an id or slug, such as event:tech-conference",
            "subject_invalid",
        )
    kind, name = SubjectKind(parts[1]), parts[2]
    if kind in _NAMED and not name.isdigit():
        return wiring.stores().audit_trail.subject_named(kind, name)
    return f"{kind}#{name}"


def _page_json(page: Page, limit: int, listing: Listing) -> str:
    """Write a page. Entries are stored as the JSON that is sent, so they are only put together."""
    after = page.next_after
    pagination = {
        "limit": limit,
        "hasMore": after is not None,
        "nextCursor": None if after is None else encode_cursor(listing, after),
    }
    return f'{{"entries":[{",".join(page.items)}],"pagination":{to_json(pagination)}}}'
