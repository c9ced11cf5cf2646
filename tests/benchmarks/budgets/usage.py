"""How much of what AWS is paid for: by a page view, by a sold ticket, and by a stage at which
nothing happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from infra.packaging.choices import HAS_FIREWALL
from infra.packaging.template import merge_template
from tests.benchmarks.budgets import counts
from tests.benchmarks.budgets.cases import API, AUTHORIZER, PAGE_OF_50, TIMER, WEBHOOK
from tests.benchmarks.budgets.durations import (
    cold_ms,
    duration_ms,
    gb_seconds,
    measured,
    memory_mb,
    wait_ms,
)
from tests.benchmarks.budgets.metering import Count
from tests.benchmarks.budgets.prices import added, times

_GB: Final = 10**9
SECONDS_A_MONTH: Final = 30 * 24 * 3600
HOURS_A_MONTH: Final = 730
TIMER_RUNS_A_MONTH: Final = SECONDS_A_MONTH // 300

# What API Gateway, WAF and Lambda write of a request, in bytes: a line of the access log, and the
# lines START, END and REPORT of the function.
ACCESS_LOG_BYTES: Final = 550
FUNCTION_LOG_BYTES: Final = 400
# Traces: one request a second and 5 % of the others ("Configuring sampling rules", the default).
TRACED: Final = 0.05
COLD: Final = 0.01
# What the code counts while tickets are sold; each is paid in months in which it gets data.
OUTCOMES: Final = (
    "CheckoutStarted",
    "ConfirmationSent",
    "HoldReleased",
    "OrderPaid",
    "TicketCheckedIn",
)
NOTHING: Final = Count({}, 0, {})


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the API, or a call of another function.

    `case` is what it is counted as, `processor` what it was measured as; `sends` is how many bytes
    go out, `logs` how many the function writes of its own. Where it is `through_gateway`, the
    gateway, the firewall and the access log are paid as well.
    """

    function: str
    case: str | None
    processor: str
    sends: int = 0
    logs: int = 0
    through_gateway: bool = True

    @property
    def count(self) -> Count:
        """What it asks of others."""
        return NOTHING if self.case is None else counts.of(self.function, self.case)

    def seconds(self) -> float:
        """How long its function runs, cold ones among others."""
        times_ = measured()[self.processor]
        waited, memory = wait_ms(self.count), memory_mb(self.function)
        cold = cold_ms(times_, waited, memory)
        return (COLD * cold + (1 - COLD) * duration_ms(times_.warm_ms, waited, memory)) / 1000

    def usage(self) -> dict[str, float]:
        """Return what it uses."""
        count = self.count
        own = {
            "lambda_requests": 1.0,
            "lambda_gb_seconds": gb_seconds(self.seconds() * 1000, memory_mb(self.function)),
            "read_units": float(count.read_units),
            "write_units": count.write_units,
            "log_gb": (FUNCTION_LOG_BYTES + self.logs) / _GB,
            "mails": float(count.others.get("sesv2 SendEmail", 0)),
            "mail_gb": count.others.get("sesv2 SendEmail", 0) * MAIL_BYTES / _GB,
        }
        return added(own, self._at_gateway() if self.through_gateway else {})

    def _at_gateway(self) -> dict[str, float]:
        return {
            "api_requests": 1.0,
            "waf_requests": 1.0,
            "log_gb": ACCESS_LOG_BYTES / _GB,
            "data_out_gb": self.sends / _GB,
            "xray_traces": TRACED,
        }


# Bytes on the wire, compressed, with headers: a page of fifty events, one event, the cities, the
# other answers. What stands in the function's log of a sale are lines of its own, and of metrics.
MAIL_BYTES: Final = 25_000
_HEADERS: Final = 900
_LIST = Request(API, PAGE_OF_50, "GET /api/events", _HEADERS + 20_000)
_EVENT = Request(API, "GET /api/events/{slug}", "GET /api/events/{slug}", _HEADERS + 800)
_CITIES = Request(API, "GET /api/cities", "GET /api/cities", _HEADERS + 2_500)
_PREFLIGHT = Request(API, None, "GET /api/events/{slug}", _HEADERS)
_CHECKOUT = Request(
    API, "POST /api/payments/checkout", "POST /api/payments/checkout", _HEADERS + 600, 1_500
)
_VERIFY = Request(
    API,
    "GET /api/payments/verify-session/{session_id}",
    "POST /api/payments/checkout",
    _HEADERS + 500,
)
_TICKETS = Request(API, "GET /api/orders/{id}/tickets", "GET /api/events/{slug}", _HEADERS + 3_000)
_ORDERS = Request(API, "GET /api/orders", "GET /api/events/{slug}", _HEADERS + 1_000)
_CHECK_IN = Request(
    API,
    "POST /api/admin/tickets/{code}/check-in",
    "GET /api/events/{slug}",
    _HEADERS + 300,
    600,
)
_PAID = Request(
    WEBHOOK,
    "checkout.session.completed (paid)",
    "checkout.session.completed (paid)",
    _HEADERS,
    1_800,
)
_EXPIRED = Request(WEBHOOK, "checkout.session.expired", "checkout.session.expired", _HEADERS, 800)
_TOKEN = Request(AUTHORIZER, "a good token, keys known", "a good token", through_gateway=False)
_TIMER_RUN = Request(TIMER, "nothing to do", "nothing to do", through_gateway=False)


