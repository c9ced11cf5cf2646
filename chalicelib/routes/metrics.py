"""The service in numbers, for machines that have an API key."""

from typing import Any

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.clock import to_iso, utc_now
from chalicelib.http.blueprint import ApiBlueprint
from chalicelib.http.negotiation import preferred
from chalicelib.http.operations import JSON, Answer, Operation, Tag
from chalicelib.http.query import ChoiceParameter
from chalicelib.http.requests import ApiRequest
from chalicelib.http.responses import json_response
from chalicelib.version import VERSION

blueprint = ApiBlueprint(__name__)

_PLAIN, _OPEN_METRICS = "text/plain", "application/openmetrics-text"

FORMAT: ChoiceParameter[str | None] = ChoiceParameter(
    "format",
    {"json": JSON, "prometheus": _PLAIN, "openmetrics": _OPEN_METRICS},
    None,
    description="The form of the numbers, whatever `Accept` says.",
)


@blueprint.api(
    "/metrics",
    needs_api_key=True,
    describes=Operation(
        summary="The service in numbers",
        tag=Tag.OPERATIONS,
        parameters=(FORMAT,),
        answers=(
            Answer("The numbers.", model="Metrics"),
            Answer("The same in Prometheus' text format.", media_type=_PLAIN),
            Answer("The same as OpenMetrics.", media_type=_OPEN_METRICS),
        ),
    ),
)
def metrics(request: ApiRequest) -> Response:
    """Tell how many requests there were, how long they took and what came of them: `window` says in
    which time. Numbers only grow until a window begins anew, as counters of a monitor do.

    Deployed, they are CloudWatch's, of the day in UTC, a few minutes late. In the local run they
    are those of its process.
    """
    chosen = FORMAT.read(request) or preferred(
        request.header("Accept"), (JSON, _OPEN_METRICS, _PLAIN)
    )
    if chosen == JSON:
        return json_response(_shown())
    from chalicelib.http import exposition

    figures = wiring.figures().read()
    if chosen == _PLAIN:
        text, media_type = exposition.prometheus_text(figures, wiring.stage()), exposition.TEXT
    else:
        text = exposition.open_metrics_text(figures, wiring.stage())
        media_type = exposition.OPEN_METRICS
    return Response(text, {"Content-Type": media_type}, 200)


def _shown() -> dict[str, Any]:
    from chalicelib.services.figures import OUTCOMES

    figures = wiring.figures().read()
    times = figures.times
    return {
        "timestamp": to_iso(utc_now()),
        "version": VERSION,
        "environment": wiring.stage(),
        "source": figures.source.value,
        "window": {
            "from": to_iso(figures.since),
            "to": to_iso(figures.until),
            "seconds": round((figures.until - figures.since).total_seconds(), 3),
        },
        "requests": {
            "total": figures.requests,
            "errors": figures.client_errors + figures.server_errors,
            "clientErrors": figures.client_errors,
            "serverErrors": figures.server_errors,
        },
        "responseTimesMs": {
            "p50": _milliseconds(times.p50),
            "p95": _milliseconds(times.p95),
            "p99": _milliseconds(times.p99),
        },
        "business": {outcome.shown: figures.outcomes[outcome.name] for outcome in OUTCOMES},
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
