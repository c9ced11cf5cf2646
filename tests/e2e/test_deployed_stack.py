"""The package, deployed: its template through CloudFormation, its zip as Lambda functions, and a
ticket bought through its API Gateway. ministack stands in for AWS.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.domain.clock import to_iso, utc_now
from chalicelib.http.headers import SECURITY_HEADERS
from infra.local.children import Children
from infra.local.issuer.claims import TokenRequest, make_token
from infra.local.issuer.keys import KeyRing
from infra.local.timer import scheduled_event
from tests.e2e.conftest import STAGE
from tests.e2e.local_aws import LocalAws, start_aws
from tests.infra.sam import translated
from tests.support.lambda_api import proxy_event
from tests.support.leaks import leaks_in
from tests.support.ministack import free_port

pytestmark = pytest.mark.xdist_group("package")

STRIPE_KEY = "sk_test_deployed"
WEBHOOK_SECRET = "whsec_deployed"
SHOP = "https://shop.example"
# Functions start cold, each with the whole package.
_PATIENCE_SECONDS = 90.0
OPERATOR = "night@shop.example"


@dataclass(frozen=True)
class Deployment:
    """A deployed stack, the Stripe it knows, and the issuer whose tokens it takes."""

    api: httpx.Client
    stripe: str
    aws: LocalAws
    outputs: dict[str, str]
    issuer: str
    keys: KeyRing

    def token(self, role: str) -> dict[str, str]:
        token = make_token(TokenRequest(issuer=self.issuer, role=role), self.keys)
        return {"Authorization": f"Bearer {token}"}

    def order(self, order_id: str) -> dict[str, Any]:
        """The order as DynamoDB has it."""
        answer = self.aws.client("dynamodb").get_item(
            TableName=self.outputs["OrdersTableName"], Key={"id": {"S": order_id}}
        )
        item: dict[str, Any] = answer["Item"]
        return item

    def available(self, slug: str) -> int:
        seats: int = self.api.get(f"/api/events/{slug}").json()["available"]
        return seats


@pytest.fixture(scope="module")
def log_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def children(log_directory: Path) -> Iterator[Children]:
    """The programs around the stack; all of them are stopped, whatever happens."""
    started = Children(log_directory)
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def aws(children: Children, tmp_path_factory: pytest.TempPathFactory) -> LocalAws:
    return start_aws(tmp_path_factory.mktemp("aws"), children)


@pytest.fixture(scope="module")
def deployed(
    package: Path, aws: LocalAws, children: Children, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """The stack, deployed with the parameters that a deployment chooses."""
    directory = tmp_path_factory.mktemp("deployed")
    stripe, issuer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    outputs = _deploy(aws, package, stripe, issuer)
    api = aws.api_url(outputs, STAGE)
    _start_issuer(children, issuer, directory / "issuer")
    _start_stripe(children, stripe, directory / "stripe", f"{api}/api/payments/webhook")
    with httpx.Client(base_url=api, timeout=30) as client:
        yield Deployment(client, stripe, aws, outputs, issuer, KeyRing(directory / "issuer"))


def _deploy(aws: LocalAws, package: Path, stripe: str, issuer: str) -> dict[str, str]:
    parameters = {
        "JwtIssuer": issuer,
        "Release": "0123456789abcdef",
        "CheckoutAllowedOrigins": SHOP,
        "AlarmEmail": OPERATOR,
        "StripeApiBase": stripe,
        "StripeSecretKeyParameter": "/shop/stripe-key",
        "StripeWebhookSecretParameter": "/shop/webhook-secret",
    }
    aws.put_secret("/shop/stripe-key", STRIPE_KEY)
    aws.put_secret("/shop/webhook-secret", f"whsec_rolled_out,{WEBHOOK_SECRET}")
    template = translated(json.loads((package / "sam.json").read_text()), parameters)
    outputs = aws.deploy("shop", template, package / "deployment.zip", parameters)
    # Each of Stripe's events would start a cold function of its own, and on a busy machine they
    # would keep each other from ever answering in time.
    aws.client("lambda").put_function_concurrency(
        FunctionName=_function(aws, "StripeWebhook"), ReservedConcurrentExecutions=2
    )
    return outputs


def _start_issuer(children: Children, url: str, state: Path) -> None:
    command = [sys.executable, "-m", "infra.local.issuer", "--state-dir", str(state)]
    children.start("issuer", [*command, "--port", _port(url)], {}, f"{url}/healthz")


def _start_stripe(children: Children, url: str, state: Path, webhook_url: str) -> None:
    command = [sys.executable, "-m", "infra.local.stripe_server", "--state-dir", str(state)]
    secrets = {"STRIPE_SECRET_KEY": STRIPE_KEY, "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET}
    arguments = [*command, "--port", _port(url), "--webhook-url", webhook_url]
    children.start("stripe", arguments, secrets, f"{url}/healthz")


def _port(url: str) -> str:
    return url.rpartition(":")[2]


@pytest.fixture(scope="module")
def event(deployed: Deployment) -> dict[str, Any]:
    """An event with ten seats, added by an admin."""
    return add_event(deployed, name="Night of Fado", price=25.5, city="Porto")


def add_event(
    deployed: Deployment, *, name: str, price: float, city: str = "Faro"
) -> dict[str, Any]:
    """Add an event with ten seats, and its city if that is not there yet."""
    admin = deployed.token("admin")
    place = {"name": city, "country": "Portugal"}
    added = deployed.api.post("/api/admin/cities", json=place, headers=admin)
    assert added.status_code in {201, 409}, added.text
    body = {
        "name": name,
        "citySlug": city.lower(),
        "date": to_iso(utc_now() + timedelta(days=30)),
        "location": "Riverside Hall",
        "organizerName": "Casa da Noite",
        "price": price,
        "capacity": 10,
    }
    answer = deployed.api.post("/api/admin/events", json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def bought(deployed: Deployment, event: dict[str, Any], quantity: int) -> dict[str, str]:
    """Start a checkout, and pay it on Stripe's page unless it is free; returns its answer."""
    started = deployed.api.post(
        "/api/payments/checkout",
        json={
            "eventSlug": event["slug"],
            "quantity": quantity,
            "unitPrice": event["price"],
            "totalAmount": event["price"] * quantity,
            "successUrl": f"{SHOP}/thanks",
            "cancelUrl": f"{SHOP}/",
            "customerEmail": "ann@example.org",
        },
        headers={"Idempotency-Key": f"{event['slug']}-{quantity}"},
    )
    assert started.status_code == 201, started.text
    checkout: dict[str, str] = started.json()
    back = f"{SHOP}/thanks?session_id={checkout['sessionId']}"
    if event["price"]:
        paid = httpx.post(f"{deployed.stripe}/c/pay/{checkout['sessionId']}/pay")
        assert paid.status_code == 303, paid.text
        assert paid.headers["Location"] == back
    else:
        assert checkout["checkoutUrl"] == back
    return checkout


