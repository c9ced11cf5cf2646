"""A city with many events gets another name while others edit them, on an engine that really runs
transactions side by side: ministack.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.clock import utc_now
from chalicelib.domain.events import Event, EventStatus
from chalicelib.errors import EventsApiError
from chalicelib.services.renames import Renames
from chalicelib.services.time_budget import TimeBudget
from chalicelib.store import Stores
from tests.support.builders import a_city, an_event

EVENTS = 60
AMPLE = TimeBudget(1.0, lambda: 0.0)

pytestmark = pytest.mark.xdist_group("ministack")


@pytest.fixture
def real_stores(stores_on_ministack: Stores) -> Stores:
    stores = stores_on_ministack
    stores.cities.create(a_city(updated_at=utc_now()))
    date = utc_now() + timedelta(days=30)
    refused = stores.events.create_many(
        [
            an_event(
                id=number,
                slug=f"event-{number}",
                date=date,
                updated_at=utc_now(),
                status=list(EventStatus)[number % 2],
            )
            for number in range(1, EVENTS + 1)
        ]
    )
    assert not any(refused)
    return stores


def renames(stores: Stores, workers: int) -> Renames:
    return Renames(
        cities=stores.cities,
        events=stores.events,
        renames=stores.renames,
        clock=utc_now,
        workers=workers,
    )


def rename(stores: Stores, name: str, slug: str) -> None:
    before = stores.cities.get("london", consistent=True)
    assert before is not None
    after = replace(before.described(), name=name, slug=slug, updated_at=utc_now())
    stores.cities.replace(before, after)


def stored(stores: Stores) -> list[Event]:
    slugs = (f"event-{number}" for number in range(1, EVENTS + 1))
    return [record.described() for record in stores.events.get_many(slugs).values()]


def finish(stores: Stores, workers: int) -> None:
    """Have all events follow, however often that has to be tried in a crowd."""
    for _ in range(20):
        (pending,) = stores.renames.pending()
        look = renames(stores, workers).follow(pending.city_id, pending.slug, AMPLE)
        if look.is_whole and not look.behind:
            return
    pytest.fail("events are still behind")


def edit_until(stopped: threading.Event, stores: Stores, first: int) -> int:
    """Edit every other event again and again, as admins who know nothing of the city's name."""
    edits = 0
    while not stopped.is_set():
        for number in range(first, EVENTS + 1, 2):
            record = stores.events.get(f"event-{number}", consistent=True)
            assert record is not None
            event = record.described()
            later = max(utc_now(), event.updated_at + timedelta(milliseconds=1))
            try:
                stores.events.replace(
                    record, replace(event, price=event.price + 1, updated_at=later)
                )
            except EventsApiError:
                continue
            edits += 1
    return edits


@pytest.mark.parametrize(
    ("name", "slug"), [("Londinium", "london"), ("Londinium", "londinium")], ids=["name", "slug"]
)
def test_every_event_follows_while_others_edit_them_and_no_edit_is_lost(
    real_stores: Stores, name: str, slug: str
) -> None:
    stopped = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        editing = [pool.submit(edit_until, stopped, real_stores, first) for first in (1, 2)]
        try:
            rename(real_stores, name, slug)
            renames(real_stores, workers=4).follow(1, slug, AMPLE)
        finally:
            stopped.set()
        edits = sum(future.result() for future in editing)
    finish(real_stores, workers=4)

    events = stored(real_stores)
    assert {(event.city, event.city_slug) for event in events} == {(name, slug)}
    assert sum(event.price - an_event().price for event in events) == edits > 0
    city = real_stores.cities.get("london", consistent=True)
    assert city is not None
    assert city.published_events == EVENTS // 2
    assert real_stores.events._words.marks() == []


def test_two_renames_at_once_end_with_the_later_one_everywhere(real_stores: Stores) -> None:
    rename(real_stores, "Londinium", "londinium")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(renames(real_stores, workers=4).follow, 1, "londinium", AMPLE)
        rename(real_stores, "Lundenwic", "lundenwic")
        second = pool.submit(renames(real_stores, workers=4).follow, 1, "lundenwic", AMPLE)
        first.result()
        second.result()
    finish(real_stores, workers=4)

    shown = {(event.city, event.city_slug) for event in stored(real_stores)}
    assert shown == {("Lundenwic", "lundenwic")}
    city = real_stores.cities.get("lundenwic", consistent=True)
    assert city is not None
    assert city.published_events == EVENTS // 2
