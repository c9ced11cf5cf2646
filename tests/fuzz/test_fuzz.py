"""The fuzz program finds what is wrong: it is run against a small server that is right, and then
against ones with a defect each.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from schemathesis.core.failures import Failure, ServerError
from schemathesis.openapi.checks import UnsupportedMethodResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fuzz.excused import is_excused
from tests.fuzz.hooks import API, API_KEY, TOKEN, WEBHOOK_SECRET
from tests.fuzz.program import SETTINGS, Options, Pass, Server, findings, problems_in
from tests.support.ministack import free_port

EVERYTHING = Pass("everything", (), frozenset({"examples", "stateful"}))

_OBJECT = {
    "type": "object",
    "properties": {"limit": {"type": "integer"}},
    "required": ["limit"],
    "additionalProperties": False,
}
_JSON = {"application/json": {"schema": _OBJECT}}
_LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        "/things": {
            "get": {
                "parameters": [_LIMIT],
                "responses": {
                    "200": {"description": "Things.", "content": _JSON},
                    "400": {"description": "No."},
                },
            }
        }
    },
}


def things(request: Request) -> Response:
    """Show how many things there would be; anything but a positive number is refused."""
    sent = request.query_params.getlist("limit")
    if len(sent) > 1 or not all(each.isascii() and each.isdigit() and int(each) for each in sent):
        return Response(status_code=400)
    return JSONResponse({"limit": int(sent[0]) if sent else 1})


def crashing(request: Request) -> Response:
    answer = things(request)
    return Response(status_code=500) if answer.status_code == 400 else answer


def of_another_shape(request: Request) -> Response:
    return (
        JSONResponse({"limit": "many"}) if things(request).status_code == 200 else things(request)
    )


def taking_anything(_request: Request) -> Response:
    return JSONResponse({"limit": 1})


def refusing_everything(_request: Request) -> Response:
    return Response(status_code=404)


@contextmanager
def served(view: Any, document: dict[str, Any]) -> Iterator[Server]:
    def openapi(_request: Request) -> Response:
        return JSONResponse(document)

    app = Starlette(routes=[Route("/things", view), Route("/api/openapi.json", openapi)])
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{port}"
    try:
        yield Server(url, {API: url, TOKEN: "token", API_KEY: "key", WEBHOOK_SECRET: "secret"})
    finally:
        server.should_exit = True
        thread.join()


def quick_options(folder: Path) -> Options:
    """The settings as they are, without what is about operations and tokens of the API only."""
    general, _, _ = SETTINGS.read_text().partition("[[operations]]")
    settings = folder / SETTINGS.name
    settings.write_text(re.sub(r"\[auth\.[^\[]*", "", general))
    return Options(max_examples=5, seed=1, settings=settings)


def found_in(
    view: Any, folder: Path, one: Pass = EVERYTHING, document: dict[str, Any] = DOCUMENT
) -> list[str]:
    with served(view, document) as server:
        return findings(server, [one], quick_options(folder), folder)


def test_nothing_is_found_where_all_is_right(tmp_path: Path) -> None:
    assert found_in(things, tmp_path) == []


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (crashing, "Server error"),
        (of_another_shape, "Response violates schema"),
        (taking_anything, "Schema-violating request accepted"),
        (refusing_everything, "GET /things never went well"),
    ],
)
def test_a_planted_defect_is_found(view: Any, expected: str, tmp_path: Path) -> None:
    assert expected in "\n".join(found_in(view, tmp_path))


def test_an_operation_that_was_left_out_is_told(tmp_path: Path) -> None:
    paths = {**DOCUMENT["paths"], "/others": DOCUMENT["paths"]["/things"]}
    one = Pass("one", ("--include-path", "/things"), EVERYTHING.phases_that_may_be_skipped)

    found = found_in(things, tmp_path, one, {**DOCUMENT, "paths": paths})

    assert found == ["1 operations were tested, the document has 2"]


def report(**changes: Any) -> dict[str, Any]:
    """What schemathesis reports of a run that found nothing."""
    return {
        "exit_code": 0,
        "complete": True,
        "stop_reason": "completed",
        "failures": [],
        "errors": [],
        "warnings": {"missing_auth": []},
        "phases": {"coverage": {"status": "success"}, "examples": {"status": "skip"}},
        "operations": {"total": 2, "selected": 1, "tested": 1},
        "valid_rates": {"GET /things": {"coverage": {"accepted": 3}}},
        **changes,
    }


def test_a_report_of_nothing_has_no_problems() -> None:
    assert list(problems_in(report(), EVERYTHING)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exit_code": 1}, "schemathesis ended with 1, completed"),
        ({"complete": False}, "schemathesis ended with 0, completed"),
        ({"failures": [{"title": "Server error", "count": 2}]}, "Server error: 2"),
        ({"errors": [{"title": "Hook Error"}]}, "error: Hook Error"),
        ({"warnings": {"missing_auth": ["GET /a"]}}, "warning missing_auth: GET /a"),
        ({"phases": {"coverage": {"status": "skip"}}}, "phase coverage: skip"),
        ({"phases": {"examples": {"status": "failure"}}}, "phase examples: failure"),
        ({"phases": None}, "no phase was run"),
        ({"operations": None}, "operations that were not tested: None"),
        ({"valid_rates": {}}, "operations that no right request was sent to: 1 of 1"),
        ({"valid_rates": {"GET /a": {"coverage": {"accepted": 0}}}}, "GET /a never went well"),
    ],
)
def test_what_is_wrong_with_a_run_is_told(changes: dict[str, Any], expected: str) -> None:
    assert list(problems_in(report(**changes), EVERYTHING)) == [expected]


def test_a_run_without_a_report_is_no_success() -> None:
    assert list(problems_in({}, EVERYTHING)) == ["schemathesis left no report"]


def unsupported(status: int) -> UnsupportedMethodResponse:
    return UnsupportedMethodResponse(
        operation="TRACE /", method="TRACE", status_code=status, failure_reason="wrong_status",
        message="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("failure", "content", "excused"),
    [
        (unsupported(404), b'{"code": "NOT_FOUND"}', True),
        (unsupported(404), b'{"message": "Missing Authentication Token"}', False),
        (unsupported(404), b"<h1>Not Found</h1>", False),
        (unsupported(404), b"[]", False),
        (unsupported(200), b'{"code": "NOT_FOUND"}', False),
        (ServerError(operation="GET /", status_code=500), b'{"code": "NOT_FOUND"}', False),
    ],
)
def test_only_an_unknown_verb_in_the_contracts_shape_is_excused(
    failure: Failure, content: bytes, excused: bool
) -> None:
    assert is_excused(failure, content) is excused
