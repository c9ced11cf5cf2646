"""Every error of the tree has one look, and a 500 tells nothing."""

import inspect
import json
from http import HTTPStatus

import pytest

from chalicelib import errors
from chalicelib.errors import EventsApiError, FieldProblem, InvalidInput
from chalicelib.http.problems import (
    FORBIDDEN,
    INTERNAL_MESSAGE,
    NOT_FOUND,
    PAYLOAD_TOO_LARGE,
    RATE_LIMITED,
    UNAUTHORIZED,
    UNAVAILABLE,
    VALIDATION_ERROR,
    Problem,
    error_body,
    error_headers,
    problem_body,
    problem_of,
    reason,
)
from chalicelib.store.orders import IntegrityError

# Status and code as the contract's table of codes has them.
LOOKS = {
    errors.InvalidInput: (400, "VALIDATION_ERROR"),
    errors.PriceMismatch: (400, "PRICE_MISMATCH"),
    errors.InvalidSession: (400, "INVALID_SESSION"),
    errors.InvalidSignature: (400, "VALIDATION_ERROR"),
    errors.Unauthenticated: (401, "UNAUTHORIZED"),
    errors.Forbidden: (403, "FORBIDDEN"),
    errors.NotFound: (404, "NOT_FOUND"),
    errors.Conflict: (409, "CONFLICT"),
    errors.SlugTaken: (409, "CONFLICT"),
    errors.SlugUnknown: (409, "CONFLICT"),
    errors.InUse: (409, "CONFLICT"),
    errors.CapacityTooLow: (409, "CONFLICT"),
    errors.Changed: (409, "CONFLICT"),
    errors.RefundRefused: (409, "CONFLICT"),
    errors.TicketRefused: (409, "CONFLICT"),
    errors.KeyInUse: (409, "CONFLICT"),
    errors.PreconditionFailed: (412, "PRECONDITION_FAILED"),
    errors.TooBroad: (400, "VALIDATION_ERROR"),
    errors.SoldOut: (409, "SOLD_OUT"),
    errors.SalesClosed: (409, "SALES_CLOSED"),
    errors.PayloadTooLarge: (413, "PAYLOAD_TOO_LARGE"),
    errors.PaymentProviderError: (502, "PAYMENT_PROVIDER_ERROR"),
    errors.PaymentProviderBusy: (502, "PAYMENT_PROVIDER_ERROR"),
    errors.MailProviderError: (503, "UNAVAILABLE"),
    errors.Unavailable: (503, "UNAVAILABLE"),
    errors.ConfigurationError: (500, "INTERNAL_ERROR"),
}
# What the contract says of a refusal that this code does not raise itself.
GATEWAY_LOOKS = {
    RATE_LIMITED: (429, "RATE_LIMITED"),
    VALIDATION_ERROR: (400, "VALIDATION_ERROR"),
    UNAUTHORIZED: (401, "UNAUTHORIZED"),
    FORBIDDEN: (403, "FORBIDDEN"),
    NOT_FOUND: (404, "NOT_FOUND"),
    PAYLOAD_TOO_LARGE: (413, "PAYLOAD_TOO_LARGE"),
    UNAVAILABLE: (503, "UNAVAILABLE"),
}


def error_classes() -> list[type[EventsApiError]]:
    return [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, EventsApiError) and kind is not EventsApiError
    ]


def an_error(kind: type[EventsApiError]) -> EventsApiError:
    return InvalidInput.of("price", "is wrong") if kind is InvalidInput else kind("the text")


@pytest.mark.parametrize("kind", error_classes())
def test_no_error_of_the_tree_is_without_a_look(kind: type[EventsApiError]) -> None:
    problem = problem_of(an_error(kind))
    assert (problem.status.value, problem.code) == LOOKS[kind]


