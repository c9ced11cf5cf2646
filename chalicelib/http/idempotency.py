"""`Idempotency-Key`: a client's own name for a request, so that a repeat of it has no second
effect.
"""

import re

from chalicelib.errors import InvalidInput
from chalicelib.http.operations import HeaderParameter
from chalicelib.http.requests import ApiRequest

_NAME = "Idempotency-Key"
_VISIBLE_ASCII = "[!-~]{1,255}"
_KEY = re.compile(_VISIBLE_ASCII)


def idempotency_key(description: str) -> HeaderParameter:
    """Return the header as a route describes it."""
    return HeaderParameter(
        _NAME,
        description,
        schema={"type": "string", "pattern": f"^{_VISIBLE_ASCII}$"},
        example="5f0c1c9a-7d3b-4e8f-9a0b-1c2d3e4f5a6b",
    )


def read_key(request: ApiRequest) -> str | None:
    """Return the key, or None where none was sent; raises `InvalidInput`."""
    key = request.header(_NAME)
    if key is not None and _KEY.fullmatch(key) is None:
        raise InvalidInput.of(
            _NAME, "must have 1 to 255 visible ASCII characters", "idempotency_key"
        )
    return key
