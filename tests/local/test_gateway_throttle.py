"""The gateway's throttling: the rule for an address, the buckets, the quota, and what a page and a
client see of a refusal. Time is a clock's that the tests move; requests are real HTTP.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from limits.aio.storage import memory

from infra.local.gateway import GatewayConfig, throttle
from infra.local.gateway.errors import GatewayError
from infra.local.gateway.throttle import Throttle
from infra.packaging.gateway_responses import EXTENSION, cors_parameters, gateway_responses
from infra.throttling import Bucket, ClientLimit, Throttling, read_throttling
from tests.local.gateway_under_test import API_KEY, Authorizer, gateway, policy
from tests.support.fake_time import FakeTime

pytestmark = pytest.mark.enable_socket

OTHER_KEY = "other-key"
WIDE = Bucket(rate=1000, burst=1000)
PAGE = "https://shop.example"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """The clock of the buckets and of `limits`."""
    clock = FakeTime(now=1_000_000.0)
    monkeypatch.setattr(memory, "time", clock)
    monkeypatch.setattr(throttle, "time", clock)
    return clock


def throttling(
    *,
    stage: Bucket = WIDE,
    methods: Mapping[str, Bucket] | None = None,
    client: int = 1000,
    key: Bucket = WIDE,
    quota: int = 1000,
) -> Throttling:
    return Throttling(
        stage=stage,
        methods=dict(methods or {}),
        client=ClientLimit(client, 60, ("/scripted",)),
        key=key,
        key_quota_per_day=quota,
    )


@contextmanager
def throttled(
    limits: Throttling, functions: dict[str, Any] | None = None, origins: tuple[str, ...] = (PAGE,)
) -> Iterator[httpx.Client]:
    """The small API under these limits, with the deployed stack's gateway responses."""
    config = GatewayConfig(api_keys=frozenset({API_KEY, OTHER_KEY}), throttling=limits)
    extensions: dict[str, object] = {EXTENSION: gateway_responses(cors_parameters(origins))}
    with gateway(config, functions, extensions) as client:
        yield client


def statuses(client: httpx.Client, path: str, times: int, **headers: str) -> list[int]:
    return [client.get(path, headers=headers).status_code for _ in range(times)]


