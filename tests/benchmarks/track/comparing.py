"""Before anything is measured: every contender answers the same requests with the same JSON, or it
is not the same work that is measured.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.track.data import Catalogue
from tests.benchmarks.track.lambda_process import Function, running
from tests.benchmarks.track.lineup import resources_of
from tests.benchmarks.track.races import LIST_URL, UnexpectedAnswer, checkout_body, event_url
from tests.benchmarks.track.requests import json_request, page_request

_MISSING_URL = "/api/events/there-is-no-such-event"
_MILLISECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

Answers = Mapping[str, tuple[int, Any]]
"""By what was asked: the status and the JSON."""


def ensure_alike(contenders: Mapping[str, Function], python: Path, catalogue: Catalogue) -> None:
    """Raise `UnexpectedAnswer` where a contender answers something else than the first one."""
    answers = {
        name: _ask(function, python, catalogue, resources_of(name))
        for name, function in contenders.items()
    }
    differences = list(differing(answers))
    if differences:
        raise UnexpectedAnswer("\n".join(differences))


def differing(answers: Mapping[str, Answers]) -> list[str]:
    """Return what is answered unlike the first contender does, in words."""
    (first, model), *others = answers.items()
    return [
        f"{asked}: {first} answers {wanted}, and {name} {given[asked]}"
        for name, given in others
        for asked, wanted in model.items()
        if given[asked] != wanted
    ]


def _ask(
    function: Function, python: Path, catalogue: Catalogue, resources: tuple[str, ...]
) -> Answers:
    checkout = json_request("/api/payments/checkout", checkout_body(catalogue), resources)
    asked: dict[str, tuple[bytes, Callable[[Any], Any]]] = {
        "an event": (page_request(event_url(catalogue), resources), lambda body: body),
        "an unknown event": (page_request(_MISSING_URL, resources), lambda _: None),
        "a list": (page_request(LIST_URL, resources), without_cursor),
        "a checkout": (checkout, shape_of_checkout),
    }
    answers = {}
    with running(function, python) as process:
        for name, (event, comparable) in asked.items():
            answer = json.loads(process.invoke(event).payload)
            answers[name] = answer["statusCode"], comparable(json.loads(answer["body"]))
    return answers


def without_cursor(page: Any) -> Any:
    """Return a list's page, its cursor only as being there: what is in it is its maker's own."""
    has_cursor = isinstance(page["pagination"]["nextCursor"], str)
    return {**page, "pagination": {**page["pagination"], "nextCursor": has_cursor}}


def shape_of_checkout(started: Any) -> Any:
    """Return what is the same of all checkouts: ids are everyone's own."""
    return {
        "keys": sorted(started),
        "page": started["checkoutUrl"].replace(started["sessionId"], "…"),
        "order": bool(started["orderId"]),
        "expires": bool(_MILLISECONDS.fullmatch(started["expiresAt"])),
    }
