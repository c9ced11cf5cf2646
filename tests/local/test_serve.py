"""The local run as its users meet it: a program, a browser's requests, a buyer's clicks."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import stripe

from tests.support.exposition import read_text
from tests.support.http_server import closed_port
from tests.support.local_run import (
    PORTS,
    LocalRun,
    eventually,
    local_environment,
    local_run,
    start,
)

pytestmark = pytest.mark.xdist_group("local-run")

SECURITY_HEADERS = (
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "content-security-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    with local_run(tmp_path_factory.mktemp("local-run")) as running:
        yield running


def status_of(run: LocalRun, session_id: str) -> str:
    found = httpx.get(run.url(f"/api/payments/verify/{session_id}")).json()
    status: str = found["order"]["status"]
    return status


def dynamodb_of(run: LocalRun) -> Any:
    import boto3

    return boto3.client(
        "dynamodb",
        endpoint_url=run.endpoints["dynamodb"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def order_status_by_webhook(run: LocalRun, order_id: str) -> str:
    """The order's status as the store has it: asking verify would fulfil it by itself."""
    client = dynamodb_of(run)
    try:
        item = client.get_item(TableName="orders", Key={"id": {"S": order_id}})["Item"]
    finally:
        client.close()
    status: str = item["status"]["S"]
    return status


