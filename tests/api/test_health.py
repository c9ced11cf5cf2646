"""`/health`, `/health/json` and `/ready` through the handler."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app import app
from chalicelib import wiring
from chalicelib.errors import Unavailable
from chalicelib.schemas.answers import Health, Readiness
from chalicelib.services import health
from chalicelib.services.health import MemoryUse
from chalicelib.version import VERSION
from tests.support.answers import check_common_headers, problem
from tests.support.lambda_api import Answer, LambdaApi
from tests.support.log_lines import LogLines

PATHS = ("/health", "/health/json", "/ready")
# What would tell a stranger something.
SECRETS = ("arn:aws", "hunter2", "events-table", "Traceback", "Unavailable", "sk_")


@pytest.fixture
def _database_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> float:
        raise Unavailable("arn:aws:dynamodb:events-table password=hunter2")

    monkeypatch.setattr(wiring, "_check_database", down)


@pytest.fixture
def _payments_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> float:
        raise RuntimeError("sk_live_hunter2")

    monkeypatch.setattr(wiring, "_check_payments", down)


def shown(answer: Answer) -> dict[str, Any]:
    Health.model_validate(answer.json)
    found: dict[str, Any] = answer.json
    return found


def test_a_service_that_works_says_so(api: LambdaApi) -> None:
    answer = api.get("/health/json")

    assert answer.status == 200
    check_common_headers(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert "retry-after" not in answer.headers
    body = shown(answer)
    assert list(body) == ["status", "timestamp", "version", "environment", "uptime", "checks"]
    assert (body["status"], body["version"], body["environment"]) == ("healthy", VERSION, "local")
    assert body["uptime"] > 0
    assert list(body["checks"]) == ["database", "payments", "memory"]
    assert body["checks"]["database"]["status"] == "healthy"
    assert body["checks"]["database"]["latencyMs"] > 0
    assert body["checks"]["payments"] == {"status": "healthy", "latencyMs": 12.0}
    assert body["checks"]["memory"]["usedMb"] > 10


@pytest.mark.usefixtures("_database_down")
def test_without_its_database_it_is_a_503_that_says_when_to_ask_again(
    api: LambdaApi, log: LogLines
) -> None:
    answer = api.get("/health/json")

    assert answer.status == 503
    assert answer.headers["retry-after"] == "5"
    body = shown(answer)
    assert body["status"] == "unhealthy"
    assert body["checks"]["database"] == {"status": "unhealthy", "latencyMs": None}
    (line,) = log.of("problem")
    assert (line["message"], line["check"]) == ("health_check_failed", "database")
    assert "hunter2" not in log.text


@pytest.mark.usefixtures("_payments_down")
def test_without_payments_it_is_degraded_and_still_a_200(api: LambdaApi) -> None:
    answer = api.get("/health/json")

    assert answer.status == 200
    body = shown(answer)
    assert body["status"] == "degraded"
    assert body["checks"]["payments"] == {"status": "unhealthy", "latencyMs": None}


def test_little_memory_is_degraded(api: LambdaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    mb = 1024 * 1024
    monkeypatch.setattr(
        "chalicelib.adapters.memory.memory_use", lambda _env: MemoryUse(950 * mb, 1000 * mb)
    )

    body = shown(api.get("/health/json"))

    assert body["status"] == "degraded"
    assert body["checks"]["memory"] == {
        "status": "degraded",
        "usedMb": 950,
        "limitMb": 1000,
        "usedPercent": 95,
    }


def test_memory_without_a_limit_is_shown_without_one(
    api: LambdaApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "chalicelib.adapters.memory.memory_use", lambda _env: MemoryUse(1024 * 1024, None)
    )

    memory = shown(api.get("/health/json"))["checks"]["memory"]

    assert memory == {"status": "healthy", "usedMb": 1, "limitMb": None, "usedPercent": None}


@pytest.mark.usefixtures("_database_down", "_payments_down")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_what_is_wrong_is_nothing_for_strangers(api: LambdaApi, path: str, accept: str) -> None:
    answer = api.get(path, headers={"Accept": accept})

    assert answer.status == 503
    check_common_headers(answer)
    for secret in SECRETS:
        assert secret not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    ("url", "accept", "kind"),
    [
        ("/health", None, "text/html; charset=utf-8"),
        ("/health", "*/*", "text/html; charset=utf-8"),
        ("/health", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("/health", "application/json", "application/json"),
        ("/health?format=json", "text/html", "application/json"),
        ("/health?format=html", "application/json", "text/html; charset=utf-8"),
        ("/health/", "application/json", "application/json"),
        ("/health/json", "text/html", "application/json"),
        ("/health?unknown=1", None, "text/html; charset=utf-8"),
    ],
)
def test_a_page_for_people_and_json_for_who_asks_for_it(
    api: LambdaApi, url: str, accept: str | None, kind: str
) -> None:
    answer = api.get(url, headers={"Accept": accept} if accept else {})

    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    check_common_headers(answer)
    if kind == "application/json":
        shown(answer)
    else:
        assert answer.text.startswith("<!doctype html>")
        assert "script" not in answer.headers["content-security-policy"]


def test_a_form_that_there_is_not_is_named(api: LambdaApi) -> None:
    body = problem(api.get("/health?format=xml"), "VALIDATION_ERROR")
    assert body["details"][0]["field"] == "format"


@pytest.mark.usefixtures("_database_down")
def test_the_page_of_a_service_that_is_down_is_a_503_too(api: LambdaApi) -> None:
    answer = api.get("/health")

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "The service is down" in answer.text


def test_below_a_last_slash_the_pages_addresses_still_lead_right(api: LambdaApi) -> None:
    assert 'href="../health/json"' in api.get("/health/").text
    assert 'href="health/json"' in api.get("/health").text


def test_a_hostile_stage_is_text(api: LambdaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = '<script>alert(1)</script>"\n'
    monkeypatch.setenv("STAGE", stage)

    assert "<script" not in api.get("/health").text
    assert api.get("/health/json").json["environment"] == stage.strip()


def test_a_stage_without_a_name_is_unknown(api: LambdaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAGE")
    assert api.get("/health/json").json["environment"] == "unknown"


def test_a_setting_that_is_missing_is_ill_health_and_no_error(
    monkeypatch: pytest.MonkeyPatch, log: LogLines
) -> None:
    monkeypatch.delenv("EVENTS_TABLE")

    answer = LambdaApi(app).get("/health/json")

    assert answer.status == 503
    assert shown(answer)["checks"]["database"]["status"] == "unhealthy"
    (line,) = log.of("problem")
    assert line["reason"] == "the setting EVENTS_TABLE is missing"


def ready(answer: Answer) -> dict[str, Any]:
    Readiness.model_validate(answer.json)
    found: dict[str, Any] = answer.json
    return found


def test_a_service_that_can_sell_is_ready(api: LambdaApi) -> None:
    answer = api.get("/ready")

    assert answer.status == 200
    assert ready(answer) == {
        "status": "ready",
        "checks": {"database": True, "external_services": True},
    }


@pytest.mark.usefixtures("_payments_down")
def test_without_payments_it_is_not_ready(api: LambdaApi) -> None:
    answer = api.get("/ready")

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert ready(answer) == {
        "status": "not_ready",
        "checks": {"database": True, "external_services": False},
    }


@pytest.mark.usefixtures("_database_down")
def test_without_its_database_it_is_not_ready(api: LambdaApi) -> None:
    answer = api.get("/ready")

    assert answer.status == 503
    assert ready(answer)["checks"] == {"database": False, "external_services": True}


@contextmanager
def hanging(note: Callable[[], None]) -> Iterator[Callable[[], float]]:
    """A check that does not end before the block does; `note` is called when it begins."""
    over = threading.Event()

    def hang() -> float:
        note()
        over.wait(30)
        return 0.0

    try:
        yield hang
    finally:
        over.set()


@pytest.mark.parametrize("path", PATHS)
def test_whatever_hangs_is_waited_for_once_and_side_by_side(
    api: LambdaApi, monkeypatch: pytest.MonkeyPatch, log: LogLines, path: str
) -> None:
    monkeypatch.setattr(health, "_LIMIT_SECONDS", 0.5)
    given_up_before: list[int] = []

    def note() -> None:
        given_up_before.append(log.text.count("health_check_failed"))

    with hanging(note) as hang:
        monkeypatch.setattr(wiring, "_check_database", hang)
        monkeypatch.setattr(wiring, "_check_payments", hang)

        assert api.get(path).status == api.get(path).status == 503

    # Neither was begun after the other had been given up, nor begun again.
    assert given_up_before == [0, 0]
    assert log.text.count("health_check_failed") == 2


@pytest.mark.own_limits
def test_whatever_hangs_is_given_up_after_two_seconds() -> None:
    assert health._LIMIT_SECONDS == 2


def test_hundreds_of_questions_cost_one_read(
    api: LambdaApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "_DATABASE_CHECK_SECONDS", 300.0)
    monkeypatch.setattr(wiring, "_PAYMENTS_CHECK_SECONDS", 300.0)
    asked: list[str] = []

    def check(name: str) -> Callable[[], float]:
        def note() -> float:
            asked.append(name)
            return 0.001

        return note

    monkeypatch.setattr(wiring, "_check_database", check("database"))
    monkeypatch.setattr(wiring, "_check_payments", check("payments"))

    for number in range(300):
        assert api.get(PATHS[number % 3]).status == 200

    assert sorted(asked) == ["database", "payments"]


def test_a_crowd_that_asks_first_of_all_and_at_once_costs_one_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def note() -> float:
        asked.append("database")
        time.sleep(0.05)
        return 0.001

    monkeypatch.setattr(wiring, "_check_database", note)
    gate = threading.Barrier(32)

    def ask() -> None:
        gate.wait(30)
        assert wiring.health().readiness().ready

    crowd = [threading.Thread(target=ask) for _ in range(32)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(60)

    assert asked == ["database"]
