"""Taking a file of events in: what each line comes to, however often, late or contested."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import AuditEntry
from chalicelib.domain.events import Event, EventRecord, EventStatus
from chalicelib.errors import Changed, EventsApiError, FieldProblem, InvalidInput, Unavailable
from chalicelib.log_context import bound
from chalicelib.services.auditing import Auditor
from chalicelib.services.editing_events import EventDraft, EventEditor
from chalicelib.services.transfer_import import BUDGET_SECONDS, TOGETHER, EventImport
from chalicelib.services.transfer_lines import MAX_PROBLEMS, ImportLine, ImportReport, Outcome
from tests.support.builders import NOW, a_city, an_event
from tests.support.fakes import FakeCities, FakeEvents, RecordingLog

CREATED, UPDATED, UNCHANGED, FAILED = Outcome


@dataclass(frozen=True)
class Described:
    """A line that gives some of an event's keys."""

    given: dict[str, Any]

    def draft(self) -> EventDraft:
        return replace(EventDraft.of(an_event()), **self.given)

    def applied_to(self, event: Event) -> EventDraft:
        return replace(EventDraft.of(event), **self.given)


def a_line(number: int, slug: str, **given: Any) -> ImportLine:
    return ImportLine(number, slug, lambda: Described({"slug": slug, **given}))


def a_wrong_line(number: int, slug: str | None = None, problems: int = 1) -> ImportLine:
    def read() -> Described:
        raise InvalidInput(*[FieldProblem(f"f{at}", "is wrong", "wrong") for at in range(problems)])

    return ImportLine(number, slug, read)


@dataclass
class BusyEvents(FakeEvents):
    """Somebody else is at the same events: an action before a call, or a failure of the store."""

    before_create: Callable[[], object] = lambda: None
    before_replace: Callable[[], object] = lambda: None
    failing_from: str | None = None

    def create_many(
        self, events: Sequence[Event], entries: Sequence[AuditEntry] = ()
    ) -> list[EventsApiError | None]:
        self.before_create()
        slugs = [event.slug for event in events]
        if self.failing_from not in slugs:
            return super().create_many(events, entries)
        good = slugs.index(self.failing_from)
        failures = [Unavailable("the store is down") for _ in slugs[good:]]
        return [*super().create_many(events[:good], entries[:good]), *failures]

    def replace(self, before: EventRecord, after: Event, entry: AuditEntry | None = None) -> None:
        self.before_replace()
        super().replace(before, after, entry)

    def get_many(self, slugs: Iterable[str]) -> dict[str, EventRecord]:
        asked = list(slugs)
        assert len(asked) == len(set(asked))
        return super().get_many(asked)


@dataclass
class Desk:
    """The use case over fakes, with a clock that stands still unless it is moved."""

    events: BusyEvents
    log: RecordingLog = field(default_factory=RecordingLog)
    seconds: float = 0.0
    seconds_a_look: float = 0.0

    @property
    def imports(self) -> EventImport:
        cities = self.events.cities
        clock = lambda: NOW  # noqa: E731 - as short as a clock that stands still can be
        auditor = Auditor(clock, bound)
        editor = EventEditor(
            events=self.events, cities=cities, auditor=auditor, clock=clock, log=self.log
        )
        return EventImport(
            events=self.events,
            cities=cities,
            editor=editor,
            auditor=auditor,
            clock=clock,
            timer=self.look,
            log=self.log,
        )

    def look(self) -> float:
        self.seconds += self.seconds_a_look
        return self.seconds

    def run(self, *lines: ImportLine, from_line: int = 1) -> ImportReport:
        return self.imports.run(lines, from_line, "user_1")

    def check(self, *lines: ImportLine) -> ImportReport:
        return self.imports.check(lines, 1)

    def event(self, slug: str) -> Event:
        return self.events.records[slug].described()


@pytest.fixture
def desk() -> Desk:
    cities = FakeCities()
    cities.create(a_city())
    cities.create(a_city(id=2, slug="porto", name="Porto"))
    return Desk(BusyEvents(cities))


def told(report: ImportReport) -> list[tuple[int, str | None, str, str]]:
    return [
        (item.line, item.slug, item.problem.field, item.problem.message) for item in report.problems
    ]


