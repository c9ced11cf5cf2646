"""How the service is: a page for people, JSON for monitors, and whether it is ready to sell."""

from http import HTTPStatus
from typing import Any

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.clock import to_iso, utc_now
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.negotiation import preferred
from chalicelib.http.operations import JSON, Answer, Operation, Tag
from chalicelib.http.query import ChoiceParameter
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import Headers, json_response
from chalicelib.version import VERSION

blueprint = ApiBlueprint(__name__)

_HTML = "text/html"
_MEGABYTE = 1024 * 1024
# What a check found is kept that long, so to ask again sooner is to no purpose.
_RETRY_AFTER = {"Retry-After": "5"}
_WHOLE = HTTPStatus.OK
_DOWN = HTTPStatus.SERVICE_UNAVAILABLE

FORMAT: ChoiceParameter[str | None] = ChoiceParameter(
    "format",
    {"html": _HTML, "json": JSON},
    None,
    description="Whether to show the page or JSON, whatever `Accept` says.",
)
_ILL = "The database does not answer: nothing works."
_HEALTH = (
    Answer("The service works, if perhaps not all of it.", model="Health"),
    Answer(_ILL, _DOWN.value, model="Health"),
)


@blueprint.api(
    "/health",
    describes=Operation(
        summary="How the service is",
        tag=Tag.OPERATIONS,
        parameters=(FORMAT,),
        answers=(
            Answer("The page.", media_type=_HTML),
            Answer(_ILL, _DOWN.value, media_type=_HTML),
            *_HEALTH,
        ),
    ),
)
def health_page(request: ApiRequest) -> Response:
    """Show a page for people, or JSON to who prefers `application/json` or says `format=json`."""
    chosen = FORMAT.read(request) or preferred(request.header("Accept"), (_HTML, JSON))
    shown = _health()
    if chosen == JSON:
        return _answer(shown)
    from chalicelib.http.health_page import render

    text, policy = render(shown, "../" if request.ends_with_slash else "")
    headers: Headers = {
        "Content-Type": f"{_HTML}; charset=utf-8",
        "Content-Security-Policy": policy,
        **_retry(shown),
    }
    return Response(text, headers, _status(shown))


@blueprint.api(
    "/health/json",
    describes=Operation(summary="The same as JSON", tag=Tag.OPERATIONS, answers=_HEALTH),
)
def health_json(_request: ApiRequest) -> Response:
    """Tell how the service is. `unhealthy` (503) is a database that does not answer; with payments
    or memory amiss it is `degraded`, and events can still be looked at. Ask for this in a monitor.
    """
    return _answer(_health())


@blueprint.api(
    "/ready",
    describes=Operation(
        summary="Whether tickets can be sold",
        tag=Tag.OPERATIONS,
        answers=(
            Answer("The database and Stripe answer, and there is a secret key.", model="Readiness"),
            Answer("One of them does not, or there is none.", _DOWN.value, model="Readiness"),
        ),
    ),
)
def readiness(_request: ApiRequest) -> Response:
    """Tell whether what a sale needs first is there: a database and a Stripe that answer, and a
    secret key of this stage's kind. To be asked after a deployment. Whether Stripe takes the key,
    and whether webhooks arrive, it does not tell. That Stripe is down makes it `not_ready`, though
    events can still be looked at.
    """
    found = wiring.health().readiness()
    body = {
        "status": "ready" if found.ready else "not_ready",
        "checks": {"database": found.database, "external_services": found.external_services},
    }
    if found.ready:
        return json_response(body)
    return json_response(body, _DOWN.value, _RETRY_AFTER)


def _health() -> dict[str, Any]:
    report = wiring.health().report()
    memory = report.memory
    return {
        "status": report.status.value,
        "timestamp": to_iso(utc_now()),
        "version": VERSION,
        "environment": wiring.stage(),
        "uptime": round(wiring.uptime(), 3),
        "checks": {
            "database": _check(report.database.status.value, report.database.seconds),
            "payments": _check(report.payments.status.value, report.payments.seconds),
            "memory": {
                "status": memory.status.value,
                "usedMb": memory.used // _MEGABYTE,
                "limitMb": None if memory.limit is None else memory.limit // _MEGABYTE,
                "usedPercent": memory.percent,
            },
        },
    }


def _check(status: str, seconds: float | None) -> dict[str, Any]:
    milliseconds = None if seconds is None else round(seconds * 1000, 1)
    return {"status": status, "latencyMs": milliseconds}


def _answer(shown: dict[str, Any]) -> Response:
    return json_response(shown, _status(shown), _retry(shown))


def _status(shown: dict[str, Any]) -> int:
    return (_DOWN if shown["status"] == "unhealthy" else _WHOLE).value


def _retry(shown: dict[str, Any]) -> dict[str, str]:
    return _RETRY_AFTER if shown["status"] == "unhealthy" else {}
