"""`GET /api/orders` and `GET /api/orders/{id}`: buyers' own, and a guest's by the session."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.events import Event
from chalicelib.domain.orders import HOLD, Order
from chalicelib.domain.refunds import Refund, RefundStatus
from chalicelib.errors import PaymentProviderError
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem, refused_field
from tests.support.builders import NOW, a_session
from tests.support.fakes import FakePayments
from tests.support.issuer import bearer
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.log_lines import LogLines
from tests.support.seeding import ORDER_ID, seed_city, seed_event, seed_order, seed_paid_order

ADA, EVE = signed_in("user_ada", role=""), signed_in("user_eve", role="")
SESSION = "cs_test_1"
EMAIL = "ada@mail.example"


@pytest.fixture
def event(stores: Stores) -> Event:
    seed_city(stores)
    return seed_event(stores)


def order_id(number: int) -> str:
    return f"01JZ{number:022d}"


def seed_orders(stores: Stores, event: Event, count: int, user_id: str = "user_ada") -> list[str]:
    """Store orders of a buyer; returns their ids, latest first."""
    ids = [order_id(number) for number in range(count)]
    for each in ids:
        seed_order(stores, event, id=each, session_id=f"cs_{each}", user_id=user_id, quantity=1)
    return ids[::-1]


def store(stores: Stores, order: Order, **changes: Any) -> Order:
    """Have something become of an order."""
    return stores.orders.replace(order, replace(order, **changes))


class TestTheList:
    """The caller's own orders."""

    def test_it_has_the_callers_own_orders_latest_first(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        ids = seed_orders(stores, event, 3)
        seed_order(stores, event, user_id="user_eve")

        answer = api.get("/api/orders", caller=ADA)

        assert answer.status == 200
        check_common_headers(answer)
        assert [order["id"] for order in answer.json["orders"]] == ids
        assert answer.json["pagination"] == {"limit": 50, "hasMore": False, "nextCursor": None}

    def test_an_order_in_it_is_as_it_is_by_itself(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        seed_paid_order(stores, event, user_id="user_ada")

        listed = api.get("/api/orders", caller=ADA).json["orders"]

        assert listed == [api.get(f"/api/orders/{SESSION}").json]

    def test_who_bought_nothing_has_an_empty_list(self, api: LambdaApi) -> None:
        assert api.get("/api/orders", caller=ADA).json == {
            "orders": [],
            "pagination": {"limit": 50, "hasMore": False, "nextCursor": None},
        }

    def test_pages_neither_repeat_nor_skip(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        ids = seed_orders(stores, event, 5)
        found, url = [], "/api/orders?limit=2"
        for _ in ids:
            page = api.get(url, caller=ADA).json
            found += [order["id"] for order in page["orders"]]
            assert page["pagination"]["limit"] == 2
            assert page["pagination"]["hasMore"] is (page["pagination"]["nextCursor"] is not None)
            if not page["pagination"]["hasMore"]:
                break
            url = f"/api/orders?limit=2&cursor={page['pagination']['nextCursor']}"

        assert found == ids

    def test_a_cursor_that_is_altered_or_anothers_is_refused(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        seed_orders(stores, event, 2)
        page = api.get("/api/orders?limit=1", caller=ADA).json
        cursor = page["pagination"]["nextCursor"]
        admins = api.get("/api/admin/orders?limit=1", caller=signed_in()).json
        url = "/api/orders?cursor="

        refused = ("cursor", "must be a nextCursor of this list, unaltered", "cursor_invalid")
        assert refused_field(api.get(url + cursor, caller=EVE)) == refused
        assert refused_field(api.get(url + cursor[:-1] + "!", caller=ADA)) == refused
        assert refused_field(api.get(url + "A" + cursor[1:], caller=ADA)) == refused
        assert (
            refused_field(api.get(url + admins["pagination"]["nextCursor"], caller=ADA)) == refused
        )
        assert api.get(url + cursor, caller=ADA).status == 200

    @pytest.mark.parametrize("limit", ["0", "101", "-1", "many", "1.5", ""])
    def test_a_limit_out_of_range_is_refused(self, api: LambdaApi, limit: str) -> None:
        answer = api.get(f"/api/orders?limit={limit}", caller=ADA)

        assert refused_field(answer)[0] == "limit"

    def test_without_a_token_it_is_a_401(self, api: LambdaApi) -> None:
        problem(api.get("/api/orders"), "UNAUTHORIZED")


class TestOne:
    """One order, as its buyer sees it."""

    def test_a_pending_one_can_be_paid_until_its_hold_ends(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        seed_order(stores, event, customer_email=EMAIL)

        answer = api.get(f"/api/orders/{SESSION}")

        assert answer.status == 200
        check_common_headers(answer)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json == {
            "id": ORDER_ID,
            "status": "pending",
            "event": {"id": event.id, "slug": "tech-conference", "name": "Tech Conference"},
            "quantity": 2,
            "unitPrice": 149.99,
            "totalAmount": 299.98,
            "currency": "usd",
            "amountRefunded": 0,
            "createdAt": "2027-03-01T12:00:00.000Z",
            "updatedAt": "2027-03-01T12:00:00.000Z",
            "expiresAt": "2027-03-01T12:31:00.000Z",
            "paidAt": None,
            "refunds": [],
            "goodTickets": 0,
        }

    def test_one_whose_payment_is_on_the_way_cannot_be_paid_again(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        order = seed_order(stores, event)
        store(stores, order, awaiting_since=NOW, due_at=NOW + HOLD)

        shown = api.get(f"/api/orders/{SESSION}").json

        assert (shown["status"], shown["expiresAt"]) == ("pending", None)

    def test_a_paid_one_says_so_and_has_tickets(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        seed_paid_order(stores, event)

        shown = api.get(f"/api/orders/{SESSION}").json

        assert (shown["status"], shown["goodTickets"]) == ("paid", 2)
        assert (shown["paidAt"], shown["expiresAt"]) == ("2027-03-01T12:00:00.000Z", None)

    def test_refunds_are_told_with_reasons_that_are_for_buyers(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        order = seed_paid_order(stores, event)
        made = Refund("r1", 14999, RefundStatus.SUCCEEDED, NOW, reason="ill", stripe_id="re_1")
        found = replace(made, key="re_2", stripe_id="re_2", amount=1, reason="fraudulent")
        later = NOW + timedelta(hours=1)
        ours = replace(made, key="event_cancelled", amount=2, reason="event_cancelled", at=later)
        failed = replace(
            made, key="r3", amount=500, stripe_id=None, status=RefundStatus.FAILED, failure="lost"
        )
        store(stores, order, refunds=(ours, made, failed, found), voided=(2,))

        shown = api.get(f"/api/orders/{SESSION}").json

        at, after = "2027-03-01T12:00:00.000Z", "2027-03-01T13:00:00.000Z"
        why = "event_cancelled"
        assert shown["refunds"] == [
            {"amount": 149.99, "status": "succeeded", "reason": None, "createdAt": at},
            {"amount": 5, "status": "failed", "reason": None, "createdAt": at},
            {"amount": 0.01, "status": "succeeded", "reason": None, "createdAt": at},
            {"amount": 0.02, "status": "succeeded", "reason": why, "createdAt": after},
        ]
        assert (shown["amountRefunded"], shown["goodTickets"]) == (150.02, 1)

    def test_it_holds_neither_the_key_to_it_nor_an_address(
        self, api: LambdaApi, stores: Stores, event: Event, log: LogLines
    ) -> None:
        seed_paid_order(stores, event, customer_email=EMAIL, user_id="user_ada")

        text = api.get(f"/api/orders/{SESSION}").text

        assert not [secret for secret in (SESSION, EMAIL, "user_ada", "pi_") if secret in text]
        assert SESSION not in log.text

    @pytest.mark.usefixtures("_issuer")
    def test_its_signed_in_buyer_gets_at_it_by_its_id(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        seed_paid_order(stores, event, user_id="user_ada")

        answer = api.get(f"/api/orders/{ORDER_ID}", headers=bearer("user_ada"))

        assert answer.json == api.get(f"/api/orders/{SESSION}").json

    @pytest.mark.usefixtures("_issuer")
    @pytest.mark.parametrize("path", ["", "/tickets"])
    @pytest.mark.parametrize("owner", ["user_ada", None])
    def test_anothers_is_not_to_be_told_from_none(
        self, api: LambdaApi, stores: Stores, event: Event, path: str, owner: str | None
    ) -> None:
        seed_paid_order(stores, event, user_id=owner)

        answer = api.get(f"/api/orders/{ORDER_ID}{path}", headers=bearer("user_eve"))
        none = api.get(f"/api/orders/{order_id(7)}{path}", headers=bearer("user_eve"))

        assert problem(answer, "NOT_FOUND") == problem(none, "NOT_FOUND")
        assert answer.json["message"] == "no such order"

    @pytest.mark.usefixtures("_issuer")
    @pytest.mark.parametrize("path", ["", "/tickets"])
    @pytest.mark.parametrize(
        "headers",
        [{}, {"Authorization": "Basic dXNlcjpwYXNz"}, bearer("user_ada", exp=1)],
    )
    def test_by_its_id_nobody_gets_at_it_without_a_good_token(
        self,
        api: LambdaApi,
        stores: Stores,
        event: Event,
        log: LogLines,
        path: str,
        headers: dict[str, str],
    ) -> None:
        seed_paid_order(stores, event, user_id="user_ada")

        answer = api.get(f"/api/orders/{ORDER_ID}{path}", headers=headers)

        problem(answer, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"
        (line,) = log.of("security")
        assert line["message"] == "request_refused"
        assert line["route"] == f"GET /api/orders/{{id}}{path}"

    def test_a_guest_with_an_old_token_still_gets_at_it_by_the_session(
        self, api: LambdaApi, stores: Stores, event: Event
    ) -> None:
        seed_paid_order(stores, event)

        headers = {"Authorization": "Bearer of-long-ago"}
        assert api.get(f"/api/orders/{SESSION}", headers=headers).status == 200

    @pytest.mark.usefixtures("_issuer", "payments")
    @pytest.mark.parametrize("path", ["", "/tickets"])
    @pytest.mark.parametrize(
        "name",
        [
            "x",
            "%00",
            "%23totals",
            ORDER_ID.lower(),
            "A" * 3000,
            "cs_",
            "cs_test_unknown",
            "cs_%C3%A9",
            "cs_free_",
            "cs_free_" + "A" * 42,
            "cs_" + "a" * 3000,
        ],
    )
    def test_what_is_not_there_is_a_404(self, api: LambdaApi, path: str, name: str) -> None:
        answer = api.get(f"/api/orders/{name}{path}", headers=bearer("user_ada"))

        assert problem(answer, "NOT_FOUND")["message"] == "no such order"


class TestBySession:
    """The session's id is a guest's key."""

    def test_stripe_is_not_asked_about_a_session_that_is_known(
        self, api: LambdaApi, stores: Stores, event: Event, payments: FakePayments
    ) -> None:
        seed_paid_order(stores, event)
        payments.failure = PaymentProviderError("down")

        assert api.get(f"/api/orders/{SESSION}").status == 200

    @pytest.fixture
    def _lagging(self, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the index of sessions not know them yet."""
        monkeypatch.setattr(type(stores.orders), "get_by_session", lambda *_: None)

    @pytest.mark.usefixtures("_lagging")
    def test_one_that_the_index_does_not_know_yet_is_found_through_stripe(
        self, api: LambdaApi, stores: Stores, event: Event, payments: FakePayments
    ) -> None:
        seed_order(stores, event)
        payments.sessions[SESSION] = a_session(order_id=ORDER_ID)

        assert api.get(f"/api/orders/{SESSION}").json["id"] == ORDER_ID

    @pytest.mark.usefixtures("_lagging")
    @pytest.mark.parametrize("named", [ORDER_ID, None, "#totals", order_id(9)])
    def test_a_session_that_names_an_order_without_being_its_own_gets_at_none(
        self,
        api: LambdaApi,
        stores: Stores,
        event: Event,
        payments: FakePayments,
        named: str | None,
    ) -> None:
        seed_order(stores, event)
        payments.sessions["cs_test_other"] = a_session(id="cs_test_other", order_id=named)

        problem(api.get("/api/orders/cs_test_other"), "NOT_FOUND")

    @pytest.mark.usefixtures("_lagging")
    def test_when_only_stripe_could_tell_and_is_down_it_is_a_502(
        self, api: LambdaApi, payments: FakePayments
    ) -> None:
        payments.failure = PaymentProviderError("the payment provider cannot be reached right now")

        problem(api.get(f"/api/orders/{SESSION}"), "PAYMENT_PROVIDER_ERROR")

    def test_a_free_orders_session_has_to_be_whole(
        self, api: LambdaApi, stores: Stores, payments: FakePayments
    ) -> None:
        payments.failure = PaymentProviderError("Stripe has no part in this")
        seed_city(stores)
        event = seed_event(stores, price=0)
        session_id = f"cs_free_{ORDER_ID}0123456789ABCDEF"
        seed_order(stores, event, session_id=session_id)

        assert api.get(f"/api/orders/{session_id}").json["id"] == ORDER_ID
        problem(api.get(f"/api/orders/{session_id[:-1]}"), "NOT_FOUND")
        problem(api.get(f"/api/orders/cs_free_{ORDER_ID}"), "NOT_FOUND")


def test_stripe_is_not_loaded_for_an_order_that_is_known(
    api: LambdaApi, stores: Stores, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted() -> None:
        raise AssertionError("payments were made")

    monkeypatch.setattr(wiring, "payments", unwanted)
    seed_paid_order(stores, event)

    assert api.get(f"/api/orders/{SESSION}").status == 200
