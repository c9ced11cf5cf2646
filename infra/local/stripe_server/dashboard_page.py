"""What people do at Stripe and banks do by themselves, in a browser or by `curl`: refunds made in
the dashboard, refunds that end otherwise, disputes, webhooks that do not arrive.

`/dashboard/sessions/{session id}` shows a session's money, with buttons. Actions are form posts:

    /dashboard/sessions/{session id}/refund    back to the buyer; `amount=` minor units, or all
    /dashboard/sessions/{session id}/dispute   funds are withdrawn; `amount=`, `reason=`
    /dashboard/sessions/{session id}/inquiry   a dispute that takes no funds yet
    /dashboard/refunds/{refund id}/succeed     a pending one arrives
    /dashboard/refunds/{refund id}/fail        the money comes back; `reason=`
    /dashboard/disputes/{dispute id}/answer    evidence is sent
    /dashboard/disputes/{dispute id}/win       the funds are reinstated; an inquiry is closed
    /dashboard/disputes/{dispute id}/lose
    /dashboard/switches/{name}/{value}         see `switches`: deliveries, next_refund

Each answers 303 to where its effect is shown, 409 with a page that says why not, or 404:

    curl --include --request POST --data amount=500 {base}/dashboard/sessions/{id}/refund
"""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from . import disputes, records, refunds, switches
from .calls import Call
from .config import Config
from .currencies import show
from .errors import ApiError, InvalidRequestError, MissingResourceError
from .form import parse
from .html import page, table, text, time_of
from .objects import CHARGE, DISPUTE, REFUND, SESSION
from .payments import require
from .records import Json, Window
from .store import Store

_MOST = 100
_OVERVIEW = "/"


@dataclass(frozen=True, slots=True)
class Form:
    """What was posted: an amount in minor units, a reason; None where it was left out."""

    amount: int | None
    reason: str | None


Act = Callable[[Call, str, Form], str]
"""Does something to the object of an id, and returns the id of the session that it belongs to."""


def _refund(call: Call, session_id: str, form: Form) -> str:
    refunds.from_dashboard(call, _charge_of(call, session_id), form.amount)
    return session_id


def _dispute(call: Call, session_id: str, form: Form) -> str:
    disputes.begin(call, _charge_of(call, session_id), form.amount, form.reason or "fraudulent")
    return session_id


def _inquiry(call: Call, session_id: str, form: Form) -> str:
    charge, reason = _charge_of(call, session_id), form.reason or "general"
    disputes.begin(call, charge, form.amount, reason, inquiry=True)
    return session_id


def _succeed(call: Call, refund_id: str, _form: Form) -> str:
    refund = require(call, REFUND, refund_id, param="refund")
    refunds.succeed(call, refund)
    return _session_of(call, refund)


def _fail(call: Call, refund_id: str, form: Form) -> str:
    refund = require(call, REFUND, refund_id, param="refund")
    refunds.fail(call, refund, form.reason or "expired_or_canceled_card")
    return _session_of(call, refund)


def _on_dispute(change: Callable[[Call, Json], None]) -> Act:
    def act(call: Call, dispute_id: str, _form: Form) -> str:
        dispute = require(call, DISPUTE, dispute_id, param="dispute")
        change(call, dispute)
        return _session_of(call, dispute)

    return act


_ACTIONS: dict[tuple[str, str], Act] = {
    ("sessions", "refund"): _refund,
    ("sessions", "dispute"): _dispute,
    ("sessions", "inquiry"): _inquiry,
    ("refunds", "succeed"): _succeed,
    ("refunds", "fail"): _fail,
    ("disputes", "answer"): _on_dispute(disputes.answer),
    ("disputes", "win"): _on_dispute(disputes.win),
    ("disputes", "lose"): _on_dispute(disputes.lose),
}


def routes(config: Config) -> list[BaseRoute]:
    """Return the routes of the page and its actions."""

    async def show_page(request: Request) -> Response:
        return await run_in_threadpool(_show, config, request)

    async def act(request: Request) -> Response:
        return await run_in_threadpool(_act, config, request, await request.body())

    async def switch(request: Request) -> Response:
        return await run_in_threadpool(_switch, request)

    return [
        Route("/dashboard/sessions/{id}", show_page, methods=["GET"]),
        Route("/dashboard/switches/{name}/{value}", switch, methods=["POST"]),
        Route("/dashboard/{kind}/{id}/{action}", act, methods=["POST"]),
    ]


def _show(config: Config, request: Request) -> Response:
    store: Store = request.state.store
    with store.transaction() as tx:
        call = Call(tx, config, int(config.now()))
        record = records.find(tx, SESSION, request.path_params["id"])
        if record is None:
            return _nothing_here()
        session, intent = record.body, record.body["payment_intent"]
        charges = _of_payment(call, CHARGE, intent)
        returned = _of_payment(call, REFUND, intent)
        disputed = _of_payment(call, DISPUTE, intent)
    content = (
        f'<main class="wide"><h1>Session {text(session["id"])}</h1>'
        f"<p>{text(session['status'])}, {text(session['payment_status'])},"
        f" {text(show(session['amount_total'], session['currency']))}</p>"
        f"{''.join(_payment_section(session, charge) for charge in charges)}"
        f"<h2>Refunds</h2>{_refunds_table(returned)}"
        f"<h2>Disputes</h2>{_disputes_table(disputed)}"
        f'<p><a href="{_OVERVIEW}">All sessions</a></p></main>'
    )
    return page(f"Session {session['id']}", content)


