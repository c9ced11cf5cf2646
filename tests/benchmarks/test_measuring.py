"""The processor's time of functions: what is measured is what they do in life."""

import json
import sys
from pathlib import Path

import pytest

from tests.benchmarks.budgets import measuring
from tests.benchmarks.budgets.cases import API, AUTHORIZER, FUNCTIONS, TIMER, WEBHOOK
from tests.benchmarks.budgets.durations import measured
from tests.benchmarks.budgets.memory_sizes import MIXES
from tests.benchmarks.track.lambda_process import Function
from tests.benchmarks.track.runtime_api import FunctionFailed
from tests.support.fresh_process import run_fresh
from tests.support.lambda_api import proxy_event

# Stands where the runtime client is in Lambda's Python, and says what it was given.
_CLIENT = """
import http.client, json, os, time
def burn(ms):
    end = time.process_time() + ms / 1000
    while time.process_time() < end: pass
burn(150)
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None):
    api.request(method, f"/2018-06-01/runtime/invocation/{path}", body)
    answer = api.getresponse()
    return answer.read(), answer.headers["Lambda-Runtime-Aws-Request-Id"]
takes = 60
while True:
    event, number = call("GET", "next")
    burn(takes)
    takes = 10
    call("POST", f"{number}/response", json.dumps({"statusCode": json.loads(event)["status"]}))
"""


@pytest.fixture
def function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Function:
    monkeypatch.setattr(measuring, "_PROCESSES", 1)
    (tmp_path / "awslambdaric.py").write_text(_CLIENT)
    return Function("it", tmp_path, "it.handler", 512)


def test_what_is_measured_is_not_kept_or_not_used() -> None:
    assert list(measured()) == list(measuring.work())
    assert {processor for mix in MIXES.values() for _, _, processor in mix.cases} <= set(measured())


def test_the_work_is_other_functions_than_those_whose_sizes_follow() -> None:
    measured_as = {name: function for name, (function, _) in measuring.work().items()}
    for function, mix in MIXES.items():
        assert {measured_as[processor] for _, _, processor in mix.cases} == {function}


def test_the_init_phase_the_first_answer_and_a_warm_one_are_mixed_up(function: Function) -> None:
    requests = [{"status": 200}] * 4
    taken = measuring.measured(function, Path(sys.executable), lambda: requests)
    # At the least what was burnt; Python's own start is in the first.
    assert taken["init_ms"] >= 150
    assert 60 <= taken["first_ms"] < 150
    assert 10 <= taken["warm_ms"] < 60
    assert taken["peak_mb"] > 5


def test_a_refusal_is_measured(function: Function) -> None:
    with pytest.raises(AssertionError, match="503"):
        measuring.measured(function, Path(sys.executable), lambda: [{"status": 503}])


def test_a_function_that_fails_is_measured(function: Function) -> None:
    (function.folder / "awslambdaric.py").write_text("raise SystemExit(1)")
    with pytest.raises(FunctionFailed):
        measuring.measured(function, Path(sys.executable), lambda: [{"status": 200}])


def test_an_answer_of_the_timer_or_of_the_authorizer_is_taken_for_a_refusal() -> None:
    measuring.check(b"null")
    measuring.check(b'{"principalId": "user_1"}')


def test_the_timer_has_no_time_to_work_in() -> None:
    # It stops half a minute before Lambda would.
    assert measuring._SECONDS > 2 * 30


_HANDLERS = {
    API: "from app import app as handler",
    WEBHOOK: "from chalicelib.functions.stripe_webhook import stripe_webhook as handler",
    TIMER: "from chalicelib.functions.reconcile import reconcile as handler",
    AUTHORIZER: "from chalicelib.functions.authorizer import jwt_authorizer as handler",
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_request_that_is_measured_is_refused(function: str) -> None:
    requests = [
        request
        for named, make in measuring.work().values()
        if named == function
        for request in make()[:2]
    ]
    script = (
        f"import json\n{_HANDLERS[function]}\n"
        f"requests = json.loads({json.dumps(requests)!r})\n"
        "result = [handler(request, None) for request in requests]"
    )
    with measuring.servers() as environment:
        answers = run_fresh(script, PYTHONPATH=str(Path.cwd()), **environment)["result"]
    assert answers
    for answer in answers:
        measuring.check(json.dumps(answer).encode())


@pytest.mark.parametrize("path", ["/api/events", "/api/cities"])
def test_an_empty_list_is_measured(path: str) -> None:
    script = f"from app import app\nresult = app({proxy_event('GET', path)!r}, None)"
    with measuring.servers() as environment:
        answer = run_fresh(script, PYTHONPATH=str(Path.cwd()), **environment)["result"]
    assert len(json.loads(answer["body"])[path.rpartition("/")[2]]) == 50
