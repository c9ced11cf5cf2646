"""The words' entries and the marks: in step after every write, and never missed when they are not.

A writer is killed at each of its calls in turn, before and after it took effect; every search must
be right at once, and every entry once somebody has finished the work.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.clock import utc_now
from chalicelib.domain.event_facts import EventFacts, EventOrder, event_words, id_text
from chalicelib.domain.event_filter import EventFilter
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.text import query_words
from chalicelib.errors import TooBroad, Unavailable
from chalicelib.services.port_types import PageRequest
from chalicelib.settings import StoreSettings
from chalicelib.store import Stores, word_index, word_search
from chalicelib.store.reindexing import Reindexing, open_reindexing
from chalicelib.store.word_index import Mark, word_entry, word_term
from infra.operating.reindex import reindex
from tests.support.builders import a_city, an_event
from tests.support.records import record_of
from tests.support.tables import AUDIT, CITIES, EVENTS, INDEX, ORDERS, MotoTables
from tests.support.traffic import Traffic, refusal, success

ALL = tuple(EventStatus)
SHORT, LONG = "<p>An evening of jazz.</p>", " ".join(f"word{number}" for number in range(60))

Write = Callable[[Stores], object]


class Killed(BaseException):
    """The process ends here; nothing catches it."""


@pytest.fixture(autouse=True)
def _cities(tables: MotoTables) -> None:
    add_cities(tables.stores)


def add_cities(stores: Stores) -> None:
    stores.cities.create(a_city())
    stores.cities.create(a_city(id=2, slug="porto", name="Porto"))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Lets time pass for those who look at marks."""
    passed = [timedelta()]
    monkeypatch.setattr(word_index, "utc_now", lambda: utc_now() + passed[0])

    def wait(duration: timedelta) -> None:
        passed[0] += duration

    return wait


def entries(tables: MotoTables) -> dict[tuple[str, str], str]:
    """All words' entries, with their facts."""
    return {
        (item["term"]["S"], item["entry"]["S"]): item["facts"]["S"]
        for item in tables.scan(INDEX)
        if item["term"]["S"].startswith("w#")
    }


def expected_entries(tables: MotoTables) -> dict[tuple[str, str], str]:
    """The entries that the stored events should have."""
    return {
        (word_term(word), word_entry(word, id_text(event.id))): EventFacts.of(event).text()
        for event in stored_events(tables)
        for word in event_words(event)
    }


def stored_events(tables: MotoTables) -> list[Event]:
    slugs = [item["slug"]["S"] for item in tables.scan(EVENTS) if "public" in item]
    records = [tables.stores.events.get(slug, consistent=True) for slug in slugs]
    return [record.described() for record in records if record is not None]


def marks(tables: MotoTables) -> list[str]:
    return [
        item["entry"]["S"] for item in tables.scan(INDEX) if item["term"]["S"] == word_index.MARKS
    ]


def assert_every_search_is_right(tables: MotoTables) -> None:
    events = stored_events(tables)
    for word in ("jazz", "opera", "london", "porto", "word5", "word59", "tech"):
        wanted = EventFilter(ALL, words=query_words(word))
        page = tables.stores.events.find(wanted, EventOrder.DATE, PageRequest(100, 0, None, False))
        having = sorted(event.slug for event in events if wanted.finds(event_words(event)))
        assert sorted(slugs(page.page.items)) == having
        assert page.count == len(having)


def slugs(items: tuple[str, ...]) -> list[str]:
    return [item.partition('"slug":"')[2].partition('"')[0] for item in items]


def assert_in_step(tables: MotoTables) -> None:
    assert marks(tables) == []
    assert entries(tables) == expected_entries(tables)


def edit(stores: Stores, event: str, /, **changes: Any) -> None:
    before = record_of(stores, event)
    described = before.described()
    moment = described.updated_at + timedelta(seconds=1)
    stores.events.replace(before, replace(described, updated_at=moment, **changes))


