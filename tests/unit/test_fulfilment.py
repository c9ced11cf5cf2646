"""What news of a session does to its order: in any order, any number of times, one effect."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.orders import (
    Cause,
    CheckoutSession,
    HistoryEntry,
    Order,
    OrderStatus,
    PaymentStatus,
    SessionStatus,
)
from chalicelib.services.fulfilment import Fulfilment, Outcome, Settlement
from tests.support.builders import (
    NOW,
    a_city,
    a_paid_session,
    a_session,
    an_event,
    an_order,
)
from tests.support.fakes import FakeCities, FakeEvents, FakeOrders, RecordingLog

LATER = NOW + timedelta(minutes=5)
CAUSE = Cause.stripe_event("evt_1")
ORDER_ID = an_order().id
EXPIRED = a_session(status=SessionStatus.EXPIRED, url=None)
UNPAID = a_session(status=SessionStatus.COMPLETE, url=None)


class Sale:
    """One pending order of two of an event's hundred seats."""

    def __init__(self, order: Order | None = None) -> None:
        self.events = FakeEvents(FakeCities())
        self.events.cities.create(a_city())
        self.events.create(an_event())
        self.orders = FakeOrders(self.events)
        self.orders.place_hold(order or an_order())
        self.log = RecordingLog()
        self.fulfilment = Fulfilment(orders=self.orders, clock=lambda: LATER, log=self.log)

    def hear(
        self, session: CheckoutSession, cause: Cause = CAUSE, *, payment_failed: bool = False
    ) -> Outcome:
        settlement = self.fulfilment.settle(session, cause, payment_failed=payment_failed)
        assert settlement.order == self.orders.get(session.order_id or "")
        return settlement.outcome

    @property
    def order(self) -> Order:
        return self.orders.orders[ORDER_ID]

    @property
    def stock(self) -> tuple[int, int, int]:
        record = self.events.records["tech-conference"]
        return record.free, record.held, record.sold


@pytest.fixture
def sale() -> Sale:
    return Sale()


@pytest.mark.parametrize("payment", [PaymentStatus.PAID, PaymentStatus.NO_PAYMENT_REQUIRED])
def test_a_paid_session_sells_its_seats(sale: Sale, payment: PaymentStatus) -> None:
    assert sale.hear(a_paid_session(payment_status=payment)) is Outcome.PAID
    assert sale.stock == (98, 0, 2)
    assert sale.order.status is OrderStatus.PAID
    assert sale.order.history[-1] == HistoryEntry(LATER, OrderStatus.PAID, "evt_1")
    assert (sale.order.session_id, sale.order.payment_intent_id) == ("cs_test_1", "pi_1")
    paid = {"orderId": ORDER_ID, "event": "tech-conference"}
    assert sale.log.lines == [("audit", "order_paid", paid)]


def test_a_repeated_payment_sells_nothing_twice(sale: Sale) -> None:
    sale.hear(a_paid_session())
    before = (sale.order, list(sale.log.lines))
    assert sale.hear(a_paid_session(), Cause("verify")) is Outcome.REPEATED
    assert sale.hear(a_paid_session()) is Outcome.REPEATED
    assert (sale.order, sale.log.lines) == before
    assert sale.stock == (98, 0, 2)


def test_an_expired_session_gives_its_seats_back(sale: Sale) -> None:
    assert sale.hear(EXPIRED) is Outcome.RELEASED
    assert sale.stock == (100, 0, 0)
    assert sale.order.status is OrderStatus.EXPIRED
    assert sale.log.names("audit") == ["order_expired"]


def test_a_failed_payment_gives_its_seats_back(sale: Sale) -> None:
    assert sale.hear(UNPAID, payment_failed=True) is Outcome.RELEASED
    assert sale.stock == (100, 0, 0)
    assert sale.order.status is OrderStatus.FAILED
    assert sale.log.names("audit") == ["order_failed"]


@pytest.mark.parametrize(("session", "failed"), [(EXPIRED, False), (UNPAID, True)])
def test_a_repeated_release_gives_nothing_back_twice(
    sale: Sale, session: CheckoutSession, failed: bool
) -> None:
    sale.hear(session, payment_failed=failed)
    before = (sale.order, list(sale.log.lines))
    assert sale.hear(session, payment_failed=failed) is Outcome.REPEATED
    assert (sale.order, sale.log.lines) == before
    assert sale.stock == (100, 0, 0)


def test_a_payment_on_its_way_keeps_the_hold_for_a_day(sale: Sale) -> None:
    assert sale.hear(UNPAID) is Outcome.WAITING
    assert sale.stock == (98, 2, 0)
    assert sale.order.status is OrderStatus.PENDING
    assert sale.order.hold_expires_at == LATER + timedelta(days=1)
    assert sale.hear(UNPAID) is Outcome.REPEATED
    assert sale.log.lines == []


def test_a_payment_that_was_on_its_way_sells_its_seats_when_it_comes(sale: Sale) -> None:
    sale.hear(UNPAID)
    assert sale.hear(a_paid_session(), Cause.stripe_event("evt_2")) is Outcome.PAID
    assert sale.stock == (98, 0, 2)


def test_an_open_session_changes_nothing(sale: Sale) -> None:
    before = sale.order
    assert sale.hear(a_session()) is Outcome.REPEATED
    assert sale.order == before
    assert sale.stock == (98, 2, 0)


