"""What an operation answers: its own answers, and errors in the one shape of `http.problems`."""

from collections.abc import Collection, Iterable
from typing import Any

from chalicelib import errors
from chalicelib.http import problems
from chalicelib.http.operations import JSON, Answer, ResponseHeader
from infra.openapi.schemas import Document, reference

PROBLEM_MODEL = "Problem"
_REQUEST_ID = "3f1c9f0e-6d1b-4c58-9a43-0f2f5f1f7f10"
_LIMITED = {
    "summary": "Too many requests; try again after a moment.",
    "value": problems.problem_body(problems.RATE_LIMITED, "too many requests", _REQUEST_ID),
}

X_REQUEST_ID = ResponseHeader(
    "X-Request-Id", "The request's id, also in the logs and in error bodies.", _REQUEST_ID
)
RETRY_AFTER = ResponseHeader("Retry-After", "Seconds until another try makes sense.", "2")
RETRY_IF_BUSY = ResponseHeader(
    "Retry-After",
    "Seconds until another try makes sense, where the payment provider is only busy.",
    "2",
    always=False,
)
RETRY_IF_IT_RUNS = ResponseHeader(
    "Retry-After",
    "Seconds until another try makes sense, where the first request of this key still runs.",
    "2",
    always=False,
)
# API Gateway renames it where a function sends it: the 401s of views lack it there.
WWW_AUTHENTICATE = ResponseHeader("WWW-Authenticate", "How to sign in.", "Bearer", always=False)
_HEADERS_OF_STATUS = {
    401: (WWW_AUTHENTICATE,),
    429: (RETRY_AFTER,),
    502: (RETRY_IF_BUSY,),
    503: (RETRY_AFTER,),
}

Kind = type[errors.EventsApiError]


def responses(answers: Iterable[Answer], kinds: Collection[Kind]) -> Document:
    """Describe all that an operation answers with, by status."""
    own, errors_by_status = successes(answers), _by_status(kinds)
    for status in own:
        if int(status) in errors_by_status:
            # The operation has an answer of its own with this status; API Gateway has the error.
            error = _failure(int(status), errors_by_status[int(status)])
            own[status] = _either(own[status], error)
    return {**own, **{key: value for key, value in failures(kinds).items() if key not in own}}


def _either(answer: Document, error: Document) -> Document:
    content = {**error["content"], **answer["content"]}
    own, other = answer["content"].get(JSON), error["content"][JSON]
    if own is not None:
        content[JSON] = {**other, "schema": {"anyOf": [own["schema"], other["schema"]]}}
    return {
        "description": f"{answer['description']} Or: {error['description']}",
        "headers": {**answer["headers"], **error["headers"]},
        "content": content,
    }


def successes(answers: Iterable[Answer]) -> Document:
    """Describe the answers of requests that went well; one status may have several media types."""
    described: Document = {}
    for answer in answers:
        status = str(answer.status)
        one = _success(answer)
        if status in described:
            described[status].setdefault("content", {}).update(one.get("content", {}))
        else:
            described[status] = one
    return described


def _success(answer: Answer) -> Document:
    described: Document = {
        "description": answer.description,
        "headers": _headers((*answer.headers, X_REQUEST_ID)),
    }
    if answer.media_type is not None:
        schema = {"type": "string"} if answer.model is None else reference(answer.model)
        content: Document = {"schema": schema}
        if answer.example is not None:
            content["example"] = answer.example
        described["content"] = {answer.media_type: content}
    return described


def failures(kinds: Iterable[Kind]) -> Document:
    """Refer to the errors by status; 429 is API Gateway's, no error of ours, and always there."""
    statuses = _by_status(kinds)
    return {
        str(status): {"$ref": f"#/components/responses/{_name(statuses[status])}"}
        for status in sorted(statuses)
    }


def component_responses(operations: Iterable[Iterable[Kind]]) -> Document:
    """Return every set of errors that operations refer to."""
    found: Document = {}
    for kinds in operations:
        for status, examples in _by_status(kinds).items():
            found[_name(examples)] = _failure(status, examples)
    return dict(sorted(found.items()))


def _by_status(kinds: Iterable[Kind]) -> dict[int, Document]:
    limited = problems.RATE_LIMITED
    statuses: dict[int, Document] = {limited.status.value: {"RateLimited": _LIMITED}}
    for kind in kinds:
        name = "InternalError" if kind is errors.EventsApiError else kind.__name__
        status = problems.problem_of_kind(kind).status.value
        statuses.setdefault(status, {})[name] = _example(kind)
    return statuses


def _name(examples: Document) -> str:
    return "Or".join(sorted(examples))


def every_code() -> list[str]:
    """Return the codes of all errors that the program or API Gateway can answer with."""
    own = {problems.problem_of_kind(kind).code for kind in _all_kinds(errors.EventsApiError)}
    return sorted({*own, problems.RATE_LIMITED.code, problems.INTERNAL_ERROR.code})


def _all_kinds(kind: Kind) -> set[Kind]:
    return {kind}.union(*(_all_kinds(child) for child in kind.__subclasses__()))


def _failure(status: int, examples: Document) -> Document:
    names = sorted(examples)
    codes = sorted({examples[name]["value"]["code"] for name in names})
    exactly = {"properties": {"statusCode": {"const": status}, "code": {"enum": codes}}}
    headers = _headers((*_HEADERS_OF_STATUS.get(status, ()), X_REQUEST_ID))
    if errors.KeyInUse.__name__ in examples:
        headers["Retry-After"] = _header(RETRY_IF_IT_RUNS)
    return {
        "description": " ".join(examples[name]["summary"] for name in names),
        "headers": headers,
        "content": {
            "application/json": {
                "schema": {"allOf": [reference(PROBLEM_MODEL), exactly]},
                "examples": {name: examples[name] for name in names},
            }
        },
    }


def _example(kind: Kind) -> Document:
    problem = problems.problem_of_kind(kind)
    if problem is problems.INTERNAL_ERROR:
        body = problems.problem_body(problem, problems.INTERNAL_MESSAGE, _REQUEST_ID)
        return {"summary": "Something went wrong on our side.", "value": body}
    summary = (kind.__doc__ or "").partition("\n")[0]
    if issubclass(kind, errors.InvalidInput):
        wrong = errors.InvalidInput.of("limit", "must be at least 1", "greater_than_equal")
        return {"summary": "The request breaks a rule.", "value": _body_of(wrong)}
    if issubclass(kind, errors.TicketRefused):
        used = errors.TicketRefused("this ticket was used", "2027-06-15T08:41:07.000Z", "North")
        return {"summary": summary, "value": _body_of(used)}
    message = summary[:1].lower() + summary[1:].rstrip(".")
    return {"summary": summary, "value": problems.problem_body(problem, message, _REQUEST_ID)}


def _body_of(error: errors.EventsApiError) -> dict[str, Any]:
    return problems.error_body(error, _REQUEST_ID)[1]


def _headers(headers: Iterable[ResponseHeader]) -> Document:
    return {header.name: {"$ref": f"#/components/headers/{header.name}"} for header in headers}


def component_headers(answers: Iterable[Answer]) -> Document:
    """Return every header that an answer refers to."""
    used = [header for answer in answers for header in answer.headers]
    common = [X_REQUEST_ID, RETRY_AFTER, WWW_AUTHENTICATE]
    return {
        header.name: _header(header)
        for header in sorted({*used, *common}, key=lambda header: header.name)
    }


def _header(header: ResponseHeader) -> Document:
    return {
        "description": header.description,
        "required": header.always,
        "schema": {"type": "string"},
        "example": header.example,
    }
