"""Troubles, made with the program's own code: what each leaves on standard output is what
CloudWatch would count. Each is one occurrence; how often it comes is for whoever lets it happen.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

from chalicelib import wiring
from chalicelib.domain.orders import HOLD, Cause, Order
from chalicelib.domain.payment_news import PaymentNews
from chalicelib.domain.refunds import Dispute, DisputeStatus, Why
from chalicelib.errors import PaymentProviderError, RefundRefused, Unavailable
from chalicelib.functions import reconcile, stripe_webhook
from chalicelib.observability import BusinessMetrics, StructuredLog
from chalicelib.services.time_budget import TimeBudget
from chalicelib.services.unfinished_orders import UnfinishedOrders
from infra.local.timer import scheduled_event
from tests.support.builders import NOW
from tests.support.fake_shop import CAUSE, FakeShop
from tests.support.stripe_objects import a_paid_stripe_session, delivery, event_text

_AMPLE = TimeBudget(1.0, lambda: 0.0)
_HOUR = timedelta(hours=1)


def a_store_that_is_down() -> None:
    with _no_dynamodb(), pytest.raises(Unavailable):
        wiring.stores().orders.get("01J")


def a_run_of_the_timer_without_a_store() -> None:
    with _no_dynamodb():
        reconcile.reconcile(scheduled_event(), None)


@contextmanager
def _no_dynamodb() -> Iterator[None]:
    def fail(*_: Any, **__: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://dynamodb.test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", fail)
        yield


def a_crash() -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        StructuredLog().crash("unexpected_error", {"route": "GET /"})


def a_forged_delivery() -> None:
    text = event_text("checkout.session.completed", a_paid_stripe_session())
    answer = stripe_webhook.stripe_webhook(delivery(text, signed="t=1,v1=00"), None)
    assert answer["statusCode"] == 400


def a_delivery_that_cannot_be_handled() -> None:
    answer = stripe_webhook.stripe_webhook(delivery("not JSON"), None)
    assert answer["statusCode"] == 500


def a_payment_that_the_timer_finds() -> None:
    shop = _shop()
    order = shop.start()
    shop.pay(order)
    shop.shop.clock.move(HOLD + timedelta(minutes=5))
    assert shop.shop.due_orders.work(order.id)


def an_event_that_is_given_up() -> None:
    shop = _shop()
    order = shop.start()
    news = PaymentNews("evt_1", shop.shop.clock.now, shop.pay(order))
    shop.payments.undelivered.append(news)
    shop.shop.undelivered._desk = _BrokenDesk()  # type: ignore[assignment] # it is broken
    for later in (timedelta(minutes=5), timedelta(days=1, hours=1)):
        shop.shop.clock.move(later)
        for window in shop.shop.undelivered.find():
            shop.shop.undelivered.work(window, _AMPLE)


def an_order_that_stays_pending() -> None:
    """Stripe is down, so nobody knows whether it was paid."""
    shop = _shop()
    shop.start()
    shop.payments.failure = PaymentProviderError("down")
    shop.shop.clock.move(HOLD + 2 * _HOUR)
    _measure(shop)


def a_late_payment_whose_refund_waits() -> None:
    """Its seats are sold to others, and Stripe cannot give the money back."""
    shop = _shop(capacity=2)
    late = shop.start()
    shop.shop.fulfilment.settle(shop.expire(late), CAUSE)
    shop.start_and_pay(id="01JNOTHER00000000000000000")
    paid = shop.pay(late)
    shop.payments.failure = PaymentProviderError("down")
    settled = shop.shop.fulfilment.settle(paid, CAUSE)
    assert settled.outcome == "refunding"
    shop.shop.clock.move(2 * _HOUR)
    _measure(shop)


def a_refund_that_lacks_funds() -> None:
    with pytest.raises(PaymentProviderError):
        _refund_refused("insufficient_funds")


def a_refund_that_fails() -> None:
    _refund_refused("charge_disputed")


def a_dispute() -> None:
    shop = _shop()
    order = shop.start_and_pay()
    dispute = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    shop.shop.desk.hear(PaymentNews("evt_2", NOW, None, _intent(order), None, dispute))


def a_mail_that_is_not_taken() -> None:
    shop = _shop()
    shop.mailer.down = True
    shop.start_and_pay(customer_email="ada@mail.example")


def a_sale() -> None:
    shop = _shop()
    shop.start_and_pay(customer_email="ada@mail.example")


def an_abandoned_checkout() -> None:
    shop = _shop()
    order = shop.start()
    shop.shop.fulfilment.settle(shop.expire(order), CAUSE)


class _BrokenDesk:
    def hear(self, news: PaymentNews) -> str:
        raise KeyError("a bug")


def _shop(**event: Any) -> FakeShop:
    """A shop that counts as the deployed one does."""
    shop = FakeShop(**event)
    for part in vars(shop.shop).values():
        if hasattr(part, "_meter"):
            part._meter = BusinessMetrics()
    return shop


def _measure(shop: FakeShop) -> None:
    UnfinishedOrders(
        orders=shop.orders, clock=shop.shop.clock, log=shop.log, meter=BusinessMetrics()
    ).measure()


def _refund_refused(code: str) -> None:
    shop = _shop()
    order = shop.start_and_pay()
    shop.payments.refusal = RefundRefused("refused", code)
    shop.shop.refunding.return_all(order, Why.EVENT_CANCELLED, Cause("admin"))


def _intent(order: Order) -> str:
    assert order.payment_intent_id is not None
    return order.payment_intent_id


Trouble = Callable[[], None]
TROUBLES: Mapping[str, tuple[Trouble, ...]] = {
    "store-failing": (a_store_that_is_down,),
    "chores-failing": (a_run_of_the_timer_without_a_store,),
    "crashes": (a_crash,),
    "webhook-rejected": (a_forged_delivery,),
    "webhook-failing": (a_delivery_that_cannot_be_handled,),
    "webhooks-missing": (a_payment_that_the_timer_finds,),
    "events-given-up": (an_event_that_is_given_up,),
    "orders-pending": (an_order_that_stays_pending,),
    "paid-without-ticket": (a_late_payment_whose_refund_waits,),
    "refunds-failing": (a_refund_that_lacks_funds, a_refund_that_fails),
    "disputes": (a_dispute,),
    "confirmations-failing": (a_mail_that_is_not_taken,),
}
