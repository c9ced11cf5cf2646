"""What is measured: the races, who runs in each, what everyone is sent and has to answer."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.benchmarks.catalogue.wire import Wire
from tests.benchmarks.track.data import SINGLE_TABLE, Catalogue
from tests.benchmarks.track.lambda_process import Function, LambdaProcess, running
from tests.benchmarks.track.lineup import (
    BARE_WEBHOOK,
    COMPILED,
    EMPTY,
    FASTAPI,
    FASTAPI_ASYNC,
    FLOOR,
    OURS,
    POWERTOOLS,
    SHOP_ORIGIN,
    UNCOMPILED,
    UNPREPARED,
    Lineup,
    resources_of,
)
from tests.benchmarks.track.measuring import Runner
from tests.benchmarks.track.requests import (
    json_request,
    page_request,
    token_request,
    webhook_request,
)
from tests.benchmarks.track.services import Services
from tests.conftest import TABLES
from tests.support.http_server import LocalServer
from tests.support.tokens import a_token, rsa_key

COLD_EVENT = "GET event, cold"
WARM_EVENT = "GET event, warm"
WARM_LIST = "list of 50, warm"
COLD_CHECKOUT = "checkout, cold"
WARM_CHECKOUT = "checkout, warm"
COLD_WEBHOOK = "webhook, cold"
COLD_AUTHORIZER = "authorizer, cold"
WARM_AUTHORIZER = "authorizer, warm"

RACES = (
    COLD_EVENT,
    WARM_EVENT,
    WARM_LIST,
    COLD_CHECKOUT,
    WARM_CHECKOUT,
    COLD_WEBHOOK,
    COLD_AUTHORIZER,
    WARM_AUTHORIZER,
)

_TICKETS = 2
_DELIVERY_SECONDS = 10.0
# Stripe tells of a payment in several events. By then it is done with all of them.
_DELIVERED_SECONDS = 0.2


@dataclass(frozen=True)
class Race:
    """One race. In a cold one every contender starts anew for its one request."""

    name: str
    is_cold: bool
    runners: Mapping[str, Runner]


class UnexpectedAnswer(Exception):
    """A contender answered something else than what it is measured for."""


def event_url(catalogue: Catalogue) -> str:
    """Return the page of the event that is asked for."""
    return f"/api/events/{catalogue.read.slug}"


LIST_URL = "/api/events?limit=50"


def checkout_body(catalogue: Catalogue) -> dict[str, Any]:
    """Return the body of a checkout."""
    event = catalogue.sold
    return {
        "eventSlug": event.slug,
        "quantity": _TICKETS,
        "unitPrice": event.price / 100,
        "totalAmount": event.price * _TICKETS / 100,
        "successUrl": f"{SHOP_ORIGIN}/thanks",
        "cancelUrl": f"{SHOP_ORIGIN}/",
    }


def expect(status: int) -> Callable[[bytes], None]:
    """Return what raises `UnexpectedAnswer` unless a proxy integration answered this status."""

    def check(payload: bytes) -> None:
        if json.loads(payload).get("statusCode") != status:
            raise UnexpectedAnswer(payload.decode())

    return check


def expect_admission(payload: bytes) -> None:
    """Raise `UnexpectedAnswer` unless an authorizer let the caller in."""
    policy = json.loads(payload).get("policyDocument", {})
    if [each["Effect"] for each in policy.get("Statement", ())] != ["Allow"]:
        raise UnexpectedAnswer(payload.decode())


class PaidOrders:
    """Orders that have just been paid at the local Stripe, and the webhooks that tell of it."""

    def __init__(self, process: LambdaProcess, checkout: bytes, deliveries: LocalServer) -> None:
        self._process = process
        self._checkout = checkout
        self._deliveries = deliveries
        self.order_id = ""

    def next_event(self) -> bytes:
        """Buy and pay; return the webhook's event for the function that hears it."""
        answer = json.loads(self._process.invoke(self._checkout).payload)
        if answer["statusCode"] != httpx.codes.CREATED:
            raise UnexpectedAnswer(answer["body"])
        started = json.loads(answer["body"])
        self.order_id = started["orderId"]
        self._deliveries.received.clear()
        httpx.post(f"{started['checkoutUrl']}/pay")
        event = self._delivery()
        time.sleep(_DELIVERED_SECONDS)
        return event

    def _delivery(self) -> bytes:
        deadline = time.monotonic() + _DELIVERY_SECONDS
        while time.monotonic() < deadline:
            for received in list(self._deliveries.received):
                told = json.loads(received.body)
                session = told["data"]["object"]
                if told["type"] == "checkout.session.completed" and (
                    session["client_reference_id"] == self.order_id
                ):
                    return webhook_request(received.body, received.headers["stripe-signature"])
            time.sleep(0.01)
        raise UnexpectedAnswer("Stripe told nobody of a payment")


