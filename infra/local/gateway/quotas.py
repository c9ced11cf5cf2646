"""Limits that AWS sets and nobody can configure, with where each is documented."""

from typing import Final

MAX_REQUEST_BYTES: Final = 10 * 1024 * 1024
"""A request's body, before and after decompression ("Quotas for configuring a REST API")."""

MAX_HEADER_BYTES: Final = 10_240
"""Request line and headers together (same page)."""

MAX_LAMBDA_PAYLOAD_BYTES: Final = 6_291_556
"""A synchronous invocation's event, and its result ("Lambda quotas"; the number is the one in
Lambda's own error text, a little over 6 MB)."""

MAX_AUTHORIZER_TTL: Final = 3600
"""Seconds an authorizer's result may be kept (`authorizerResultTtlInSeconds`)."""

DEFAULT_AUTHORIZER_TTL: Final = 300
"""Seconds, when the definition does not say (same attribute)."""