def test_a_line_adds_an_event_changes_it_or_leaves_it_as_it_is(desk: Desk) -> None:
    desk.events.create(an_event(id=50, slug="there"))
    desk.events.create(an_event(id=51, slug="cheap"))

    report = desk.run(
        a_line(2, "new"), a_line(3, "there"), a_line(4, "cheap", price=100), a_wrong_line(5)
    )

    assert report.counts == Counter(dict.fromkeys(Outcome, 1))
    assert report.next_line is None
    assert told(report) == [(5, None, "f0", "is wrong")]
    assert desk.event("new") == an_event(id=1, slug="new", created_at=NOW, updated_at=NOW)
    assert desk.event("there") == an_event(id=50, slug="there")
    assert desk.event("cheap").price == 100


def test_each_write_and_the_file_leave_a_line_in_the_log(desk: Desk) -> None:
    desk.events.create(an_event(id=51, slug="cheap"))

    desk.run(a_line(2, "new"), a_line(3, "cheap", price=100))

    assert desk.log.names("audit") == ["event_created", "event_changed", "events_imported"]
    _, _, created = desk.log.lines[0]
    assert created == {"by": "user_1", "event": "new", "eventId": 1}
    _, _, imported = desk.log.lines[-1]
    assert imported == {
        "by": "user_1",
        "lines": {"created": 1, "updated": 1, "unchanged": 0, "failed": 0},
        "nextLine": None,
    }


def test_a_file_that_is_taken_in_again_changes_nothing(desk: Desk) -> None:
    lines = [a_line(number, f"event-{number}") for number in range(1, 251)]
    desk.run(*lines)
    before = dict(desk.events.records)

    report = desk.run(*lines)

    assert report.counts == Counter({UNCHANGED: 250})
    assert desk.events.records == before


def test_a_check_tells_the_same_and_writes_nothing(desk: Desk) -> None:
    desk.events.create(an_event(id=50, slug="there"))
    desk.events.create(an_event(id=51, slug="cheap"))
    before = dict(desk.events.records)
    lines = [
        a_line(1, "new"),
        a_line(2, "there"),
        a_line(3, "cheap", price=100),
        a_line(4, "lost", city_slug="atlantis"),
        a_line(5, "new"),
        a_line(6, "past", date=NOW),
    ]

    checked = desk.check(*lines)

    assert desk.events.records == before
    assert desk.log.lines == []
    assert checked == desk.run(*lines)
    assert checked.counts == Counter({CREATED: 1, UNCHANGED: 1, UPDATED: 1, FAILED: 3})


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"date": NOW}, ("date", "must be in the future")),
        ({"city_slug": "atlantis"}, ("citySlug", "must be the slug of a city")),
        ({"status": EventStatus.CANCELLED}, ("status", "must be draft or published")),
    ],
)
def test_what_a_new_event_may_not_be_a_line_may_not_add(
    desk: Desk, given: dict[str, Any], problem: tuple[str, str]
) -> None:
    report = desk.run(a_line(1, "new", **given))

    assert told(report) == [(1, "new", *problem)]
    assert desk.events.records == {}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"city_slug": "atlantis"}, ("citySlug", "must be the slug of a city")),
        ({"status": EventStatus.CANCELLED}, ("status", "cannot become cancelled by a file")),
        (
            {"capacity": 4},
            ("capacity", "5 seats are sold or held: the capacity cannot be lower"),
        ),
    ],
)
@pytest.mark.parametrize("way", ["run", "check"])
def test_what_stands_in_the_way_of_a_change_is_told_before_it_is_tried(
    desk: Desk, way: str, given: dict[str, Any], problem: tuple[str, str]
) -> None:
    desk.events.create(an_event(id=50, slug="there"))
    desk.events.move("there", free=-5, held=2, sold=3)
    before = dict(desk.events.records)

    report = getattr(desk, way)(a_line(1, "there", **given))

    assert told(report) == [(1, "there", *problem)]
    assert desk.events.records == before


def test_an_event_that_is_past_or_cancelled_may_be_in_a_file_as_it_is(desk: Desk) -> None:
    past, cancelled = NOW - timedelta(days=1), EventStatus.CANCELLED
    desk.events.create(an_event(id=50, slug="past", date=past))
    desk.events.create(an_event(id=51, slug="over", status=cancelled))

    report = desk.run(
        a_line(1, "past", date=past),
        a_line(2, "over", status=cancelled),
        a_line(3, "over2", status=cancelled),
    )

    assert (report.counts[UNCHANGED], report.counts[FAILED]) == (2, 1)