WRITES: dict[str, Write] = {
    "create": lambda stores: stores.events.create(
        an_event(id=2, slug="second", name="Opera", description=LONG)
    ),
    "edit": lambda stores: edit(stores, "first", name="Opera", description=LONG),
    "price": lambda stores: edit(stores, "first", price=1),
    "shorten": lambda stores: edit(stores, "long", name="Opera", description=""),
    "slug": lambda stores: edit(stores, "first", slug="renamed", name="Opera"),
    "city": lambda stores: edit(stores, "first", city_slug="porto", city="Porto"),
    "delete": lambda stores: stores.events.delete(record_of(stores, "long")),
}


@pytest.fixture
def stocked(tables: MotoTables) -> MotoTables:
    tables.stores.events.create(an_event(slug="first", name="Jazz", description=SHORT))
    tables.stores.events.create(an_event(id=3, slug="long", description=LONG))
    return tables


@contextmanager
def killed_at(stores: Stores, number: int, *, after_effect: bool) -> Iterator[None]:
    """End the process at its call of this number, before or after it took effect."""
    counter = itertools.count()
    moment = "after-call.dynamodb" if after_effect else "before-send.dynamodb"

    def kill(**_: Any) -> None:
        if next(counter) == number:
            raise Killed

    events = stores.orders._connection.client.meta.events
    events.register_first(moment, kill)
    try:
        yield
    finally:
        events.unregister(moment, kill)


def is_killed(stores: Stores, write: Write, number: int, *, after_effect: bool) -> bool:
    """Do a write that is killed at a call; False where it has no such call, and was not."""
    try:
        with killed_at(stores, number, after_effect=after_effect):
            write(stores)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.usefixtures("stocked")
def test_entries_are_in_step_after_every_write(tables: MotoTables, name: str) -> None:
    WRITES[name](tables.stores)

    assert_in_step(tables)
    assert_every_search_is_right(tables)


@pytest.mark.parametrize("after_effect", [True, False])
@pytest.mark.parametrize("name", WRITES)
def test_no_search_shows_that_a_writer_was_killed(
    tables: MotoTables,
    later: Callable[[timedelta], None],
    name: str,
    after_effect: bool,
) -> None:
    """And the timer finishes what it left."""
    kills = 0
    for number in itertools.count():
        tables.empty()
        add_cities(tables.stores)
        tables.stores.events.create(an_event(slug="first", name="Jazz", description=SHORT))
        tables.stores.events.create(an_event(id=3, slug="long", description=LONG))
        if not is_killed(tables.stores, WRITES[name], number, after_effect=after_effect):
            break
        kills += 1
        assert_every_search_is_right(tables)
        later(timedelta(minutes=1))
        for event_id in tables.stores.abandoned_words.event_ids():
            assert tables.stores.abandoned_words.finish(event_id)
        assert_in_step(tables)
    assert kills >= 3


@pytest.mark.parametrize("name", ["edit", "shorten", "slug", "city"])
@pytest.mark.usefixtures("stocked")
def test_the_next_writer_finishes_what_a_killed_one_left(
    tables: MotoTables, later: Callable[[timedelta], None], name: str, no_pauses: list[float]
) -> None:
    # The transaction is the call after the reading; the entries come next.
    assert is_killed(tables.stores, WRITES[name], 2, after_effect=False)
    assert marks(tables)
    later(timedelta(minutes=1))

    slug = "long" if name == "shorten" else "first"
    edit(tables.stores, slug, name="Jazz again", description=SHORT)

    assert_in_step(tables)
    assert_every_search_is_right(tables)


def test_an_event_that_is_being_written_is_not_written_by_another(
    stocked: MotoTables, monkeypatch: pytest.MonkeyPatch, traffic: Traffic
) -> None:
    before = record_of(stocked.stores, "first")
    assert is_killed(stocked.stores, WRITES["price"], 2, after_effect=False)
    monkeypatch.setattr(word_index, "_PATIENCE_SECONDS", 0.05)

    with pytest.raises(Unavailable, match="being changed by somebody else"):
        edit(stocked.stores, "first", name="Too early")

    assert record_of(stocked.stores, "first").price == 1
    assert before.price != 1


