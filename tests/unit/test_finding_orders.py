"""Finding an order for who may see it, over the fakes of store and Stripe."""

from dataclasses import replace

import pytest

from chalicelib.domain.free_orders import free_session_id
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.errors import NotFound, PaymentProviderError
from chalicelib.services.finding_orders import OrderFinder, names_a_free_session, names_a_session
from chalicelib.services.port_types import OrderQuery
from tests.support.builders import a_session, an_order
from tests.support.fakes import FakeOrders, FakePayments, RecordingLog

ID = "01JZX5K7Q8M9N0P1R2S3T4V5W6"
SECRET = "0123456789ABCDEF"


class LaggingOrders(FakeOrders):
    """A store whose index of sessions is behind."""

    def get_by_session(self, session_id: str) -> Order | None:
        return None


class Unread(FakeOrders):
    """A store that is not to be asked."""

    def get_by_session(self, session_id: str) -> Order | None:
        raise AssertionError(session_id)


class Desk:
    """A finder over one order of a buyer."""

    def __init__(self, orders: FakeOrders | None = None, session_id: str = "cs_test_1") -> None:
        self.orders = orders or FakeOrders()
        self.payments = FakePayments()
        self.made = 0
        self.order = an_order(id=ID, session_id=session_id, user_id="user_ada")
        self.orders.orders[ID] = self.order
        self.log = RecordingLog()
        self.finder = OrderFinder(orders=self.orders, payments=self.make_payments, log=self.log)

    def make_payments(self) -> FakePayments:
        self.made += 1
        return self.payments


def test_an_order_is_found_by_its_id() -> None:
    desk = Desk()
    assert desk.finder.get(ID) == desk.order


def test_an_order_that_cannot_be_read_is_told_and_hides_no_other() -> None:
    desk = Desk()
    broken = an_order(id="01JZX5K7Q8M9N0P1R2S3T4V5W7")
    desk.orders.orders[broken.id] = broken
    assert desk.finder.page(OrderQuery(10)).orders == (broken, desk.order)
    assert desk.log.lines == []

    desk.orders.unreadable.add(broken.id)

    assert desk.finder.page(OrderQuery(10)).orders == (desk.order,)
    assert desk.log.lines == [("error", "order_unreadable", {"orderId": broken.id})]


@pytest.mark.parametrize("name", ["", "x", ID.lower(), f"{ID}0", "#totals", f"{ID}\n", "A" * 26])
def test_what_is_no_orders_id_finds_none(name: str) -> None:
    with pytest.raises(NotFound, match="no such order"):
        Desk().finder.get(name)


def test_a_text_that_no_key_can_be_is_not_even_looked_for() -> None:
    desk = Desk()
    desk.orders.orders["x" * 3000] = desk.order
    with pytest.raises(NotFound):
        desk.finder.get("x" * 3000)


def test_a_buyer_finds_their_own_order_and_no_other() -> None:
    desk = Desk()
    assert desk.finder.of_buyer(ID, "user_ada") == desk.order
    with pytest.raises(NotFound, match="no such order"):
        desk.finder.of_buyer(ID, "user_eve")


def test_a_guests_order_is_no_signed_in_buyers() -> None:
    desk = Desk()
    desk.orders.orders[ID] = an_order(id=ID, user_id=None)
    with pytest.raises(NotFound):
        desk.finder.of_buyer(ID, "")


def test_a_session_that_the_store_knows_costs_no_call_to_stripe() -> None:
    desk = Desk()
    assert desk.finder.of_session("cs_test_1") == desk.order
    assert desk.made == 0


def test_a_session_that_the_store_does_not_know_yet_is_asked_for_at_stripe() -> None:
    desk = Desk(LaggingOrders())
    desk.payments.sessions["cs_test_1"] = a_session(order_id=ID)
    assert desk.finder.of_session("cs_test_1") == desk.order