def assert_contract_error(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert (body["statusCode"], body["code"]) == (status, code)
    assert body["error"]
    assert body["message"]
    assert body["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["access-control-allow-origin"] == "*"
    for name in SECURITY_HEADERS:
        assert name in answer.headers, name
    assert answer.headers["cache-control"] == "no-store"


def test_the_endpoints_file_names_parts_that_answer(run: LocalRun) -> None:
    endpoints = run.endpoints

    assert set(endpoints) == {"api", "stripe", "issuer", "jwks", "dynamodb", "mail"}
    assert httpx.get(endpoints["api"]).json()["documentation"] == "/api/docs"
    assert httpx.get(endpoints["jwks"]).json()["keys"]
    assert httpx.get(f"{endpoints['stripe']}/v1/checkout/sessions/cs_test_1").status_code == 401
    assert httpx.get(f"{endpoints['issuer']}/.well-known/openid-configuration").is_success
    assert "Local mail" in httpx.get(endpoints["mail"]).text


def test_the_sample_data_is_there_and_in_the_future(run: LocalRun) -> None:
    found = httpx.get(run.url("/api/events?limit=100&sortOrder=asc")).json()

    assert found["count"] >= 60
    assert found["events"][0]["date"] > time.strftime("%Y-%m-%d")
    assert httpx.get(run.url("/api/cities")).json()["count"] == 12


def test_pressing_pay_sells_the_seats_through_the_webhook_alone(run: LocalRun) -> None:
    before = run.available()
    checkout = run.buy(quantity=2)
    assert run.available() == before - 2

    answer = run.press(checkout, "pay")

    assert answer.status_code == 303
    assert f"session_id={checkout['sessionId']}" in answer.headers["location"]
    eventually(
        lambda: order_status_by_webhook(run, checkout["orderId"]) == "paid",
        "the webhook did not arrive",
    )
    assert status_of(run, checkout["sessionId"]) == "paid"
    assert run.available() == before - 2


@pytest.mark.parametrize(
    ("button", "status", "seats"), [("pay-later", "paid", 1), ("pay-later-fails", "failed", 0)]
)
def test_a_later_payment_keeps_its_seat_until_it_is_known(
    run: LocalRun, button: str, status: str, seats: int
) -> None:
    before = run.available()
    checkout = run.buy()

    run.press(checkout, button)

    eventually(
        lambda: order_status_by_webhook(run, checkout["orderId"]) == status,
        f"the payment did not end {status}",
    )
    assert run.available() == before - seats


def test_a_buyer_gets_the_tickets_by_e_mail(run: LocalRun) -> None:
    mails = run.endpoints["mail"]
    event = httpx.get(run.url("/api/events/tech-conference")).json()
    order = {
        "eventSlug": event["slug"],
        "quantity": 2,
        "unitPrice": event["price"],
        "totalAmount": round(event["price"] * 2, 2),
        "successUrl": "http://localhost:3000/done",
        "cancelUrl": "http://localhost:3000/",
        "customerEmail": "buyer@home.example",
    }
    checkout = httpx.post(run.url("/api/payments/checkout"), json=order, timeout=30).json()

    run.press(checkout, "pay")

    eventually(lambda: "buyer@home.example" in httpx.get(mails).text, "no e-mail arrived")
    found = [file.read_text() for file in (run.directory / ".local/mail").glob("*.eml")]
    message_id = f"<{checkout['orderId']}.confirmation@events.example>"
    (mail,) = [text for text in found if f"\nMessage-ID: {message_id}\n" in text]
    assert "\nTo: buyer@home.example\n" in f"\n{mail}"
    assert mail.count(f"\nContent-ID: <ticket-2@{checkout['orderId']}>\n") == 1


def test_going_back_leaves_the_checkout_open(run: LocalRun) -> None:
    checkout = run.buy()

    answer = run.press(checkout, "cancel")

    assert answer.headers["location"] == "http://localhost:3000/"
    assert status_of(run, checkout["sessionId"]) == "pending"


def test_an_expired_session_gives_its_seats_back(run: LocalRun) -> None:
    before = run.available()
    checkout = run.buy(quantity=3)
    client = stripe.StripeClient("sk_test_local", base_addresses={"api": run.endpoints["stripe"]})

    client.v1.checkout.sessions.expire(checkout["sessionId"])

    eventually(lambda: run.available() == before, "the seats did not come back")
    assert order_status_by_webhook(run, checkout["orderId"]) == "expired"


def test_an_amount_that_stripe_cannot_charge_is_told_and_holds_nothing(run: LocalRun) -> None:
    headers = {"Authorization": f"Bearer {run.token()}"}
    event = {
        "name": "Penny Concert",
        "date": "2099-01-01T20:00:00Z",
        "citySlug": "london",
        "location": "The Small Hall",
        "organizerName": "Coppers",
        "price": 0.01,
        "capacity": 5,
    }
    httpx.post(run.url("/api/admin/events"), json=event, headers=headers).raise_for_status()

    answer = httpx.post(
        run.url("/api/payments/checkout"),
        json={
            "eventSlug": "penny-concert",
            "quantity": 1,
            "unitPrice": 0.01,
            "totalAmount": 0.01,
            "successUrl": "http://localhost:3000/",
            "cancelUrl": "http://localhost:3000/",
        },
    )

    assert_contract_error(answer, 400, "VALIDATION_ERROR")
    assert answer.json()["details"][0]["type"] == "amount_too_small"
    assert run.available("penny-concert") == 5


def test_the_whole_run_is_healthy_and_ready(run: LocalRun) -> None:
    health = httpx.get(run.url("/health/json"))
    assert (health.status_code, health.json()["status"]) == (200, "healthy")
    assert health.json()["environment"] == "local"
    assert httpx.get(run.url("/ready")).json()["status"] == "ready"
    assert f"{run.endpoints['api']}/health" in run.output


def test_the_numbers_are_those_of_this_run_and_for_who_has_a_key(run: LocalRun) -> None:
    refused = httpx.get(run.url("/metrics"))
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    key = {"X-Api-Key": "local-api-key"}
    before = httpx.get(run.url("/metrics"), headers=key).json()

    run.press(run.buy(1), "pay")
    eventually(
        lambda: (
            httpx.get(run.url("/metrics"), headers=key).json()["business"]["paidOrders"]
            > before["business"]["paidOrders"]
        ),
        "the payment was not counted",
    )

    after = httpx.get(run.url("/metrics"), headers=key).json()
    assert after["source"] == "process"
    assert after["business"]["checkouts"] == before["business"]["checkouts"] + 1
    assert after["requests"]["total"] > before["requests"]["total"] + 3
    assert after["requests"]["clientErrors"] >= 1
    assert 0 < after["responseTimesMs"]["p50"] <= after["responseTimesMs"]["p99"]
    accepted = {**key, "Accept": "text/plain; version=0.0.4"}
    text = httpx.get(run.url("/metrics"), headers=accepted)
    assert text.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    checkouts = read_text(text.text)["events_api_checkouts_total"].samples
    assert list(checkouts.values()) == [after["business"]["checkouts"]]


def test_an_unknown_path_and_a_wrong_verb_are_the_contracts_404(run: LocalRun) -> None:
    assert_contract_error(httpx.get(run.url("/nowhere")), 404, "NOT_FOUND")
    assert_contract_error(httpx.delete(run.url("/api/events")), 404, "NOT_FOUND")
    assert_contract_error(httpx.get(run.url("/api/events/no-such-event")), 404, "NOT_FOUND")


def test_no_token_is_a_401_that_a_browser_can_read(run: LocalRun) -> None:
    answer = httpx.get(run.url("/api/auth/me"), headers={"Origin": "http://localhost:3000"})

    assert_contract_error(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_tokens_that_prove_nothing_are_refused(run: LocalRun) -> None:
    (key,) = [k for k in httpx.get(run.endpoints["jwks"]).json()["keys"] if k["kty"] == "RSA"]
    claims = {"iss": run.endpoints["issuer"], "sub": "u", "role": "admin", "exp": 9_999_999_999}
    header = {"kid": key["kid"]}
    tokens = {
        "alg none": jwt.encode(claims, "", algorithm="none", headers=header),
        "a public key as an HMAC key": jwt.encode(claims, "x" * 32, "HS256", headers=header),
        "expired": run.token("--ttl", "-60"),
        "another issuer": run.token("--issuer", "http://127.0.0.1:1"),
        "no token at all": "nonsense",
    }

    for why, token in tokens.items():
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx.get(run.url("/api/auth/me"), headers=headers)
        assert answer.status_code == 401, why
        assert_contract_error(answer, 401, "UNAUTHORIZED")


def test_a_file_of_all_events_needs_an_api_key_beside_an_admin_s_token(run: LocalRun) -> None:
    url = run.url("/api/admin/events/export")
    admin = {"Authorization": f"Bearer {run.token()}"}
    user = {"Authorization": f"Bearer {run.token('--role', 'user')}"}
    key = {"X-Api-Key": "local-api-key"}

    for wrong in ({}, {"X-Api-Key": ""}, {"X-Api-Key": "another"}):
        assert_contract_error(httpx.get(url, headers={**admin, **wrong}), 403, "FORBIDDEN")
    assert_contract_error(httpx.get(url, headers=key), 401, "UNAUTHORIZED")
    assert_contract_error(httpx.get(url, headers={**user, **key}), 403, "FORBIDDEN")
    given = httpx.get(url, headers={**admin, **key})
    assert given.status_code == 200
    assert "tech-conference" in given.text


def test_a_token_signs_in_and_only_an_admin_may_add(run: LocalRun) -> None:
    city = {"name": "Reykjavík", "country": "Iceland"}
    url = run.url("/api/admin/cities")

    me = httpx.get(
        run.url("/api/auth/me"),
        headers={"Authorization": f"Bearer {run.token('--alg', 'ES256', '--sub', 'user_42')}"},
    )
    as_user = httpx.post(
        url, json=city, headers={"Authorization": f"Bearer {run.token('--role', 'user')}"}
    )
    as_admin = httpx.post(url, json=city, headers={"Authorization": f"Bearer {run.token()}"})

    assert (me.json()["userId"], me.json()["role"]) == ("user_42", "admin")
    assert_contract_error(as_user, 403, "FORBIDDEN")
    assert as_admin.status_code == 201
    assert as_admin.headers["location"] == "/api/cities/reykjavik"
    httpx.post(run.url("/admin/database/reset"), headers={"Authorization": f"Bearer {run.token()}"})
    assert httpx.get(run.url("/api/cities")).json()["count"] == 12


@pytest.mark.parametrize("path", ["/api/events", "/api/admin/events", "/api/nowhere/at/all"])
def test_a_preflight_passes_without_a_token_on_any_path(run: LocalRun, path: str) -> None:
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}

    answer = httpx.options(run.url(path), headers=headers)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-max-age"] == "600"


def test_paths_are_url_decoded_once(run: LocalRun) -> None:
    assert httpx.get(run.url("/api/events/tech%2Dconference")).status_code == 200
    for path in ("tech%252Dconference", "tech%2Fconference", "tech-conference%00"):
        assert_contract_error(httpx.get(run.url(f"/api/events/{path}")), 404, "NOT_FOUND")


def test_large_answers_are_compressed_and_small_ones_are_not(run: LocalRun) -> None:
    large = httpx.get(run.url("/api/events"), headers={"Accept-Encoding": "gzip"})
    small = httpx.get(run.url("/"), headers={"Accept-Encoding": "gzip"})

    assert large.headers["content-encoding"] == "gzip"
    assert len(large.json()["events"]) == 50
    assert "content-encoding" not in small.headers


def test_the_webhook_takes_only_what_stripe_signed(run: LocalRun) -> None:
    payload = json.dumps(
        {"id": "evt_1", "object": "event", "type": "product.created", "data": {"object": {}}}
    )
    now = int(time.time())
    sign = stripe.WebhookSignature.generate_signature_header
    good = sign(payload, "whsec_local", now)
    forged = {
        "forged": sign(payload, "whsec_other", now),
        "old": sign(payload, "whsec_local", now - 400),
        "from the future": sign(payload, "whsec_local", now + 400),
        "malformed": "t=,v1=",
    }

    url = run.url("/api/payments/webhook")
    taken = httpx.post(url, content=payload, headers={"Stripe-Signature": good})
    assert (taken.status_code, taken.json()["outcome"]) == (200, "ignored")
    for why, signature in forged.items():
        answer = httpx.post(url, content=payload, headers={"Stripe-Signature": signature})
        assert answer.status_code == 400, why
    assert httpx.post(url, content=payload).status_code == 400


def test_many_clients_at_once_are_all_served(run: LocalRun) -> None:
    async def get_all() -> list[int]:
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:
            urls = [run.url("/api/events/tech-conference"), run.url("/api/events?limit=5")] * 75
            answers = await asyncio.gather(*(client.get(url) for url in urls))
            return [answer.status_code for answer in answers]

    assert Counter(asyncio.run(get_all())) == {200: 150}


def test_the_last_seat_is_sold_to_one_of_many(run: LocalRun) -> None:
    body = {
        "eventSlug": "last-seat-theatre",
        "quantity": 1,
        "unitPrice": 19,
        "totalAmount": 19,
        "successUrl": "http://localhost:3000/",
        "cancelUrl": "http://localhost:3000/",
    }

    async def crowd() -> list[int]:
        async with httpx.AsyncClient(timeout=60) as client:
            url = run.url("/api/payments/checkout")
            answers = await asyncio.gather(*(client.post(url, json=body) for _ in range(16)))
            assert all(a.json()["code"] == "SOLD_OUT" for a in answers if a.status_code != 201)
            return [answer.status_code for answer in answers]

    assert Counter(asyncio.run(crowd())) == {201: 1, 409: 15}


def test_the_samples_are_reindexed_while_they_are_served(run: LocalRun) -> None:
    found = httpx.get(run.url("/api/events?search=conference")).json()
    assert found["count"] > 0

    done = subprocess.run(
        [sys.executable, "-m", "infra.operating.reindex"],
        cwd=run.directory,
        env=run.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    count = httpx.get(run.url("/api/admin/events"), headers=signed_in(run)).json()["count"]
    assert done.stdout.startswith(f"{count} events reindexed, 0 events had stray words")
    assert httpx.get(run.url("/api/events?search=conference")).json() == found


def signed_in(run: LocalRun) -> dict[str, str]:
    return {"Authorization": f"Bearer {run.token()}"}


def test_data_of_an_older_version_is_a_clear_message(tmp_path: Path) -> None:
    with local_run(tmp_path) as running:
        client = dynamodb_of(running)
        client.update_table(
            TableName="events", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_name"}}]
        )
        client.close()
        environment = dict(running.environment)

    done = subprocess.run(
        [sys.executable, "-m", "infra.local.serve"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "`make reset` forgets it" in done.stderr


def test_a_page_can_meet_the_stack_s_limits_where_they_are_switched_on(tmp_path: Path) -> None:
    with local_run(tmp_path, THROTTLE="1") as running, httpx.Client() as client:
        assert "It throttles" in running.output
        answers = [client.get(running.url("/api/events?limit=1")) for _ in range(101)]
        assert [answer.status_code for answer in answers] == [200] * 100 + [429]
        assert_contract_error(answers[-1], 429, "RATE_LIMITED")
        assert answers[-1].headers["Retry-After"] == "60"
        # Stripe's webhook is answered: what is not signed is refused as ever.
        webhook = client.post(running.url("/api/payments/webhook"), content=b"{}")
        assert_contract_error(webhook, 400, "VALIDATION_ERROR")


def test_the_timer_finishes_what_others_left(run: LocalRun) -> None:
    import boto3

    event = httpx.get(run.url("/api/events/tech-conference")).json()
    marked = {"term": {"S": "#marks"}, "entry": {"S": f"{event['id']:012d}"}}
    left = {
        "slug": {"S": "tech-conference"},
        "words": {"S": ""},
        "since": {"S": "2020-01-01T00:00:00.000Z"},
        "token": {"S": "left"},
    }
    client = boto3.client(
        "dynamodb",
        endpoint_url=run.endpoints["dynamodb"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    try:
        client.put_item(TableName="index", Item={**marked, **left})
        eventually(
            lambda: "Item" not in client.get_item(TableName="index", Key=marked),
            "the timer did not run",
        )
    finally:
        client.close()

    # The line is written when the run is over.
    eventually(lambda: '"reconciled"' in run.output, "the timer says nothing of it")


def test_a_port_in_use_is_a_clear_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "infra.local.serve"],
            cwd=tmp_path,
            env=local_environment(PORT=str(port)),
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert f"Port {port} (the API) is in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_dynamodb_without_keys_is_one_clear_line(tmp_path: Path) -> None:
    environment = local_environment(
        AWS_ENDPOINT_URL_DYNAMODB=closed_port(),
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
    )
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.serve"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    where = environment["AWS_ENDPOINT_URL_DYNAMODB"]
    assert done.stderr.startswith(
        f"DynamoDB at {where} cannot be used: there are no AWS credential"
    )
    assert done.stderr.count("\n") == 1


def test_data_outlives_a_restart_and_ends_with_a_reset(tmp_path: Path) -> None:
    environment = local_environment(STRIPE_WEBHOOK_SECRET="whsec_own,whsec_older")
    first = start(tmp_path, environment)
    checkout = first.buy(quantity=2)
    first.press(checkout, "pay")
    eventually(
        lambda: order_status_by_webhook(first, checkout["orderId"]) == "paid",
        "the webhook did not arrive",
    )
    token = first.token()
    busy = reset(tmp_path, environment)
    assert first.stop() == 0
    assert busy.returncode == 1
    assert "stop it with Ctrl-C" in busy.stderr
    for name in PORTS:
        with socket.create_server(("127.0.0.1", int(environment[name]))):
            pass

    second = start(tmp_path, environment)
    assert "last time" in second.output
    assert second.available() == 498
    assert status_of(second, checkout["sessionId"]) == "paid"
    me = httpx.get(second.url("/api/auth/me"), headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 200
    assert second.stop(signal.SIGTERM) == 0

    assert reset(tmp_path, environment).returncode == 0
    third = start(tmp_path, environment)
    assert third.available() == 500
    assert third.stop() == 0


def reset(directory: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "infra.local.reset"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def process_of(module: str, port: str) -> int:
    """The process that runs a module on a port."""
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, check=True)
    for line in listing.stdout.decode().splitlines():
        pid, _, command = line.strip().partition(" ")
        if module in command and f"--port {port}" in command:
            return int(pid)
    raise AssertionError(f"{module} does not run on {port}")


def test_two_runs_do_not_share_one_set_of_data(tmp_path: Path) -> None:
    first = start(tmp_path, local_environment())
    endpoints = first.endpoints

    second = subprocess.run(
        [sys.executable, "-m", "infra.local.serve"],
        cwd=tmp_path,
        env=local_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 1
    assert "is up already" in second.stderr
    assert first.endpoints == endpoints
    assert first.available() == 500
    assert first.stop() == 0


def test_samples_that_were_cut_off_are_added_again(tmp_path: Path) -> None:
    environment = local_environment()
    first = start(tmp_path, environment)
    first.buy(quantity=2)
    (tmp_path / ".local/filling").touch()
    first.stop()

    second = start(tmp_path, environment)

    assert "sample data was added" in second.output
    assert httpx.get(second.url("/api/events")).json()["count"] == 60
    assert second.available() == 500
    second.stop()


def test_a_part_that_dies_ends_the_run_and_says_so(tmp_path: Path) -> None:
    run = start(tmp_path, local_environment())
    os.kill(process_of("infra.local.issuer", run.environment["ISSUER_PORT"]), signal.SIGTERM)

    assert run.process.wait(30) == 1
    assert "issuer ended by itself" in run.output
