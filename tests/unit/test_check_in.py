"""Letting people in: each ticket once, whichever door is first."""

from dataclasses import replace

import pytest

from chalicelib.domain.clock import to_iso
from chalicelib.domain.order_changes import hear_of_dispute, hear_of_refund
from chalicelib.domain.orders import Order
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from chalicelib.domain.tickets import CheckIn, TicketCode
from chalicelib.errors import Changed, NotFound, TicketRefused
from tests.support.builders import NOW, an_event
from tests.support.fake_shop import CAUSE, FakeShop, fails

ORDER_ID = "01JNTEST0RDER0000000000000"


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()


@pytest.fixture
def order(shop: FakeShop) -> Order:
    order = shop.start_and_pay(id=ORDER_ID)
    shop.log.lines.clear()
    shop.meter.counts.clear()
    return order


def scan(
    shop: FakeShop,
    code: object,
    door: str | None = "north",
    name: str | None = None,
    event: str | None = None,
) -> CheckIn:
    order, entry = shop.shop.doors.check_in(str(code), door, name, "user_1", event)
    assert order == shop.order(ORDER_ID)
    assert order.check_in(entry.number) == entry
    return entry


def test_a_good_ticket_lets_its_holder_in(shop: FakeShop, order: Order) -> None:
    first, second = order.ticket_codes()

    entry = scan(shop, first)

    assert (entry.number, entry.door, entry.at) == (1, "north", shop.shop.clock.now)
    told = {"orderId": ORDER_ID, "ticket": 1, "door": "north", "by": "user_1"}
    assert shop.log.lines == [("audit", "ticket_checked_in", told)]
    assert shop.meter.counts == {"TicketCheckedIn": 1}
    assert scan(shop, second, door=None).number == 2


def test_a_code_may_come_in_small_letters(shop: FakeShop, order: Order) -> None:
    assert scan(shop, str(order.ticket_codes()[0]).lower()).number == 1


@pytest.mark.parametrize(("door", "where"), [("north", " at north"), (None, "")])
def test_the_second_door_is_told_when_and_where(
    shop: FakeShop, order: Order, door: str | None, where: str
) -> None:
    code = order.ticket_codes()[0]
    at = to_iso(scan(shop, code, door).at)

    with pytest.raises(TicketRefused) as refused:
        scan(shop, code, "south")

    assert (refused.value.checked_in_at, refused.value.door) == (at, door)
    assert str(refused.value) == f"this ticket was used at {at}{where}"
    assert shop.log.names("audit") == ["ticket_checked_in"]


def test_two_doors_at_the_same_moment_let_one_in(shop: FakeShop, order: Order) -> None:
    code = order.ticket_codes()[0]
    shop.orders.before_replace.append(lambda: scan(shop, code, "south"))

    with pytest.raises(TicketRefused) as refused:
        scan(shop, code, "north")

    assert refused.value.door == "south"
    assert len(shop.order(ORDER_ID).check_ins) == 1


def test_two_tickets_of_an_order_at_the_same_moment_both_get_in(
    shop: FakeShop, order: Order
) -> None:
    first, second = order.ticket_codes()
    shop.orders.before_replace.append(lambda: scan(shop, second))
    scan(shop, first)
    assert {entry.number for entry in shop.order(ORDER_ID).check_ins} == {1, 2}


def test_a_repeat_of_a_scan_is_answered_as_the_first_was(shop: FakeShop, order: Order) -> None:
    code = order.ticket_codes()[0]
    first = scan(shop, code, name="scan-1")
    assert scan(shop, code, name="scan-1") == first
    assert shop.meter.counts == {"TicketCheckedIn": 1}
    with pytest.raises(TicketRefused):
        scan(shop, code, name="scan-2")
    assert shop.meter.counts == {"TicketCheckedIn": 1, "CheckInRefused": 1}


def test_the_same_scan_at_another_door_is_no_repeat(shop: FakeShop, order: Order) -> None:
    code = order.ticket_codes()[0]
    scan(shop, code, "north", "scan-1")
    with pytest.raises(TicketRefused) as refused:
        scan(shop, code, "south", "scan-1")
    assert refused.value.door == "north"


def test_a_ticket_of_the_doors_event_gets_in(shop: FakeShop, order: Order) -> None:
    first, second = order.ticket_codes()
    assert scan(shop, first, event=shop.event.slug).number == 1
    assert scan(shop, second, event=f"0{shop.event.id}").number == 2