@pytest.mark.parametrize("named", [None, "", "nonsense", ID, "01JZX5K7Q8M9N0P1R2S3T4V5W7"])
def test_a_session_has_to_be_its_orders_own_whatever_it_names(named: str | None) -> None:
    desk = Desk(LaggingOrders())
    desk.payments.sessions["cs_test_2"] = a_session(id="cs_test_2", order_id=named)
    with pytest.raises(NotFound):
        desk.finder.of_session("cs_test_2")


def test_a_session_is_not_that_of_an_order_that_has_none() -> None:
    desk = Desk(LaggingOrders())
    desk.orders.orders[ID] = an_order(id=ID, session_id=None)
    desk.payments.sessions["cs_test_1"] = a_session(order_id=ID)
    with pytest.raises(NotFound):
        desk.finder.of_session("cs_test_1")


def test_a_session_that_nobody_knows_finds_nothing() -> None:
    with pytest.raises(NotFound, match="no such order"):
        Desk().finder.of_session("cs_test_2")


def test_when_only_stripe_could_tell_and_cannot_be_asked_it_is_no_404() -> None:
    desk = Desk(LaggingOrders())
    desk.payments.failure = PaymentProviderError("down")
    with pytest.raises(PaymentProviderError):
        desk.finder.of_session("cs_test_1")


@pytest.mark.parametrize("name", ["", "cs_", "cs_é", "cs_test 1", "cs_" + "a" * 251, ID])
def test_what_is_no_sessions_id_is_asked_of_nobody(name: str) -> None:
    desk = Desk(LaggingOrders())
    with pytest.raises(NotFound):
        desk.finder.of_session(name)
    assert desk.made == 0


def test_a_free_orders_session_is_compared_whole_and_stripe_is_not_asked() -> None:
    session_id = free_session_id(ID, SECRET)
    desk = Desk(LaggingOrders(), session_id)
    assert desk.finder.of_session(session_id) == desk.order
    others = [session_id[:-1], session_id + "0", free_session_id(ID, "F" * 16), f"cs_free_{ID}"]
    for other in [*others, "cs_free_", f"cs_free_{ID.lower()}{SECRET}"]:
        with pytest.raises(NotFound):
            desk.finder.of_session(other)
    assert desk.made == 0


def test_a_paid_order_is_found_by_its_session_and_stripe_is_not_asked() -> None:
    desk = Desk()
    desk.orders.orders[ID] = paid = replace(desk.order, status=OrderStatus.PAID)
    assert desk.finder.paid_of_session("cs_test_1") == paid
    assert desk.made == 0


@pytest.mark.parametrize("status", [each for each in OrderStatus if each is not OrderStatus.PAID])
def test_how_any_other_order_stands_only_stripe_can_tell(status: OrderStatus) -> None:
    desk = Desk()
    desk.orders.orders[ID] = replace(desk.order, status=status)
    assert desk.finder.paid_of_session("cs_test_1") is None


@pytest.mark.parametrize("name", ["", "cs_", "cs_é", "cs_test 1", "cs_" + "a" * 251, ID])
def test_no_paid_order_is_looked_for_by_what_is_no_sessions_id(name: str) -> None:
    desk = Desk(Unread())
    assert desk.finder.paid_of_session(name) is None


def test_a_paid_order_of_another_session_is_not_found() -> None:
    desk = Desk()
    desk.orders.orders[ID] = replace(desk.order, status=OrderStatus.PAID)
    assert desk.finder.paid_of_session("cs_test_2") is None


@pytest.mark.parametrize(
    ("text", "session", "free"),
    [
        (ID, False, False),
        ("cs_test_1", True, False),
        ("cs_", True, False),
        (free_session_id(ID, SECRET), True, True),
        ("cs_free_", True, True),
        ("", False, False),
    ],
)
def test_a_sessions_id_is_told_from_an_orders(text: str, session: bool, free: bool) -> None:
    assert (names_a_session(text), names_a_free_session(text)) == (session, free)
