"""What can become of an order, and that repeats and the order of news make no difference."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.order_changes import (
    LOOK_AGAIN_AFTER,
    MAIL_CLAIM,
    ask_for_mail,
    await_payment,
    check_in,
    claim_mail,
    give_mail_back,
    give_mail_up,
    hear_of_dispute,
    hear_of_refund,
    mail_sent,
    pay,
    pay_in_vain,
    postpone,
    release,
    with_session,
    without_taking_seats,
)
from chalicelib.domain.orders import Cause, HistoryEntry, MailStatus, Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus, Why
from chalicelib.domain.tickets import CheckIn
from tests.support.builders import NOW, a_paid_session, an_order

LATER = NOW + timedelta(minutes=5)
MUCH_LATER = NOW + timedelta(hours=5)
CAUSE = Cause("evt_1")
SUCCEEDED, FAILED = RefundStatus.SUCCEEDED, RefundStatus.FAILED
REQUESTED, PENDING = RefundStatus.REQUESTED, RefundStatus.PENDING


def secrets() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"{next(numbers):016d}"


def paid(quantity: int = 2, unit_price: int = 14999, **changes: object) -> Order:
    """An order that was paid at `NOW`."""
    order = an_order(quantity=quantity, unit_price=unit_price)
    session = a_paid_session(amount_total=order.amount_total)
    return replace(pay(order, session, secrets(), NOW, CAUSE), **changes)  # type: ignore[arg-type]


def paid_in_vain(why: Why = Why.SOLD_OUT) -> Order:
    expired = release(an_order(), OrderStatus.EXPIRED, NOW, CAUSE)
    return pay_in_vain(expired, a_paid_session(), why, LATER, CAUSE)


def a_refund(
    amount: int = 14999,
    status: RefundStatus = SUCCEEDED,
    key: str = "re_1",
    *,
    returns_seats: bool = True,
    quantity: int = 0,
) -> Refund:
    return Refund(key, amount, status, NOW, returns_seats, quantity, stripe_id=f"re_{key}")


def a_dispute(status: DisputeStatus, dispute_id: str = "dp_1") -> Dispute:
    return Dispute(dispute_id, status, 29998, "fraudulent", NOW)


def refunded(order: Order, *refunds: Refund) -> Order:
    for refund in refunds:
        order = hear_of_refund(order, refund, LATER, CAUSE)
    return order


class TestPaying:
    def test_a_session_is_noted(self) -> None:
        noted = with_session(an_order(), "cs_1", LATER)
        assert noted == an_order(session_id="cs_1", updated_at=LATER)

    def test_a_paid_order_has_a_ticket_for_each_seat(self) -> None:
        order = pay(an_order(), a_paid_session(), secrets(), LATER, CAUSE)

        assert order.tickets == ("0000000000000001", "0000000000000002")
        assert (order.status, order.paid_at, order.amount_paid) == (OrderStatus.PAID, LATER, 29998)
        assert (order.session_id, order.payment_intent_id) == ("cs_test_1", "pi_1")
        assert order.history[-1] == HistoryEntry(LATER, OrderStatus.PAID, "evt_1")
        assert (order.seats_held, order.seats_sold, order.due_at) == (0, 2, None)

    def test_a_repeated_payment_keeps_the_tickets_that_there_are(self) -> None:
        order = paid()
        assert pay(order, a_paid_session(), secrets(), LATER, CAUSE) is order
        assert pay_in_vain(order, a_paid_session(), Why.SOLD_OUT, LATER, CAUSE) is order

    def test_the_address_that_the_buyer_gave_us_stays(self) -> None:
        session = a_paid_session(customer_email="stripe@mail.example")
        ours = pay(an_order(customer_email="a@mail.example"), session, secrets(), LATER, CAUSE)
        stripes = pay(an_order(), session, secrets(), LATER, CAUSE)
        assert ours.customer_email == "a@mail.example"
        assert stripes.customer_email == "stripe@mail.example"

    @pytest.mark.parametrize("status", [OrderStatus.EXPIRED, OrderStatus.FAILED])
    def test_a_released_order_holds_nothing_and_is_due_no_more(self, status: OrderStatus) -> None:
        order = release(an_order(), status, LATER, CAUSE)
        assert (order.status, order.seats_held, order.due_at) == (status, 0, None)
        assert order.history[-1] == HistoryEntry(LATER, status, "evt_1")

    @pytest.mark.parametrize("order", [paid(), paid_in_vain()])
    def test_an_order_that_is_not_pending_is_not_released(self, order: Order) -> None:
        assert release(order, OrderStatus.EXPIRED, LATER, CAUSE) is order

    def test_a_payment_on_its_way_keeps_the_hold(self) -> None:
        order = await_payment(an_order(), MUCH_LATER, LATER, CAUSE)
        assert (order.status, order.seats_held) == (OrderStatus.PENDING, 2)
        assert (order.awaiting_since, order.due_at) == (LATER, MUCH_LATER)
        assert order.history[-1] == HistoryEntry(LATER, OrderStatus.PENDING, "evt_1")

    def test_a_payment_on_its_way_is_told_once(self) -> None:
        once = await_payment(an_order(), LATER, LATER, CAUSE)
        assert await_payment(once, MUCH_LATER, MUCH_LATER, CAUSE) == replace(
            once, due_at=MUCH_LATER
        )

    def test_money_that_comes_in_vain_goes_back(self) -> None:
        order = paid_in_vain()

        assert order.status is OrderStatus.REFUNDING
        assert (order.tickets, order.seats_sold, order.seats_held) == ((), 0, 0)
        assert order.requested_refunds == (
            Refund("sold_out", 29998, REQUESTED, LATER, reason="sold_out"),
        )
        assert order.due_at == LATER + LOOK_AGAIN_AFTER
        assert order.history[-1] == HistoryEntry(LATER, OrderStatus.REFUNDING, "sold_out (evt_1)")

    def test_money_that_comes_in_vain_to_a_pending_order_frees_its_seats(self) -> None:
        order = pay_in_vain(an_order(), a_paid_session(), Why.EVENT_CANCELLED, LATER, CAUSE)
        assert (order.seats_held, order.seats_sold) == (0, 0)
        assert order.due_at == LATER + LOOK_AGAIN_AFTER

    def test_nothing_goes_back_where_nothing_came(self) -> None:
        session = a_paid_session(amount_total=0)
        order = pay_in_vain(an_order(), session, Why.AMOUNT_DIFFERS, LATER, CAUSE)
        assert (order.status, order.refunds) == (OrderStatus.CANCELLED, ())


class TestRefunds:
    @pytest.mark.parametrize(
        ("refunds", "status", "voided", "returned"),
        [
            ([], OrderStatus.PAID, (), 0),
            ([a_refund()], OrderStatus.PARTIALLY_REFUNDED, (2,), 1),
            ([a_refund(14998)], OrderStatus.PARTIALLY_REFUNDED, (), 0),
            ([a_refund(29997)], OrderStatus.PARTIALLY_REFUNDED, (2,), 1),
            ([a_refund(29998)], OrderStatus.REFUNDED, (2, 1), 2),
            ([a_refund(), a_refund(key="re_2")], OrderStatus.REFUNDED, (2, 1), 2),
            ([a_refund(7500), a_refund(7499, key="b")], OrderStatus.PARTIALLY_REFUNDED, (2,), 1),
            ([a_refund(status=REQUESTED)], OrderStatus.REFUNDING, (2,), 0),
            ([a_refund(status=PENDING)], OrderStatus.PARTIALLY_REFUNDED, (2,), 0),
            ([a_refund(29998, PENDING)], OrderStatus.REFUNDED, (2, 1), 0),
            ([a_refund(29998, returns_seats=False)], OrderStatus.REFUNDED, (2, 1), 0),
            (
                [a_refund(returns_seats=False), a_refund(key="b")],
                OrderStatus.REFUNDED,
                (2, 1),
                1,
            ),
            ([a_refund(29998, FAILED)], OrderStatus.PAID, (), 0),
            ([a_refund(29998), a_refund(29998, FAILED)], OrderStatus.PAID, (), 0),
            (
                [a_refund(29998, FAILED, key="event_cancelled")],
                OrderStatus.REFUND_FAILED,
                (),
                0,
            ),
        ],
    )
    def test_a_ticket_is_void_for_each_price_that_goes_back(
        self,
        refunds: Sequence[Refund],
        status: OrderStatus,
        voided: tuple[int, ...],
        returned: int,
    ) -> None:
        order = refunded(paid(), *refunds)
        assert (order.status, order.voided, order.seats_returned) == (status, voided, returned)

    def test_a_refund_that_failed_is_owed_where_there_are_no_tickets(self) -> None:
        order = paid_in_vain()
        [asked] = order.refunds
        failed = replace(asked, status=FAILED, failure="lost_or_stolen_card")
        order = refunded(order, failed)
        assert order.status is OrderStatus.REFUND_FAILED
        assert order.refunds == (failed,)
        assert order.due_at is None

    def test_what_was_asked_for_stays_as_it_was_asked_for(self) -> None:
        asked = Refund("r1", 14999, REQUESTED, NOW, returns_seats=False, quantity=1, reason="ill")
        told = Refund("r1", 14990, SUCCEEDED, LATER, stripe_id="re_1")
        order = refunded(paid(), asked, told)
        assert order.refunds == (replace(asked, amount=14990, status=SUCCEEDED, stripe_id="re_1"),)

    def test_stripes_id_stays_known(self) -> None:
        order = refunded(paid(), a_refund(), replace(a_refund(status=FAILED), stripe_id=None))
        assert order.refunds[0].stripe_id == "re_re_1"

    def test_old_news_of_a_refund_changes_nothing(self) -> None:
        order = refunded(paid(), a_refund())
        assert refunded(order, a_refund(status=PENDING)) is order
        assert refunded(order, a_refund()) is order

    def test_history_says_which_refund_and_how_it_went(self) -> None:
        order = refunded(paid(), a_refund())
        expected = HistoryEntry(
            LATER, OrderStatus.PARTIALLY_REFUNDED, "refund re_1 succeeded (evt_1)"
        )
        assert order.history[-1] == expected

    def test_tickets_that_nobody_used_are_void_first(self) -> None:
        order = paid(quantity=3, check_ins=(CheckIn(3, NOW),))
        assert refunded(order, a_refund()).voided == (2,)
        assert refunded(order, a_refund(2 * 14999)).voided == (2, 1)
        assert refunded(order, a_refund(3 * 14999)).voided == (2, 1, 3)

    def test_what_is_void_stays_void_when_more_goes_back(self) -> None:
        order = check_in(refunded(paid(quantity=3), a_refund()), CheckIn(2, LATER))
        assert refunded(order, a_refund(key="re_2")).voided == (3, 1)

    def test_tickets_come_back_with_their_money_last_ones_first(self) -> None:
        order = refunded(paid(quantity=3), a_refund(), a_refund(key="b"))
        assert order.voided == (3, 2)
        assert refunded(order, a_refund(status=FAILED, key="b")).voided == (3,)

    def test_free_tickets_are_void_by_their_number(self) -> None:
        order = paid(quantity=3, unit_price=0)
        one = refunded(order, a_refund(0, quantity=1))
        assert (one.status, one.voided, one.seats_returned) == (OrderStatus.PAID, (3,), 1)
        all_ = refunded(one, a_refund(0, key="b", quantity=5))
        assert (all_.status, all_.seats_sold) == (OrderStatus.CANCELLED, 0)

    def test_an_order_with_a_refund_to_ask_for_is_due_and_not_any_more_when_it_was_made(
        self,
    ) -> None:
        asked = refunded(paid(), a_refund(status=REQUESTED))
        assert asked.due_at == LATER + LOOK_AGAIN_AFTER
        assert refunded(asked, a_refund(status=PENDING)).due_at is None

    def test_another_refund_does_not_put_off_what_is_due(self) -> None:
        asked = refunded(paid(), a_refund(status=REQUESTED))
        again = hear_of_refund(asked, a_refund(status=REQUESTED, key="b"), MUCH_LATER, CAUSE)
        assert again.due_at == LATER + LOOK_AGAIN_AFTER

    def test_where_seats_are_gone_tickets_stay_void_and_the_money_is_owed(self) -> None:
        before = refunded(paid(), a_refund(29998))
        failed = refunded(before, a_refund(29998, FAILED))

        kept = without_taking_seats(failed, before)

        assert (kept.voided, kept.seats_returned, kept.seats_sold) == ((2, 1), 2, 0)
        assert kept.status is OrderStatus.REFUND_FAILED
        assert kept.history[-1].status is OrderStatus.REFUND_FAILED
        assert kept.refunds == failed.refunds
        # And when the money goes back another way, all is well.
        assert refunded(kept, a_refund(29998, key="b")).status is OrderStatus.REFUNDED

    def test_more_money_that_goes_back_makes_no_void_ticket_good(self) -> None:
        before = refunded(paid(quantity=3), a_refund(2 * 14999))
        owed = without_taking_seats(refunded(before, a_refund(2 * 14999, FAILED)), before)
        assert (owed.voided, owed.seats_returned) == ((3, 2), 2)

        asked = refunded(owed, a_refund(status=REQUESTED, key="b"))
        one = refunded(asked, a_refund(key="b"))
        both = refunded(one, a_refund(key="c"))

        for order in (asked, one, both):
            assert (order.voided, order.seats_returned) == ((3, 2), 2)
        assert [one.status, both.status] == [
            OrderStatus.REFUND_FAILED,
            OrderStatus.PARTIALLY_REFUNDED,
        ]
        rest = refunded(both, a_refund(key="d", returns_seats=False))
        assert (rest.status, rest.voided, rest.seats_returned) == (
            OrderStatus.REFUNDED,
            (3, 2, 1),
            2,
        )

    def test_void_tickets_that_are_owed_for_are_good_again_when_another_refund_fails(self) -> None:
        before = refunded(paid(quantity=3), a_refund(2 * 14999))
        owed = without_taking_seats(refunded(before, a_refund(2 * 14999, FAILED)), before)
        one = refunded(owed, a_refund(key="b"))
        again = refunded(one, a_refund(status=FAILED, key="b"))
        assert (again.status, again.voided, again.seats_returned) == (OrderStatus.PAID, (), 0)

    def test_news_of_a_refund_before_the_payments_own_keeps_the_order_as_it_is(self) -> None:
        order = refunded(an_order(), a_refund())
        assert (order.status, order.seats_held, order.voided) == (OrderStatus.PENDING, 2, ())
        assert order.due_at == an_order().due_at


class TestDisputes:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (DisputeStatus.WARNING_NEEDS_RESPONSE, OrderStatus.PAID),
            (DisputeStatus.NEEDS_RESPONSE, OrderStatus.DISPUTED),
            (DisputeStatus.LOST, OrderStatus.DISPUTED),
            (DisputeStatus.WON, OrderStatus.PAID),
        ],
    )
    def test_an_order_is_disputed_while_the_bank_has_the_money(
        self, status: DisputeStatus, expected: OrderStatus
    ) -> None:
        order = hear_of_dispute(paid(), a_dispute(status), LATER, CAUSE)
        assert order.status is expected
        assert order.disputes == (a_dispute(status),)
        assert order.history[-1] == HistoryEntry(
            LATER, expected, f"dispute dp_1 {status.value} (evt_1)"
        )
        assert order.seats_sold == 2

    def test_a_dispute_keeps_the_time_at_which_it_was_first_heard_of(self) -> None:
        order = hear_of_dispute(paid(), a_dispute(DisputeStatus.NEEDS_RESPONSE), LATER, CAUSE)
        won = replace(a_dispute(DisputeStatus.WON), at=MUCH_LATER)
        assert hear_of_dispute(order, won, LATER, CAUSE).disputes == (a_dispute(DisputeStatus.WON),)

    def test_old_news_of_a_dispute_changes_nothing(self) -> None:
        order = hear_of_dispute(paid(), a_dispute(DisputeStatus.WON), LATER, CAUSE)
        for status in (DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.NEEDS_RESPONSE):
            assert hear_of_dispute(order, a_dispute(status), LATER, CAUSE) is order

    def test_one_lost_dispute_is_enough(self) -> None:
        order = hear_of_dispute(paid(), a_dispute(DisputeStatus.LOST, "dp_2"), LATER, CAUSE)
        order = hear_of_dispute(order, a_dispute(DisputeStatus.WON, "dp_1"), LATER, CAUSE)
        assert order.status is OrderStatus.DISPUTED
        assert [dispute.id for dispute in order.disputes] == ["dp_1", "dp_2"]


class TestMails:
    def test_a_confirmation_is_due_and_claimed_by_who_asks_for_it(self) -> None:
        order = ask_for_mail(paid(customer_email="a@mail.example"), LATER)
        assert order.mail is MailStatus.DUE
        assert order.mail_claimed_until == order.due_at == LATER + MAIL_CLAIM

    def test_without_an_address_there_is_none(self) -> None:
        order = paid(customer_email="")
        assert ask_for_mail(order, LATER) is order
        assert ask_for_mail(paid(), LATER).mail is MailStatus.NONE

    def test_it_is_asked_for_once(self) -> None:
        order = ask_for_mail(paid(customer_email="a@mail.example"), LATER)
        assert ask_for_mail(order, MUCH_LATER) is order

    def test_nobody_else_claims_it_until_the_claim_is_over(self) -> None:
        order = ask_for_mail(paid(customer_email="a@mail.example"), LATER)
        assert claim_mail(order, LATER + MAIL_CLAIM - timedelta(milliseconds=1)) is order
        again = claim_mail(order, LATER + MAIL_CLAIM)
        assert again.mail_claimed_until == again.due_at == LATER + 2 * MAIL_CLAIM

    def test_it_is_given_back_for_the_timer_to_find(self) -> None:
        order = ask_for_mail(paid(customer_email="a@mail.example"), LATER)
        back = give_mail_back(order)
        assert (back.mail, back.mail_claimed_until) == (MailStatus.DUE, None)
        assert back.due_at == order.due_at
        assert give_mail_back(back) is back
        assert claim_mail(back, LATER).mail_claimed_until == LATER + MAIL_CLAIM

    def test_when_it_is_sent_nothing_is_due_and_nobody_sends_another(self) -> None:
        order = mail_sent(ask_for_mail(paid(customer_email="a@mail.example"), LATER), LATER)
        assert (order.mail, order.mail_claimed_until) == (MailStatus.SENT, None)
        assert order.due_at is None
        assert mail_sent(order, MUCH_LATER) is order

    def test_what_was_sent_is_not_given_up(self) -> None:
        order = mail_sent(ask_for_mail(paid(customer_email="a@mail.example"), LATER), LATER)
        assert give_mail_up(order, MUCH_LATER) is order
        assert claim_mail(order, MUCH_LATER) is order
        assert ask_for_mail(order, MUCH_LATER) is order

    def test_a_refund_that_is_left_stays_due_when_the_mail_is_sent(self) -> None:
        order = ask_for_mail(paid(customer_email="a@mail.example"), LATER)
        asked = refunded(order, a_refund(status=REQUESTED))
        assert mail_sent(asked, LATER).due_at == order.due_at

    def test_a_refund_that_is_made_does_not_take_the_mail_off_the_list(self) -> None:
        order = ask_for_mail(paid(customer_email="a@mail.example"), LATER)
        assert refunded(order, a_refund()).due_at == order.due_at


def test_coming_in_is_noted_and_changes_no_status() -> None:
    entry = CheckIn(1, LATER, "north", "scan-1")
    order = check_in(paid(), entry)
    assert order == replace(paid(), check_ins=(entry,), updated_at=LATER)


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (timedelta(0), timedelta(minutes=5)),
        (timedelta(minutes=31), timedelta(minutes=15, seconds=30)),
        (timedelta(days=3), timedelta(hours=6)),
    ],
)
def test_an_order_in_trouble_waits_longer_the_older_it_is(age: timedelta, wait: timedelta) -> None:
    assert postpone(an_order(), NOW + age).due_at == NOW + age + wait


News = Refund | Dispute

PRICES = st.one_of(
    # Cents, yens, and fils, of which Stripe takes tens only.
    st.integers(1, 50_000),
    st.integers(1, 5_000),
    st.integers(1, 5_000).map(lambda tens: 10 * tens),
)


@st.composite
def refund_news(draw: st.DrawFn, key: str, most: int) -> list[News]:
    first = a_refund(
        draw(st.integers(1, max(most, 1))), PENDING, key, returns_seats=draw(st.booleans())
    )
    statuses = [status for status in RefundStatus if status is not REQUESTED]
    went = draw(st.lists(st.sampled_from(statuses), min_size=1, max_size=4, unique=True))
    return [replace(first, status=status) for status in went]


@st.composite
def stories(draw: st.DrawFn) -> tuple[Order, list[News]]:
    """A paid order, and what was told of its refunds and disputes."""
    order = paid(draw(st.integers(1, 5)), draw(PRICES))
    keys = draw(st.lists(st.sampled_from("abcd"), unique=True))
    news: list[News] = []
    for key in keys:
        news += draw(refund_news(key, order.amount_paid // len(keys)))
    # The second one is about a part.
    amounts = {"1": 29998, "2": draw(st.integers(1, 29998))}
    disputes = st.builds(
        lambda status, key: replace(a_dispute(status, key), amount=amounts[key]),
        st.sampled_from(DisputeStatus),
        st.sampled_from(sorted(amounts)),
    )
    return order, news + draw(st.lists(disputes, max_size=4))


def hear(order: Order, news: Sequence[News]) -> Order:
    for one in news:
        order = (
            hear_of_refund(order, one, LATER, CAUSE)
            if isinstance(one, Refund)
            else hear_of_dispute(order, one, LATER, CAUSE)
        )
    return order


def facts(order: Order) -> Order:
    return replace(order, history=(), updated_at=NOW, due_at=None)


@given(stories(), st.data())
def test_news_in_any_order_and_any_number_of_times_ends_in_the_same_facts(
    story: tuple[Order, list[News]], data: st.DataObject
) -> None:
    order, news = story
    repeats = data.draw(st.lists(st.sampled_from(news))) if news else []
    told = data.draw(st.permutations(news + repeats))
    assert facts(hear(order, told)) == facts(hear(order, news))


@given(stories())
def test_hearing_it_all_again_changes_nothing(story: tuple[Order, list[News]]) -> None:
    order, news = story
    once = hear(order, news)
    assert hear(once, news) is once


@given(stories())
def test_as_many_tickets_are_void_as_whole_prices_went_back(
    story: tuple[Order, list[News]],
) -> None:
    order = hear(*story)
    gone = sum(refund.amount for refund in order.refunds if refund.counts)
    assert len(order.voided) == min(gone // order.unit_price, order.quantity)
    assert len(set(order.voided)) == len(order.voided)
    assert set(order.voided) <= set(range(1, order.quantity + 1))


@given(stories())
def test_no_more_seats_return_than_tickets_are_void(story: tuple[Order, list[News]]) -> None:
    order = hear(*story)
    assert 0 <= order.seats_returned <= len(order.voided) <= order.quantity
    assert order.seats_sold == order.quantity - order.seats_returned


@given(stories())
def test_the_status_says_where_the_money_is(story: tuple[Order, list[News]]) -> None:
    order = hear(*story)
    gone = sum(refund.amount for refund in order.refunds if refund.counts)
    disputed = -(-order.amount_disputed // order.unit_price)
    assert order.good_tickets == max(order.quantity - len(order.voided) - disputed, 0)
    if order.is_disputed:
        assert order.status is OrderStatus.DISPUTED
    elif gone >= order.amount_paid:
        assert order.status is OrderStatus.REFUNDED
        assert order.good_tickets == 0
    else:
        part = OrderStatus.PARTIALLY_REFUNDED
        assert order.status is (part if gone else OrderStatus.PAID)
