"""Entity tags and conditions (RFC 9110, sections 8.8.3 and 13.1): which state a client has seen.

A tag begins with a revision. An event's goes on, after a `-`, with the stock that the answer shows,
so that a sale changes the tag, as it must where the bytes change, but not the revision.
"""

import re

from chalicelib.domain.events import EventRecord
from chalicelib.domain.revisions import revision_of
from chalicelib.errors import InvalidInput
from chalicelib.http.requests import ApiRequest

_BEFORE_STOCK = "-"
_ANYTHING = "*"
# All but controls, blanks and quotes: said so, it is compiled in a tenth of the time.
_TAG = r'(?:W/)?"[^\x00-\x20"\x7f]*+"'
# Elements may be empty, and nothing that was matched is given back: a long header costs no more
# than its length (RFC 9110, section 5.6.1).
_LIST = re.compile(rf"[ \t,]*+(?:{_TAG}[ \t]*+(?:,[ \t,]*+|\Z))*+")
_ONE = re.compile(_TAG)
_WEAK = "W/"


def content_tag(content: str) -> str:
    """Return the strong tag of a list or a file: of all it holds."""
    return f'"{revision_of(content)}"'


def event_tag(event: EventRecord) -> str:
    """Return the strong tag of an event's page: its revision, and how many seats are free."""
    return f'"{revision_of(event.public)}{_BEFORE_STOCK}{_seats(event)}"'


def admin_event_tag(event: EventRecord) -> str:
    """Return the strong tag of an event as admins see it: its revision, and the whole stock."""
    stock = f"{_seats(event)}.{event.held}.{event.sold}"
    return f'"{revision_of(event.public)}{_BEFORE_STOCK}{stock}"'


def city_tag(public: str) -> str:
    """Return the strong tag of a city, of its public JSON text: its revision."""
    return content_tag(public)


def _seats(event: EventRecord) -> str:
    return "unlimited" if event.available is None else str(event.available)


def has_current(request: ApiRequest, tag: str) -> bool:
    """Tell whether the client has what `tag` names, by `If-None-Match` (section 13.1.2).

    The comparison is the weak one: proxies that pack a response make its tag weak. A malformed
    header is passed over, which costs the client nothing but the bytes.
    """
    header = request.header("If-None-Match")
    if header is None:
        return False
    if header.strip() == _ANYTHING:
        return True
    return tag in {each.removeprefix(_WEAK) for each in _entity_tags(header) or ()}


def wanted_revisions(request: ApiRequest) -> frozenset[str] | None:
    """Return the revisions that a change may be made from, by `If-Match` (section 13.1.1).

    None is any: without the header, and for `*`. The comparison is the strong one, so a weak tag
    names no revision. Only revisions count, not the stock behind them: two admins must not undo
    each other's edits unseen, but what an admin edits is not changed by a sale, and on an event
    that sells well nobody could ever edit if it were.

    Raises `InvalidInput` for a header that is malformed: a client that set a condition must not
    find it passed over, and a 412 would have it read and try again for ever.
    """
    header = request.header("If-Match")
    if header is None or header.strip() == _ANYTHING:
        return None
    tags = _entity_tags(header)
    if not tags:
        raise InvalidInput.of(
            "If-Match", 'must be * or entity tags in quotes, such as "5f0c1c9a"', "entity_tag"
        )
    strong = (tag.strip('"') for tag in tags if not tag.startswith(_WEAK))
    return frozenset(tag.partition(_BEFORE_STOCK)[0] for tag in strong)


def _entity_tags(header: str) -> list[str] | None:
    """Return the tags of a list, quotes and all, or None where it is malformed."""
    return None if _LIST.fullmatch(header) is None else _ONE.findall(header)