def test_old_news_does_not_undo_a_sale(sale: Sale) -> None:
    sale.hear(a_paid_session())
    assert sale.hear(UNPAID) is Outcome.REPEATED
    assert sale.hear(EXPIRED) is Outcome.REPEATED
    assert sale.hear(UNPAID, payment_failed=True) is Outcome.REPEATED
    assert sale.order.status is OrderStatus.PAID
    assert sale.stock == (98, 0, 2)


def test_a_session_that_was_paid_after_all_is_not_failed_by_old_news(sale: Sale) -> None:
    assert sale.hear(a_paid_session(), payment_failed=True) is Outcome.PAID


@pytest.mark.parametrize(("session", "failed"), [(EXPIRED, False), (UNPAID, True)])
def test_a_payment_after_the_seats_went_back_is_noted_and_sells_nothing(
    sale: Sale, session: CheckoutSession, failed: bool
) -> None:
    sale.hear(session, payment_failed=failed)
    status = sale.order.status
    assert sale.hear(a_paid_session()) is Outcome.PAID_LATE
    assert sale.stock == (100, 0, 0)
    assert sale.order.status is status
    assert sale.order.history[-1].cause == "paid_late:evt_1"
    assert sale.order.payment_intent_id == "pi_1"
    late = {"orderId": ORDER_ID, "event": "tech-conference"}
    assert sale.log.lines[-1] == ("error", "order_paid_late", late)


def test_a_late_payment_is_told_once(sale: Sale) -> None:
    sale.hear(EXPIRED)
    sale.hear(a_paid_session())
    before = (sale.order, list(sale.log.lines))
    assert sale.hear(a_paid_session(), Cause("verify")) is Outcome.REPEATED
    assert (sale.order, sale.log.lines) == before


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(29997, "usd"), (0, "usd"), (29998, "eur"), (29998, ""), (29998, "USD")],
)
def test_another_amount_or_currency_does_not_count_as_paid(
    sale: Sale, amount: int, currency: str
) -> None:
    before = sale.order
    session = a_paid_session(amount_total=amount, currency=currency)
    assert sale.hear(session) is Outcome.AMOUNT_DIFFERS
    assert sale.order == before
    assert sale.stock == (98, 2, 0)
    [(kind, name, fields)] = sale.log.lines
    assert (kind, name) == ("error", "paid_amount_differs")
    assert fields == {
        "orderId": ORDER_ID,
        "sessionAmount": amount,
        "sessionCurrency": currency,
        "amount": 29998,
        "currency": "usd",
    }


@pytest.mark.parametrize("order_id", [None, "01JNUNKNOWN000000000000000"])
@pytest.mark.parametrize("failed", [False, True])
def test_a_session_that_is_not_ours_touches_nothing(
    sale: Sale, order_id: str | None, failed: bool
) -> None:
    before = sale.order
    session = a_paid_session(order_id=order_id)
    assert sale.hear(session, payment_failed=failed) is Outcome.NOT_OURS
    assert sale.order == before
    assert sale.stock == (98, 2, 0)
    assert sale.log.lines == []


def test_another_session_that_names_our_order_is_not_ours(sale: Sale) -> None:
    sale.orders.attach_session(ORDER_ID, a_session())
    stranger = a_paid_session(id="cs_test_stranger")
    settled = sale.fulfilment.settle(stranger, CAUSE)
    assert settled == Settlement(Outcome.NOT_OURS, None)
    assert sale.stock == (98, 2, 0)


def test_a_session_that_was_never_noted_on_its_order_is_ours(sale: Sale) -> None:
    assert sale.order.session_id is None
    assert sale.hear(a_paid_session()) is Outcome.PAID


NEWS = [
    (a_session(), False),
    (UNPAID, False),
    (UNPAID, True),
    (EXPIRED, False),
    (a_paid_session(), False),
    (a_paid_session(amount_total=1), False),
    (a_paid_session(order_id=None), False),
]


@given(st.lists(st.sampled_from(NEWS), max_size=12))
def test_no_order_of_news_sells_or_gives_back_seats_that_are_not_held(
    news: list[tuple[CheckoutSession, bool]],
) -> None:
    sale = Sale()
    ends: set[OrderStatus] = set()
    for number, (session, failed) in enumerate(news):
        sale.hear(session, Cause.stripe_event(f"evt_{number}"), payment_failed=failed)
        if sale.order.status is not OrderStatus.PENDING:
            ends.add(sale.order.status)
    expected = {
        OrderStatus.PENDING: (98, 2, 0),
        OrderStatus.PAID: (98, 0, 2),
        OrderStatus.EXPIRED: (100, 0, 0),
        OrderStatus.FAILED: (100, 0, 0),
    }
    assert sale.stock == expected[sale.order.status]
    assert len(ends) <= 1


@given(st.lists(st.sampled_from(NEWS), min_size=1, max_size=6))
def test_hearing_everything_again_changes_nothing(
    news: list[tuple[CheckoutSession, bool]],
) -> None:
    sale = Sale()
    for session, failed in news:
        sale.hear(session, payment_failed=failed)
    # What was heard before an earlier end may be heard as late only now; a third time is silent.
    for session, failed in news:
        sale.hear(session, payment_failed=failed)
    before = (sale.order, sale.stock)
    for session, failed in news:
        sale.hear(session, payment_failed=failed)
    assert (sale.order, sale.stock) == before
