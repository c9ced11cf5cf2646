"""HTTP around the API's operations: key, version, parameters, idempotency, errors.

One request is one transaction; what an operation does is in the module of its object.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from stripe.params import (
    BalanceRetrieveParams,
    ChargeRetrieveParams,
    EventListParams,
    EventRetrieveParams,
    PaymentIntentRetrieveParams,
    RefundCreateParams,
    RefundListParams,
    RefundRetrieveParams,
)
from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionLineItemListParams,
    SessionListParams,
    SessionRetrieveParams,
)

from . import events, form, idempotency, parameters, payments, refunds, sessions
from .auth import require_key
from .calls import Call
from .config import Config
from .errors import ApiError, InvalidRequestError, ServerFaultError, UnknownUrlError
from .expansion import expand
from .idempotency import StoredAnswer
from .ids import new_id
from .records import Json
from .store import Store

logger = logging.getLogger(__name__)

_FORM = "application/x-www-form-urlencoded"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method and path of the API: its parameter type in the SDK, and what carries it out.

    `run` gets the checked parameters and the path's id, which is empty where there is none.
    """

    method: str
    path: str
    params: type
    run: Callable[[Call, Json, str], Json]


OPERATIONS = (
    Operation("POST", "/v1/checkout/sessions", SessionCreateParams, sessions.create),
    Operation("GET", "/v1/checkout/sessions", SessionListParams, sessions.list_sessions),
    Operation("GET", "/v1/checkout/sessions/{id}", SessionRetrieveParams, sessions.retrieve),
    Operation("POST", "/v1/checkout/sessions/{id}/expire", SessionExpireParams, sessions.expire),
    Operation(
        "GET",
        "/v1/checkout/sessions/{id}/line_items",
        SessionLineItemListParams,
        sessions.list_line_items,
    ),
    Operation("POST", "/v1/refunds", RefundCreateParams, refunds.create),
    Operation("GET", "/v1/refunds", RefundListParams, refunds.list_refunds),
    Operation("GET", "/v1/refunds/{id}", RefundRetrieveParams, refunds.retrieve),
    Operation(
        "GET", "/v1/payment_intents/{id}", PaymentIntentRetrieveParams, payments.retrieve_intent
    ),
    Operation("GET", "/v1/charges/{id}", ChargeRetrieveParams, payments.retrieve_charge),
    Operation("GET", "/v1/balance", BalanceRetrieveParams, payments.retrieve_balance),
    Operation("GET", "/v1/events", EventListParams, events.list_events),
    Operation("GET", "/v1/events/{id}", EventRetrieveParams, events.retrieve),
)


def routes(config: Config) -> list[BaseRoute]:
    """Return the API's routes; any other address under /v1 is answered as Stripe does."""
    known = [
        Route(operation.path, _endpoint(config, operation), methods=[operation.method])
        for operation in OPERATIONS
    ]
    return [*known, Route("/v1/{rest:path}", _endpoint(config, None), methods=_METHODS)]


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A request in full, once its body is read."""

    request: Request
    body: bytes
    request_id: str

    @property
    def encoded_parameters(self) -> bytes:
        if self.request.method != "POST":
            return self.request.scope["query_string"] or b""
        content_type = self.request.headers.get("content-type", _FORM)
        if self.body and content_type.partition(";")[0].strip().lower() != _FORM:
            raise InvalidRequestError(f"The body of a POST is sent as {_FORM}.")
        return self.body

    @property
    def idempotency_key(self) -> str | None:
        # Reading is idempotent by itself: Stripe ignores the key there.
        if self.request.method != "POST":
            return None
        return self.request.headers.get("idempotency-key")


def _endpoint(config: Config, operation: Operation | None) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        exchange = _Exchange(request, await request.body(), new_id("req_"))
        # SQLite blocks, so it is kept off the event loop.
        return await run_in_threadpool(_respond, config, operation, exchange)

    return endpoint


def _respond(config: Config, operation: Operation | None, exchange: _Exchange) -> Response:
    headers = {"Request-Id": exchange.request_id, "Cache-Control": "no-cache, no-store"}
    if exchange.idempotency_key is not None:
        headers["Idempotency-Key"] = exchange.idempotency_key
    try:
        headers["Stripe-Version"] = _authorised_version(config, exchange.request)
        answer = _answer(config, operation, exchange)
    except ApiError as error:
        answer = StoredAnswer(error.status, _json(error.body()), exchange.request_id)
    except Exception:
        logger.exception("request %s failed", exchange.request_id)
        fault = ServerFaultError()
        answer = StoredAnswer(fault.status, _json(fault.body()), exchange.request_id)
    if answer.request_id != exchange.request_id:
        headers["Idempotent-Replayed"] = "true"
        headers["Original-Request"] = answer.request_id
    elif exchange.idempotency_key is not None:
        headers["Original-Request"] = exchange.request_id
    return Response(answer.body, answer.status, headers, media_type="application/json")


def _authorised_version(config: Config, request: Request) -> str:
    require_key(request.headers.get("authorization"), config.secret_key)
    version = request.headers.get("stripe-version", events.API_VERSION)
    if version != events.API_VERSION:
        # Answering in other shapes than were asked for would hide a version that is not pinned.
        raise InvalidRequestError(
            f"The local Stripe speaks API version {events.API_VERSION} only, not {version[:40]}."
        )
    return version


def _answer(config: Config, operation: Operation | None, exchange: _Exchange) -> StoredAnswer:
    if operation is None:
        raise UnknownUrlError(exchange.request.method, exchange.request.url.path)
    given = form.parse(exchange.encoded_parameters)
    params = parameters.check(operation.params, given)
    request, key = exchange.request, exchange.idempotency_key
    store: Store = request.state.store
    if key is not None:
        idempotency.require_valid(key)
    with store.transaction() as tx:
        now = int(config.now())
        call = Call(
            tx,
            config,
            now,
            base_url=config.public_url or str(request.base_url).rstrip("/"),
            request_id=exchange.request_id,
            idempotency_key=key,
        )
        object_id = request.path_params.get("id", "")
        if key is None:
            return _carry_out(operation, call, params, object_id)
        fingerprint = idempotency.fingerprint(request.method, request.url.path, given)
        stored = idempotency.recall(tx, key, fingerprint, now)
        if stored is None:
            stored = _carry_out(operation, call, params, object_id)
            idempotency.remember(tx, key, fingerprint, stored, now)
        return stored


def _carry_out(operation: Operation, call: Call, params: Json, object_id: str) -> StoredAnswer:
    """Run the operation; one that refuses leaves nothing behind but its refusal."""
    assert call.request_id is not None  # Only requests are carried out here.
    try:
        with call.tx.savepoint():
            body = operation.run(call, params, object_id)
            body = expand(call, body, params.get("expand", []))
    except ApiError as error:
        return StoredAnswer(error.status, _json(error.body()), call.request_id)
    return StoredAnswer(200, _json(body), call.request_id)


def _json(body: Json) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)
