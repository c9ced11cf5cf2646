"""Giving events out, a part at a time, so that each answer stays within what Lambda can send."""

import json

from chalicelib.domain.event_facts import EventOrder, key_of_public
from chalicelib.domain.event_filter import EventFilter
from chalicelib.services.catalogue import Catalogue
from chalicelib.services.port_types import Page, PageRequest

# Lambda's answer holds 6 MB as JSON. An event counts as JSON in JSON, without any letter beyond
# ASCII, which is the most that it takes there in whatever form.
MAX_BYTES = 5_000_000


def export_page(catalogue: Catalogue, wanted: EventFilter, limit: int, after: str | None) -> Page:
    """Return events in order of their creation: what is added meanwhile comes last.

    There are `limit` at most, fewer where they are large; `next_after` is None at the end.
    """
    page = PageRequest(limit, 0, after, descending=False)
    return _cut(catalogue.list_events(wanted, EventOrder.CREATED_AT, page).page)


def _cut(page: Page) -> Page:
    size = 0
    for place, public in enumerate(page.items):
        size += len(json.dumps(public))
        if size > MAX_BYTES and place:
            kept = page.items[:place]
            return Page(kept, key_of_public(kept[-1], EventOrder.CREATED_AT))
    return page
