"""What admins do with cities: changes, conditions, and what is left to the timer."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.cities import City, public_city
from chalicelib.domain.revisions import revision_of
from chalicelib.errors import Changed, InUse, NotFound, PreconditionFailed, SlugTaken, Unavailable
from chalicelib.log_context import bound
from chalicelib.services.auditing import Auditor
from chalicelib.services.editing_cities import CityDraft, CityEditor
from chalicelib.services.port_types import CityEntry
from chalicelib.services.renames import Renames
from tests.support.builders import NOW, a_city, an_event
from tests.support.fakes import FakeCities, FakeEvents, FakeRenames, RecordingLog

LATER = NOW + timedelta(hours=1)


@dataclass
class RacedCities(FakeCities):
    """Cities that somebody else changes just before each of the next writes."""

    others: list[Callable[[], None]] = field(default_factory=list)

    def replace(self, before: CityEntry, after: City, entry: AuditEntry | None = None) -> None:
        if self.others:
            self.others.pop(0)()
        super().replace(before, after, entry)


@dataclass
class BrokenRenames(FakeRenames):
    """Renames that cannot be looked at."""

    def events_of(self, city_slug: str) -> "object":  # type: ignore[override]
        raise Unavailable("not now")


class Desk:
    """An editor over fakes, with London and an event in it."""

    def __init__(self) -> None:
        self.cities = RacedCities()
        self.events = FakeEvents(self.cities)
        self.log = RecordingLog()
        self.now = LATER
        self.editor = self.editor_with(FakeRenames(self.cities, self.events))
        self.cities.create(a_city())
        self.events.create(an_event())

    def editor_with(self, renames: FakeRenames) -> CityEditor:
        return CityEditor(
            cities=self.cities,
            renames=Renames(
                cities=self.cities,
                events=self.events,
                renames=renames,
                clock=lambda: self.now,
                workers=1,
            ),
            auditor=Auditor(lambda: self.now, bound),
            clock=lambda: self.now,
            stopwatch=lambda: 0.0,
            log=self.log,
        )

    def change(
        self, city_slug: str = "london", wanted: frozenset[str] | None = None, **to: Any
    ) -> City:
        def redescribe(city: City) -> CityDraft:
            return replace(CityDraft.of(city), **to)

        return self.editor.change(city_slug, redescribe, wanted, "user_1").described()

    def shown(self, slug: str = "tech-conference") -> tuple[str, str]:
        """What an event shows of its city."""
        record = self.events.get(slug)
        assert record is not None
        event = record.described()
        return event.city, event.city_slug

    def meanwhile(self, **changes: Any) -> None:
        """Have somebody else change London just before the next write."""

        def other() -> None:
            before = self.cities.cities["london"]
            city = before.described()
            later = city.updated_at + timedelta(minutes=1)
            FakeCities.replace(self.cities, before, replace(city, updated_at=later, **changes))

        self.cities.others.append(other)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_change_is_stored_and_leaves_a_line(desk: Desk) -> None:
    changed = desk.change(country="England", alt="A bridge")

    assert changed == a_city(country="England", alt="A bridge", updated_at=LATER)
    assert desk.editor.get("london").described() == changed
    assert desk.log.lines == [
        (
            "audit",
            "city_changed",
            {"by": "user_1", "city": "london", "cityId": 1, "changed": ["country", "alt"]},
        )
    ]


def test_what_changes_nothing_is_not_written(desk: Desk) -> None:
    assert desk.change(name="London") == a_city()

    assert desk.log.lines == []


def test_two_changes_at_one_moment_have_two_times(desk: Desk) -> None:
    desk.now = NOW
    first, second = desk.change(country="A"), desk.change(country="B")

    assert NOW < first.updated_at < second.updated_at


def test_a_new_name_and_slug_reach_the_events_at_once(desk: Desk) -> None:
    desk.change(name="Londinium", slug="londinium")

    assert desk.shown() == ("Londinium", "londinium")
    assert desk.editor.get("london").published_events == 1
    assert len(desk.cities.renames) == 1


def test_a_former_slug_finds_the_city_to_change(desk: Desk) -> None:
    desk.change(slug="londinium")

    assert desk.change("london", country="England").slug == "londinium"


def test_a_change_that_no_event_shows_looks_at_none(desk: Desk) -> None:
    desk.editor = desk.editor_with(BrokenRenames(desk.cities, desk.events))

    desk.change(country="England")

    assert desk.log.names("crash") == []


def test_events_that_cannot_follow_now_are_the_timers_and_no_failure(desk: Desk) -> None:
    desk.editor = desk.editor_with(BrokenRenames(desk.cities, desk.events))

    assert desk.change(name="Londinium").name == "Londinium"

    assert desk.log.names("crash") == ["events_wait_for_the_timer"]
    assert len(desk.cities.renames) == 1
    assert desk.shown() == ("London", "london")


def test_who_renames_a_city_waits_for_its_events_no_longer_than_some_seconds(desk: Desk) -> None:
    def seconds() -> float:
        """A tenth of a second for each event that was written."""
        return sum(desk.shown(slug)[0] == "Londinium" for slug in desk.events.records) / 10

    for number in range(2, 102):
        desk.events.create(an_event(id=number, slug=f"event-{number}"))
    desk.editor._stopwatch = seconds

    desk.change(name="Londinium")

    assert seconds() == 3


def test_a_change_is_made_again_to_what_another_admin_left(desk: Desk) -> None:
    desk.meanwhile(country="England")

    changed = desk.change(alt="A bridge")

    assert (changed.country, changed.alt) == ("England", "A bridge")


def test_a_change_that_is_always_late_is_given_up(desk: Desk) -> None:
    for number in range(5):
        desk.meanwhile(country=f"Country {number}")

    with pytest.raises(Changed, match="changed all the time"):
        desk.change(alt="A bridge")


def test_a_change_is_made_from_the_revision_that_was_asked_for(desk: Desk) -> None:
    revision = revision_of(desk.editor.get("london").public)

    changed = desk.change(wanted=frozenset({"other", revision}), country="England")

    assert changed.country == "England"
    with pytest.raises(PreconditionFailed):
        desk.change(wanted=frozenset({revision}), country="Wales")
    with pytest.raises(PreconditionFailed):
        desk.editor.delete("london", frozenset({revision}), "user_1")


def test_a_change_from_a_revision_is_not_made_to_what_another_admin_left(desk: Desk) -> None:
    revision = revision_of(desk.editor.get("london").public)
    desk.meanwhile(country="England")

    with pytest.raises(PreconditionFailed):
        desk.change(wanted=frozenset({revision}), alt="A bridge")


def test_a_taken_slug_changes_nothing(desk: Desk) -> None:
    desk.cities.create(a_city(id=2, slug="porto"))

    with pytest.raises(SlugTaken):
        desk.change(slug="porto")

    assert desk.log.lines == []


def test_a_city_without_events_is_deleted_and_leaves_a_line(desk: Desk) -> None:
    desk.cities.create(a_city(id=2, slug="porto"))

    desk.editor.delete("porto", None, "user_1")

    assert desk.log.lines == [
        ("audit", "city_deleted", {"by": "user_1", "city": "porto", "cityId": 2})
    ]
    with pytest.raises(NotFound):
        desk.editor.get("porto")


def test_a_city_with_events_is_not_deleted(desk: Desk) -> None:
    with pytest.raises(InUse):
        desk.editor.delete("london", None, "user_1")

    assert desk.log.lines == []


@pytest.mark.parametrize("slug", ["nowhere", "#totals", "", "12", "x" * 200])
def test_a_city_that_is_not_there_is_neither_changed_nor_deleted(desk: Desk, slug: str) -> None:
    with pytest.raises(NotFound):
        desk.change(slug, country="England")
    with pytest.raises(NotFound):
        desk.editor.delete(slug, None, "user_1")


def test_an_added_city_is_shown_as_it_is_stored(desk: Desk) -> None:
    entry = desk.editor.add(CityDraft("Porto", "porto", None, None, "Porto"), "user_1")

    assert entry == desk.editor.get("porto")
    assert entry.fields() == public_city(entry.described())
