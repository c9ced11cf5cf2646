"""What developers look at: recent sessions, events and their deliveries, and a health check.

It shows only, and changes nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from . import deliveries, records
from .config import Config
from .currencies import show
from .deliveries import Progress
from .html import page, text
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
    receiver = config.webhook_url or "nobody: no webhook URL was given"
    content = (
        '<main class="wide"><h1>Local Stripe</h1>'
        f'<p class="note">Events are sent to {text(receiver)}.</p>'
        f"<h2>Sessions</h2>{_sessions_table(sessions)}"
        f"<h2>Events</h2>{_events_table(events, progress)}</main>"
    )
    return page("Local Stripe", content)


def _sessions_table(sessions: list[Json]) -> str:
    rows = [
        (
            _time(session),
            f'<a href="/c/pay/{text(session["id"])}">{text(session["id"])}</a>',
            text(show(session["amount_total"], session["currency"])),
            text(session["status"]),
            text(session["payment_status"]),
            text(session["client_reference_id"] or ""),
        )
        for session in sessions
    ]
    columns = ("Created", "Session", "Total", "Status", "Payment", "Reference")
    return _table(f"The last {_SHOWN} checkout sessions", columns, rows)


def _events_table(events: list[Json], progress: dict[str, Progress]) -> str:
    rows = [
        (
            _time(event),
            text(event["type"]),
            text(event["id"]),
            text(event["data"]["object"]["id"]),
            _delivery(progress.get(event["id"])),
        )
        for event in events
    ]
    columns = ("Created", "Type", "Event", "About", "Delivery")
    return _table(f"The last {_SHOWN} events", columns, rows)


def _delivery(progress: Progress | None) -> str:
    if progress is None:
        return "no receiver"
    attempts = f"{progress.attempts} attempt{'' if progress.attempts == 1 else 's'}"
    outcome = f", last: {text(progress.outcome)}" if progress.outcome else ""
    return f"{text(progress.state)} ({attempts}{outcome})"


def _time(subject: Json) -> str:
    moment = datetime.fromtimestamp(subject["created"], UTC)
    return f'<time datetime="{moment.isoformat()}">{moment:%Y-%m-%d %H:%M:%S}</time>'


def _table(caption: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f"<table><caption>{caption}, times in UTC</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