def test_a_ticket_is_sold_by_the_deployed_webhook(
    deployed: Deployment, event: dict[str, Any]
) -> None:
    before = deployed.available(event["slug"])

    checkout = bought(deployed, event, 3)

    order = _paid_order(deployed, checkout["orderId"])
    cause = json.loads(order["history"]["S"])[-1][2]
    # Verify, which would do the same, was not asked yet.
    assert "evt_" in cause, cause
    verified = deployed.api.get(f"/api/payments/verify/{checkout['sessionId']}")
    assert verified.status_code == 200, verified.text
    assert verified.json()["payment_status"] == "paid"
    assert deployed.available(event["slug"]) == before - 3


def test_a_ticket_lets_in_once_and_the_other_is_refunded(
    deployed: Deployment, event: dict[str, Any]
) -> None:
    admin, before = deployed.token("admin"), deployed.available(event["slug"])
    checkout = bought(deployed, event, 2)
    order = _paid_order(deployed, checkout["orderId"])
    tickets = deployed.api.get(f"/api/orders/{checkout['sessionId']}/tickets")
    assert tickets.status_code == 200, tickets.text
    first, second = tickets.json()["tickets"]
    door = f"/api/admin/tickets/{first['code']}/check-in"

    admitted = deployed.api.post(door, json={"door": "North"}, headers=admin)
    refused = deployed.api.post(door, json={"door": "South"}, headers=admin)
    refund = f"/api/admin/orders/{order['id']['S']}/refund"
    refunded = deployed.api.post(refund, json={"quantity": 1}, headers=admin)

    assert admitted.status_code == 200, admitted.text
    assert refused.status_code == 409, refused.text
    assert refused.json()["checkIn"]["door"] == "North"
    assert refunded.status_code == 200, refunded.text
    assert refunded.json()["status"] == "partially_refunded"
    gone = f"/api/admin/tickets/{second['code']}/check-in"
    assert deployed.api.post(gone, json={}, headers=admin).status_code == 409
    assert deployed.available(event["slug"]) == before - 1
    listed = deployed.api.get(
        "/api/admin/orders",
        params={"event": event["slug"], "status": "partially_refunded"},
        headers=admin,
    )
    assert [item["id"] for item in listed.json()["orders"]] == [order["id"]["S"]]
    mine = deployed.api.get("/api/orders", headers=deployed.token("user"))
    assert mine.json()["orders"] == []


