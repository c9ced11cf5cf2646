"""Giving events out in parts: each within what Lambda can send, together all of them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain

import pytest

from chalicelib.domain.event_facts import EventFacts, EventOrder, key_of_public
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import EventStatus, public_event
from chalicelib.services import transfer_export
from chalicelib.services.catalogue import Catalogue
from chalicelib.services.transfer_export import MAX_BYTES, export_page
from tests.support.builders import NOW, a_city, an_event
from tests.support.fakes import FakeCities, FakeEvents

ALL = EventFilter(tuple(EventStatus))
LAMBDA_BYTES = 6_291_556


@pytest.fixture
def catalogue() -> Catalogue:
    """Seven events, the first of which was created last."""
    cities = FakeCities()
    cities.create(a_city())
    events = FakeEvents(cities)
    for number in range(1, 8):
        created = NOW - timedelta(days=number)
        events.create(an_event(id=number, slug=f"event-{number}", created_at=created))
    return Catalogue(events=events, cities=cities)


def parts(catalogue: Catalogue, limit: int) -> Iterator[list[str]]:
    after: str | None = ""
    while after is not None:
        page = export_page(catalogue, ALL, limit, after or None)
        yield [json.loads(public)["slug"] for public in page.items]
        after = page.next_after


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_parts_together_are_all_events_in_order_of_their_creation(
    catalogue: Catalogue, limit: int
) -> None:
    found = list(parts(catalogue, limit))

    assert list(chain.from_iterable(found)) == [f"event-{number}" for number in range(7, 0, -1)]
    assert all(len(part) <= limit for part in found)


def test_a_part_of_large_events_has_fewer_and_loses_none(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(json.dumps(public_event(an_event())))
    monkeypatch.setattr(transfer_export, "MAX_BYTES", 2 * size + size // 2)

    found = list(parts(catalogue, 100))

    assert [len(part) for part in found] == [2, 2, 2, 1]
    assert len(set(chain.from_iterable(found))) == 7


def test_an_event_that_is_larger_than_a_part_is_a_part_by_itself(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_export, "MAX_BYTES", 1)

    assert [len(part) for part in parts(catalogue, 100)] == [1] * 7


def test_what_ends_a_part_is_what_the_list_goes_on_from() -> None:
    event = an_event(id=12)

    key = key_of_public(public_event(event), EventOrder.CREATED_AT)

    assert key == EventFacts.of(event).sort_key(EventOrder.CREATED_AT)


def test_the_largest_part_is_within_what_lambda_can_send() -> None:
    event = an_event(name="\N{SAXOPHONE}" * 255, description="\N{SAXOPHONE}" * 5000)
    largest = len(json.dumps(public_event(event)))

    assert MAX_BYTES + largest < LAMBDA_BYTES
