"""Backups of a stage on moto: what comes back, what is made anew, and what is refused."""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from ulid import ULID

from chalicelib.domain.event_facts import id_text
from chalicelib.domain.events import Event, EventStatus
from chalicelib.domain.order_changes import pay, release
from chalicelib.domain.orders import Cause, MailStatus, Order, OrderStatus
from chalicelib.errors import EventsApiError
from chalicelib.services.port_types import AuditQuery, KeyedRequest
from chalicelib.store.stock import Stock
from infra.backup import saving
from infra.backup.errors import BackupError
from infra.backup.file_format import Header, Reader, TableShape, Writer
from infra.backup.restoring import Restoring, Wishes
from infra.backup.tables import Pace, Tables
from tests.support.backups import (
    OneStage,
    a_stage,
    assert_adds_up,
    saved_items,
    stock,
)
from tests.support.builders import NOW, a_city, a_paid_session, an_order
from tests.support.seeding import FAR_AHEAD, LONG_AGO, seed_city, seed_event, seed_order
from tests.support.spread import SPREAD

PAST: dict[str, Any] = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
SECOND = {"id": "01JZX5K7Q8M9N0P1R2S3T4V5W7", "session_id": "cs_test_2"}


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[OneStage, OneStage]]:
    """Two stages named alike, so that one stands for the other after a loss."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        client = boto3.client("dynamodb", region_name="us-east-1")
        yield a_stage(client, "dev"), a_stage(client, "dev", "New")


@pytest.fixture
def stage(both: tuple[OneStage, OneStage]) -> OneStage:
    both[0].empty()
    return both[0]


@pytest.fixture
def new(both: tuple[OneStage, OneStage]) -> OneStage:
    both[1].empty()
    return both[1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl.gz"


def fill(stage: OneStage) -> None:
    """Two cities, two events, a held order, a sold one, and what else the program leaves."""
    stores = stage.stores
    seed_city(stores)
    seed_city(stores, "lisbon")
    event = seed_event(stores)
    seed_event(stores, "unlimited", city_slug="lisbon", capacity=None)
    seed_order(stores, event, **PAST)
    sell(stage, seed_order(stores, event, quantity=3, **SECOND, **PAST))


def sell(stage: OneStage, order: Order) -> Order:
    session = a_paid_session(
        id=order.session_id or "", order_id=order.id, amount_total=order.amount_total
    )
    paid = pay(order, session, iter("abcdefghijkl").__next__, LONG_AGO, Cause("evt_paid"))
    return stage.stores.orders.replace(order, paid)


def test_everything_comes_back(stage: OneStage, new: OneStage, path: Path) -> None:
    fill(stage)
    saved = stage.save(path)
    assert saved.problems == []
    assert saved.counts["OrdersTable"] == 2
    outcome = new.restore(path)
    assert outcome.is_whole
    assert not outcome.extra
    assert new.contents() == stage.contents()
    assert_adds_up(new)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([3, 20, None]),
        st.sampled_from([EventStatus.PUBLISHED, EventStatus.DRAFT]),
        st.sampled_from(["london", "lisbon"]),
        st.sampled_from(["", "renamed", "cancelled"]),
    ),
    max_size=3,
)
ORDERS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 4), st.booleans(), st.booleans()), max_size=6
)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=EVENTS, orders=ORDERS, remembered=st.integers(0, 2))
def test_a_restored_stage_has_the_same_backup(
    both: tuple[OneStage, OneStage],
    tmp_path_factory: pytest.TempPathFactory,
    events: list[tuple[int | None, EventStatus, str, str]],
    orders: list[tuple[int, int, bool, bool]],
    remembered: int,
) -> None:
    stage, new = both
    stage.empty()
    new.empty()
    folder = tmp_path_factory.mktemp("backups")
    make_world(stage, events, orders, remembered)
    stage.save(folder / "a")
    assert new.restore(folder / "a").is_whole
    new.save(folder / "b")
    assert saved_items(folder / "b") == saved_items(folder / "a")
    assert new.contents() == stage.contents()
    assert_adds_up(new)
    # Once more over itself: nothing is any different.
    again = new.restore(folder / "a", replace=True)
    assert again.is_whole
    assert not again.deleted
    assert new.contents() == stage.contents()


def make_world(
    stage: OneStage,
    events: list[tuple[int | None, EventStatus, str, str]],
    orders: list[tuple[int, int, bool, bool]],
    remembered: int,
) -> None:
    stores = stage.stores
    for slug in ("london", "lisbon"):
        seed_city(stores, slug)
    made = [
        seed_event(stores, f"event-{number}", capacity=capacity, status=status, city_slug=city)
        for number, (capacity, status, city, _) in enumerate(events)
    ]
    for number, (which, quantity, is_paid, is_released) in enumerate(orders):
        if which < len(made):
            make_order(stage, made[which], number, quantity, is_paid, is_released)
    for event, (*_, then) in zip(made, events, strict=True):
        record = stores.events.get(event.slug, consistent=True)
        assert record is not None
        if then == "renamed":
            stores.events.replace(record, changed(record.described(), slug=f"{event.slug}-moved"))
        elif then == "cancelled":
            cancelled = changed(record.described(), status=EventStatus.CANCELLED)
            stores.events.replace(record, cancelled)
    for number in range(remembered):
        request = KeyedRequest(f"key-{number}", "print", "01J", FAR_AHEAD)
        stores.keyed_requests.begin(request, datetime.now(UTC))


def make_order(stage: OneStage, event: Event, number: int, quantity: int, *ends: bool) -> None:
    """Place an order where the event has seats; it is paid, or given up, or stays pending."""
    is_paid, is_released = ends
    described = {"id": f"01JZX5K7Q8M9N0P1R2S3T4V5{number:02d}", "session_id": f"cs_{number}"}
    try:
        order = seed_order(stage.stores, event, quantity=quantity, **described, **PAST)
    except EventsApiError:
        return
    if is_paid:
        sell(stage, order)
    elif is_released:
        stage.stores.orders.replace(order, expired(order))


def changed(thing: Any, **changes: Any) -> Any:
    return replace(thing, **changes)


def expired(order: Order) -> Order:
    return release(order, OrderStatus.EXPIRED, LONG_AGO, Cause("timer"))


class TestSettling:
    """Numbers that were read at another moment than what they follow from."""

    def test_seats_are_those_of_the_orders(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        slug = {"slug": {"S": "tech-conference"}}
        stage.change("EventsTable", slug, held={"N": "50"}, sold={"N": "0"}, free={"N": "50"})
        stage.save(path)
        assert new.plan(path).stale == ["tech-conference"]
        assert new.restore(path).is_whole
        assert stock(new, "tech-conference") == (95, 2, 3)

    def test_numbers_of_events_are_counted(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        before = stage.contents()
        totals = {"slug": {"S": "#totals"}}
        stage.change("EventsTable", totals, published={"N": "9"}, lastId={"N": "0"})
        stage.change("CitiesTable", totals, total={"N": "9"}, lastId={"N": "0"})
        stage.change("CitiesTable", {"slug": {"S": "london"}}, publishedEvents={"N": "9"})
        for item in stage.items("IndexTable"):
            if item["term"]["S"].startswith("days#"):
                key = {"term": item["term"], "entry": item["entry"]}
                stage.change("IndexTable", key, events={"N": "9"})
        stage.save(path)
        assert new.restore(path).is_whole
        assert new.contents() == before

    def test_words_are_made_of_the_events(self, stage: OneStage, new: OneStage, path: Path) -> None:
        fill(stage)
        before = stage.contents()
        for item in stage.items("IndexTable"):
            if item["term"]["S"].startswith("w#"):
                key = {"term": item["term"], "entry": item["entry"]}
                stage.client.delete_item(TableName="IndexTable", Key=key)
        stage.put("IndexTable", {"term": {"S": "w#x"}, "entry": {"S": "x\t1"}, "facts": {"S": ""}})
        stage.save(path)
        new.restore(path)
        assert new.contents() == before

    def test_a_cancelled_event_with_seats_is_noted_to_be_ended(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        # The note and the event are read at two moments; without the note nobody is refunded.
        fill(stage)
        record = stage.stores.events.get("tech-conference", consistent=True)
        assert record is not None
        cancelled = changed(record.described(), status=EventStatus.CANCELLED)
        stage.stores.events.replace(record, cancelled)
        key = {"term": {"S": "#cancellations"}, "entry": {"S": id_text(record.id)}}
        stage.client.delete_item(TableName="IndexTable", Key=key)
        stage.save(path)
        new.restore(path)
        assert [note.event_id for note in new.stores.cancellations.pending()] == [record.id]

    def test_events_that_are_behind_their_citys_name_are_noted(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        cities = stage.stores.cities
        entry = cities.get("london")
        assert entry is not None
        cities.replace(entry, changed(entry.described(), name="Londinium", slug="londinium"))
        [note] = stage.stores.renames.pending()
        stage.stores.renames.remove(note)
        stage.save(path)
        new.restore(path)
        assert [(one.city_id, one.slug) for one in new.stores.renames.pending()] == [
            (note.city_id, "londinium")
        ]

    def test_ids_of_the_stage_are_not_given_out_again(self, stage: OneStage, path: Path) -> None:
        fill(stage)
        stage.save(path)
        used = stage.stores.events.next_ids(10)[-1]
        stage.restore(path, replace=True)
        assert stage.stores.events.next_id() == used + 1

    def test_totals_that_the_file_does_not_have_are_made(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        before = stage.contents()
        for table in ("EventsTable", "CitiesTable"):
            stage.client.delete_item(TableName=table, Key={"slug": {"S": "#totals"}})
        stage.save(path)
        new.restore(path)
        assert new.contents() == before

    def test_an_item_that_cannot_be_read_is_told_and_kept(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        broken = {"slug": {"S": "broken"}, "public": {"S": "{"}}
        stage.put("EventsTable", broken)
        saved = stage.save(path)
        assert saved.problems == ["EventsTable broken cannot be read"]
        outcome = new.restore(path)
        assert broken in new.items("EventsTable")
        assert outcome.problems == saved.problems


class TestStockInSeveralPlaces:
    """Where seats were is not restored: an event's first sale spreads them anew."""

    def fill(self, stage: OneStage) -> None:
        """Two events, each spread, with an order in a place and one from before."""
        fill(stage)
        for slug in ("tech-conference", "unlimited"):
            self.sell(stage, slug)
        assert len([item for item in stage.items("EventsTable") if is_place(item)]) == 6

    def test_all_of_it_is_in_the_events_own_item_again(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        self.fill(stage)
        saved = stage.save(path)
        assert saved.problems == []
        # Its places are added up.
        assert new.plan(path).stale == []
        outcome = new.restore(path)
        assert outcome.is_whole
        assert not outcome.extra
        assert stock(new, "tech-conference") == (93, 4, 3)
        assert_adds_up(new)
        assert not [item for item in new.items("EventsTable") if is_place(item)]
        assert "places" not in json.dumps(new.items("EventsTable") + new.items("OrdersTable"))
        # And it goes on: what is restored is sold, and given back.
        held = new.stores.orders.get("01JZX5K7Q8tech")
        assert held is not None
        new.stores.orders.replace(held, expired(held))
        assert stock(new, "tech-conference") == (95, 2, 3)

    def test_seats_that_are_in_no_order_are_told(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        self.fill(stage)
        place = next(item for item in stage.items("EventsTable") if is_place(item))
        stage.change("EventsTable", {"slug": place["slug"]}, sold={"N": "7"})
        stage.save(path)
        assert len(new.plan(path).stale) == 1

    def test_replacing_deletes_places(self, stage: OneStage, path: Path) -> None:
        fill(stage)
        stage.save(path)
        self.sell(stage, "tech-conference")
        outcome = stage.restore(path, replace=True)
        assert outcome.is_whole
        assert outcome.deleted["EventsTable"] == 3
        assert stock(stage, "tech-conference") == (95, 2, 3)
        assert_adds_up(stage)

    def sell(self, stage: OneStage, slug: str) -> None:
        """Spread an event, and hold two of its seats."""
        stores = stage.stores
        event = stores.events.get(slug, consistent=True)
        assert event is not None
        Stock(stores.orders._connection, SPREAD).offer(event)
        described = {"event_id": event.id, "event_slug": slug, "id": f"01JZX5K7Q8{slug[:4]}"}
        order = an_order(unit_price=event.price, **described, **PAST)
        assert stores.orders.place(order, stores.events.get(slug, consistent=True)).places

    def test_what_is_sold_from_places_meanwhile_is_no_change(
        self, stage: OneStage, new: OneStage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(stage)
        stage.save(path)
        scan = Tables.scan

        def sold_meanwhile(tables: Tables, table: str) -> Any:
            monkeypatch.setattr(Tables, "scan", scan)
            self.sell(new, "tech-conference")
            return scan(tables, table)

        restoring = Restoring(new.tables, Reader(path), Wishes())
        restoring.plan()
        monkeypatch.setattr(Tables, "scan", sold_meanwhile)
        outcome = restoring.run()
        assert outcome.is_whole
        assert outcome.extra == {"EventsTable": 3, "OrdersTable": 1}

    def test_a_drill_has_none_either(self, stage: OneStage, new: OneStage, path: Path) -> None:
        self.fill(stage)
        stage.save(path)
        drill = OneStage("drill", new.client, new.names)
        assert drill.restore(path).is_whole
        assert "#stock#" not in json.dumps(drill.items("EventsTable"))
        assert "places" not in json.dumps(drill.items("OrdersTable"))


def is_place(item: dict[str, Any]) -> bool:
    return str(item["slug"]["S"]).startswith("#stock#")


class TestSaving:
    """Files that are written, and those that are not."""

    def test_a_file_is_for_its_owners_eyes(self, stage: OneStage, path: Path) -> None:
        old = os.umask(0)
        try:
            stage.save(path)
        finally:
            os.umask(old)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(path.parent.iterdir()) == [path]

    def test_a_file_that_is_there_is_not_written_over(self, stage: OneStage, path: Path) -> None:
        path.write_text("mine")
        with pytest.raises(BackupError, match="is there already"):
            stage.save(path)
        assert path.read_text() == "mine"

    def test_a_backup_that_fails_leaves_no_file(
        self, stage: OneStage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(stage)

        def fail(*_: Any) -> Iterator[Any]:
            raise BackupError("DynamoDB could not do scan")

        monkeypatch.setattr(Tables, "scan", fail)
        with pytest.raises(BackupError, match="could not do scan"):
            stage.save(path)
        assert list(path.parent.iterdir()) == []

    def test_what_a_killed_backup_left_is_written_over(self, stage: OneStage, path: Path) -> None:
        fill(stage)
        left = path.with_name(f"{path.name}.part")
        left.write_bytes(b"x" * 1_000_000)
        left.chmod(0o644)
        stage.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(list(Reader(path).items())) == 8
        assert list(path.parent.iterdir()) == [path]

    def test_two_backups_do_not_write_one_file(self, stage: OneStage, path: Path) -> None:
        unfinished = path.with_name(f"{path.name}.part")
        with (
            saving._opened(unfinished),
            pytest.raises(BackupError, match="just being written"),
        ):
            stage.save(path)
        assert not path.exists()

    def test_a_folder_that_is_not_there_is_told(self, stage: OneStage, tmp_path: Path) -> None:
        with pytest.raises(BackupError, match="No such file or directory"):
            stage.save(tmp_path / "nowhere" / "a.gz")

    def test_a_link_is_not_followed(self, stage: OneStage, path: Path, tmp_path: Path) -> None:
        target = tmp_path / "theirs"
        target.write_text("theirs")
        path.with_name(f"{path.name}.part").symlink_to(target)
        with pytest.raises(BackupError):
            stage.save(path)
        assert target.read_text() == "theirs"

    def test_orders_that_were_placed_after_the_beginning_are_left_out(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        event = stage.stores.events.get("tech-conference")
        assert event is not None
        later = {"id": "01JZX5K7Q8M9N0P1R2S3T4V5W9", "created_at": NOW}
        seed_order(stage.stores, event.described(), **later)
        remembered = KeyedRequest("key", "print", str(ULID.from_datetime(FAR_AHEAD)), FAR_AHEAD)
        stage.stores.keyed_requests.begin(remembered, datetime.now(UTC))
        saved = stage.save(path)
        assert saved.counts["OrdersTable"] == 2
        new.restore(path)
        assert stock(new, "tech-conference") == (95, 2, 3)

    def test_orders_are_read_when_those_that_have_begun_are_placed(
        self, stage: OneStage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []
        scan = Tables.scan

        def noted(tables: Tables, table: str) -> Any:
            steps.append(table)
            return scan(tables, table)

        monkeypatch.setattr("infra.backup.saving.time.sleep", lambda _: steps.append("wait"))
        monkeypatch.setattr(Tables, "scan", noted)
        stage.save(path, grace_seconds=10)
        assert steps[-2:] == ["wait", "OrdersTable"]
        assert steps.count("wait") == 1

    @pytest.mark.parametrize("heals", [True, False])
    def test_what_was_torn_apart_is_read_again(
        self,
        stage: OneStage,
        path: Path,
        capsys: pytest.CaptureFixture[str],
        heals: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        fill(stage)
        moved = {"slug": {"S": "former"}, "movedTo": {"S": "elsewhere"}, "eventId": {"N": "1"}}
        stage.put("EventsTable", moved)
        begun = [0]
        now = Tables.now

        def count(tables: Tables) -> datetime:
            begun[0] += 1
            if heals and begun[0] == 2:
                stage.client.delete_item(TableName="EventsTable", Key={"slug": {"S": "former"}})
            return now(tables)

        monkeypatch.setattr(Tables, "now", count)
        saved = stage.save(path)
        problem = "former has moved to elsewhere, which is not there"
        assert problem in capsys.readouterr().err
        assert saved.problems == ([] if heals else [problem])
        assert begun == [2 if heals else 3]
        assert len(list(Reader(path).items())) == 8 + (not heals)

    def test_a_city_that_is_missing_and_seats_beyond_the_capacity_are_told(
        self, stage: OneStage, path: Path
    ) -> None:
        fill(stage)
        stage.client.delete_item(TableName="CitiesTable", Key={"slug": {"S": "lisbon"}})
        stage.change("EventsTable", {"slug": {"S": "tech-conference"}}, capacity={"N": "4"})
        saved = stage.save(path)
        assert saved.problems == [
            "the city lisbon has events, and is not there",
            "tech-conference has 1 seats sold or held beyond its capacity",
        ]

    def test_an_event_that_is_there_twice_and_seats_of_none_are_told(
        self, stage: OneStage, path: Path
    ) -> None:
        fill(stage)
        [item] = [one for one in stage.items("EventsTable") if one["slug"]["S"] == "unlimited"]
        stage.put("EventsTable", {**item, "slug": {"S": "double"}})
        stage.client.delete_item(TableName="EventsTable", Key={"slug": {"S": "tech-conference"}})
        problems = stage.save(path).problems
        assert "5 seats are of the event 1, which is not there" in problems
        assert any(problem.endswith("are one event") for problem in problems)

    def test_half_a_restore_is_not_saved(self, stage: OneStage, path: Path) -> None:
        stage.put("IndexTable", {"term": {"S": "#restore"}, "entry": {"S": "abc"}})
        with pytest.raises(BackupError, match="a restore was cut off here"):
            stage.save(path)
        assert list(path.parent.iterdir()) == []


class TestRestoring:
    """What is refused, deleted, kept and told."""

    def test_a_stage_with_something_in_it_is_occupied(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        stage.save(path)
        assert new.plan(path).occupied == []
        new.stores.cities.next_id()
        new.put("OrdersTable", {"id": {"S": "#undelivered-news"}})
        assert new.plan(path).occupied == []
        new.stores.cities.create(a_city())
        assert new.plan(path).occupied == ["CitiesTable"]
        assert "OrdersTable" in stage.plan(path).occupied

    def test_replacing_deletes_what_is_not_in_the_file(self, stage: OneStage, path: Path) -> None:
        fill(stage)
        before = stage.contents()
        stage.save(path)
        stores = stage.stores
        seed_city(stores, "paris")
        seed_event(stores, "another", city_slug="paris", description="Xylophone")
        event = stores.events.get("unlimited")
        assert event is not None
        seed_order(stores, event.described(), id="01JZX5K7Q8M9N0P1R2S3T4V5W8", **PAST)
        outcome = stage.restore(path, replace=True)
        assert outcome.is_whole
        assert outcome.deleted["OrdersTable"] == 1
        assert not outcome.extra
        after = stage.contents()
        for table in ("IndexTable", "OrdersTable"):
            assert after[table] == before[table]
        assert_adds_up(stage)

    def test_without_replacing_nothing_is_deleted_and_it_is_told(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        stage.save(path)
        seed_city(new.stores, "paris")
        outcome = new.restore(path)
        assert outcome.extra == {"CitiesTable": 1}
        assert not outcome.deleted
        assert new.stores.cities.get("paris") is not None

    def test_an_event_that_was_cancelled_since_is_not_cancelled_after_it(
        self, stage: OneStage, path: Path
    ) -> None:
        # Its note would have the timer refund the orders of an event that is on sale again.
        fill(stage)
        stage.save(path)
        record = stage.stores.events.get("tech-conference", consistent=True)
        assert record is not None
        cancelled = changed(record.described(), status=EventStatus.CANCELLED)
        stage.stores.events.replace(record, cancelled)
        assert len(stage.stores.cancellations.pending()) == 1
        stage.restore(path, replace=True)
        assert stage.stores.cancellations.pending() == []

    def test_a_restore_that_was_cut_off_goes_on(
        self, stage: OneStage, new: OneStage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(stage)
        seed_city(new.stores, "paris")
        stage.save(path)
        write = Tables.write
        for calls in range(1, 5):
            left = [calls]

            def cut(tables: Tables, requests: Any, left: list[int] = left) -> None:
                if not left[0]:
                    raise KeyboardInterrupt
                left[0] -= 1
                write(tables, requests)

            monkeypatch.setattr(Tables, "write", cut)
            with pytest.raises(KeyboardInterrupt):
                new.restore(path, replace=True)
            monkeypatch.setattr(Tables, "write", write)
            # It is known for what it is: no leave is asked for again, nor forgotten.
            assert new.plan(path).occupied == []
        outcome = new.restore(path)
        assert outcome.is_whole
        assert outcome.deleted == {"CitiesTable": 1}
        assert_adds_up(new)
        assert stock(new, "tech-conference") == (95, 2, 3)
        assert new.plan(path).occupied != []

    def test_half_a_restore_of_another_file_is_occupied(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        stage.save(path)
        new.put("IndexTable", {"term": {"S": "#restore"}, "entry": {"S": "another"}})
        seed_city(new.stores, "paris")
        assert new.plan(path).occupied == ["CitiesTable"]

    def test_an_altered_file_writes_nothing(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        fill(stage)
        stage.save(path)
        content = path.read_bytes()
        for bad in (content[:-20], content[:300] + b"\0" + content[301:], b""):
            path.write_bytes(bad)
            with pytest.raises(BackupError, match="nothing of it is used"):
                new.restore(path)
        assert new.is_empty()

    @pytest.mark.parametrize(
        ("shapes", "why"),
        [
            ({"CitiesTable": (("name", "S"),)}, "CitiesTable of the file has another key"),
            ({"CitiesTable": (("slug", "N"),)}, "CitiesTable of the file has another key"),
            ({"Seats": (("id", "S"),)}, "the file has a Seats, the stage has none"),
        ],
    )
    def test_tables_of_another_kind_are_refused(
        self, new: OneStage, path: Path, shapes: dict[str, Any], why: str
    ) -> None:
        tables = {name: TableShape(key, None) for name, key in shapes.items()}
        with path.open("wb") as file:
            Writer(file, Header("dev", "2027-03-01T12:00:00.000Z", tables)).finish()
        with pytest.raises(BackupError, match=why):
            new.restore(path)
        assert new.is_empty()

    def test_an_item_that_is_there_twice_is_refused(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        shapes = {"CitiesTable": TableShape((("slug", "S"),), None)}
        with path.open("wb") as file:
            writer = Writer(file, Header("dev", "2027-03-01T12:00:00.000Z", shapes))
            for name in ("a", "b"):
                writer.write("CitiesTable", {"slug": {"S": "x"}, "name": {"S": name}})
            writer.finish()
        with pytest.raises(BackupError, match="an item of CitiesTable twice"):
            new.restore(path)
        assert new.is_empty()

    def test_a_table_that_the_file_does_not_have_is_left_alone(
        self, new: OneStage, path: Path
    ) -> None:
        shapes = {
            "CitiesTable": TableShape((("slug", "S"),), None),
            "IndexTable": TableShape((("term", "S"), ("entry", "S")), None),
            "EventsTable": TableShape((("slug", "S"),), None),
        }
        with path.open("wb") as file:
            Writer(file, Header("dev", "2027-03-01T12:00:00.000Z", shapes)).finish()
        new.put("OrdersTable", {"id": {"S": "mine"}})
        assert "OrdersTable" in new.plan(path).skipped
        assert new.restore(path, replace=True).is_whole
        assert new.items("OrdersTable") == [{"id": {"S": "mine"}}]

    def test_items_expire_as_they_did(self, stage: OneStage, new: OneStage, path: Path) -> None:
        # A table that was restored to a point in time has lost its setting.
        request = KeyedRequest("key", "print", "01J", FAR_AHEAD)
        stage.stores.keyed_requests.begin(request, datetime.now(UTC))
        stage.save(path)
        name = new.names["OrdersTable"]
        off = {"AttributeName": "expiresAt", "Enabled": False}
        new.client.update_time_to_live(TableName=name, TimeToLiveSpecification=off)
        new.restore(path)
        told = new.client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert (told["TimeToLiveStatus"], told["AttributeName"]) == ("ENABLED", "expiresAt")
        [item] = new.items("OrdersTable")
        assert "expiresAt" in item

    def test_what_expires_meanwhile_is_not_missed(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        request = KeyedRequest("key", "print", "01J", FAR_AHEAD)
        stage.stores.keyed_requests.begin(request, datetime.now(UTC) - timedelta(days=2))
        stage.save(path)
        assert new.restore(path, replace=True).is_whole
        assert len(new.items("OrdersTable")) == 1

    def test_what_is_lost_or_changed_meanwhile_is_told(
        self, stage: OneStage, new: OneStage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(stage)
        stage.save(path)
        scan = Tables.scan

        def meddle(tables: Tables, table: str) -> Any:
            if table == "CitiesTable":
                name = new.names[table]
                new.client.delete_item(TableName=name, Key={"slug": {"S": "lisbon"}})
                new.change(table, {"slug": {"S": "london"}}, name={"S": "Elsewhere"})
            return scan(tables, table)

        with monkeypatch.context() as patch:
            patch.setattr(Tables, "scan", meddle)
            outcome = new.restore(path)
        assert outcome.missing == {"CitiesTable": 1}
        assert outcome.changed == {"CitiesTable": 1}
        assert not outcome.is_whole
        assert new.plan(path).occupied == []
        assert new.restore(path).is_whole

    def test_an_order_that_has_moved_on_is_no_change(
        self, stage: OneStage, new: OneStage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(stage)
        stage.save(path)
        scan = Tables.scan
        began: list[int] = []

        def timer(tables: Tables, table: str) -> Any:
            if table == "CitiesTable" and not began:
                began.append(1)
                stores = new.stores
                order = stores.orders.get("01JZX5K7Q8M9N0P1R2S3T4V5W6")
                assert order is not None
                stores.orders.replace(order, expired(order))
            return scan(tables, table)

        monkeypatch.setattr(Tables, "scan", timer)
        outcome = new.restore(path)
        assert outcome.is_whole
        assert stock(new, "tech-conference") == (97, 0, 3)


class TestDrills:
    """The data of one stage in another."""

    @pytest.fixture
    def drill(self, new: OneStage) -> OneStage:
        return OneStage("drill", new.client, new.names)

    def fill(self, stage: OneStage) -> None:
        fill(stage)
        order = stage.stores.orders.get("01JZX5K7Q8M9N0P1R2S3T4V5W6")
        assert order is not None
        mailed = changed(
            order, customer_email="ada@mail.example", mail=MailStatus.DUE, due_at=LONG_AGO
        )
        stage.stores.orders.replace(order, mailed)
        stage.put("IndexTable", {"term": {"S": "#cancellations"}, "entry": {"S": "7"},
                                 "since": {"S": "2027-03-01T12:00:00.000Z"}})  # fmt: skip
        stage.put("OrdersTable", {"id": {"S": "#undelivered-news"}})

    def test_nobody_is_written_to_asked_or_paid(
        self, stage: OneStage, drill: OneStage, path: Path
    ) -> None:
        self.fill(stage)
        stage.save(path)
        assert drill.plan(path).drill
        assert drill.restore(path).is_whole
        stores = drill.stores
        assert list(stores.orders.due(datetime(2199, 1, 1, tzinfo=UTC), 10)) == []
        assert stores.cancellations.pending() == []
        assert "mail.example" not in json.dumps(drill.items("OrdersTable"))
        order = stores.orders.get("01JZX5K7Q8M9N0P1R2S3T4V5W6")
        assert order is not None
        assert order.mail is MailStatus.NONE
        assert order.customer_email is not None
        assert order.customer_email.endswith("@drill.invalid")
        assert stock(drill, "tech-conference") == (95, 2, 3)

    def test_as_it_was_is_as_it_was(self, stage: OneStage, drill: OneStage, path: Path) -> None:
        self.fill(stage)
        stage.save(path)
        assert not drill.plan(path, as_is=True).drill
        drill.restore(path, as_is=True)
        assert drill.contents() == stage.contents()


class TestTables:
    """How DynamoDB is asked."""

    def test_no_more_units_are_used_than_allowed(self) -> None:
        clock = [100.0]
        pace = Pace(10, lambda: clock[0], lambda seconds: clock.__setitem__(0, clock[0] + seconds))
        for _ in range(20):
            pace.spend(5)
        assert clock[0] == pytest.approx(110.0)
        clock[0] += 60
        pace.spend(5)
        assert clock[0] == pytest.approx(170.5)

    def test_a_slow_rate_reads_short_pages(self, stage: OneStage, monkeypatch: Any) -> None:
        for number in range(60):
            item = {"slug": {"S": str(number)}, "text": {"S": "x" * 3_000}}
            stage.put("EventsTable", item)
        slept: list[float] = []
        pace = Pace(1, lambda: 0.0, slept.append)
        tables = Tables("dev", stage.names, pace, stage.client)
        pages = [len(page) for page in tables.scan("EventsTable")]
        assert sum(pages) == 60
        assert max(pages[1:]) <= 10
        assert slept

    def test_writes_that_were_left_out_are_made_again(
        self, stage: OneStage, new: OneStage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(stage)
        stage.save(path)
        monkeypatch.setattr("infra.backup.tables.time.sleep", lambda _: None)
        call = Tables._call
        calls = [0]

        def busy(tables: Tables, operation: str, **parameters: Any) -> dict[str, Any]:
            if operation != "batch_write_item":
                return call(tables, operation, **parameters)
            calls[0] += 1
            if calls[0] % 3:
                return {"UnprocessedItems": parameters["RequestItems"]}
            return call(tables, operation, **parameters)

        monkeypatch.setattr(Tables, "_call", busy)
        assert new.restore(path).is_whole

    def test_a_dynamodb_that_stays_busy_is_told(
        self, stage: OneStage, new: OneStage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage.save(path)
        monkeypatch.setattr("infra.backup.tables.time.sleep", lambda _: None)
        call = Tables._call

        def busy(tables: Tables, operation: str, **parameters: Any) -> dict[str, Any]:
            if operation != "batch_write_item":
                return call(tables, operation, **parameters)
            return {"UnprocessedItems": parameters["RequestItems"]}

        monkeypatch.setattr(Tables, "_call", busy)
        with pytest.raises(BackupError, match="too busy"):
            new.restore(path)

    def test_a_table_that_is_not_there_is_told(self, stage: OneStage, path: Path) -> None:
        gone = OneStage("dev", stage.client, {**stage.names, "OrdersTable": "gone"})
        with pytest.raises(BackupError, match="could not do describe_table"):
            gone.save(path)


def test_an_audit_trail_is_added_to_and_never_taken_from(stage: OneStage, path: Path) -> None:
    entries = [{"id": {"S": str(number)}, "subject": {"S": "city#1"}} for number in (1, 2)]
    stage.put("AuditTable", entries[0])
    stage.save(path)
    name = stage.names["AuditTable"]
    stage.client.delete_item(TableName=name, Key=entries[0])
    stage.put("AuditTable", entries[1])
    assert stage.plan(path).occupied == []
    assert stage.restore(path, replace=True).is_whole
    kept = stage.contents()["AuditTable"]
    for entry in entries:
        assert json.dumps(entry, sort_keys=True) in kept


def entries_of_restores(stage: OneStage) -> list[dict[str, Any]]:
    """What the audit trail has about the database, as admins are shown it, oldest first."""
    query = AuditQuery(limit=50, subject="database#all")
    return [json.loads(text) for text in reversed(stage.stores.audit_trail.find(query).items)]


class TestTheAuditTrailOfARestore:
    def test_it_tells_from_which_file_and_how_much(
        self, stage: OneStage, new: OneStage, path: Path
    ) -> None:
        saved = stage.save(path)
        outcome = new.restore(path)
        begun, done = entries_of_restores(new)
        assert (begun["action"], done["action"]) == ("database_restore_begun", "database_restored")
        assert done["actor"] == {"userId": "operator", "role": "system"}
        header = Reader(path).header
        assert done["details"] == {
            "fileStage": header.stage,
            "fileAsOf": header.as_of,
            "sha256": saved.checksum,
            "replace": False,
            "drill": header.stage != new.name,
            "items": outcome.written.total(),
            "deleted": 0,
            "whole": True,
        }
        assert not outcome.extra

    def test_a_restore_that_was_cut_off_has_a_beginning_only(
        self, stage: OneStage, new: OneStage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cut_off(*_: object) -> None:
            raise KeyboardInterrupt

        stage.save(path)
        with monkeypatch.context() as patched:
            patched.setattr(Restoring, "_write", cut_off)
            with pytest.raises(KeyboardInterrupt):
                new.restore(path)
        assert [entry["action"] for entry in entries_of_restores(new)] == ["database_restore_begun"]

    def test_restoring_an_older_file_leaves_the_entries_of_earlier_restores(
        self, new: OneStage, stage: OneStage, path: Path
    ) -> None:
        stage.save(path)
        for _ in range(2):
            new.restore(path, replace=True)
        assert [entry["action"] for entry in entries_of_restores(new)] == [
            *("database_restore_begun", "database_restored") * 2
        ]