def test_a_writer_waits_for_another_one_to_finish(
    stocked: MotoTables, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the mark's condition, the slower writer's entries would be left to stand."""
    stores = stocked.stores
    mark = stores.events._words.leave(1, "first", frozenset())
    assert mark is not None

    def other_finishes(_: float) -> None:
        event = record_of(stores, "first").described()
        assert stores.events._words.bring_in_step(mark, event)

    monkeypatch.setattr("time.sleep", other_finishes)
    edit(stores, "first", name="Opera")

    assert_in_step(stocked)


def test_a_slow_writer_gives_up_before_another_may_take_over(
    stocked: MotoTables, later: Callable[[timedelta], None]
) -> None:
    stores = stocked.stores
    event = record_of(stores, "first").described()
    mark = stores.events._words.leave(1, "first", frozenset({"stray"}))
    assert mark is not None
    later(timedelta(seconds=9))

    assert not stores.events._words.bring_in_step(mark, event)

    assert not mark.is_abandoned
    assert marks(stocked) == [id_text(1)]


def test_a_mark_that_was_taken_over_is_not_removed_by_its_first_owner(
    stocked: MotoTables, later: Callable[[timedelta], None]
) -> None:
    words = stocked.stores.events._words
    first = words.leave(1, "first", frozenset())
    assert first is not None
    later(timedelta(minutes=1))
    second = words.take_over(first)
    assert second is not None

    words._remove(first)

    assert marks(stocked) == [id_text(1)]
    assert words.take_over(first) is None
    words._remove(second)
    assert marks(stocked) == []


def test_an_event_that_is_marked_is_not_marked_twice(stocked: MotoTables) -> None:
    words = stocked.stores.events._words

    assert words.leave(1, "first", frozenset()) is not None
    assert words.leave(1, "first", frozenset()) is None


@pytest.mark.parametrize("operation", ["BatchWriteItem", "DeleteItem"])
def test_a_write_is_made_even_if_its_words_cannot_be(
    stocked: MotoTables, traffic: Traffic, operation: str, no_pauses: list[float]
) -> None:
    traffic.refuse(operation, lambda: refusal("InternalServerError", status=500))

    edit(stocked.stores, "first", name="Opera")

    assert record_of(stocked.stores, "first").name == "Opera"
    assert marks(stocked) == [id_text(1)]
    assert_every_search_is_right(stocked)


@pytest.mark.parametrize(
    "act",
    [
        lambda words, mark: words.leave(9, "nine", frozenset()),
        lambda words, mark: words.take_over(mark),
    ],
)
def test_a_mark_that_cannot_be_left_is_told(
    stocked: MotoTables, traffic: Traffic, act: Callable[[Any, Mark], object]
) -> None:
    words = stocked.stores.events._words
    mark = Mark.of(an_event(), frozenset())
    traffic.refuse("PutItem", lambda: refusal("AccessDeniedException"))

    with pytest.raises(Unavailable):
        act(words, mark)


def test_words_that_dynamodb_left_out_are_sent_again(
    stocked: MotoTables, traffic: Traffic, no_pauses: list[float]
) -> None:
    left = {
        INDEX: [
            {
                "PutRequest": {
                    "Item": {
                        "term": {"S": "w#o"},
                        "entry": {"S": f"opera\t{id_text(1)}"},
                        "facts": {"S": "left"},
                    }
                }
            }
        ]
    }
    traffic.answer("BatchWriteItem", success({"UnprocessedItems": left}))

    edit(stocked.stores, "first", name="Opera")

    sent = [
        call.body["RequestItems"] for call in traffic.calls if call.operation == "BatchWriteItem"
    ]
    assert left in sent


class TestSearchesOfManyWords:
    """Which entries are read, and when events are looked at instead."""

    @pytest.fixture(autouse=True)
    def _events(self, tables: MotoTables) -> None:
        for number in range(1, 6):
            rare = "rare" if number in {2, 4} else ""
            tables.stores.events.create(
                an_event(id=number, slug=f"event-{number}x", name=f"Common show {rare}")
            )

    def find(self, stores: Stores, query: str) -> list[str]:
        wanted = EventFilter(ALL, words=query_words(query))
        page = stores.events.find(wanted, EventOrder.DATE, PageRequest(100, 0, None, False))
        assert page.count == len(page.page.items)
        return sorted(slugs(page.page.items))

    def test_few_candidates_are_looked_at_themselves(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        assert self.find(stores, "rare common") == ["event-2x", "event-4x"]

        # The longer word first, which has its end in sight; the events; the marks.
        assert traffic.operations() == ["Query", "BatchGetItem", "Query"]

    def test_a_word_that_nothing_has_ends_the_search(
        self, stores: Stores, traffic: Traffic
    ) -> None:
        assert self.find(stores, "nothing common") == []

        assert traffic.operations() == ["Query", "Query"]

    @pytest.mark.parametrize("entries_for_an_event", [25, 1])
    @pytest.mark.parametrize("first_look", [1, 2, 128])
    @pytest.mark.parametrize("few", [0, 1, 100])
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("rare common", [2, 4]),
            ("common rare show", [2, 4]),
            ("common show", [1, 2, 3, 4, 5]),
            ("c s", [1, 2, 3, 4, 5]),
            ("common nothing", []),
        ],
    )
    def test_every_way_finds_the_same(  # noqa: PLR0913, PLR0917 - every way has its parts
        self,
        stores: Stores,
        monkeypatch: pytest.MonkeyPatch,
        query: str,
        expected: list[int],
        few: int,
        first_look: int,
        entries_for_an_event: int,
    ) -> None:
        monkeypatch.setattr("chalicelib.store.word_search._FEW", few)
        monkeypatch.setattr("chalicelib.store.word_search._FIRST_LOOK", first_look)
        monkeypatch.setattr(
            "chalicelib.store.word_search._ENTRIES_FOR_AN_EVENT", entries_for_an_event
        )

        assert self.find(stores, query) == [f"event-{number}x" for number in expected]


class TestBroadSearches:
    """A search reads no more than it may, and says so instead of taking for ever."""

    @pytest.fixture(autouse=True)
    def _events(self, tables: MotoTables) -> None:
        for number in range(1, 6):
            tables.stores.events.create(an_event(id=number, slug=f"event-{number}x"))

    def find(self, stores: Stores, query: str) -> int:
        wanted = EventFilter(ALL, words=query_words(query))
        return stores.events.find(wanted, EventOrder.DATE, PageRequest(1, 0, None, False)).count

    @pytest.mark.parametrize(("query", "entries"), [("conference", 5), ("c", 5), ("te c", 15)])
    def test_what_may_just_be_read_is_found(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch, query: str, entries: int
    ) -> None:
        monkeypatch.setattr(word_search, "MOST_ENTRIES", entries)
        assert self.find(stores, query) == 5

    @pytest.mark.parametrize("query", ["conference", "c", "te c"])
    def test_one_entry_more_is_too_many(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch, query: str
    ) -> None:
        monkeypatch.setattr(word_search, "MOST_ENTRIES", 4)
        with pytest.raises(TooBroad):
            self.find(stores, query)

    def test_too_many_events_are_not_looked_at_one_by_one(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(word_search, "_FEW", 0)
        monkeypatch.setattr(word_search, "_ENTRIES_FOR_AN_EVENT", 1)
        monkeypatch.setattr(word_search, "MOST_EVENTS", 5)
        # The second word's entries, of which an event has two, are not read to their end.
        assert self.find(stores, "conference te") == 5
        monkeypatch.setattr(word_search, "MOST_EVENTS", 4)
        with pytest.raises(TooBroad):
            self.find(stores, "conference te")


class TestReindexing:
    """The operator's command."""

    @pytest.fixture
    def reindexing(self, stocked: MotoTables) -> Reindexing:
        """Over the tables, through a connection of its own."""
        del stocked
        return open_reindexing(StoreSettings(EVENTS, CITIES, INDEX, ORDERS, AUDIT))

    def test_entries_that_are_missing_wrong_or_stray_are_mended(
        self, stocked: MotoTables, reindexing: Reindexing
    ) -> None:
        good = entries(stocked)
        lost, spoiled = list(good)[:2]
        for term, entry, facts in [
            (*spoiled, "\t".join(EventFacts.of(an_event(slug="first", name="Old")))),
            ("w#s", f"stray\t{id_text(1)}", good[lost]),
            ("w#g", f"ghost\t{id_text(77)}", EventFacts.of(an_event(id=77, slug="gone")).text()),
        ]:
            stocked.client.put_item(
                TableName=INDEX,
                Item={"term": {"S": term}, "entry": {"S": entry}, "facts": {"S": facts}},
            )
        stocked.client.delete_item(
            TableName=INDEX, Key={"term": {"S": lost[0]}, "entry": {"S": lost[1]}}
        )

        assert reindex(reindexing) == []

        assert_in_step(stocked)
        assert entries(stocked) == good

    def test_an_event_that_has_moved_keeps_its_words(
        self, stocked: MotoTables, reindexing: Reindexing
    ) -> None:
        done = list(reindexing.events())
        edit(stocked.stores, "first", slug="moved")
        edit(stocked.stores, "moved", slug="again", name="Opera")
        stocked.stores.events.create(an_event(id=9, slug="ninth"))

        done += reindexing.strays()

        assert all(item.done for item in done)
        assert_in_step(stocked)

    def test_numbers_and_marks_are_left_alone(
        self, stocked: MotoTables, reindexing: Reindexing
    ) -> None:
        before = stocked.contents()

        reindex(reindexing)

        assert stocked.contents() == before

    def test_an_event_that_somebody_is_at_is_named(
        self, stocked: MotoTables, reindexing: Reindexing
    ) -> None:
        assert stocked.stores.events._words.leave(1, "first", frozenset()) is not None

        assert reindex(reindexing) == ["first"]

    def test_a_store_that_fails_is_told(
        self, stocked: MotoTables, reindexing: Reindexing, traffic: Traffic
    ) -> None:
        events = reindexing._connection.client.meta.events
        events.register_first("before-send.dynamodb.Scan", traffic.see)
        traffic.refuse("Scan", lambda: refusal("AccessDeniedException"))

        with pytest.raises(Unavailable):
            reindex(reindexing)


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["create", "edit", "shorten", "slug", "delete", "reindex", "timer"]),
            st.none() | st.integers(min_value=0, max_value=6),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_searches_are_right_after_any_writes_of_which_some_were_killed(
    tables: MotoTables, steps: list[tuple[str, int | None, bool]]
) -> None:
    tables.empty()
    stores = tables.stores
    add_cities(stores)
    ids = itertools.count(1)
    passed = timedelta()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_index, "utc_now", lambda: utc_now() + passed)
        for name, call, after_effect in steps:
            passed += timedelta(minutes=1)
            write = any_write(name, tables, next(ids))
            if call is None:
                write(stores)
            else:
                is_killed(stores, write, call, after_effect=after_effect)
            assert_every_search_is_right(tables)
        passed += timedelta(minutes=1)
        any_write("timer", tables, 0)(stores)
    assert_in_step(tables)


def any_write(name: str, tables: MotoTables, number: int) -> Write:
    """A write of this kind, of an event of this number or of any that is there."""
    events = sorted(stored_events(tables), key=lambda event: event.id)
    if name == "timer":
        return finish_all
    if name == "reindex":
        return lambda _: reindex(
            open_reindexing(StoreSettings(EVENTS, CITIES, INDEX, ORDERS, AUDIT))
        )
    if name == "create" or not events:
        slug, description = f"slug-{number}x", LONG if number % 2 else SHORT
        event = an_event(id=number, slug=slug, name="Jazz", description=description)
        return lambda stores: stores.events.create(event)
    slug = events[number % len(events)].slug
    if name == "delete":
        return lambda stores: stores.events.delete(record_of(stores, slug))
    changes = {
        "edit": {"name": f"Opera {number}", "description": LONG},
        "shorten": {"name": "Jazz", "description": ""},
        "slug": {"slug": f"moved-{number}x"},
    }[name]
    return lambda stores: edit(stores, slug, **changes)


def finish_all(stores: Stores) -> None:
    for event_id in stores.abandoned_words.event_ids():
        stores.abandoned_words.finish(event_id)
