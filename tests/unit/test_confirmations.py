"""Confirmations: one for each paid order, not lost when the mail provider is down."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.order_changes import (
    LOOK_AGAIN_AFTER,
    MAIL_CLAIM,
    ask_for_mail,
    claim_mail,
    hear_of_dispute,
    hear_of_refund,
)
from chalicelib.domain.orders import MailStatus, Order
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from chalicelib.errors import MailProviderError, Unavailable
from tests.support.builders import NOW, an_event
from tests.support.fake_shop import CAUSE, FakeShop, fails

ADDRESS = "ada@mail.example"


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()


@pytest.fixture
def order(shop: FakeShop) -> Order:
    """Paid, its confirmation due, and nobody at it: the first try failed."""
    shop.mailer.down = True
    order = shop.start_and_pay(customer_email=ADDRESS)
    shop.mailer.down = False
    shop.log.lines.clear()
    shop.meter.counts.clear()
    return order


def claimed(shop: FakeShop, order: Order) -> Order:
    return shop.orders.replace(order, claim_mail(order, shop.shop.clock()))


def test_what_is_due_is_sent_once(shop: FakeShop, order: Order) -> None:
    assert shop.shop.confirmations.send(order)

    assert [sent.id for sent in shop.mailer.sent] == [order.id]
    assert shop.mailer.events == [shop.events.records["tech-conference"]]
    assert (shop.order().mail, shop.order().due_at) == (MailStatus.SENT, None)
    assert shop.meter.counts == {"ConfirmationSent": 1}
    assert not shop.shop.confirmations.send(order)
    assert len(shop.mailer.sent) == 1


def test_two_at_the_same_time_send_one(shop: FakeShop, order: Order) -> None:
    shop.orders.before_replace.append(lambda: shop.shop.confirmations.send(order))
    assert not shop.shop.confirmations.send(order)
    assert len(shop.mailer.sent) == 1


def test_nobody_sends_what_somebody_has_claimed(shop: FakeShop, order: Order) -> None:
    claimed(shop, order)
    assert not shop.shop.confirmations.send(order)
    assert shop.mailer.sent == []


def test_a_claim_that_nobody_came_back_to_is_taken_over(shop: FakeShop, order: Order) -> None:
    claimed(shop, order)
    shop.shop.clock.move(MAIL_CLAIM)
    assert shop.shop.confirmations.send(shop.order())


def test_what_cannot_be_sent_is_given_back_and_told(shop: FakeShop, order: Order) -> None:
    shop.mailer.down = True
    with pytest.raises(MailProviderError):
        shop.shop.confirmations.send(order)
    assert (shop.order().mail, shop.order().mail_claimed_until) == (MailStatus.DUE, None)
    [(kind, name, fields)] = shop.log.lines
    assert (kind, name, fields["orderId"]) == ("error", "confirmation_failed", order.id)
    assert shop.meter.counts == {"ConfirmationFailed": 1}

    shop.mailer.down = False
    assert shop.shop.confirmations.send(shop.order())


def test_a_claim_of_somebody_else_is_not_given_back(shop: FakeShop, order: Order) -> None:
    shop.mailer.down = True
    mine = claimed(shop, order)
    shop.shop.clock.move(MAIL_CLAIM)
    theirs = claimed(shop, mine)

    after = shop.shop.confirmations.send_claimed(mine)

    assert after.mail_claimed_until == theirs.mail_claimed_until


def test_who_claimed_it_gets_the_order_as_it_is_then(shop: FakeShop, order: Order) -> None:
    after = shop.shop.confirmations.send_claimed(claimed(shop, order))
    assert after == shop.order()
    assert after.mail is MailStatus.SENT


def test_a_store_that_fails_leaves_it_for_the_timer(shop: FakeShop, order: Order) -> None:
    mine = claimed(shop, order)
    shop.orders.before_replace.append(fails(Unavailable("down")))

    assert shop.shop.confirmations.send_claimed(mine) == mine

    told = {"orderId": order.id, "why": "Unavailable"}
    assert shop.log.lines == [("error", "confirmation_left", told)]
    assert shop.order().due_at == mine.mail_claimed_until


def test_tickets_that_were_refunded_since_are_not_announced(shop: FakeShop, order: Order) -> None:
    refund = Refund("re_1", 29998, RefundStatus.SUCCEEDED, NOW)
    shop.orders.replace(order, hear_of_refund(order, refund, NOW, CAUSE))
    assert shop.shop.confirmations.send(shop.order())
    assert shop.mailer.sent == []
    assert (shop.order().mail, shop.order().due_at) == (MailStatus.NONE, None)
    assert not shop.shop.confirmations.send(shop.order())


def test_tickets_that_are_good_again_are_announced_after_all(shop: FakeShop, order: Order) -> None:
    opened = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    shop.orders.replace(order, hear_of_dispute(order, opened, NOW, CAUSE))
    shop.shop.confirmations.send(shop.order())
    assert shop.mailer.sent == []

    won = replace(opened, status=DisputeStatus.WON)
    shop.orders.replace(shop.order(), hear_of_dispute(shop.order(), won, NOW, CAUSE))

    assert (shop.order().mail, shop.order().due_at) == (MailStatus.DUE, NOW + LOOK_AGAIN_AFTER)
    assert shop.shop.confirmations.send(shop.order())
    assert [sent.good_tickets for sent in shop.mailer.sent] == [2]
    assert shop.order().mail is MailStatus.SENT


def test_tickets_that_are_good_again_while_that_is_noted_are_announced_later(
    shop: FakeShop, order: Order
) -> None:
    opened = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    disputed = shop.orders.replace(order, hear_of_dispute(order, opened, NOW, CAUSE))
    mine = claimed(shop, disputed)
    won = hear_of_dispute(mine, replace(opened, status=DisputeStatus.WON), NOW, CAUSE)
    shop.orders.before_replace.append(lambda: shop.orders.replace(mine, won))

    after = shop.shop.confirmations.send_claimed(mine)

    assert (after.mail, after.mail_claimed_until) == (MailStatus.DUE, None)
    assert shop.shop.confirmations.send(shop.order())
    assert len(shop.mailer.sent) == 1


def test_that_there_was_nothing_to_say_is_noted_once(shop: FakeShop, order: Order) -> None:
    opened = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    disputed = shop.orders.replace(order, hear_of_dispute(order, opened, NOW, CAUSE))
    mine = claimed(shop, disputed)
    once = shop.shop.confirmations.send_claimed(mine)
    assert shop.shop.confirmations.send_claimed(mine) == once


def test_without_a_mailer_none_is_asked_for_and_none_is_left(shop: FakeShop) -> None:
    shop.shop.confirmations._mailer = None
    order = shop.start_and_pay(customer_email=ADDRESS)
    assert order.mail is MailStatus.NONE

    due = shop.orders.replace(order, ask_for_mail(order, NOW - timedelta(hours=1)))
    assert shop.shop.confirmations.send(due)
    assert shop.order().mail is MailStatus.SENT


def test_without_an_address_none_is_asked_for(shop: FakeShop) -> None:
    assert shop.start_and_pay().mail is MailStatus.NONE
    assert shop.mailer.sent == []


def test_the_event_is_found_under_its_new_slug(shop: FakeShop, order: Order) -> None:
    shop.describe(slug="moved")
    shop.shop.confirmations.send(order)
    assert shop.mailer.events == [shop.events.records["moved"]]


def test_another_event_under_the_former_slug_is_not_taken_for_it(
    shop: FakeShop, order: Order
) -> None:
    shop.describe(slug="moved")
    del shop.events.moved["tech-conference"]
    shop.events.create(an_event(id=2))
    shop.shop.confirmations.send(order)
    assert shop.mailer.events == [shop.events.records["moved"]]


def test_an_event_that_is_gone_keeps_no_confirmation_back(shop: FakeShop, order: Order) -> None:
    shop.events.records.clear()
    assert shop.shop.confirmations.send(order)
    assert shop.mailer.events == [None]


def test_an_address_that_takes_nothing_for_days_is_given_up_and_told(
    shop: FakeShop, order: Order
) -> None:
    shop.mailer.down = True
    shop.shop.clock.move(timedelta(days=3, minutes=1))

    assert not shop.shop.confirmations.send(order)
    assert not shop.shop.confirmations.send(order)

    assert shop.mailer.sent == []
    assert (shop.order().mail, shop.order().due_at) == (MailStatus.GIVEN_UP, None)
    assert shop.log.names("error") == ["confirmation_failed", "confirmation_given_up"]
    assert shop.meter.counts == {"ConfirmationFailed": 1, "ConfirmationGivenUp": 1}


def test_after_a_long_outage_a_confirmation_is_tried_once_more(
    shop: FakeShop, order: Order
) -> None:
    shop.shop.clock.move(timedelta(days=5))

    assert shop.shop.confirmations.send(order)

    assert shop.order().mail is MailStatus.SENT


def test_a_mailer_that_breaks_does_not_take_the_sale_with_it(
    shop: FakeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("nobody expected this")

    monkeypatch.setattr(shop.mailer, "send_confirmation", broken)

    order = shop.start_and_pay(customer_email=ADDRESS)

    assert (order.good_tickets, order.mail) == (2, MailStatus.DUE)
    assert shop.log.names("crash") == ["confirmation_left"]


@pytest.mark.parametrize("by_the_timer", [True, False])
def test_an_address_that_can_never_be_mailed_is_given_up_at_once(
    shop: FakeShop, monkeypatch: pytest.MonkeyPatch, by_the_timer: bool
) -> None:
    def refuse(*_: object) -> None:
        raise MailProviderError("no e-mail can be sent there", permanent=True)

    if by_the_timer:
        shop.mailer.down = True
        shop.start_and_pay(customer_email=ADDRESS)
        monkeypatch.setattr(shop.mailer, "send_confirmation", refuse)
        assert not shop.shop.confirmations.send(shop.order())
    else:
        monkeypatch.setattr(shop.mailer, "send_confirmation", refuse)
        shop.start_and_pay(customer_email=ADDRESS)

    assert (shop.order().mail, shop.order().due_at) == (MailStatus.GIVEN_UP, None)
    assert shop.log.names("error")[-2:] == ["confirmation_failed", "confirmation_given_up"]
    assert shop.meter.counts["ConfirmationGivenUp"] == 1
