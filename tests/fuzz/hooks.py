"""What schemathesis loads beside its settings (`hooks` in schemathesis.toml)."""

import json
import os
import time
from functools import cache
from typing import Any

import httpx
import requests
import schemathesis
import stripe
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CaseMetadata, CoveragePhaseData, TestPhase

from tests.fuzz.completing import Sent, complete, mend_condition, protect
from tests.fuzz.excused import is_excused
from tests.fuzz.files import csv_files, json_lines_files
from tests.fuzz.known import KnownThings

API, TOKEN, WEBHOOK_SECRET = "FUZZ_API", "FUZZ_TOKEN", "FUZZ_WEBHOOK_SECRET"
API_KEY = "FUZZ_API_KEY"
_WEBHOOK = "/api/payments/webhook"
_SIGNATURE = "Stripe-Signature"

_FILES = {
    "text/csv": csv_files(),
    "application/x-ndjson": json_lines_files(),
    "application/jsonl": json_lines_files(),
}
for _media_type, _files in _FILES.items():
    schemathesis.openapi.media_type(_media_type, _files)
# In the first and the last year of the calendar a time of another zone may be in no year at all.
schemathesis.openapi.format(
    "date-time",
    st.builds(
        lambda moment, offset: f"{moment.isoformat()}{offset}",
        st.datetimes().filter(lambda moment: 1 < moment.year < 9999),
        st.sampled_from(["Z", "+00:00", "-11:30", "+14:00"]),
    ),
)


@cache
def _known() -> KnownThings:
    headers = {"Authorization": f"Bearer {os.environ[TOKEN]}"}
    return KnownThings(httpx.Client(base_url=os.environ[API], headers=headers, timeout=60))


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Keep what others count on, and have requests that are meant to be right be so."""
    if case.meta is None:
        return
    sent = _sent(case)
    protect(sent, _known())
    if _is_about_something_else_than_headers(case.meta):
        mend_condition(sent)
    if case.meta.generation.mode.is_positive:
        complete(sent, _known())
    for name in sent.changed:
        setattr(case, name, getattr(sent, name))
    if case.meta.generation.mode.is_positive and sent.path == _WEBHOOK:
        case.headers[_SIGNATURE] = _signature(case)


def _is_about_something_else_than_headers(meta: CaseMetadata) -> bool:
    about = meta.phase.data
    return isinstance(about, CoveragePhaseData) and (
        meta.generation.mode.is_positive or about.parameter_location != ParameterLocation.HEADER
    )


def _sent(case: Case[Any]) -> Sent:
    return Sent(
        case.method.upper(),
        case.operation.path,
        dict(case.path_parameters or {}),
        dict(case.query or {}),
        dict(case.headers or {}),
        case.body,
        follows_a_link=case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL,
    )


def _signature(case: Case[Any]) -> str:
    """Sign the body as Stripe does: the very bytes that are sent."""
    request = requests.Request(**case.as_transport_kwargs(base_url=os.environ[API])).prepare()
    text = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
    sign = stripe.WebhookSignature.generate_signature_header
    header: str = sign(text, os.environ[WEBHOOK_SECRET], int(time.time()))
    return header


@schemathesis.hook
def before_load_schema(_context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Have the examples of files be bytes, as the strategies' files are: text is refused there."""
    for operation in (each for path in raw_schema["paths"].values() for each in path.values()):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            if media_type in _FILES:
                for example in content["examples"].values():
                    example["value"] = example["value"].encode()


@schemathesis.hook
def after_call(_context: HookContext, case: Case[Any], response: Response) -> None:
    """Remember the checkouts that were started, so that they can be asked for."""
    if response.status_code == httpx.codes.CREATED and case.operation.path.startswith(
        "/api/payments/"
    ):
        _known().note_session(json.loads(response.content)["sessionId"])


@schemathesis.hook
def filter_failure(
    _context: HookContext, failure: Failure, _case: Case[Any], response: Response
) -> bool:
    """Pass over what is no failure of this API."""
    return not is_excused(failure, response.content)
