"""Bringing a city's new name to its events: whatever happens in between."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.events import Event, EventRecord, EventStatus
from chalicelib.errors import Unavailable
from chalicelib.services.port_types import Rename
from chalicelib.services.renames import SETTLED_AFTER, Look, Renames
from chalicelib.services.time_budget import TimeBudget
from tests.support.builders import NOW, a_city, an_event
from tests.support.fakes import FakeCities, FakeEvents, FakeRenames

LATER = NOW + timedelta(hours=1)
AMPLE = TimeBudget(1.0, lambda: 0.0)


@dataclass
class RacedEvents(FakeEvents):
    """Events of which something happens just before the next reads or writes."""

    before_reading: list[Callable[[], None]] = field(default_factory=list)
    after_reading: list[Callable[[], None]] = field(default_factory=list)
    before_writing: list[Callable[[], None]] = field(default_factory=list)

    def get_many(self, slugs: Iterable[str]) -> dict[str, EventRecord]:
        _next(self.before_reading)
        found = super().get_many(slugs)
        _next(self.after_reading)
        return found

    def replace(self, before: EventRecord, after: Event, entry: AuditEntry | None = None) -> None:
        _next(self.before_writing)
        super().replace(before, after, entry)


def _next(actions: list[Callable[[], None]]) -> None:
    if actions:
        actions.pop(0)()


class Atlas:
    """London with events in it, and what brings its names to them."""

    def __init__(self) -> None:
        self.now = LATER
        self.cities = FakeCities()
        self.events = RacedEvents(self.cities)
        self.renames = Renames(
            cities=self.cities,
            events=self.events,
            renames=FakeRenames(self.cities, self.events),
            clock=lambda: self.now,
            workers=1,
        )
        self.cities.create(a_city())

    def add(self, *statuses: EventStatus) -> None:
        first = len(self.events.records) + 1
        for number, status in enumerate(statuses, start=first):
            self.events.create(an_event(id=number, slug=f"event-{number}", status=status))

    def rename(self, **changes: str) -> Rename:
        """Change what London is called; returns what is left to do."""
        (before,) = (entry for entry in self.cities.cities.values() if entry.fields()["id"] == 1)
        named: dict[str, Any] = {"updated_at": self.now, **changes}
        self.cities.replace(before, replace(before.described(), **named))
        (rename,) = self.renames.pending()
        return rename

    def edit(self, slug: str, **changes: Any) -> None:
        """Edit an event as an admin who does not look at its city."""
        record = self.events.records[slug]
        event = record.described()
        later = event.updated_at + timedelta(seconds=1)
        FakeEvents.replace(self.events, record, replace(event, updated_at=later, **changes))

    def shown(self) -> set[tuple[str, str]]:
        events = [record.described() for record in self.events.records.values()]
        return {(event.city, event.city_slug) for event in events}

    def settle(self) -> None:
        self.now += SETTLED_AFTER


@pytest.fixture
def atlas() -> Atlas:
    return Atlas()


@pytest.mark.parametrize("workers", [1, 4])
def test_events_of_every_status_follow(atlas: Atlas, workers: int) -> None:
    atlas.renames._workers = workers
    atlas.add(*EventStatus, *EventStatus)
    rename = atlas.rename(name="Londinium", slug="londinium")

    look = atlas.renames.finish(rename, AMPLE)

    assert look == Look(behind=6, brought=6, is_whole=True)
    assert atlas.shown() == {("Londinium", "londinium")}


def test_an_event_that_follows_was_changed_then(atlas: Atlas) -> None:
    atlas.add(EventStatus.PUBLISHED)
    before = atlas.events.records["event-1"].described()

    atlas.renames.finish(atlas.rename(name="Londinium"), AMPLE)

    after = atlas.events.records["event-1"].described()
    assert after == replace(before, city="Londinium", updated_at=LATER)


def test_an_event_that_is_in_step_is_left_alone(atlas: Atlas) -> None:
    atlas.add(EventStatus.PUBLISHED)
    rename = atlas.rename(name="Londinium")
    atlas.renames.finish(rename, AMPLE)
    before = dict(atlas.events.records)

    look = atlas.renames.follow(1, "london", AMPLE)

    assert look == Look(behind=0, brought=0, is_whole=True)
    assert atlas.events.records == before


def test_a_rename_is_forgotten_once_a_look_finds_no_event_behind(atlas: Atlas) -> None:
    atlas.add(EventStatus.PUBLISHED)
    rename = atlas.rename(name="Londinium")
    atlas.settle()

    atlas.renames.finish(rename, AMPLE)
    assert atlas.renames.pending() == [rename]

    atlas.renames.finish(rename, AMPLE)
    assert atlas.renames.pending() == []


def test_a_rename_is_not_forgotten_while_earlier_writes_may_not_be_seen(atlas: Atlas) -> None:
    rename = atlas.rename(name="Londinium")

    atlas.renames.finish(rename, AMPLE)
    assert atlas.renames.pending() == [rename]

    atlas.settle()
    atlas.renames.finish(rename, AMPLE)
    assert atlas.renames.pending() == []


def test_a_look_that_was_cut_short_forgets_nothing_and_the_next_goes_on(atlas: Atlas) -> None:
    atlas.add(*[EventStatus.PUBLISHED] * 20)
    rename = atlas.rename(name="Londinium")
    atlas.settle()

    def written() -> float:
        events = (record.described() for record in atlas.events.records.values())
        return float(sum(event.city == "Londinium" for event in events))

    look = atlas.renames.finish(rename, TimeBudget.of(12, written))

    assert look == Look(behind=16, brought=12, is_whole=False)
    assert atlas.renames.finish(rename, AMPLE) == Look(behind=8, brought=8, is_whole=True)
    assert atlas.shown() == {("Londinium", "london")}


def test_a_look_that_was_cut_short_before_all_was_seen_forgets_nothing(atlas: Atlas) -> None:
    atlas.add(*[EventStatus.PUBLISHED] * 20)
    rename = atlas.rename(name="Londinium")
    atlas.renames.finish(rename, AMPLE)
    atlas.settle()
    seconds = iter(range(100))

    look = atlas.renames.finish(rename, TimeBudget(2, lambda: next(seconds)))

    assert look == Look(behind=0, brought=0, is_whole=False)
    assert atlas.renames.pending() == [rename]


def test_a_second_rename_wins(atlas: Atlas) -> None:
    atlas.add(EventStatus.PUBLISHED)
    first = atlas.rename(name="Londinium")
    atlas.now += timedelta(seconds=1)
    second = atlas.rename(name="Lundenwic")
    atlas.settle()

    atlas.renames.finish(first, AMPLE)
    atlas.renames.finish(first, AMPLE)

    assert atlas.shown() == {("Lundenwic", "london")}
    assert atlas.renames.pending() == [second]


@pytest.mark.parametrize("moment", ["before_reading", "after_reading", "before_writing"])
@pytest.mark.parametrize("changes", [{"name": "Lundenwic"}, {"slug": "lundenwic"}])
def test_a_second_rename_in_the_middle_of_the_first_wins(
    atlas: Atlas, moment: str, changes: dict[str, str]
) -> None:
    atlas.add(EventStatus.PUBLISHED, EventStatus.DRAFT)
    first = atlas.rename(name="Londinium")

    def rename_and_follow() -> None:
        atlas.now += timedelta(seconds=1)
        second = atlas.rename(**changes)
        atlas.renames.finish(second, AMPLE)

    getattr(atlas.events, moment).append(rename_and_follow)
    atlas.renames.finish(first, AMPLE)
    atlas.settle()
    for rename in (first, *atlas.renames.pending(), *atlas.renames.pending()):
        atlas.renames.finish(rename, AMPLE)

    wanted = {"name": "Londinium", "slug": "london"} | changes
    assert atlas.shown() == {(wanted["name"], wanted["slug"])}
    assert atlas.renames.pending() == []


@pytest.mark.parametrize("moment", ["before_reading", "after_reading", "before_writing"])
def test_an_event_that_followed_a_later_rename_is_not_brought_back(
    atlas: Atlas, moment: str
) -> None:
    atlas.add(EventStatus.PUBLISHED)
    first = atlas.rename(name="Londinium")

    def rename_and_follow() -> None:
        atlas.now += timedelta(seconds=1)
        atlas.renames.finish(atlas.rename(name="Lundenwic"), AMPLE)

    getattr(atlas.events, moment).append(rename_and_follow)
    atlas.renames.finish(first, AMPLE)

    assert atlas.shown() == {("Lundenwic", "london")}


@pytest.mark.parametrize("moment", ["before_reading", "after_reading", "before_writing"])
def test_an_event_that_is_edited_meanwhile_follows_and_keeps_the_edit(
    atlas: Atlas, moment: str
) -> None:
    atlas.add(EventStatus.PUBLISHED)
    rename = atlas.rename(name="Londinium", slug="londinium")
    getattr(atlas.events, moment).append(lambda: atlas.edit("event-1", price=1))

    atlas.renames.finish(rename, AMPLE)

    assert atlas.shown() == {("Londinium", "londinium")}
    assert atlas.events.records["event-1"].price == 1


@pytest.mark.parametrize("moment", ["before_reading", "after_reading", "before_writing"])
def test_an_event_that_moves_away_meanwhile_stays_where_it_moved(atlas: Atlas, moment: str) -> None:
    atlas.cities.create(a_city(id=2, slug="porto", name="Porto"))
    atlas.add(EventStatus.PUBLISHED)
    rename = atlas.rename(name="Londinium")
    getattr(atlas.events, moment).append(
        lambda: atlas.edit("event-1", city="Porto", city_slug="porto")
    )

    atlas.renames.finish(rename, AMPLE)

    assert atlas.shown() == {("Porto", "porto")}


@pytest.mark.parametrize("moment", ["before_reading", "after_reading", "before_writing"])
def test_an_event_that_is_deleted_meanwhile_does_not_come_back(atlas: Atlas, moment: str) -> None:
    atlas.add(EventStatus.PUBLISHED)
    rename = atlas.rename(name="Londinium")
    getattr(atlas.events, moment).append(
        lambda: atlas.events.delete(atlas.events.records["event-1"])
    )

    atlas.renames.finish(rename, AMPLE)

    assert atlas.events.records == {}


def test_a_city_that_is_gone_leaves_nothing_to_do(atlas: Atlas) -> None:
    rename = atlas.rename(name="Londinium")
    atlas.cities.delete(atlas.cities.cities["london"])
    atlas.cities.create(a_city(id=2, name="Another"))
    atlas.cities.renames[1] = rename
    atlas.events.create(an_event(city="Another"))
    atlas.edit("tech-conference", city="Whatever")
    atlas.settle()

    assert atlas.renames.finish(rename, AMPLE) == Look(behind=0, brought=0, is_whole=True)

    assert atlas.shown() == {("Whatever", "london")}
    assert atlas.renames.pending() == []


def test_a_city_that_goes_in_the_middle_ends_the_look(atlas: Atlas) -> None:
    atlas.add(EventStatus.PUBLISHED)
    rename = atlas.rename(name="Londinium")

    def leave() -> None:
        atlas.events.delete(atlas.events.records["event-1"])
        atlas.cities.delete(atlas.cities.cities["london"])

    atlas.events.after_reading.append(leave)

    assert atlas.renames.finish(rename, AMPLE) == Look(behind=1, brought=0, is_whole=True)


def test_an_event_that_cannot_be_written_waits_and_the_others_do_not(atlas: Atlas) -> None:
    atlas.add(EventStatus.PUBLISHED, EventStatus.PUBLISHED)
    rename = atlas.rename(name="Londinium")
    atlas.settle()

    def fail() -> None:
        raise Unavailable("not now")

    def nothing() -> None:
        pass

    # The first event fails at each of its three tries, the second is written at its first.
    atlas.events.before_writing += [fail, nothing, fail, fail]

    assert atlas.renames.finish(rename, AMPLE) == Look(behind=2, brought=1, is_whole=True)
    assert atlas.renames.finish(rename, AMPLE) == Look(behind=1, brought=1, is_whole=True)
    assert atlas.renames.pending() == [rename]


def test_a_store_that_is_down_is_not_asked_for_every_event(atlas: Atlas) -> None:
    atlas.add(*[EventStatus.PUBLISHED] * 20)
    rename = atlas.rename(name="Londinium")
    seconds = 0.0

    def time_out() -> None:
        nonlocal seconds
        seconds += 2
        raise Unavailable("not now")

    atlas.events.before_writing += [time_out] * 100
    look = atlas.renames.finish(rename, TimeBudget.of(3, lambda: seconds))

    assert look == Look(behind=8, brought=0, is_whole=False)
    assert seconds == 4
