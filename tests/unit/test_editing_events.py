"""What admins do with events, over the fakes of the store."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.events import Event, EventRecord, EventStatus, new_record, public_event
from chalicelib.domain.revisions import revision_of
from chalicelib.errors import (
    CapacityTooLow,
    Changed,
    Conflict,
    InUse,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    SlugTaken,
    SlugUnknown,
)
from chalicelib.log_context import bound
from chalicelib.services.auditing import Auditor
from chalicelib.services.editing_events import EventDraft, EventEditor, ensure_in_future
from chalicelib.services.port_types import CityEntry
from tests.support.builders import NOW, a_city, an_event
from tests.support.fakes import FakeCities, FakeEvents, RecordingLog

LATER = NOW + timedelta(hours=1)
DRAFT = EventDraft(
    name="Gala",
    slug="gala",
    city_slug="london",
    location="Dockside Halls",
    date=NOW + timedelta(days=1),
    organizer_name="TechEvents Ltd",
    image_url="https://img.example/gala.png",
    alt="A hall",
    description="<p>Dress up.</p>",
    price=7000,
    currency="eur",
    status=EventStatus.PUBLISHED,
    capacity=None,
)

Redescribe = Callable[[Event], EventDraft]


def to(**changes: Any) -> Redescribe:
    """A change that sets these fields and leaves the others."""
    return lambda event: replace(EventDraft.of(event), **changes)


class BusyEvents(FakeEvents):
    """A store in which somebody else is faster: `first` is done before each of the next writes."""

    def __init__(self, cities: FakeCities) -> None:
        super().__init__(cities)
        self.first: list[Callable[[], object]] = []
        self.writes = 0

    def replace(self, before: EventRecord, after: Event, entry: AuditEntry | None = None) -> None:
        self.writes += 1
        if self.first:
            self.first.pop(0)()
        super().replace(before, after, entry)


class Office:
    """An editor over fakes: London and Paris, and the event `show` in London with ten seats."""

    def __init__(self) -> None:
        self.cities = FakeCities()
        self.events = BusyEvents(self.cities)
        self.log = RecordingLog()
        self.now = LATER
        self.editor = EventEditor(
            events=self.events,
            cities=self.cities,
            auditor=Auditor(self.clock, bound),
            clock=self.clock,
            log=self.log,
        )
        self.cities.create(a_city(id=self.cities.next_id()))
        self.cities.create(a_city(id=self.cities.next_id(), name="Paris", slug="paris"))
        self.show = an_event(id=self.events.next_id(), slug="show", capacity=10)
        self.events.create(self.show)

    def clock(self) -> datetime:
        return self.now

    def record(self, slug: str = "show") -> EventRecord:
        record = self.events.get(slug)
        assert record is not None
        return record

    def change(self, known_as: str = "show", **changes: Any) -> EventRecord:
        return self.editor.change(known_as, to(**changes), None, "user_1")

    def behind_the_back(self, **changes: Any) -> Callable[[], None]:
        """An edit by somebody else, told to nobody."""

        def edit() -> None:
            record = self.record()
            before = record.described()
            after = replace(before, updated_at=before.updated_at + timedelta(minutes=1), **changes)
            FakeEvents.replace(self.events, record, after)

        return edit

    def published_in(self, city: str) -> int:
        entry = self.cities.get(city)
        assert entry is not None
        return entry.published_events


@pytest.fixture
def office() -> Office:
    return Office()


class TestAdding:
    def test_a_new_event_takes_its_citys_name(self, office: Office) -> None:
        record = office.editor.add(DRAFT, by="user_1")

        event = an_event(
            id=2,
            name="Gala",
            slug="gala",
            date=DRAFT.date,
            image_url="https://img.example/gala.png",
            alt="A hall",
            description="<p>Dress up.</p>",
            price=7000,
            currency="eur",
            capacity=None,
            created_at=LATER,
            updated_at=LATER,
        )
        assert record == new_record(event)
        assert office.record("gala").public == public_event(event)
        audited = {"by": "user_1", "event": "gala", "eventId": 2}
        assert office.log.lines == [("audit", "event_created", audited)]

    @pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=1)])
    def test_an_event_in_the_past_cannot_be_added(self, office: Office, ago: timedelta) -> None:
        with pytest.raises(InvalidInput, match=r"^date: must be in the future$"):
            office.editor.add(replace(DRAFT, date=LATER - ago), by="user_1")
        assert "gala" not in office.events.records

    def test_the_same_rule_can_be_asked_for_alone(self) -> None:
        ensure_in_future(DRAFT, DRAFT.date - timedelta(milliseconds=1))
        with pytest.raises(InvalidInput):
            ensure_in_future(DRAFT, DRAFT.date)

    def test_an_event_in_a_city_that_does_not_exist_cannot_be_added(self, office: Office) -> None:
        with pytest.raises(InvalidInput, match=r"^citySlug: must be the slug of a city$"):
            office.editor.add(replace(DRAFT, city_slug="atlantis"), by="user_1")
        assert office.log.lines == []

    def test_a_former_slug_of_a_city_is_the_city(self, office: Office) -> None:
        rename_city(office, "paris", slug="lutetia", name="Lutetia")

        event = office.editor.add(replace(DRAFT, city_slug="paris"), by="user_1").described()

        assert (event.city, event.city_slug) == ("Lutetia", "lutetia")

    def test_an_event_whose_slug_is_taken_is_refused_and_not_audited(self, office: Office) -> None:
        with pytest.raises(SlugTaken):
            office.editor.add(replace(DRAFT, slug="show"), by="user_1")
        assert office.log.lines == []

    def test_an_event_whose_city_goes_while_it_is_added_is_refused(self, office: Office) -> None:
        class VanishingCities(FakeCities):
            def get(self, slug: str, *, consistent: bool = False) -> CityEntry | None:
                return self.cities.pop(slug, None)

        cities = VanishingCities(dict(office.cities.cities))
        editor = EventEditor(
            events=FakeEvents(cities),
            cities=cities,
            auditor=Auditor(office.clock, bound),
            clock=office.clock,
            log=office.log,
        )
        with pytest.raises(SlugUnknown):
            editor.add(DRAFT, by="user_1")
        assert office.log.lines == []


def rename_city(office: Office, known_as: str, **changes: Any) -> None:
    entry = office.cities.get(known_as)
    assert entry is not None
    office.cities.replace(entry, replace(entry.described(), updated_at=LATER, **changes))


class TestFinding:
    @pytest.mark.parametrize("known_as", ["1", "001", "show"])
    def test_an_event_is_known_by_its_id_and_its_slug(self, office: Office, known_as: str) -> None:
        assert office.editor.get(known_as) == office.record()

    def test_a_former_slug_leads_to_the_event(self, office: Office) -> None:
        office.change(slug="premiere")
        assert office.editor.get("show").slug == "premiere"

    @pytest.mark.parametrize("status", list(EventStatus))
    def test_every_status_is_shown(self, office: Office, status: EventStatus) -> None:
        office.change(status=status)
        assert office.editor.get("show").status is status

    @pytest.mark.parametrize(
        "known_as",
        ["2", "0", "unknown", "", "-1", "1.0", "#totals", "Show", "a/b", "\u0661", "²", "\ud800"],
    )
    def test_what_names_nothing_is_not_found(self, office: Office, known_as: str) -> None:
        with pytest.raises(NotFound, match="no such event"):
            office.editor.get(known_as)

    @pytest.mark.parametrize("known_as", ["9" * 5000, "1" + "0" * 40, "x" * 5000])
    def test_an_absurdly_long_name_is_not_found_and_not_computed(
        self, office: Office, known_as: str
    ) -> None:
        with pytest.raises(NotFound, match="no such event"):
            office.editor.get(known_as)

    def test_it_is_read_as_it_is_now(self, office: Office) -> None:
        class Consistent(FakeEvents):
            def get(self, slug: str, *, consistent: bool = False) -> EventRecord | None:
                assert consistent, "an admin would edit what is not there any more"
                return super().get(slug)

        editor = EventEditor(
            events=Consistent(office.cities, office.events.records),
            cities=office.cities,
            auditor=Auditor(office.clock, bound),
            clock=office.clock,
            log=office.log,
        )
        assert editor.get("show").id == 1


class TestChanging:
    def test_a_change_is_stored_shown_and_audited(self, office: Office) -> None:
        record = office.change(name="Show!", price=100)

        after = replace(office.show, name="Show!", price=100, updated_at=LATER)
        assert record.described() == after
        assert office.record() == record
        audited = {"by": "user_1", "event": "show", "eventId": 1, "changed": ["name", "price"]}
        assert office.log.lines == [("audit", "event_changed", audited)]

    def test_an_event_is_changed_by_its_id_too(self, office: Office) -> None:
        assert office.change("1", name="By id").name == "By id"

    def test_what_is_not_there_cannot_be_changed(self, office: Office) -> None:
        with pytest.raises(NotFound):
            office.change("unknown", name="x")

    def test_what_changes_nothing_is_neither_written_nor_audited(self, office: Office) -> None:
        before = office.record()

        assert office.change() == before
        assert office.change(name=before.name, price=before.price) == before

        assert office.events.writes == 0
        assert office.log.lines == []

    def test_what_changes_nothing_is_refused_all_the_same_if_somebody_was_faster(
        self, office: Office
    ) -> None:
        with pytest.raises(PreconditionFailed):
            office.editor.change("show", to(), frozenset({"0" * 32}), "user_1")

    @pytest.mark.parametrize("clock", [NOW, NOW - timedelta(days=1)])
    def test_each_change_is_later_than_the_one_before_even_if_the_clock_stands_still(
        self, office: Office, clock: datetime
    ) -> None:
        office.now = clock
        changed = [office.change(name=f"Show {number}").described() for number in range(3)]

        moments = [event.updated_at for event in (office.show, *changed)]
        steps = [later - earlier for earlier, later in pairwise(moments)]
        assert steps == [timedelta(milliseconds=1)] * 3

    def test_the_creation_and_the_id_stay(self, office: Office) -> None:
        after = office.change(slug="premiere", city_slug="paris").described()
        assert (after.id, after.created_at) == (1, NOW)

    def test_a_new_slug_leaves_the_old_one_leading_there(self, office: Office) -> None:
        record = office.change(slug="premiere")
        assert (record.slug, record.former_slugs) == ("premiere", ("show",))
        assert office.change("show", name="Known by its old name").slug == "premiere"

    def test_a_slug_that_is_taken_is_refused(self, office: Office) -> None:
        office.editor.add(DRAFT, by="user_1")
        with pytest.raises(SlugTaken):
            office.change(slug="gala")
        assert office.record().slug == "show"

    def test_a_capacity_below_what_is_sold_and_held_is_refused(self, office: Office) -> None:
        office.events.move("show", free=-5, held=2, sold=3)
        with pytest.raises(CapacityTooLow):
            office.change(capacity=4)
        assert office.change(capacity=5).available == 0
        assert office.log.names("audit") == ["event_changed"]


class TestMovingBetweenCities:
    def test_an_event_takes_the_new_citys_name_and_is_counted_there(self, office: Office) -> None:
        after = office.change(city_slug="paris").described()

        assert (after.city, after.city_slug) == ("Paris", "paris")
        assert (office.published_in("london"), office.published_in("paris")) == (0, 1)

    def test_a_city_that_does_not_exist_is_refused_by_its_field(self, office: Office) -> None:
        with pytest.raises(InvalidInput, match=r"^citySlug: must be the slug of a city$"):
            office.change(city_slug="atlantis")
        assert office.published_in("london") == 1

    def test_a_former_slug_of_its_own_city_moves_it_nowhere(self, office: Office) -> None:
        rename_city(office, "london", slug="londinium")
        after = office.change(city_slug="london", status=EventStatus.DRAFT).described()
        assert after.city_slug == "londinium"
        assert office.change(city_slug="london") == office.record()

    def test_who_changes_the_status_brings_the_citys_name_up_to_date(self, office: Office) -> None:
        rename_city(office, "london", name="Londinium")
        assert office.change(name="Still behind").described().city == "London"
        assert office.change(status=EventStatus.DRAFT).described().city == "Londinium"

    def test_a_city_that_is_renamed_at_the_very_moment_is_looked_at_again(
        self, office: Office
    ) -> None:
        office.events.first = [lambda: rename_city(office, "paris", name="Lutetia")]

        assert office.change(city_slug="paris").described().city == "Lutetia"
        assert office.events.writes == 2


class TestStatuses:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (EventStatus.DRAFT, EventStatus.PUBLISHED),
            (EventStatus.PUBLISHED, EventStatus.DRAFT),
            (EventStatus.PUBLISHED, EventStatus.CANCELLED),
            (EventStatus.DRAFT, EventStatus.CANCELLED),
        ],
    )
    def test_an_event_may_go_from_one_to_another(
        self, office: Office, before: EventStatus, after: EventStatus
    ) -> None:
        office.change(status=before)
        assert office.change(status=after).status is after

    @pytest.mark.parametrize("status", [EventStatus.DRAFT, EventStatus.PUBLISHED])
    def test_a_cancelled_event_stays_cancelled(self, office: Office, status: EventStatus) -> None:
        office.change(status=EventStatus.CANCELLED)
        with pytest.raises(Conflict, match="a cancelled event stays cancelled"):
            office.change(status=status)
        assert office.record().status is EventStatus.CANCELLED

    def test_a_cancelled_event_can_still_be_described_better(self, office: Office) -> None:
        office.change(status=EventStatus.CANCELLED)
        assert office.change(name="Show (cancelled)").name == "Show (cancelled)"


class TestCancelling:
    @pytest.mark.parametrize("before", [EventStatus.DRAFT, EventStatus.PUBLISHED])
    def test_nothing_but_the_status_changes(self, office: Office, before: EventStatus) -> None:
        described = office.change(status=before).described()

        record = office.editor.cancel("show", None, "user_7")

        cancelled = replace(described, status=EventStatus.CANCELLED)
        assert replace(record.described(), updated_at=described.updated_at) == cancelled
        assert office.record() == record

    def test_its_orders_are_noted_as_left_to_be_ended(self, office: Office) -> None:
        office.editor.cancel("show", None, "user_7")

        assert [each.event_id for each in office.events.cancellations.pending()] == [office.show.id]

    def test_a_cancelled_event_stays_as_it_is(self, office: Office) -> None:
        first = office.editor.cancel("show", None, "user_7")
        office.now += timedelta(days=1)

        assert office.editor.cancel("show", None, "user_8") == first
        assert office.log.names("audit").count("event_cancelled") == 1

    def test_it_leaves_a_line_that_says_who_and_what(self, office: Office) -> None:
        office.editor.cancel("show", None, "user_7")

        (line,) = [fields for _, name, fields in office.log.lines if name == "event_cancelled"]
        assert line == {
            "by": "user_7",
            "event": "show",
            "eventId": office.show.id,
            "changed": ["status"],
        }

    def test_an_edit_at_the_same_moment_is_kept(self, office: Office) -> None:
        office.events.first = [office.behind_the_back(name="Gala")]

        record = office.editor.cancel("show", None, "user_7")

        assert (record.name, record.status) == ("Gala", EventStatus.CANCELLED)

    def test_on_a_condition_that_does_not_hold_it_goes_on_being_sold(self, office: Office) -> None:
        with pytest.raises(PreconditionFailed):
            office.editor.cancel("show", frozenset({"of-another-time"}), "user_7")
        assert office.record().status is EventStatus.PUBLISHED

    def test_what_is_not_there_cannot_be_cancelled(self, office: Office) -> None:
        with pytest.raises(NotFound):
            office.editor.cancel("nowhere", None, "user_7")


class TestTwoAdminsAtOnce:
    def revision(self, office: Office) -> str:
        return revision_of(office.record().public)

    def test_a_change_is_made_again_to_what_somebody_else_left(self, office: Office) -> None:
        office.events.first = [office.behind_the_back(price=100)]

        after = office.change(name="Mine").described()

        assert (after.name, after.price) == ("Mine", 100)
        assert office.events.writes == 2
        assert office.log.names("audit") == ["event_changed"]

    def test_a_change_that_somebody_else_makes_at_the_same_moment_is_made_once(
        self, office: Office
    ) -> None:
        office.events.first = [office.behind_the_back(name="Ours")]

        assert office.change(name="Ours").name == "Ours"
        assert office.events.writes == 1
        assert office.log.lines == []

    def test_an_event_that_changes_all_the_time_is_given_up_on(self, office: Office) -> None:
        office.events.first = [office.behind_the_back(price=price) for price in range(1, 9)]

        with pytest.raises(Changed, match="changed all the time; try again"):
            office.change(name="Mine")

        assert office.events.writes == 5
        assert office.log.lines == []

    def test_an_event_that_is_deleted_meanwhile_is_not_found(self, office: Office) -> None:
        office.events.first = [lambda: office.events.delete(office.record())]
        with pytest.raises(NotFound):
            office.change(name="Mine")

    def test_a_change_made_from_what_is_current_is_made(self, office: Office) -> None:
        wanted = frozenset({"0" * 32, self.revision(office)})
        assert office.editor.change("show", to(name="Mine"), wanted, "user_1").name == "Mine"

    @pytest.mark.parametrize("wanted", [frozenset(), frozenset({"0" * 32})])
    def test_a_change_made_from_another_state_is_refused(
        self, office: Office, wanted: frozenset[str]
    ) -> None:
        with pytest.raises(PreconditionFailed, match="changed since; read it again"):
            office.editor.change("show", to(name="Mine"), wanted, "user_1")
        assert office.events.writes == 0

    def test_a_change_made_from_one_state_is_not_made_again_to_another(
        self, office: Office
    ) -> None:
        wanted = frozenset({self.revision(office)})
        office.events.first = [office.behind_the_back(price=100)]

        with pytest.raises(PreconditionFailed):
            office.editor.change("show", to(name="Mine"), wanted, "user_1")

        assert (office.record().name, office.record().price) == ("Tech Conference", 100)

    def test_a_sale_is_no_other_state(self, office: Office) -> None:
        wanted = frozenset({self.revision(office)})
        office.events.move("show", free=-3, sold=3)

        office.editor.change("show", to(name="Mine"), wanted, "user_1")

        assert (office.record().name, office.record().sold) == ("Mine", 3)


class TestDeleting:
    def test_a_deleted_event_is_gone_and_audited(self, office: Office) -> None:
        office.editor.delete("show", None, "user_1")

        assert office.events.records == {}
        assert office.published_in("london") == 0
        audited = {"by": "user_1", "event": "show", "eventId": 1}
        assert office.log.lines == [("audit", "event_deleted", audited)]

    @pytest.mark.parametrize("known_as", ["1", "show"])
    def test_an_event_is_deleted_by_any_of_its_names(self, office: Office, known_as: str) -> None:
        office.change(slug="premiere")
        office.editor.delete(known_as, None, "user_1")
        assert office.events.get("show") is None
        assert office.events.get("premiere") is None

    @pytest.mark.parametrize("taken", [{"held": 1}, {"sold": 1}])
    def test_an_event_with_buyers_stays(self, office: Office, taken: dict[str, int]) -> None:
        office.events.move("show", **taken)
        with pytest.raises(InUse):
            office.editor.delete("show", None, "user_1")
        assert office.log.lines == []

    def test_what_is_not_there_cannot_be_deleted(self, office: Office) -> None:
        with pytest.raises(NotFound):
            office.editor.delete("unknown", None, "user_1")

    def test_what_was_changed_since_is_not_deleted(self, office: Office) -> None:
        seen = frozenset({revision_of(office.record().public)})
        office.change(name="Worth keeping")
        with pytest.raises(PreconditionFailed):
            office.editor.delete("show", seen, "user_1")
        now = frozenset({revision_of(office.record().public)})
        office.editor.delete("show", now, "user_1")
        assert office.events.records == {}