def refusal_of(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert set(body) == {"statusCode", "error", "code", "message", "requestId"}
    assert body["requestId"] == answer.headers["X-Request-Id"]
    return answer.status_code, body["code"], answer.headers["Retry-After"]


# An address.


def test_the_limit_of_an_address_ends_when_the_wait_that_was_told_is_over(clock: FakeTime) -> None:
    with throttled(throttling(client=5)) as client:
        assert statuses(client, "/", 5) == [200] * 5
        refused = client.get("/")
        assert refusal_of(refused) == (429, "RATE_LIMITED", "60")
        clock.now += float(refused.headers["Retry-After"]) + 0.001
        assert client.get("/").status_code == 200


def test_the_window_of_an_address_moves(clock: FakeTime) -> None:
    with throttled(throttling(client=4)) as client:
        assert statuses(client, "/", 2) == [200] * 2
        clock.now += 40
        assert statuses(client, "/", 2) == [200] * 2
        clock.now += 20.5
        # Two are forgotten, two are not.
        assert statuses(client, "/", 3) == [200, 200, 429]


def test_an_address_that_never_pauses_is_not_let_in_again(clock: FakeTime) -> None:
    with throttled(throttling(client=5)) as client:
        assert statuses(client, "/", 6)[-1] == 429
        for _ in range(40):
            clock.now += 10
            assert statuses(client, "/", 6) == [429] * 6


def test_another_address_is_not_affected(clock: FakeTime) -> None:
    with throttled(throttling(client=2)) as client:
        assert statuses(client, "/", 3) == [200, 200, 429]
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(base_url=client.base_url, transport=transport) as neighbour:
            assert neighbour.get("/").status_code == 200


def test_an_address_cannot_be_made_up_in_a_header(clock: FakeTime) -> None:
    with throttled(throttling(client=2)) as client:
        answers = [
            client.get("/", headers={"X-Forwarded-For": f"10.0.0.{number}"}) for number in range(3)
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_stripe_is_not_held_up_by_the_rule_for_addresses(clock: FakeTime) -> None:
    with throttled(throttling(client=2)) as client:
        assert statuses(client, "/", 3)[-1] == 429
        for _ in range(5):
            answer = client.post("/scripted", json={"statusCode": 200, "body": "ok"})
            assert answer.text == "ok"
        # Nor do its requests count.
        clock.now += 61
        assert statuses(client, "/", 2) == [200, 200]


@pytest.mark.parametrize("path", ["/scripted/", "/echo/scripted", "/echo?path=/scripted"])
def test_only_the_very_path_is_excepted(clock: FakeTime, path: str) -> None:
    with throttled(throttling(client=1)) as client:
        assert statuses(client, "/", 1) == [200]
        assert client.post(path, json={"statusCode": 200}).status_code == 429


def test_unknown_paths_and_preflights_count_for_an_address(clock: FakeTime) -> None:
    with throttled(throttling(client=2)) as client:
        assert client.get("/nothing").status_code == 404
        assert client.options("/me").status_code == 200
        assert client.get("/").status_code == 429


def test_addresses_are_forgotten_when_their_time_is_over(clock: FakeTime) -> None:
    limiter = Throttle(throttling(client=5))

    async def ask() -> int:
        for number in range(500):
            await limiter.admit_client(f"10.0.{number // 250}.{number % 250}", "/")
        clock.now += 61
        storage = limiter._clients._window.storage
        assert isinstance(storage, memory.MemoryStorage)
        while len(storage.events) > 1:
            await limiter.admit_client("10.1.0.1", "/")
            await asyncio.sleep(0)
            clock.now += 61
        return len(storage.locks)

    assert asyncio.run(asyncio.wait_for(ask(), 30)) <= 1


def test_what_is_remembered_of_one_address_is_bounded(clock: FakeTime) -> None:
    limiter = Throttle(throttling(client=5))

    async def ask() -> int:
        refused = 0
        for _ in range(500):
            try:
                await limiter.admit_client("10.0.0.1", "/")
            except GatewayError:
                refused += 1
        storage = limiter._clients._window.storage
        assert isinstance(storage, memory.MemoryStorage)
        assert refused == 495
        (events,) = storage.events.values()
        return len(events)

    assert asyncio.run(ask()) == 50


# Methods.


def test_a_burst_over_the_stage_s_bucket_is_refused_and_refilled(clock: FakeTime) -> None:
    with throttled(throttling(stage=Bucket(rate=2, burst=3))) as client:
        assert statuses(client, "/", 3) == [200] * 3
        refused = client.get("/")
        assert refusal_of(refused) == (429, "RATE_LIMITED", "1")
        clock.now += float(refused.headers["Retry-After"])
        assert statuses(client, "/", 3) == [200, 200, 429]
        clock.now += 3600
        assert statuses(client, "/", 4) == [200, 200, 200, 429]


def test_each_method_has_a_bucket_and_some_their_own_size(clock: FakeTime) -> None:
    limits = throttling(
        stage=Bucket(rate=1, burst=1), methods={"GET /events/{slug}": Bucket(rate=1, burst=2)}
    )
    with throttled(limits) as client:
        assert statuses(client, "/", 2) == [200, 429]
        assert client.get("/events/jazz").status_code == 200
        assert client.get("/events/folk").status_code == 200
        assert client.get("/events/rock").status_code == 429


def test_who_is_refused_by_the_authorizer_takes_nothing_from_the_method(clock: FakeTime) -> None:
    authorizer = Authorizer(answers={"good": policy()})
    limits = throttling(stage=Bucket(rate=1, burst=1))
    with throttled(limits, {"JwtAuthorizer": authorizer}) as client:
        assert statuses(client, "/me", 3) == [401] * 3
        assert statuses(client, "/me", 2, Authorization="good") == [200, 429]


def test_an_address_is_counted_before_the_authorizer_is_asked(clock: FakeTime) -> None:
    authorizer = Authorizer(answers={"good": policy()})
    with throttled(throttling(client=1), {"JwtAuthorizer": authorizer}) as client:
        assert statuses(client, "/", 2) == [200, 429]
        assert statuses(client, "/me", 2, Authorization="good") == [429, 429]
    assert authorizer.calls == []


# API keys.


def test_a_key_has_a_bucket_of_its_own(clock: FakeTime) -> None:
    with throttled(throttling(key=Bucket(rate=1, burst=2))) as client:
        key = {"X-Api-Key": API_KEY}
        assert statuses(client, "/metrics", 2, **key) == [200, 200]
        assert refusal_of(client.get("/metrics", headers=key)) == (429, "RATE_LIMITED", "1")
        assert client.get("/metrics", headers={"X-Api-Key": OTHER_KEY}).status_code == 200
        clock.now += 1
        assert client.get("/metrics", headers=key).status_code == 200


def test_a_key_s_quota_is_for_a_day(clock: FakeTime) -> None:
    with throttled(throttling(quota=3)) as client:
        key = {"X-Api-Key": API_KEY}
        assert statuses(client, "/metrics", 3, **key) == [200] * 3
        refused = client.get("/metrics", headers=key)
        assert refusal_of(refused) == (429, "RATE_LIMITED", "3600")
        assert refused.json()["message"] == "the API key's quota is used up"
        assert client.get("/metrics", headers={"X-Api-Key": OTHER_KEY}).status_code == 200
        clock.now += 86_401
        assert client.get("/metrics", headers=key).status_code == 200


def test_a_wrong_key_is_not_counted_for_anybody(clock: FakeTime) -> None:
    with throttled(throttling(key=Bucket(rate=1, burst=1))) as client:
        assert statuses(client, "/metrics", 3, **{"X-Api-Key": "wrong"}) == [403] * 3
        assert client.get("/metrics", headers={"X-Api-Key": API_KEY}).status_code == 200


def test_a_key_on_a_method_that_needs_none_is_not_counted(clock: FakeTime) -> None:
    with throttled(throttling(key=Bucket(rate=1, burst=1))) as client:
        assert statuses(client, "/", 3, **{"X-Api-Key": API_KEY}) == [200] * 3


# What is seen of it.


@pytest.mark.parametrize("limits", [throttling(client=1), throttling(stage=Bucket(1, 1))])
def test_a_page_can_read_the_refusal_and_how_long_to_wait(
    clock: FakeTime, limits: Throttling
) -> None:
    with throttled(limits) as client:
        client.get("/")
        refused = client.get("/", headers={"Origin": PAGE})

    assert refused.status_code == 429
    assert refused.headers["Access-Control-Allow-Origin"] == PAGE
    exposed = refused.headers["Access-Control-Expose-Headers"].replace(" ", "").split(",")
    assert {"Retry-After", "X-Request-Id"} <= set(exposed)
    assert refused.headers["Cache-Control"] == "no-store"
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    assert refused.headers["Strict-Transport-Security"]
    assert refused.headers["Content-Type"] == "application/json"
    assert refused.headers["x-amzn-ErrorType"] == "TooManyRequestsException"
    assert len(refused.headers.get_list("Retry-After")) == 1


def test_without_the_switch_nobody_is_refused() -> None:
    with gateway() as client:
        assert statuses(client, "/", 150) == [200] * 150


def test_the_numbers_are_those_of_the_stack(clock: FakeTime) -> None:
    limits = read_throttling()
    with throttled(limits) as client:
        answers = statuses(client, "/", limits.client.requests + 1)
        assert answers == [200] * limits.client.requests + [429]
        clock.now += limits.client.seconds + 1
        key = {"X-Api-Key": API_KEY}
        assert statuses(client, "/metrics", limits.key.burst + 1, **key) == [
            *[200] * limits.key.burst,
            429,
        ]


def test_the_log_says_that_a_request_was_refused(
    clock: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with throttled(throttling(client=1)) as client:
        statuses(client, "/", 2)
        host = urlsplit(str(client.base_url)).hostname
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("access")]
    assert any(line.startswith(f"{host} GET / 429 ") for line in lines)