@dataclass(frozen=True, slots=True)
class PageView:
    """Somebody looks at the list, an event and the cities.

    Of these three requests browsers answer `kept` by themselves (`max-age=30`, and again while
    they ask anew); of the rest `unchanged` are answered 304, which costs all the same but what it
    sends.
    """

    kept: float = 0.3
    unchanged: float = 0.2

    def requests(self) -> float:
        """How many requests reach the API."""
        return 3 * (1 - self.kept)

    def usage(self) -> dict[str, float]:
        """Return what it uses."""
        whole = added(*(request.usage() for request in (_LIST, _EVENT, _CITIES)))
        unsent = self.unchanged * (whole["data_out_gb"] - 3 * _HEADERS / _GB)
        return times(1 - self.kept, {**whole, "data_out_gb": whole["data_out_gb"] - unsent})


@dataclass(frozen=True, slots=True)
class Selling:
    """Tickets are sold, `tickets` an order. `left` checkouts for each order end unpaid; of the
    buyers `signed_in` are, and look at their orders; the page that Stripe sends a buyer back to
    asks twice how it went, and shows the tickets; each ticket is scanned once.
    """

    tickets: int = 2
    left: float = 0.3
    signed_in: float = 0.2

    def usage_of_order(self) -> dict[str, float]:
        """Return what an order uses, with the checkouts that came to nothing."""
        once = (_PREFLIGHT, _CHECKOUT, _PAID, _VERIFY, _VERIFY, _TICKETS)
        return added(
            *(request.usage() for request in once),
            *(times(self.left, one.usage()) for one in (_PREFLIGHT, _CHECKOUT, _EXPIRED)),
            *(times(self.signed_in, one.usage()) for one in (_TOKEN, _ORDERS)),
            times(self.tickets, _CHECK_IN.usage()),
        )

    def usage(self) -> dict[str, float]:
        """Return what a ticket uses."""
        return times(1 / self.tickets, self.usage_of_order())


@dataclass(frozen=True, slots=True)
class Idle:
    """A stage at which nobody calls, for a month: what its template makes that is paid for.

    `data_gb` is what its tables hold, `custom_metrics` how many outcomes were counted.
    """

    stage: str = "prod"
    firewall: bool = True
    alarm_email: bool = True
    data_gb: float = 0.05
    packages_gb: float = 0.3

    def usage(self) -> dict[str, float]:
        """Return what it uses."""
        return added(
            times(TIMER_RUNS_A_MONTH, _TIMER_RUN.usage()),
            {
                "kms_requests": TIMER_RUNS_A_MONTH * COLD,
                "alarm_metrics": float(self.watched()),
                "dashboards": 1.0,
                "waf_acls": float(self.firewall),
                "waf_rules": float(len(self._rules()) if self.firewall else 0),
                "kms_keys": float(self.alarm_email),
                "table_gb": self.data_gb,
                "pitr_gb": self.data_gb,
                "log_kept_gb": 0.01,
                "package_gb": self.packages_gb,
                "ssm_parameters": 2.0,
            },
        )

    def watched(self) -> int:
        """Return how many metrics its alarms watch, an expression's one by one."""
        return sum(
            _watched(resource["Properties"])
            for resource in _resources(self.stage).values()
            if resource.get("Type") == "AWS::CloudWatch::Alarm"
            and (self.firewall or resource.get("Condition") != HAS_FIREWALL)
        )

    def _rules(self) -> list[object]:
        rules: list[object] = _resources(self.stage)["WebAcl"]["Properties"]["Rules"]
        return rules


@cache
def _resources(stage: str) -> Mapping[str, Any]:
    resources: Mapping[str, Any] = merge_template(stage)["Resources"]
    return resources


def _watched(alarm: Mapping[str, Any]) -> int:
    metrics = alarm.get("Metrics")
    return 1 if metrics is None else sum("MetricStat" in metric for metric in metrics)


@dataclass(frozen=True, slots=True)
class AlwaysOn:
    """The smallest alternative that is always there: a load balancer in two zones, an instance,
    and a database with 20 GB. `spare` has a second instance in another zone, and a database that
    stands in two.
    """

    spare: bool = False
    disk_gb: float = 8
    database_gb: float = 20

    def usage(self) -> dict[str, float]:
        """Return what a month of it uses, whoever calls."""
        instances = 2 if self.spare else 1
        size = "t4g_small_hours" if self.spare else "t4g_micro_hours"
        database = "db_t4g_micro_two_zones_hours" if self.spare else "db_t4g_micro_hours"
        storage = "db_two_zones_gb" if self.spare else "db_gb"
        return {
            "alb_hours": HOURS_A_MONTH,
            "ipv4_hours": HOURS_A_MONTH * (2 + instances),
            size: HOURS_A_MONTH * instances,
            "disk_gb": self.disk_gb * instances,
            database: HOURS_A_MONTH,
            storage: self.database_gb,
        }

    def usage_of_page_view(self, view: PageView) -> dict[str, float]:
        """Return what a page view adds: what goes out, a line of a log, and the balancer's units,
        one of which takes 25 connections, or 1 GB an hour ("Elastic Load Balancing pricing").
        """
        ours = view.usage()
        return {
            "data_out_gb": ours["data_out_gb"],
            "log_gb": view.requests() * ACCESS_LOG_BYTES / _GB,
            "alb_lcu_hours": max(ours["data_out_gb"], view.requests() / (25 * 3600)),
        }


def monthly(idle: Idle, page_views: float, tickets: float) -> dict[str, float]:
    """Return what a month uses."""
    used = added(idle.usage(), times(page_views, PageView().usage()), a_months_sale(tickets))
    return used if idle.firewall else {**used, "waf_requests": 0.0}


def a_months_sale(tickets: float) -> dict[str, float]:
    """Return what the tickets of a month use, with the names under which they are counted."""
    named = {"custom_metrics": float(len(OUTCOMES) if tickets else 0)}
    return added(times(tickets, Selling().usage()), named)
