"""`/metrics` through the handler: numbers as JSON and as Prometheus reads them."""

from datetime import UTC, datetime

import pytest

from chalicelib import wiring
from chalicelib.errors import Unavailable
from chalicelib.schemas.answers import Metrics
from chalicelib.services.figures import OUTCOMES, Figures, ResponseTimes, Source
from chalicelib.store import Stores
from tests.support.answers import check_common_headers, problem
from tests.support.exposition import read_open_metrics, read_text
from tests.support.fakes import FakePayments
from tests.support.lambda_api import LambdaApi
from tests.support.routes import CHECKOUT, open_shop

PROMETHEUS = "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
FIGURES = Figures(
    source=Source.CLOUDWATCH,
    since=datetime(2027, 6, 15, tzinfo=UTC),
    until=datetime(2027, 6, 15, 9, 5, tzinfo=UTC),
    requests=1200,
    client_errors=30,
    server_errors=2,
    times=ResponseTimes(p50=0.0125, p95=0.25, p99=None, total=60.25),
    outcomes={outcome.name: number for number, outcome in enumerate(OUTCOMES)},
)


class Fixed:
    """Figures that somebody else counted, or none."""

    def __init__(self, figures: Figures | None) -> None:
        self._figures = figures

    def read(self) -> Figures:
        if self._figures is None:
            raise Unavailable("the metrics cannot be reached right now; try again")
        return self._figures


@pytest.fixture
def _counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "figures", lambda: Fixed(FIGURES))


@pytest.mark.usefixtures("_counted")
def test_json_has_every_number_and_says_of_which_time(api: LambdaApi) -> None:
    answer = api.get("/metrics")

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    check_common_headers(answer)
    assert answer.headers["cache-control"] == "no-store"
    Metrics.model_validate(answer.json)
    body = answer.json
    assert (body["environment"], body["source"]) == ("local", "cloudwatch")
    assert body["window"] == {
        "from": "2027-06-15T00:00:00.000Z",
        "to": "2027-06-15T09:05:00.000Z",
        "seconds": 32_700.0,
    }
    assert body["requests"] == {
        "total": 1200,
        "errors": 32,
        "clientErrors": 30,
        "serverErrors": 2,
    }
    assert body["responseTimesMs"] == {"p50": 12.5, "p95": 250.0, "p99": None}
    assert list(body["business"])[:3] == ["checkouts", "paidOrders", "refunds"]
    assert body["business"] == {outcome.shown: number for number, outcome in enumerate(OUTCOMES)}


@pytest.mark.usefixtures("_counted")
@pytest.mark.parametrize(
    ("url", "accept"),
    [("/metrics", PROMETHEUS), ("/metrics?format=prometheus", "application/json")],
)
def test_prometheus_gets_its_text_format(api: LambdaApi, url: str, accept: str) -> None:
    answer = api.get(url, headers={"Accept": accept})

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    check_common_headers(answer)
    requests = read_text(answer.text)["events_api_http_requests_total"].samples
    assert sum(requests.values()) == 1200


@pytest.mark.usefixtures("_counted")
@pytest.mark.parametrize(
    ("url", "accept"),
    [
        ("/metrics", "application/openmetrics-text;version=1.0.0"),
        ("/metrics?format=openmetrics", "*/*"),
    ],
)
def test_open_metrics_is_there_for_who_prefers_it(api: LambdaApi, url: str, accept: str) -> None:
    answer = api.get(url, headers={"Accept": accept})

    kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert read_open_metrics(answer.text)["events_api"].kind == "info"


@pytest.mark.usefixtures("_counted")
def test_a_form_that_there_is_not_is_named(api: LambdaApi) -> None:
    problem(api.get("/metrics?format=xml"), "VALIDATION_ERROR")


@pytest.mark.parametrize("form", ["json", "prometheus", "openmetrics"])
def test_without_cloudwatch_it_is_a_503_of_the_contracts_shape(
    api: LambdaApi, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(wiring, "figures", lambda: Fixed(None))

    answer = api.get(f"/metrics?format={form}")

    problem(answer, "UNAVAILABLE")
    assert answer.headers["retry-after"]


def test_in_the_local_run_the_process_counts(
    api: LambdaApi, stores: Stores, payments: FakePayments
) -> None:
    open_shop(stores, payments)
    wiring.process_figures().record(200, 0.02)
    wiring.process_figures().record(404, 0.01)
    assert api.post("/api/payments/checkout", CHECKOUT).status == 201
    wrong = {**CHECKOUT, "unitPrice": 1, "totalAmount": 1}
    assert api.post("/api/payments/checkout", wrong).status == 400

    body = api.get("/metrics").json

    assert body["source"] == "process"
    assert (body["requests"]["total"], body["requests"]["clientErrors"]) == (2, 1)
    assert body["responseTimesMs"]["p99"] == pytest.approx(20, rel=0.02)
    assert (body["business"]["checkouts"], body["business"]["priceMismatches"]) == (1, 1)


def test_deployed_it_is_cloudwatch_and_nothing_is_counted_in_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from chalicelib.adapters.cloudwatch import CloudWatchFigures
    from chalicelib.observability import BusinessMetrics

    monkeypatch.setenv("STAGE", "prod")
    monkeypatch.setenv("API_NAME", "shop")

    assert isinstance(wiring.figures(), CloudWatchFigures)
    assert isinstance(wiring.meter(), BusinessMetrics)


@pytest.mark.usefixtures("tables")
def test_a_stage_without_the_apis_name_says_nothing_to_strangers(
    api: LambdaApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE", "prod")

    problem(api.get("/metrics"), "INTERNAL_ERROR")