@pytest.mark.parametrize("named", ["jazz-night", "8", "nowhere", "999", "0"])
def test_a_ticket_of_another_event_is_refused_and_not_used(
    shop: FakeShop, order: Order, named: str
) -> None:
    shop.events.create(an_event(id=8, slug="jazz-night"))
    with pytest.raises(TicketRefused) as refused:
        scan(shop, order.ticket_codes()[0], event=named)
    assert str(refused.value) == "this ticket is for another event: Tech Conference"
    assert (refused.value.checked_in_at, refused.value.door) == (None, None)
    assert shop.order(ORDER_ID) == order
    assert shop.log.lines == []


def test_an_event_that_moved_is_known_by_its_new_slug(shop: FakeShop, order: Order) -> None:
    record = shop.events.get(shop.event.slug)
    assert record is not None
    shop.events.replace(record, replace(shop.event, slug="tech-congress"))
    first, second = order.ticket_codes()
    assert scan(shop, first, event="tech-congress").number == 1
    assert scan(shop, second, event=shop.event.slug).number == 2


def test_a_slug_that_another_event_has_by_now_is_that_events(shop: FakeShop, order: Order) -> None:
    shop.events.create(an_event(id=8, slug="jazz-night"))
    shop.orders.replace(order, replace(order, event_slug="jazz-night"))
    with pytest.raises(TicketRefused, match="another event"):
        scan(shop, order.ticket_codes()[0], event="jazz-night")
    assert scan(shop, order.ticket_codes()[0], event=shop.event.slug).number == 1


def test_an_event_that_is_gone_is_known_by_the_slug_it_had(
    shop: FakeShop, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.events, "get", lambda *_, **__: None)
    assert scan(shop, order.ticket_codes()[0], event=order.event_slug).number == 1


def test_an_answer_of_the_store_that_got_lost_keeps_nobody_out(
    shop: FakeShop, order: Order
) -> None:
    shop.orders.after_replace.append(fails(Changed("by this very request")))
    assert scan(shop, order.ticket_codes()[0]).number == 1


def test_a_refunded_ticket_does_not_get_in(shop: FakeShop, order: Order) -> None:
    refund = Refund("re_1", 14999, RefundStatus.SUCCEEDED, NOW)
    shop.orders.replace(order, hear_of_refund(order, refund, NOW, CAUSE))
    first, second = order.ticket_codes()

    with pytest.raises(TicketRefused, match="not valid") as refused:
        scan(shop, second)

    assert (refused.value.checked_in_at, refused.value.door) == (None, None)
    assert scan(shop, first).number == 1


def test_a_ticket_that_is_refunded_at_the_same_moment_does_not_get_in(
    shop: FakeShop, order: Order
) -> None:
    refund = Refund("re_1", 29998, RefundStatus.SUCCEEDED, NOW)
    shop.orders.before_replace.append(
        lambda: shop.orders.replace(order, hear_of_refund(order, refund, NOW, CAUSE))
    )
    with pytest.raises(TicketRefused, match="not valid"):
        scan(shop, order.ticket_codes()[0])


def test_a_disputed_ticket_does_not_get_in(shop: FakeShop, order: Order) -> None:
    news = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    shop.orders.replace(order, hear_of_dispute(order, news, NOW, CAUSE))
    with pytest.raises(TicketRefused, match="disputed"):
        scan(shop, order.ticket_codes()[0])


@pytest.mark.parametrize(
    "code",
    [
        "",
        "nonsense",
        TicketCode("01JNN0B0DYS000000000000000", 1, "0" * 16),
        TicketCode(ORDER_ID, 1, "0" * 16),
        TicketCode(ORDER_ID, 0, "0" * 16),
        TicketCode(ORDER_ID, 3, "0" * 16),
    ],
)
def test_what_is_no_ticket_is_not_found(shop: FakeShop, order: Order, code: object) -> None:
    with pytest.raises(NotFound, match="no such ticket"):
        scan(shop, code)
    assert shop.order(ORDER_ID) == order


def test_a_tickets_secret_is_of_its_number_only(shop: FakeShop, order: Order) -> None:
    swapped = TicketCode(ORDER_ID, 1, order.tickets[1])
    with pytest.raises(NotFound):
        scan(shop, swapped)


def test_an_order_without_tickets_lets_nobody_in(shop: FakeShop) -> None:
    shop.start(id=ORDER_ID)
    with pytest.raises(NotFound):
        scan(shop, TicketCode(ORDER_ID, 1, "0" * 16))