def test_what_the_webhook_was_not_told_the_timer_finds(
    deployed: Deployment, event: dict[str, Any]
) -> None:
    switch = f"{deployed.stripe}/dashboard/switches/deliveries"
    assert httpx.post(f"{switch}/lost").status_code == 303
    try:
        checkout = bought(deployed, event, 1)
    finally:
        assert httpx.post(f"{switch}/sent").status_code == 303
    order = deployed.order(checkout["orderId"])
    assert order["status"]["S"] == "pending"
    # The hold is over before its time.
    deployed.aws.client("dynamodb").update_item(
        TableName=deployed.outputs["OrdersTableName"],
        Key={"id": order["id"]},
        UpdateExpression="SET dueAt = :past",
        ExpressionAttributeValues={":past": {"S": "2020-01-01T00:00:00.000Z"}},
    )

    run_timer(deployed)

    assert deployed.order(checkout["orderId"])["status"]["S"] == "paid"


def test_a_cancelled_event_gives_all_its_money_back(
    deployed: Deployment,
) -> None:
    admin = deployed.token("admin")
    added = add_event(deployed, name="Night of Rain", price=25.5)
    checkout = bought(deployed, added, 2)
    _paid_order(deployed, checkout["orderId"])

    cancelled = deployed.api.post(f"/api/admin/events/{added['id']}/cancel", headers=admin)

    assert cancelled.status_code == 200, cancelled.text
    run_timer(deployed)
    assert deployed.order(checkout["orderId"])["status"]["S"] == "refunded"
    told = deployed.api.get(f"/api/payments/verify/{checkout['sessionId']}").json()["order"]
    assert (told["status"], told["reason"]) == ("refunded", "event_cancelled")


def test_free_tickets_are_there_at_once(deployed: Deployment) -> None:
    added = add_event(deployed, name="Open Rehearsal", price=0)

    checkout = bought(deployed, added, 2)

    assert deployed.order(checkout["orderId"])["status"]["S"] == "paid"
    verified = deployed.api.get(f"/api/payments/verify/{checkout['sessionId']}").json()
    assert verified["payment_status"] == "no_payment_required"
    assert bought(deployed, added, 2) == checkout, "one key, two orders"


