"""What schemathesis takes for a failure and is none, each with its reason."""

import json
from collections.abc import Mapping

from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import UnsupportedMethodResponse


def is_excused(failure: Failure, content: bytes) -> bool:
    """Tell whether a failure of a check is none of this API, by the answer's body."""
    # API Gateway cannot tell an unknown verb from an unknown path, so both are a 404 here and not
    # a 405; in the contract's shape all the same.
    if isinstance(failure, UnsupportedMethodResponse):
        return failure.status_code == 404 and _code_of(content) == "NOT_FOUND"
    return False


def _code_of(content: bytes) -> object:
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body.get("code") if isinstance(body, Mapping) else None
