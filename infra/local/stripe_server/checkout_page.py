"""The page a buyer pays on, in a browser or by `curl`. What paying does is `lifecycle`'s.

Actions, as form posts to `/c/pay/{session id}/{action}`:

    pay              paid at once
    pay-later        complete and unpaid now, paid a little later
    pay-later-fails  complete and unpaid now, failed a little later
    cancel           back to the shop; the session stays open

Each answers 303 to the shop's page (its address is in `Location`), or 409 with a page that says
why once the session is no longer open. `email=...` in the form stands for what a buyer types in:

    curl --include --request POST --data email=ada@example.com {url}/pay
"""

from collections.abc import Callable
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from . import lifecycle, sessions, timers
from .calls import Call
from .config import Config
from .currencies import show
from .errors import ApiError
from .form import parse
from .html import page, text
from .records import Json, Record
from .store import Store

_DEFAULT_EMAIL = "buyer@example.com"
_LONGEST_EMAIL = 254

Action = Callable[[Call, Record, str], None]


def _stay(_call: Call, _record: Record, _email: str) -> None:
    """Leave the session open, as a buyer who goes back does."""


_ACTIONS: dict[str, Action] = {
    "pay": lifecycle.pay,
    "pay-later": partial(lifecycle.pay_later, outcome=timers.SETTLE),
    "pay-later-fails": partial(lifecycle.pay_later, outcome=timers.FAIL),
    "cancel": _stay,
}


def routes(config: Config) -> list[BaseRoute]:
    """Return the routes of the page and its actions."""

    async def show_page(request: Request) -> Response:
        return await run_in_threadpool(_show, config, request)

    async def act(request: Request) -> Response:
        return await run_in_threadpool(_act, config, request, await request.body())

    return [
        Route("/c/pay/{id}", show_page, methods=["GET"]),
        Route("/c/pay/{id}/{action}", act, methods=["POST"]),
    ]


def _show(config: Config, request: Request) -> Response:
    store: Store = request.state.store
    with store.transaction() as tx:
        record = sessions.find(Call(tx, config, int(config.now())), request.path_params["id"])
    if record is None:
        return _nothing_here()
    return _closed(record.body, 200) if record.body["status"] != "open" else _open(record)


def _act(config: Config, request: Request, body: bytes) -> Response:
    action = _ACTIONS.get(request.path_params["action"])
    if action is None:
        return _nothing_here()
    store: Store = request.state.store
    with store.transaction() as tx:
        call = Call(tx, config, int(config.now()))
        record = sessions.find(call, request.path_params["id"])
        if record is None:
            return _nothing_here()
        if record.body["status"] != "open":
            return _closed(record.body, 409)
        action(call, record, record.body["customer_email"] or _typed_email(body))
    return RedirectResponse(_destination(record.body), 303, {"Cache-Control": "no-store"})


def _typed_email(body: bytes) -> str:
    try:
        email = parse(body).get("email")
    except ApiError:
        email = None
    return email[:_LONGEST_EMAIL] if isinstance(email, str) and email else _DEFAULT_EMAIL


def _destination(session: Json) -> str:
    if session["status"] == "complete":
        return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
    return str(session["cancel_url"] or session["url"])


def _open(record: Record) -> Response:
    session = record.body
    amount = show(session["amount_total"], session["currency"])
    content = (
        f"<main><h1>Pay {text(amount)}</h1>"
        '<p class="note">Local Stripe, test mode: no money moves.</p>'
        f"{_items_table(record)}{_form(session, amount)}"
        f'<p class="note">Session {text(session["id"])}</p></main>'
    )
    return page(f"Pay {amount}", content, leads_away=True)


def _items_table(record: Record) -> str:
    rows = "".join(
        f'<tr><th scope="row">{text(item["description"])}</th>'
        f'<td class="amount">{item["quantity"]:,} &times; {text(_unit_price(item))}</td>'
        f'<td class="amount">{text(show(item["amount_total"], item["currency"]))}</td></tr>'
        for item in record.private["line_items"]
    )
    session = record.body
    total = text(show(session["amount_total"], session["currency"]))
    return (
        "<table><caption>Your order</caption><thead><tr>"
        '<th scope="col">Item</th><th scope="col" class="amount">Quantity</th>'
        '<th scope="col" class="amount">Amount</th></tr></thead>'
        f"<tbody>{rows}</tbody><tfoot><tr>"
        f'<th scope="row" colspan="2">Total</th><td class="amount">{total}</td></tr></tfoot>'
        "</table>"
    )


def _unit_price(item: Json) -> str:
    price = item["price"]
    if price["unit_amount"] is None:
        return f"{price['unit_amount_decimal']} minor units"
    return show(price["unit_amount"], price["currency"])


def _form(session: Json, amount: str) -> str:
    address = f"/c/pay/{text(session['id'])}"
    if session["amount_total"]:
        buttons = (
            f'<button class="main">Pay {text(amount)}</button>'
            f'<button formaction="{address}/pay-later">Pay later, succeeds</button>'
            f'<button formaction="{address}/pay-later-fails">Pay later, fails</button>'
        )
    else:
        buttons = '<button class="main">Complete the order</button>'
    return (
        f'<form method="post" action="{address}/pay">{_email_field(session)}{buttons}'
        f'<button formaction="{address}/cancel" formnovalidate>Cancel</button></form>'
    )


def _email_field(session: Json) -> str:
    email = session["customer_email"]
    if email is not None:
        return f"<p>E-mail: {text(email)}</p>"
    return (
        '<label for="email">E-mail</label>'
        '<input id="email" name="email" type="email" autocomplete="email" required'
        f' value="{_DEFAULT_EMAIL}">'
    )


def _closed(session: Json, status: int) -> Response:
    complete = session["status"] == "complete"
    title = "This order is complete" if complete else "This checkout has expired"
    explanation = (
        f"Its payment status is {text(session['payment_status'])}."
        if complete
        else "Nothing was paid and nothing can be paid here any more."
    )
    shop = _destination(session) if complete else session["cancel_url"]
    way_back = f'<p><a href="{text(shop)}">Back to the shop</a></p>' if shop else ""
    return page(
        title, f"<main><h1>{title}</h1><p>{explanation}</p>{way_back}</main>", status=status
    )


def _nothing_here() -> Response:
    title = "No such checkout"
    return page(title, f"<main><h1>{title}</h1><p>Check the address.</p></main>", status=404)
