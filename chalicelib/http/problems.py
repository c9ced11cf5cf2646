"""Errors as clients see them: the program's error tree on one side, one JSON shape on the other."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from chalicelib import errors


class Problem(NamedTuple):
    """How one kind of error looks: an HTTP status and a stable code."""

    status: HTTPStatus
    code: str


INTERNAL_ERROR = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL_ERROR")
INTERNAL_MESSAGE = "something went wrong on our side"
NOT_FOUND = Problem(HTTPStatus.NOT_FOUND, "NOT_FOUND")
UNAUTHORIZED = Problem(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED")
FORBIDDEN = Problem(HTTPStatus.FORBIDDEN, "FORBIDDEN")
VALIDATION_ERROR = Problem(HTTPStatus.BAD_REQUEST, "VALIDATION_ERROR")
PAYLOAD_TOO_LARGE = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PAYLOAD_TOO_LARGE")
RATE_LIMITED = Problem(HTTPStatus.TOO_MANY_REQUESTS, "RATE_LIMITED")
UNAVAILABLE = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE")

_PROBLEMS: dict[type[BaseException], Problem] = {
    errors.InvalidInput: VALIDATION_ERROR,
    errors.TooBroad: VALIDATION_ERROR,
    errors.PriceMismatch: Problem(HTTPStatus.BAD_REQUEST, "PRICE_MISMATCH"),
    errors.InvalidSession: Problem(HTTPStatus.BAD_REQUEST, "INVALID_SESSION"),
    errors.InvalidSignature: VALIDATION_ERROR,
    errors.Unauthenticated: UNAUTHORIZED,
    errors.Forbidden: FORBIDDEN,
    errors.NotFound: NOT_FOUND,
    errors.Conflict: Problem(HTTPStatus.CONFLICT, "CONFLICT"),
    errors.PreconditionFailed: Problem(HTTPStatus.PRECONDITION_FAILED, "PRECONDITION_FAILED"),
    errors.SoldOut: Problem(HTTPStatus.CONFLICT, "SOLD_OUT"),
    errors.SalesClosed: Problem(HTTPStatus.CONFLICT, "SALES_CLOSED"),
    errors.PayloadTooLarge: PAYLOAD_TOO_LARGE,
    errors.PaymentProviderError: Problem(HTTPStatus.BAD_GATEWAY, "PAYMENT_PROVIDER_ERROR"),
    # No client ever waits for an e-mail. Should one meet this all the same, it may try again.
    errors.MailProviderError: UNAVAILABLE,
    errors.Unavailable: UNAVAILABLE,
}


def problem_of(error: errors.EventsApiError) -> Problem:
    """Return how an error looks."""
    return problem_of_kind(type(error))


def problem_of_kind(kind: type[errors.EventsApiError]) -> Problem:
    """Return how errors of a class look: the nearest class that has a look, else a plain 500."""
    for ancestor in kind.__mro__:
        if ancestor in _PROBLEMS:
            return _PROBLEMS[ancestor]
    return INTERNAL_ERROR


def problem_body(
    problem: Problem, message: str, request_id: str, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the JSON body of an error; `more` is what this kind of error tells besides."""
    return {
        "statusCode": problem.status.value,
        "error": reason(problem.status),
        "code": problem.code,
        "message": message,
        **(more or {}),
        "requestId": request_id,
    }


def reason(status: HTTPStatus) -> str:
    """Return the status's reason phrase, the same in every Python (RFC 9110 renamed 413's)."""
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "Content Too Large"
    return status.phrase


def error_body(error: errors.EventsApiError, request_id: str) -> tuple[Problem, dict[str, Any]]:
    """Return the look of an error and its JSON body. What becomes a 500 does not tell its text."""
    problem = problem_of(error)
    message = INTERNAL_MESSAGE if problem is INTERNAL_ERROR else str(error)
    return problem, problem_body(problem, message, request_id, _more(error))


def _more(error: errors.EventsApiError) -> dict[str, Any]:
    """Return the fields that are wrong, or how a ticket was used."""
    if isinstance(error, errors.InvalidInput):
        details = [
            {"field": item.field, "message": item.message, "type": item.type}
            for item in error.problems
        ]
        return {"details": details}
    if isinstance(error, errors.TicketRefused):
        used = {"checkedInAt": error.checked_in_at, "door": error.door}
        return {"checkIn": None if error.checked_in_at is None else used}
    return {}


def error_headers(error: errors.EventsApiError) -> dict[str, str]:
    """Return the headers that an error needs beside its body."""
    if isinstance(error, errors.KeyInUse) and error.retry_after_seconds is not None:
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, errors.PaymentProviderBusy):
        return {"Retry-After": str(error.retry_after_seconds)}
    if problem_of(error) is UNAVAILABLE:
        return {"Retry-After": str(errors.Unavailable.retry_after_seconds)}
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    return {}