@contextmanager
def races(lineup: Lineup, running_services: Services, catalogue: Catalogue) -> Iterator[list[Race]]:
    """Yield every race; functions that sell what webhooks tell of run until the block ends."""
    wire = Wire(running_services.dynamodb)

    def page(url: str, contenders: Mapping[str, Function]) -> dict[str, Runner]:
        return {
            name: Runner(
                function, _repeat(page_request(url, resources_of(name))), expect(httpx.codes.OK)
            )
            for name, function in contenders.items()
        }

    def selling(contenders: Mapping[str, Function]) -> dict[str, Runner]:
        return {
            name: Runner(function, _repeat(_checkout(name, catalogue)), expect(201))
            for name, function in contenders.items()
        }

    def token() -> bytes:
        return token_request(a_token(rsa_key(), exp=int(time.time()) + 3600))

    def admitting(contenders: Mapping[str, Function]) -> dict[str, Runner]:
        return {
            name: Runner(function, token, expect_admission) for name, function in contenders.items()
        }

    compiled = {name: lineup.apis[name] for name in (FLOOR, POWERTOOLS, FASTAPI, OURS)}
    floor = {FLOOR: lineup.apis[FLOOR]}
    empty = {EMPTY: lineup.apis[EMPTY]}
    with ExitStack() as stack:
        tills = {
            BARE_WEBHOOK: (FLOOR, SINGLE_TABLE),
            OURS: (OURS, TABLES["OrdersTable"]),
        }
        hearing: dict[str, Runner] = {}
        for name, (seller, table) in tills.items():
            process = stack.enter_context(running(lineup.apis[seller], lineup.python))
            orders = PaidOrders(process, _checkout(seller, catalogue), running_services.deliveries)
            check = _expect_paid(wire, orders, table)
            hearing[name] = Runner(lineup.webhooks[name], orders.next_event, check)
        # What each measure is worth, and another way to write a contender.
        steps = {name: lineup.apis[name] for name in (UNPREPARED, COMPILED, UNCOMPILED)}
        other = {FASTAPI_ASYNC: lineup.apis[FASTAPI_ASYNC]}
        yield [
            Race(COLD_EVENT, True, page(event_url(catalogue), {**empty, **compiled, **steps})),
            Race(WARM_EVENT, False, page(event_url(catalogue), {**empty, **compiled, **other})),
            Race(WARM_LIST, False, page(LIST_URL, {**compiled, **other})),
            Race(COLD_CHECKOUT, True, selling(compiled)),
            Race(WARM_CHECKOUT, False, selling(compiled)),
            Race(COLD_WEBHOOK, True, hearing),
            Race(
                COLD_AUTHORIZER,
                True,
                {**page(event_url(catalogue), floor), **admitting(lineup.authorizers)},
            ),
            Race(WARM_AUTHORIZER, False, admitting(lineup.authorizers)),
        ]
    wire.close()


def _checkout(contender: str, catalogue: Catalogue) -> bytes:
    resources = resources_of(contender)
    return json_request("/api/payments/checkout", checkout_body(catalogue), resources)


def _repeat(event: bytes) -> Callable[[], bytes]:
    return lambda: event


def _expect_paid(wire: Wire, orders: PaidOrders, table: str) -> Callable[[bytes], None]:
    def check(payload: bytes) -> None:
        expect(httpx.codes.OK)(payload)
        key = {"id": {"S": orders.order_id}}
        if table == SINGLE_TABLE:
            key = {"pk": {"S": f"ORDER#{orders.order_id}"}, "sk": {"S": "ORDER"}}
        order = wire.call("GetItem", {"TableName": table, "Key": key})["Item"]
        if order["status"]["S"] != "paid":
            raise UnexpectedAnswer(f"the order is {order['status']['S']}")

    return check