def _act(config: Config, request: Request, body: bytes) -> Response:
    path = request.path_params
    act = _ACTIONS.get((path["kind"], path["action"]))
    if act is None:
        return _nothing_here()
    store: Store = request.state.store
    try:
        with store.transaction() as tx:
            session_id = act(Call(tx, config, int(config.now())), path["id"], _form(body))
    except MissingResourceError:
        return _nothing_here()
    except ApiError as error:
        return _not_possible(error.message)
    return _see(f"/dashboard/sessions/{session_id}")


def _switch(request: Request) -> Response:
    store: Store = request.state.store
    name, value = request.path_params["name"], request.path_params["value"]
    if value not in switches.CHOICES.get(name, ()):
        return _nothing_here()
    with store.transaction() as tx:
        switches.put(tx, name, value)
    return _see(_OVERVIEW)


def _form(body: bytes) -> Form:
    posted = parse(body)
    amount, reason = posted.get("amount") or None, posted.get("reason") or None
    if amount is not None and not (isinstance(amount, str) and amount.isdecimal()):
        raise InvalidRequestError("An amount is a whole number of minor units, or left out.")
    return Form(None if amount is None else int(amount), None if reason is None else str(reason))


def _charge_of(call: Call, session_id: str) -> Json:
    session = require(call, SESSION, session_id, param="session")
    charges = _of_payment(call, CHARGE, session["payment_intent"])
    if not charges:
        raise InvalidRequestError("Nothing was paid in this session.")
    return charges[0]


def _session_of(call: Call, subject: Json) -> str:
    return str(_of_payment(call, SESSION, subject["payment_intent"])[0]["id"])


def _of_payment(call: Call, kind: str, intent: str | None) -> list[Json]:
    if intent is None:
        return []
    found, _ = records.page(call.tx, kind, {"payment_intent": intent}, Window(_MOST))
    return found


def _payment_section(session: Json, charge: Json) -> str:
    money = {name: show(charge[name], charge["currency"]) for name in _AMOUNTS}
    address = f"/dashboard/sessions/{text(session['id'])}"
    reasons = "".join(f"<option>{reason}</option>" for reason in ("", *disputes.REASONS))
    return (
        f"<p>Charge {text(charge['id'])}: {text(charge['status'])},"
        f" {text(money['amount_captured'])} came in, {text(money['amount_refunded'])} went back</p>"
        f'<form method="post" action="{address}/refund">'
        '<label for="amount">Amount in minor units; empty for all that is left</label>'
        '<input id="amount" name="amount" inputmode="numeric" pattern="[0-9]*">'
        '<label for="reason">Reason of a dispute</label>'
        f'<select id="reason" name="reason">{reasons}</select>'
        '<button class="main">Refund, as in the dashboard</button>'
        f'<button formaction="{address}/dispute">Dispute, with the funds withdrawn</button>'
        f'<button formaction="{address}/inquiry">Inquire, without touching the funds</button>'
        "</form>"
    )


_AMOUNTS = ("amount_captured", "amount_refunded")


def _refunds_table(found: list[Json]) -> str:
    rows = [
        (
            time_of(refund),
            text(refund["id"]),
            text(show(refund["amount"], refund["currency"])),
            text(refund["status"]),
            text(refund["metadata"].get("refundKey", "made in the dashboard")),
            _buttons("refunds", refund, _refund_choices(refund)),
        )
        for refund in found
    ]
    columns = ("Created", "Refund", "Amount", "Status", "Key", "Let it")
    return table("Its refunds", columns, rows)


def _refund_choices(refund: Json) -> tuple[str, ...]:
    choices = {"pending": ("succeed", "fail"), "succeeded": ("fail",)}
    return choices.get(refund["status"], ())


def _disputes_table(found: list[Json]) -> str:
    rows = [
        (
            time_of(dispute),
            text(dispute["id"]),
            text(show(dispute["amount"], dispute["currency"])),
            text(dispute["status"]),
            text(dispute["reason"]),
            _buttons("disputes", dispute, _dispute_choices(dispute)),
        )
        for dispute in found
    ]
    columns = ("Created", "Dispute", "Amount", "Status", "Reason", "Do")
    return table("Its disputes", columns, rows)


def _dispute_choices(dispute: Json) -> tuple[str, ...]:
    choices = {
        "needs_response": ("answer", "win", "lose"),
        "under_review": ("win", "lose"),
        "warning_needs_response": ("answer", "win"),
        "warning_under_review": ("win",),
    }
    return choices.get(dispute["status"], ())


def _buttons(kind: str, subject: Json, actions: tuple[str, ...]) -> str:
    return "".join(
        f'<form method="post" action="/dashboard/{kind}/{text(subject["id"])}/{action}">'
        f"<button>{action}</button></form>"
        for action in actions
    )


def _see(address: str) -> Response:
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def _not_possible(why: str) -> Response:
    title = "That is not possible now"
    return page(title, f"<main><h1>{title}</h1><p>{text(why)}</p></main>", status=409)


def _nothing_here() -> Response:
    title = "There is no such thing"
    return page(title, f"<main><h1>{title}</h1><p>Check the address.</p></main>", status=404)