@pytest.mark.parametrize("kind", error_classes())
def test_every_error_has_the_one_shape(kind: type[EventsApiError]) -> None:
    problem, body = error_body(an_error(kind), "req-1")
    assert body.pop("details", None) is None or kind is InvalidInput
    assert ("checkIn" in body) is (kind is errors.TicketRefused)
    body.pop("checkIn", None)
    assert list(body) == ["statusCode", "error", "code", "message", "requestId"]
    assert body["statusCode"] == problem.status.value
    assert body["requestId"] == "req-1"
    json.dumps(body)


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigurationError("the setting JWT_ISSUER is missing"),
        IntegrityError("order 7 holds seats that its event lacks"),
        EventsApiError("nobody gave this a look"),
    ],
)
def test_a_500_does_not_tell_the_errors_text(error: EventsApiError) -> None:
    problem, body = error_body(error, "req-1")
    assert problem.status is HTTPStatus.INTERNAL_SERVER_ERROR
    assert body["message"] == INTERNAL_MESSAGE
    assert str(error) not in json.dumps(body)


def test_an_error_in_the_tree_looks_like_its_nearest_relative() -> None:
    class CityTaken(errors.SlugTaken):
        pass

    assert problem_of(CityTaken("taken")).code == "CONFLICT"


@pytest.mark.parametrize(("problem", "look"), list(GATEWAY_LOOKS.items()))
def test_the_gateways_own_refusals_look_like_the_apps(
    problem: Problem, look: tuple[int, str]
) -> None:
    assert (problem.status.value, problem.code) == look


def test_a_validation_error_lists_every_field_and_names_the_first() -> None:
    error = InvalidInput(
        FieldProblem("price", "must not be negative", "greater_than_equal"),
        FieldProblem("name", "is required", "missing"),
    )
    _, body = error_body(error, "req-1")
    assert body["message"] == "price: must not be negative"
    assert body["details"] == [
        {"field": "price", "message": "must not be negative", "type": "greater_than_equal"},
        {"field": "name", "message": "is required", "type": "missing"},
    ]


def test_a_problem_of_the_whole_body_names_no_field() -> None:
    assert str(InvalidInput.of("", "the body must be JSON")) == "the body must be JSON"


def test_a_problem_has_a_type_even_when_none_is_given() -> None:
    assert InvalidInput.of("name", "is wrong").problems[0].type == "value_error"


def test_a_ticket_that_was_used_says_when_and_where() -> None:
    _, body = error_body(errors.TicketRefused("used", "2027-06-15T08:41:07.000Z", "North"), "req-1")
    assert body["checkIn"] == {"checkedInAt": "2027-06-15T08:41:07.000Z", "door": "North"}
    keys = ["statusCode", "error", "code", "message", "checkIn", "requestId"]
    assert list(body) == keys


def test_a_ticket_that_is_void_was_used_nowhere() -> None:
    _, body = error_body(errors.TicketRefused("void"), "req-1")
    assert body["checkIn"] is None


@pytest.mark.parametrize("kind", [errors.Unavailable, errors.MailProviderError])
def test_try_again_says_when(kind: type[EventsApiError]) -> None:
    assert error_headers(kind("down")) == {"Retry-After": "2"}


def test_a_key_whose_request_still_runs_says_when_to_try_again() -> None:
    assert error_headers(errors.KeyInUse("it still runs", 3)) == {"Retry-After": "3"}


def test_a_key_of_another_request_will_never_do() -> None:
    assert error_headers(errors.KeyInUse("of another request")) == {}


def test_sign_in_says_how() -> None:
    assert error_headers(errors.Unauthenticated("who?")) == {"WWW-Authenticate": "Bearer"}


def test_other_errors_need_no_headers() -> None:
    assert error_headers(errors.NotFound("no such event")) == {}


def test_the_reason_is_the_same_in_every_python() -> None:
    assert reason(HTTPStatus.REQUEST_ENTITY_TOO_LARGE) == "Content Too Large"
    assert problem_body(PAYLOAD_TOO_LARGE, "too large", "req-1")["error"] == "Content Too Large"
    assert reason(HTTPStatus.BAD_REQUEST) == "Bad Request"