def run_timer(deployed: Deployment) -> None:
    """Call the scheduled function as EventBridge does."""
    answer = deployed.aws.client("lambda").invoke(
        FunctionName=_function(deployed.aws, "Reconcile"), Payload=json.dumps(scheduled_event())
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


def _paid_order(deployed: Deployment, order_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (order := deployed.order(order_id))["status"]["S"] != "paid":
        assert time.monotonic() < deadline, order
        time.sleep(0.1)
    return order


def test_a_forged_delivery_is_refused_by_the_webhooks_function(deployed: Deployment) -> None:
    forged = {"Stripe-Signature": f"t={int(time.time())},v1={'0' * 64}"}
    answer = deployed.api.post("/api/payments/webhook", json={"id": "evt_1"}, headers=forged)
    assert_problem(answer, 400, "VALIDATION_ERROR")


def test_an_event_is_listed_and_shown(deployed: Deployment, event: dict[str, Any]) -> None:
    listed = deployed.api.get("/api/events", params={"city": "porto"})
    assert [found["slug"] for found in listed.json()["events"]] == [event["slug"]]
    shown = deployed.api.get(f"/api/events/{event['slug']}")
    assert shown.json()["price"] == 25.5
    assert shown.headers["ETag"]


def test_the_gateway_lets_nobody_in_without_a_token(deployed: Deployment) -> None:
    answer = deployed.api.get("/api/auth/me")
    assert_problem(answer, 401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_of_another_issuer_is_refused(deployed: Deployment, tmp_path: Path) -> None:
    token = make_token(TokenRequest(issuer=deployed.issuer, role="admin"), KeyRing(tmp_path))
    answer = deployed.api.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert_problem(answer, 401, "UNAUTHORIZED")


def test_a_user_is_known_and_is_no_admin(deployed: Deployment) -> None:
    user = deployed.token("user")
    assert deployed.api.get("/api/auth/me", headers=user).json()["role"] == "user"
    refused = deployed.api.get("/api/admin/events", headers=user)
    assert_problem(refused, 403, "FORBIDDEN")


def test_an_unknown_path_is_a_404_of_the_contract(deployed: Deployment) -> None:
    assert_problem(deployed.api.get("/api/nothing"), 404, "NOT_FOUND")
    assert_problem(deployed.api.delete("/api/events"), 404, "NOT_FOUND")


def test_a_preflight_of_any_path_is_answered(deployed: Deployment) -> None:
    for path in ("/api/events", "/api/nothing"):
        answer = deployed.api.options(path, headers={"Origin": SHOP})
        assert answer.status_code == 204, answer.text
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_the_deployed_stack_says_that_it_works(deployed: Deployment) -> None:
    answer = deployed.api.get("/health/json")

    assert answer.status_code == 200, answer.text
    body = answer.json()
    # ministack's process is Lambda's: what is used of its memory is no matter of ours.
    assert body["checks"]["database"]["status"] == "healthy", body
    assert body["checks"]["payments"]["status"] == "healthy", body
    assert (body["environment"], body["checks"]["memory"]["limitMb"]) == (STAGE, 1769)
    page = deployed.api.get("/health", headers={"Accept": "text/html"})
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "style-src 'sha256-" in page.headers["Content-Security-Policy"]


def test_the_deployed_stack_is_ready_to_sell(deployed: Deployment) -> None:
    answer = deployed.api.get("/ready")

    assert answer.status_code == 200, answer.text
    checks = {"database": True, "external_services": True}
    assert answer.json() == {"status": "ready", "checks": checks}


def test_the_deployed_functions_role_may_read_its_metrics(deployed: Deployment) -> None:
    """Straight from the function: keys of the usage plan are API Gateway's business."""
    answer = deployed.aws.client("lambda").invoke(
        FunctionName=_function(deployed.aws, "APIHandler"),
        Payload=json.dumps(proxy_event("GET", "/metrics")),
    )

    result = json.loads(answer["Payload"].read())
    assert result["statusCode"] == 200, result
    body = json.loads(result["body"])
    assert body["source"] == "cloudwatch"
    assert body["window"]["seconds"] > 0


def test_a_citys_new_name_reaches_its_events(deployed: Deployment, event: dict[str, Any]) -> None:
    renamed = deployed.api.patch(
        "/api/admin/cities/porto",
        json={"name": "Oporto", "slug": "oporto"},
        headers=deployed.token("admin"),
    )
    assert renamed.status_code == 200, renamed.text
    shown = deployed.api.get(f"/api/events/{event['slug']}").json()
    assert (shown["city"], shown["citySlug"]) == ("Oporto", "oporto")
    assert deployed.api.get("/api/events", params={"city": "porto"}).json()["count"] == 1


def test_the_timer_finishes_what_others_left(deployed: Deployment, event: dict[str, Any]) -> None:
    client = deployed.aws.client("dynamodb")
    event_id, city_id = f"{event['id']:012d}", "000000000001"
    left = {"since": {"S": "2020-01-01T00:00:00.000Z"}, "token": {"S": "left"}}
    marked = {"term": {"S": "#marks"}, "entry": {"S": event_id}}
    stray = {"term": {"S": "w#z"}, "entry": {"S": f"zebra\t{event_id}"}, "facts": {"S": ""}}
    rename = {"term": {"S": "#renames"}, "entry": {"S": city_id}}
    _give_the_city_another_name(client, deployed.outputs["CitiesTableName"])
    for item in (
        {**marked, **left, "slug": {"S": event["slug"]}, "words": {"S": "zebra"}},
        stray,
        {**rename, **left, "slug": {"S": "porto"}},
    ):
        client.put_item(TableName=deployed.outputs["IndexTableName"], Item=item)

    for _ in range(2):
        run_timer(deployed)

    for key in (marked, rename, {name: stray[name] for name in ("term", "entry")}):
        found = client.get_item(TableName=deployed.outputs["IndexTableName"], Key=key)
        assert "Item" not in found
    assert deployed.api.get(f"/api/events/{event['slug']}").json()["city"] == "Portus"
    found = deployed.api.get("/api/events", params={"search": "portus"}).json()
    assert [item["slug"] for item in found["events"]] == [event["slug"]]


def _function(aws: LocalAws, logical_id: str) -> str:
    found = aws.client("cloudformation").describe_stack_resource(
        StackName="shop", LogicalResourceId=logical_id
    )
    name: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return name


def _give_the_city_another_name(client: Any, table: str) -> None:
    """Do what the API's function does when it ends before any event follows."""
    key = {"slug": {"S": "oporto"}}
    public = client.get_item(TableName=table, Key=key)["Item"]["public"]["S"]
    client.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET #name = :name, #public = :public",
        ExpressionAttributeNames={"#name": "name", "#public": "public"},
        ExpressionAttributeValues={
            ":name": {"S": "Portus"},
            ":public": {"S": public.replace('"Oporto"', '"Portus"')},
        },
    )


def test_the_dev_stage_can_be_filled_with_samples(
    deployed: Deployment, event: dict[str, Any]
) -> None:
    answer = deployed.api.post("/api/admin/database/reset", headers=deployed.token("admin"))
    assert answer.status_code == 200, answer.text
    listed = deployed.api.get("/api/events", params={"limit": 1}).json()
    assert listed["count"] == answer.json()["events"] > 0
    assert deployed.api.get(f"/api/events/{event['slug']}").status_code == 404


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    """The answer is an error as the contract has it, whoever made it: app, webhook or gateway."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["statusCode"] == status
    assert body["code"] == code
    assert set(body) - {"details"} == {"statusCode", "error", "code", "message", "requestId"}
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert answer.headers["Cache-Control"] == "no-store"
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value


def test_alarms_tell_the_operator_and_stand_on_the_dashboard(deployed: Deployment) -> None:
    cloudwatch, sns = deployed.aws.client("cloudwatch"), deployed.aws.client("sns")
    alarms = {one["AlarmName"]: one for one in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert {"shop-page-api-errors", "shop-tomorrow-crashes"} <= set(alarms)
    (subscription,) = sns.list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", OPERATOR)
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [subscription["TopicArn"]]
    body = json.loads(cloudwatch.get_dashboard(DashboardName="shop")["DashboardBody"])
    shown = body["widgets"][1]["properties"]["alarms"]
    assert {alarm["AlarmArn"] for alarm in alarms.values()} <= set(shown)


def test_a_crash_sets_its_alarm_off(deployed: Deployment) -> None:
    cloudwatch = deployed.aws.client("cloudwatch")
    stage = [{"Name": "stage", "Value": STAGE}]
    counted = {"MetricName": "Crash", "Dimensions": stage, "Value": 1, "Unit": "Count"}
    cloudwatch.put_metric_data(Namespace="EventsApi", MetricData=[counted])
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["shop-tomorrow-crashes"])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"


def test_the_audit_trail_is_written_and_read_under_the_functions_policies(
    deployed: Deployment,
) -> None:
    admin = deployed.token("admin")
    place = {"name": "Audited Town", "slug": "audited-town"}
    added = deployed.api.post("/api/admin/cities", json=place, headers=admin)
    assert added.status_code == 201, added.text

    trail = deployed.api.get("/api/admin/audit?subject=city:audited-town", headers=admin)

    assert trail.status_code == 200, trail.text
    [entry] = trail.json()["entries"]
    assert entry["action"] == "city_created"
    assert entry["requestId"] == added.headers["X-Request-Id"]
    everything = deployed.api.get("/api/admin/audit", headers=admin).json()["entries"]
    assert everything[0] == entry
    other = deployed.api.get("/api/admin/audit", headers=deployed.token("user"))
    assert other.status_code == 403


def test_what_the_functions_logged_gives_nothing_away(deployed: Deployment) -> None:
    """The last test of all: everything that the ones before made the functions log is there."""
    lines = deployed.aws.log_lines()
    assert any("checkout_started" in line for group in lines.values() for line in group)
    leaks = {group: [leaks_in(line) for line in found] for group, found in lines.items()}
    assert {group: [leak for leak in found if leak] for group, found in leaks.items()} == {
        group: [] for group in lines
    }
