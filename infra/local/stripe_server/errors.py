"""Stripe's error objects as exceptions. Turning them into responses is `api`'s.

ApiError                      status, type, code, message, param
├── InvalidRequestError       400 invalid_request_error
│   └── NotModelledError      400, code `not_modelled_locally`: Stripe would take it, we do not
├── MissingResourceError      404 resource_missing
├── UnknownUrlError           404
├── InvalidKeyError           401
├── IdempotencyError          400 idempotency_error
└── ServerFaultError          500 api_error
"""

from typing import Any, ClassVar

_DOCUMENTED_CODES = "https://docs.stripe.com/error-codes/"


class ApiError(Exception):
    """An error object of Stripe's API, with the HTTP status it is sent with."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    documented: ClassVar[bool] = True

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        """Return the error as Stripe's JSON, without the keys that do not apply."""
        error: dict[str, Any] = {"message": self.message, "type": self.type}
        if self.code is not None:
            error["code"] = self.code
            if self.documented:
                error["doc_url"] = _DOCUMENTED_CODES + self.code.replace("_", "-")
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


class InvalidRequestError(ApiError):
    """The request cannot be carried out as it is."""


class NotModelledError(InvalidRequestError):
    """A parameter that Stripe has and this server does not act on.

    Taking it silently would let a program pass here and behave differently against Stripe.
    """

    documented = False

    def __init__(self, param: str) -> None:
        super().__init__(
            f"Stripe knows the parameter {param}, but with this value it is not modelled by the"
            " local server (infra/local/stripe_server).",
            code="not_modelled_locally",
            param=param,
        )


class MissingResourceError(ApiError):
    """No object with this id."""

    status = 404

    def __init__(self, kind: str, object_id: str, *, param: str) -> None:
        super().__init__(f"No such {kind}: '{object_id}'", code="resource_missing", param=param)


class UnknownUrlError(ApiError):
    """No operation at this method and path."""

    status = 404

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"Unrecognized request URL ({method}: {path}).")


class InvalidKeyError(ApiError):
    """The API key is absent or wrong."""

    status = 401


class IdempotencyError(ApiError):
    """The idempotency key is malformed or was used for another request."""

    type = "idempotency_error"


class ServerFaultError(ApiError):
    """A defect of ours; its text says nothing about the inside."""

    status = 500
    type = "api_error"

    def __init__(self) -> None:
        super().__init__("The local Stripe failed on this request; its log says why.")
