"""The gateway's own errors, one per gateway response type.

How they look to a client is in `gateway_responses`.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ResponseType:
    """A gateway response type: its status and message while the definition says nothing else.

    `exception` is what API Gateway names in `x-amzn-ErrorType`.
    """

    name: str
    status: int
    message: str | None
    exception: str

    @property
    def fallback(self) -> str:
        """The type whose customisation applies where this one has none."""
        return "DEFAULT_4XX" if self.status < 500 else "DEFAULT_5XX"  # noqa: PLR2004 - HTTP's own border


# INTEGRATION_FAILURE is documented as 504, but a Lambda function that fails or answers nonsense is
# a 502 in every API Gateway log; only an endpoint that cannot be reached is a 504.
# A failing authorizer's message is JSON null.
_TYPES: Final = (
    ResponseType("ACCESS_DENIED", 403, "Forbidden", "AccessDeniedException"),
    ResponseType(
        "API_CONFIGURATION_ERROR", 500, "Internal server error", "InternalServerErrorException"
    ),
    ResponseType("AUTHORIZER_CONFIGURATION_ERROR", 500, None, "AuthorizerConfigurationException"),
    ResponseType("AUTHORIZER_FAILURE", 500, None, "AuthorizerFailureException"),
    ResponseType("BAD_REQUEST_PARAMETERS", 400, "Bad Request", "BadRequestException"),
    ResponseType("DEFAULT_4XX", 400, "Bad Request", "BadRequestException"),
    ResponseType("DEFAULT_5XX", 500, "Internal server error", "InternalServerErrorException"),
    ResponseType(
        "INTEGRATION_FAILURE", 502, "Internal server error", "InternalServerErrorException"
    ),
    ResponseType(
        "INTEGRATION_TIMEOUT", 504, "Endpoint request timed out", "InternalServerErrorException"
    ),
    ResponseType("INVALID_API_KEY", 403, "Forbidden", "ForbiddenException"),
    ResponseType(
        "MISSING_AUTHENTICATION_TOKEN",
        403,
        "Missing Authentication Token",
        "MissingAuthenticationTokenException",
    ),
    ResponseType("QUOTA_EXCEEDED", 429, "Limit Exceeded", "LimitExceededException"),
    ResponseType("REQUEST_TOO_LARGE", 413, "Request Too Long", "RequestTooLongException"),
    ResponseType("THROTTLED", 429, "Too Many Requests", "TooManyRequestsException"),
    ResponseType("UNAUTHORIZED", 401, "Unauthorized", "UnauthorizedException"),
    ResponseType(
        "UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported Media Type", "UnsupportedMediaTypeException"
    ),
)

RESPONSE_TYPES: Final = MappingProxyType({kind.name: kind for kind in _TYPES})


class GatewayError(Exception):
    """The gateway answers in place of the integration.

    `kind` is a gateway response type by its name; `message` and `status` stand in for the type's
    own where API Gateway says something more exact, and `retry_after` (seconds) for the header of
    the type's customisation.
    """

    def __init__(
        self,
        kind: str,
        message: str | None = None,
        status: int | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        self.kind = RESPONSE_TYPES[kind]
        self.message = message if message is not None else self.kind.message
        self.status = status if status is not None else self.kind.status
        self.retry_after = retry_after
        super().__init__(f"{kind}: {self.message}")
