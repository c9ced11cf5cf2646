"""What developers look at: recent sessions, events and their deliveries, how the switches are set,
and a health check. What its buttons do is `dashboard_page`'s.
"""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from . import deliveries, records, switches
from .config import Config
from .currencies import show
from .deliveries import Progress
from .html import page, table, text, time_of
from .objects import EVENT, SESSION
from .records import Json, Window
from .store import Store

_SHOWN = 50


def routes(config: Config) -> list[BaseRoute]:
    """`/` and `/healthz`."""

    async def overview(request: Request) -> Response:
        return await run_in_threadpool(_overview, config, request)

    async def health(request: Request) -> Response:
        return await run_in_threadpool(_health, request)

    return [Route("/", overview), Route("/healthz", health)]


def _health(request: Request) -> Response:
    store: Store = request.state.store
    with store.transaction() as tx:
        tx.execute("SELECT 1 FROM records LIMIT 1").fetchone()
    return JSONResponse({"status": "ok"})


def _overview(config: Config, request: Request) -> Response:
    store: Store = request.state.store
    with store.transaction() as tx:
        sessions, _ = records.page(tx, SESSION, {}, Window(_SHOWN))
        events, _ = records.page(tx, EVENT, {}, Window(_SHOWN))
        progress = deliveries.progress(tx, [event["id"] for event in events])
        settings = {name: switches.get(tx, name) for name in switches.CHOICES}
    receiver = config.webhook_url or "nobody: no webhook URL was given"
    content = (
        '<main class="wide"><h1>Local Stripe</h1>'
        f'<p class="note">Events are sent to {text(receiver)}.</p>'
        f"{_switches_form(settings)}"
        f"<h2>Sessions</h2>{_sessions_table(sessions)}"
        f"<h2>Events</h2>{_events_table(events, progress)}</main>"
    )
    return page("Local Stripe", content)


_SWITCHES = {
    switches.DELIVERIES: {
        switches.SENT: "Events are sent",
        switches.HELD: "Events are held back",
        switches.LOST: "Events are lost",
    },
    switches.NEXT_REFUND: {
        switches.SUCCEEDED: "The next refund succeeds",
        switches.PENDING: "The next refund is pending",
        switches.FAILED: "The next refund fails",
    },
}


def _switches_form(settings: dict[str, str]) -> str:
    buttons = "".join(
        _switch_button(f"{name}/{value}", label, is_set=settings[name] == value)
        for name, choices in _SWITCHES.items()
        for value, label in choices.items()
    )
    return f'<form method="post" class="row">{buttons}</form>'


def _switch_button(setting: str, label: str, *, is_set: bool) -> str:
    marks = ' class="main" aria-pressed="true"' if is_set else ' aria-pressed="false"'
    return f'<button formaction="/dashboard/switches/{setting}"{marks}>{label}</button>'


def _sessions_table(sessions: list[Json]) -> str:
    rows = [
        (
            time_of(session),
            f'<a href="/c/pay/{text(session["id"])}">{text(session["id"])}</a>',
            text(show(session["amount_total"], session["currency"])),
            text(session["status"]),
            text(session["payment_status"]),
            text(session["client_reference_id"] or ""),
            f'<a href="/dashboard/sessions/{text(session["id"])}">Refund, dispute</a>',
        )
        for session in sessions
    ]
    columns = ("Created", "Session", "Total", "Status", "Payment", "Reference", "Money")
    return table(f"The last {_SHOWN} checkout sessions", columns, rows)


def _events_table(events: list[Json], progress: dict[str, Progress]) -> str:
    rows = [
        (
            time_of(event),
            text(event["type"]),
            text(event["id"]),
            text(event["data"]["object"]["id"]),
            _delivery(progress.get(event["id"])),
        )
        for event in events
    ]
    columns = ("Created", "Type", "Event", "About", "Delivery")
    return table(f"The last {_SHOWN} events", columns, rows)


def _delivery(progress: Progress | None) -> str:
    if progress is None:
        return "no receiver"
    attempts = f"{progress.attempts} attempt{'' if progress.attempts == 1 else 's'}"
    outcome = f", last: {text(progress.outcome)}" if progress.outcome else ""
    return f"{text(progress.state)} ({attempts}{outcome})"