def test_a_cancelled_event_stays_cancelled_and_may_be_described_anew(desk: Desk) -> None:
    cancelled = EventStatus.CANCELLED
    desk.events.create(an_event(id=50, slug="over", status=cancelled))
    desk.events.create(an_event(id=51, slug="gone", status=cancelled))

    report = desk.run(
        a_line(1, "over", status=cancelled, location="Nowhere"),
        a_line(2, "gone", status=EventStatus.PUBLISHED),
    )

    assert told(report) == [(2, "gone", "status", "is cancelled and stays so")]
    assert desk.event("over").location == "Nowhere"


def test_a_line_moves_an_event_to_another_city_and_publishes_a_draft(desk: Desk) -> None:
    desk.events.create(an_event(id=50, slug="there", status=EventStatus.DRAFT))

    report = desk.run(a_line(1, "there", city_slug="porto", status=EventStatus.PUBLISHED))

    assert report.counts == Counter({UPDATED: 1})
    assert desk.event("there").city == "Porto"


def test_a_slug_that_only_leads_to_an_event_is_told_and_not_given_back(desk: Desk) -> None:
    desk.events.create(an_event(id=50, slug="old"))
    moved = replace(desk.event("old"), slug="now", updated_at=NOW + timedelta(seconds=1))
    desk.events.replace(desk.events.records["old"], moved)

    report = desk.run(a_line(1, "old"))

    assert told(report) == [(1, "old", "slug", "is a former slug of now; use that")]
    assert "now" in desk.events.records


def test_the_second_line_of_a_slug_is_wrong_wherever_the_file_is_gone_on_with(desk: Desk) -> None:
    lines = [a_line(1, "one"), a_wrong_line(2, "two"), a_line(3, "one"), a_line(4, "two")]

    report = desk.run(*lines, from_line=3)

    assert told(report) == [
        (3, "one", "slug", "is that of line 1 already"),
        (4, "two", "slug", "is that of line 2 already"),
    ]
    assert desk.events.records == {}


def test_lines_before_the_first_wanted_one_are_not_taken_in(desk: Desk) -> None:
    report = desk.run(a_line(1, "one"), a_line(5, "five"), from_line=2)

    assert list(desk.events.records) == ["five"]
    assert report.counts == Counter({CREATED: 1})


def test_a_file_without_lines_is_done(desk: Desk) -> None:
    assert desk.run() == ImportReport()


def test_when_time_is_over_the_report_says_where_to_go_on(desk: Desk) -> None:
    lines = [a_line(number, f"event-{number}") for number in range(1, 3 * TOGETHER + 1)]
    desk.seconds_a_look = BUDGET_SECONDS * 0.6

    first = desk.run(*lines)
    rest = desk.run(*lines, from_line=first.next_line or 0)

    assert first.next_line == 2 * TOGETHER + 1
    assert first.counts == Counter({CREATED: 2 * TOGETHER})
    assert rest.counts == Counter({CREATED: TOGETHER})
    assert rest.next_line is None


def test_changes_are_not_begun_when_time_is_over(desk: Desk) -> None:
    numbers = range(1, 11)
    desk.run(*(a_line(number, f"event-{number}") for number in numbers))
    changed = [a_line(number, f"event-{number}", price=5) for number in numbers]
    desk.seconds_a_look = BUDGET_SECONDS * 0.3

    first = desk.run(*changed)
    rest = desk.run(*changed, from_line=first.next_line or 0)

    assert first.next_line is not None
    assert 1 < first.next_line < 11
    assert first.counts == Counter({UPDATED: first.next_line - 1})
    assert rest.counts[UPDATED] >= 1


def test_however_slow_it_is_every_request_gets_somewhere(desk: Desk) -> None:
    lines = [a_line(number, f"event-{number}") for number in range(1, TOGETHER + 2)]
    desk.seconds_a_look = 1_000_000

    report = desk.run(*lines)

    assert report.next_line == TOGETHER + 1


def test_a_store_that_fails_at_once_is_told_and_the_log_has_what_was_written(desk: Desk) -> None:
    desk.events.failing_from = "event-3"
    lines = [a_line(number, f"event-{number}") for number in range(1, 6)]

    with pytest.raises(Unavailable):
        desk.run(*lines)

    assert list(desk.events.records) == ["event-1", "event-2"]
    assert desk.log.names("audit") == ["event_created", "event_created"]


