"""HTTP around the API's operations: key, version, parameters, idempotency, errors.

One request is one transaction; what an operation does is in the module of its object.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from stripe.params import (
    BalanceRetrieveParams,
    ChargeRetrieveParams,
    DisputeListParams,
    DisputeRetrieveParams,
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

from . import disputes, events, form, idempotency, parameters, payments, refunds, sessions
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
    Operation("GET", "/v1/disputes", DisputeListParams, disputes.list_disputes),
    Operation("GET", "/v1/disputes/{id}", DisputeRetrieveParams, disputes.retrieve),
    Operation("GET", "/v1/balance", BalanceRetrieveParams, payments.retrieve_balance),
    Operation("GET", "/v1/events", EventListParams, events.list_events),
    Operation("GET", "/v1/events/{id}", EventRetrieveParams, events.retrieve),
)
_PATTERNS = [
    (operation, re.compile(operation.path.replace("{id}", "(?P<id>[^/]+)")))
    for operation in OPERATIONS
]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request in full, however it came. Header names are in lower case; `path` is decoded."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    @property
    def encoded_parameters(self) -> bytes:
        """The form that holds its parameters; InvalidRequestError for a body that is none."""
        if self.method != "POST":
            return self.query
        content_type = self.headers.get("content-type", _FORM)
        if self.body and content_type.partition(";")[0].strip().lower() != _FORM:
            raise InvalidRequestError(f"The body of a POST is sent as {_FORM}.")
        return self.body

    @property
    def idempotency_key(self) -> str | None:
        """Its key, if it has one that counts."""
        # Reading is idempotent by itself: Stripe ignores the key there.
        if self.method != "POST":
            return None
        return self.headers.get("idempotency-key")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a request is answered: JSON text and headers."""

    status: int
    body: str
    headers: Mapping[str, str]


def routes(config: Config) -> list[BaseRoute]:
    """Return the route of all that is under /v1."""

    async def endpoint(request: Request) -> Response:
        incoming = Incoming(
            method=request.method,
            path=request.url.path,
            query=request.scope["query_string"] or b"",
            headers=request.headers,
            body=await request.body(),
            base_url=str(request.base_url).rstrip("/"),
        )
        # SQLite blocks, so it is kept off the event loop.
        answer = await run_in_threadpool(respond, config, request.state.store, incoming)
        return Response(
            answer.body, answer.status, dict(answer.headers), media_type="application/json"
        )

    return [Route("/v1/{rest:path}", endpoint, methods=_METHODS)]


def respond(config: Config, store: Store, incoming: Incoming) -> Outgoing:
    """Answer a request; one to an address that is none of `OPERATIONS` as Stripe does."""
    request_id, key = new_id("req_"), incoming.idempotency_key
    headers = {"Request-Id": request_id, "Cache-Control": "no-cache, no-store"}
    if key is not None:
        headers["Idempotency-Key"] = key
    try:
        headers["Stripe-Version"] = _authorised_version(config, incoming)
        answer = _answer(config, store, incoming, request_id)
    except ApiError as error:
        answer = StoredAnswer(error.status, _json(error.body()), request_id)
    except Exception:
        logger.exception("request %s failed", request_id)
        fault = ServerFaultError()
        answer = StoredAnswer(fault.status, _json(fault.body()), request_id)
    if answer.request_id != request_id:
        headers["Idempotent-Replayed"] = "true"
        headers["Original-Request"] = answer.request_id
    elif key is not None:
        headers["Original-Request"] = request_id
    return Outgoing(answer.status, answer.body, headers)


def _authorised_version(config: Config, incoming: Incoming) -> str:
    require_key(incoming.headers.get("authorization"), config.secret_key)
    version = incoming.headers.get("stripe-version", events.API_VERSION)
    if version != events.API_VERSION:
        # Answering in other shapes than were asked for would hide a version that is not pinned.
        raise InvalidRequestError(
            f"The local Stripe speaks API version {events.API_VERSION} only, not {version[:40]}."
        )
    return version


def _answer(config: Config, store: Store, incoming: Incoming, request_id: str) -> StoredAnswer:
    operation, object_id = _operation_at(incoming)
    given = form.parse(incoming.encoded_parameters)
    params = parameters.check(operation.params, given)
    key = incoming.idempotency_key
    if key is not None:
        idempotency.require_valid(key)
    with store.transaction() as tx:
        now = int(config.now())
        call = Call(
            tx,
            config,
            now,
            base_url=config.public_url or incoming.base_url,
            request_id=request_id,
            idempotency_key=key,
        )
        if key is None:
            return _carry_out(operation, call, params, object_id)
        fingerprint = idempotency.fingerprint(incoming.method, incoming.path, given)
        stored = idempotency.recall(tx, key, fingerprint, now)
        if stored is None:
            stored = _carry_out(operation, call, params, object_id)
            idempotency.remember(tx, key, fingerprint, stored, now)
        return stored


def _operation_at(incoming: Incoming) -> tuple[Operation, str]:
    for operation, pattern in _PATTERNS:
        found = pattern.fullmatch(incoming.path) if operation.method == incoming.method else None
        if found is not None:
            return operation, found.groupdict().get("id", "")
    raise UnknownUrlError(incoming.method, incoming.path)


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
