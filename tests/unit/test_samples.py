"""Sample data: what a stage for trying things out is filled with."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.money import CURRENCIES, minor_digits
from chalicelib.domain.slugs import is_slug
from chalicelib.errors import SlugTaken
from chalicelib.log_context import bound
from chalicelib.schemas.events import _ALLOWED_TAGS
from chalicelib.schemas.texts import clean_html
from chalicelib.services.auditing import Auditor
from chalicelib.services.editing_cities import CityEditor
from chalicelib.services.editing_events import EventEditor
from chalicelib.services.renames import Renames
from chalicelib.services.sample_catalogue import CITIES, EVENTS, SampleEvent
from chalicelib.services.samples import SampleData
from tests.support.builders import NOW, a_city, an_event
from tests.support.fakes import FakeAuditTrail, FakeCities, FakeEvents, FakeRenames, RecordingLog


@dataclass
class FakeEraser:
    """`Eraser` over the fakes."""

    events: FakeEvents

    def erase_everything(self) -> int:
        erased = len(self.events.records) + len(self.events.cities.cities)
        self.events.records.clear()
        self.events.cities.cities.clear()
        return erased


class Stage:
    """Empty tables and the sample data that may go into them."""

    def __init__(self) -> None:
        cities = FakeCities()
        self.events = FakeEvents(cities)
        self.log = RecordingLog()
        renames = Renames(
            cities=cities,
            events=self.events,
            renames=FakeRenames(cities, self.events),
            clock=_now,
            workers=1,
        )
        auditor = Auditor(_now, bound)
        self.trail = FakeAuditTrail()
        self.samples = SampleData(
            events=EventEditor(
                events=self.events, cities=cities, auditor=auditor, clock=_now, log=self.log
            ),
            cities=CityEditor(
                cities=cities,
                renames=renames,
                auditor=auditor,
                clock=_now,
                stopwatch=lambda: 0,
                log=self.log,
            ),
            eraser=FakeEraser(self.events),
            trail=self.trail,
            auditor=auditor,
            clock=_now,
            log=self.log,
        )


def _now() -> datetime:
    return NOW


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_filled_stage_has_twelve_cities_and_sixty_events(stage: Stage) -> None:
    assert stage.samples.fill("user_1") == (12, 60)
    assert len(stage.events.cities.cities) == 12
    assert len(stage.events.records) == 60


def test_every_sample_event_is_on_sale(stage: Stage) -> None:
    stage.samples.fill("user_1")
    for record in stage.events.records.values():
        record.ensure_on_sale(1, NOW)


def test_no_sample_event_is_so_soon_that_it_is_over_tomorrow() -> None:
    assert min(event.days_ahead for event in EVENTS) > 1


def test_dates_are_whole_hours_counted_from_today(stage: Stage) -> None:
    stage.samples.fill("user_1")
    midnight = NOW.replace(hour=0)
    for sample in EVENTS:
        date = stage.events.records[sample.slug].date
        assert date == midnight + timedelta(days=sample.days_ahead, hours=sample.hour)
    assert all(0 <= sample.hour <= 23 for sample in EVENTS)


def test_every_city_has_events(stage: Stage) -> None:
    stage.samples.fill("user_1")
    counts = Counter(event.city_slug for event in EVENTS)
    assert set(counts) == {city.slug for city in CITIES}
    for slug, entry in stage.events.cities.cities.items():
        assert entry.published_events == counts[slug]


def test_no_two_samples_share_a_slug_or_a_name() -> None:
    for names in (
        [event.slug for event in EVENTS],
        [event.name for event in EVENTS],
        [city.slug for city in CITIES],
        [city.name for city in CITIES],
    ):
        assert [name for name, times in Counter(names).items() if times > 1] == []


def test_every_slug_is_one_that_the_api_would_take() -> None:
    assert [event.slug for event in EVENTS if not is_slug(event.slug)] == []
    assert [city.slug for city in CITIES if not is_slug(city.slug) or len(city.slug) > 50] == []


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.slug)
def test_a_sample_is_what_an_admin_could_have_sent(event: SampleEvent) -> None:
    assert event.currency in CURRENCIES
    assert 0 <= event.price <= 99_999_999_99
    # At most two decimals, in currencies with three too.
    assert event.price % 10 ** max(minor_digits(event.currency) - 2, 0) == 0
    assert event.capacity is None or event.capacity > 0
    assert 1 <= len(event.name) <= 255
    assert 1 <= len(event.location) <= 255
    assert 1 <= len(event.organizer) <= 255
    assert 1 <= len(event.description) <= 5000
    assert clean_html(event.description, _ALLOWED_TAGS) == event.description


def test_samples_show_more_than_one_kind_of_price_and_stock() -> None:
    assert len({minor_digits(event.currency) for event in EVENTS}) > 1
    assert {event.capacity is None for event in EVENTS} == {True, False}


def test_samples_load_no_image_of_another_host(stage: Stage) -> None:
    stage.samples.fill("user_1")
    shown = [json.loads(record.public) for record in stage.events.records.values()]
    shown += [entry.fields() for entry in stage.events.cities.cities.values()]
    assert {item["imageUrl"] for item in shown} == {None}
    assert all(item["alt"] for item in shown)


def test_filling_twice_is_refused(stage: Stage) -> None:
    stage.samples.fill("user_1")
    with pytest.raises(SlugTaken):
        stage.samples.fill("user_1")


def test_a_reset_replaces_whatever_was_there(stage: Stage) -> None:
    stage.events.cities.create(a_city(slug="atlantis", name="Atlantis"))
    stage.events.create(an_event(slug="flood", city_slug="atlantis"))
    assert stage.samples.reset("user_1") == (12, 60)
    assert "atlantis" not in stage.events.cities.cities
    assert "flood" not in stage.events.records
    assert stage.samples.reset("user_1") == (12, 60)


def test_a_truncation_says_how_much_it_deleted_and_is_audited(stage: Stage) -> None:
    stage.events.cities.create(a_city())
    stage.events.create(an_event())
    assert stage.samples.truncate("user_1") == 2
    assert stage.events.records == {}
    assert stage.log.lines == [("audit", "database_truncated", {"by": "user_1", "erased": 2})]