def test_a_store_that_fails_later_ends_the_report_there(desk: Desk) -> None:
    desk.events.failing_from = f"event-{TOGETHER + 5}"
    lines = [a_line(number, f"event-{number}") for number in range(1, TOGETHER + 11)]

    report = desk.run(*lines)

    assert report.next_line == TOGETHER + 1
    assert report.counts == Counter({CREATED: TOGETHER})
    desk.events.failing_from = None
    rest = desk.run(*lines, from_line=report.next_line)
    assert rest.counts == Counter({UNCHANGED: 4, CREATED: 6})


@pytest.mark.parametrize(
    ("theirs", "outcome"),
    [({}, UNCHANGED), ({"price": 5}, UPDATED), ({"date": NOW - timedelta(1)}, UPDATED)],
)
def test_an_event_that_somebody_else_adds_first_is_compared_with(
    desk: Desk, theirs: dict[str, Any], outcome: Outcome
) -> None:
    desk.events.before_create = lambda: desk.events.create(an_event(id=90, slug="two", **theirs))

    ours = a_line(2, "two", price=an_event().price, date=an_event().date)

    report = desk.run(a_line(1, "one"), ours, a_line(3, "three"))

    assert report.counts == Counter({CREATED: 2}) + Counter({outcome: 1})
    assert desk.event("two").id == 90
    assert desk.event("two").price == an_event().price


def test_an_event_of_a_city_that_is_renamed_at_the_same_moment_is_added(desk: Desk) -> None:
    def rename() -> None:
        cities = desk.events.cities
        entry = cities.get("london")
        assert entry is not None
        moment = NOW + timedelta(seconds=1)
        cities.replace(entry, replace(entry.described(), name="Londres", updated_at=moment))

    desk.events.before_create = rename

    report = desk.run(a_line(1, "one"))

    assert report.counts == Counter({CREATED: 1})
    assert desk.event("one").city == "Londres"


def test_an_event_of_a_city_that_is_deleted_at_the_same_moment_is_wrong(desk: Desk) -> None:
    desk.events.before_create = lambda: desk.events.cities.cities.pop("london")

    report = desk.run(a_line(1, "one"))

    assert told(report) == [(1, "one", "citySlug", "must be the slug of a city")]


def test_what_stays_contested_is_wrong_and_stops_no_other_line(desk: Desk) -> None:
    class Contested(BusyEvents):
        def create(self, event: Event, entry: AuditEntry | None = None) -> None:
            if event.slug == "one":
                raise Changed("this event is being changed all the time; try again")
            super().create(event, entry)

        def create_many(
            self, events: Sequence[Event], entries: Sequence[AuditEntry] = ()
        ) -> list[EventsApiError | None]:
            refused = [event.slug == "one" for event in events]
            super().create_many([event for event in events if event.slug != "one"])
            return [Changed("somebody was faster") if found else None for found in refused]

    desk.events = Contested(desk.events.cities)

    report = desk.run(a_line(1, "one"), a_line(2, "two"))

    assert told(report) == [(1, "one", "", "this event is being changed all the time; try again")]
    assert report.counts == Counter({FAILED: 1, CREATED: 1})


def test_an_event_that_is_deleted_at_the_same_moment_is_wrong(desk: Desk) -> None:
    desk.events.create(an_event(id=50, slug="there"))
    desk.events.before_replace = lambda: desk.events.records.pop("there", None)

    report = desk.run(a_line(1, "there", price=1))

    assert told(report) == [(1, "there", "", "no such event")]


def test_seats_that_are_sold_at_the_same_moment_are_not_taken_away(desk: Desk) -> None:
    desk.events.create(an_event(id=50, slug="there", capacity=10))
    desk.events.before_replace = lambda: desk.events.move("there", free=-8, sold=8)

    report = desk.run(a_line(1, "there", capacity=5))

    assert [(item.problem.field, item.problem.type) for item in report.problems] == [
        ("capacity", "capacity_too_low")
    ]


def test_problems_are_told_up_to_a_sane_number_and_counted_beyond(desk: Desk) -> None:
    report = desk.run(*(a_wrong_line(number, problems=20) for number in range(1, 60)))

    assert report.counts == Counter({FAILED: 59})
    assert len(report.problems) == MAX_PROBLEMS
    assert report.problem_count == 59 * 20
