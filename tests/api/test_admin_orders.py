"""`GET /api/admin/orders` and `GET /api/admin/orders/{id}`."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.events import Event
from chalicelib.domain.orders import MailStatus, Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus, Refund, RefundStatus
from chalicelib.domain.tickets import CheckIn
from chalicelib.store import Stores, order_lists
from tests.support.answers import check_common_headers, problem, refused_field
from tests.support.builders import NOW
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.seeding import (
    ORDER_ID,
    seed_city,
    seed_event,
    seed_order,
    seed_paid_order,
    ticket_code,
)

URL = "/api/admin/orders"
ADMIN = signed_in()
AT = "2027-03-01T12:00:00.000Z"


@pytest.fixture
def events(stores: Stores) -> tuple[Event, Event]:
    """Two events, so that an order can be of another one."""
    seed_city(stores)
    return seed_event(stores), seed_event(stores, "harbour-jazz")


def order_id(number: int) -> str:
    return f"01JZ{number:022d}"


def seed(stores: Stores, event: Event, number: int, status: OrderStatus | None = None) -> str:
    """Store an order of one seat; returns its id."""
    each = order_id(number)
    order = seed_order(stores, event, id=each, session_id=f"cs_{each}", quantity=1)
    if status is not None:
        stores.orders.replace(order, replace(order, status=status))
    return each


def ids(api: LambdaApi, query: str = "") -> list[str]:
    answer = api.get(f"{URL}{query}", caller=ADMIN)
    assert answer.status == 200, answer.text
    return [order["id"] for order in answer.json["orders"]]


def store(stores: Stores, order: Order, **changes: Any) -> Order:
    """Have something become of an order."""
    return stores.orders.replace(order, replace(order, **changes))


def test_all_orders_are_listed_latest_first(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event]
) -> None:
    made = [seed(stores, events[number % 2], number) for number in range(4)]

    answer = api.get(URL, caller=ADMIN)

    check_common_headers(answer)
    assert [order["id"] for order in answer.json["orders"]] == made[::-1]
    assert answer.json["pagination"] == {"limit": 50, "hasMore": False, "nextCursor": None}


def test_an_events_orders_are_found_by_its_id_and_by_its_slugs(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event]
) -> None:
    tech, jazz = events
    seed(stores, jazz, 1)
    of_tech = seed(stores, tech, 2)
    record = stores.events.get(tech.slug, consistent=True)
    assert record is not None
    stores.events.replace(record, replace(tech, slug="tech-congress"))

    for name in (tech.id, "tech-congress", "tech-conference"):
        assert ids(api, f"?event={name}") == [of_tech]


@pytest.mark.parametrize(
    "name", ["nowhere", "NOT+A+SLUG", "999", "9" * 40, "%23totals", "%C2%B2", ""]
)
def test_an_unknown_event_gives_an_empty_list(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event], name: str
) -> None:
    seed(stores, events[0], 1)

    assert ids(api, f"?event={name}") == []


def test_the_orders_of_an_event_that_is_gone_are_found_by_its_id(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event]
) -> None:
    order = stores.orders.get(seed(stores, events[0], 1))
    assert order is not None
    store(stores, order, status=OrderStatus.EXPIRED)
    record = stores.events.get(events[0].slug, consistent=True)
    assert record is not None
    stores.events.delete(record)

    assert ids(api, f"?event={events[0].id}") == [order.id]
    assert ids(api, f"?event={events[0].slug}") == []


def test_one_or_several_statuses_are_found(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event]
) -> None:
    pending = seed(stores, events[0], 1)
    expired = seed(stores, events[0], 2, OrderStatus.EXPIRED)
    failed = seed(stores, events[1], 3, OrderStatus.FAILED)

    assert ids(api, "?status=pending") == [pending]
    assert ids(api, "?status=expired,failed") == [failed, expired]
    assert ids(api, f"?status=expired,failed&event={events[0].id}") == [expired]
    assert ids(api, "?status=refunded") == []


@pytest.mark.parametrize(
    "status", ["sold", "paid,", ",paid", "paid,sold", "PAID", "", "paid, open"]
)
def test_another_status_is_refused_by_name(api: LambdaApi, status: str) -> None:
    refused = refused_field(api.get(f"{URL}?status={status}", caller=ADMIN))

    assert refused[::2] == ("status", "enum")
    assert "pending" in refused[1]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many"])
def test_a_limit_out_of_range_is_refused(api: LambdaApi, limit: str) -> None:
    assert refused_field(api.get(f"{URL}?limit={limit}", caller=ADMIN))[0] == "limit"


@pytest.mark.parametrize("filters", ["", "&status=pending,expired", "&event=tech-conference"])
def test_pages_neither_repeat_nor_skip(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event], filters: str
) -> None:
    made = [seed(stores, events[0], number) for number in range(5)]
    found, cursor = [], ""
    for _ in made:
        page = api.get(f"{URL}?limit=2{filters}{cursor}", caller=ADMIN).json
        found += [order["id"] for order in page["orders"]]
        if not page["pagination"]["hasMore"]:
            break
        cursor = f"&cursor={page['pagination']['nextCursor']}"

    assert found == made[::-1]


def test_a_page_may_be_empty_although_more_follows(
    api: LambdaApi,
    stores: Stores,
    events: tuple[Event, Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(order_lists, "_MOST_READ", 2)
    monkeypatch.setattr(order_lists, "_READ_AT_A_TIME", 2)
    wanted = seed(stores, events[0], 0, OrderStatus.EXPIRED)
    for number in (1, 2, 3):
        seed(stores, events[0], number)

    page = api.get(f"{URL}?status=expired&limit=2", caller=ADMIN).json

    assert page["orders"] == []
    assert page["pagination"]["hasMore"] is True
    cursor = page["pagination"]["nextCursor"]
    assert ids(api, f"?status=expired&limit=2&cursor={cursor}") == [wanted]


def test_a_cursor_is_good_for_its_list_only(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event]
) -> None:
    for number in range(2):
        seed(stores, events[0], number)
    page = api.get(f"{URL}?limit=1&status=paid,pending", caller=ADMIN).json
    cursor = page["pagination"]["nextCursor"]

    # The same statuses in another order are the same list.
    assert len(ids(api, f"?status=pending,paid&cursor={cursor}")) == 1
    for other in ("", "&status=pending", "&status=paid,pending&event=1"):
        answer = api.get(f"{URL}?cursor={cursor}{other}", caller=ADMIN)
        assert refused_field(answer)[::2] == ("cursor", "cursor_invalid")


def test_an_entry_of_the_list_says_whose_it_is_and_holds_no_code(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event]
) -> None:
    seed_paid_order(stores, events[0], customer_email="ada@mail.example", user_id="user_ada")

    answer = api.get(URL, caller=ADMIN)

    (order,) = answer.json["orders"]
    assert order == {
        **api.get("/api/orders/cs_test_1").json,
        "userId": "user_ada",
        "customerEmail": "ada@mail.example",
        "sessionId": "cs_test_1",
        "paymentIntentId": f"pi_{ORDER_ID}",
        "mail": "none",
        "dueAt": None,
    }
    assert ticket_code(1) not in answer.text


def test_one_order_shows_everything(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event]
) -> None:
    order = seed_paid_order(stores, events[0], customer_email="ada@mail.example")
    store(
        stores,
        order,
        refunds=(
            Refund(
                key="r1",
                amount=14999,
                status=RefundStatus.FAILED,
                at=NOW,
                returns_seats=False,
                quantity=1,
                reason="ill",
                stripe_id="re_1",
                failure="lost_or_stolen_card",
            ),
        ),
        disputes=(Dispute("dp_1", DisputeStatus.WON, 29998, "fraudulent", NOW),),
        check_ins=(CheckIn(1, NOW, "North", "scan-1"), CheckIn(2, NOW)),
        voided=(2,),
        mail=MailStatus.DUE,
        due_at=NOW,
    )

    answer = api.get(f"{URL}/{ORDER_ID}", caller=ADMIN)

    assert answer.status == 200
    check_common_headers(answer)
    (listed,) = api.get(URL, caller=ADMIN).json["orders"]
    assert (listed["mail"], listed["dueAt"]) == ("due", AT)
    assert answer.json == {
        **listed,
        "refunds": [
            {
                "amount": 149.99,
                "status": "failed",
                "reason": "ill",
                "createdAt": AT,
                "key": "r1",
                "stripeId": "re_1",
                "quantity": 1,
                "returnsSeats": False,
                "failure": "lost_or_stolen_card",
            }
        ],
        "disputes": [
            {"id": "dp_1", "status": "won", "amount": 299.98, "reason": "fraudulent", "at": AT}
        ],
        "tickets": [
            {
                "number": 1,
                "code": ticket_code(1),
                "status": "used",
                "checkedInAt": AT,
                "door": "North",
            },
            {
                "number": 2,
                "code": ticket_code(2),
                "status": "void",
                "checkedInAt": AT,
                "door": None,
            },
        ],
        "history": [
            {"at": AT, "status": "pending", "cause": "checkout"},
            {"at": AT, "status": "paid", "cause": "evt_paid"},
        ],
    }


def test_a_pending_order_has_no_tickets_to_show(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event]
) -> None:
    seed_order(stores, events[0])

    shown = api.get(f"{URL}/{ORDER_ID}", caller=ADMIN).json

    assert (shown["tickets"], shown["refunds"], shown["disputes"]) == ([], [], [])
    assert shown["dueAt"] == "2027-03-01T12:31:00.000Z"


@pytest.mark.parametrize("name", ["x", "cs_test_1", order_id(9), "%00", "A" * 3000])
def test_an_order_that_is_not_there_is_a_404(
    api: LambdaApi, stores: Stores, events: tuple[Event, Event], name: str
) -> None:
    seed_order(stores, events[0])

    problem(api.get(f"{URL}/{name}", caller=ADMIN), "NOT_FOUND")
