"""The error tree of the program; it knows no HTTP. `http.problems` turns it into responses.

EventsApiError
├── InvalidInput              the request breaks a rule; carries the fields that do
├── PriceMismatch             the client's price or total is not the server's
├── InvalidSession            no such checkout session, or not one of ours
├── InvalidSignature          a webhook that is not (provably) from Stripe
├── Unauthenticated           no caller, or one whose token has run out
├── Forbidden                 a caller without the role, or a stage that does not allow it
├── NotFound                  no such event, city or order
├── Conflict                  the write contradicts what is stored
│   ├── SlugTaken
│   ├── SlugUnknown           the city that an event names is not (any more) as it was read
│   ├── InUse                 tickets are sold or held, or events refer to it
│   ├── CapacityTooLow        fewer seats than are sold and held
│   ├── Changed               somebody else changed it at the same moment
│   ├── RefundRefused         there is nothing (more) to refund, or Stripe will not do it
│   ├── TicketRefused         it is void, of another event, or used; carries when and where
│   └── KeyInUse              an idempotency key: of another request, or one that still runs
├── PreconditionFailed        what the write was made from is not current any more
├── TooBroad                  a search that would read too much
├── SoldOut                   fewer seats are free than were asked for
├── SalesClosed               draft, cancelled or past
├── PayloadTooLarge
├── PaymentProviderError      Stripe failed or could not be reached
│   └── PaymentProviderBusy   Stripe takes no more requests this second
├── MailProviderError         no e-mail could be sent; no client ever sees it
├── Unavailable               the store failed or could not be reached; try again
└── ConfigurationError        a setting is missing or malformed; names it, never its value
"""

from typing import NamedTuple


class EventsApiError(Exception):
    """Base of every error that this program raises on purpose. Its text may be shown to clients."""


class FieldProblem(NamedTuple):
    """One field of a request that breaks a rule.

    `field` is the name a client knows (camelCase, dotted when nested), `type` a stable code.
    """

    field: str
    message: str
    type: str


class InvalidInput(EventsApiError):
    """The request breaks a rule. The text names the first field; `problems` has them all."""

    def __init__(self, *problems: FieldProblem) -> None:
        first = problems[0]
        super().__init__(f"{first.field}: {first.message}" if first.field else first.message)
        self.problems = problems

    @classmethod
    def of(cls, field: str, message: str, kind: str = "value_error") -> "InvalidInput":
        """Build the error of one field."""
        return cls(FieldProblem(field, message, kind))


class PriceMismatch(EventsApiError):
    """The client's unit price or total is not what the server computes."""


class InvalidSession(EventsApiError):
    """The checkout session is unknown, malformed, or not of one of our orders."""


class InvalidSignature(EventsApiError):
    """The webhook's signature is missing, wrong, too old, or from the future."""


class Unauthenticated(EventsApiError):
    """The caller is not known (any more)."""


class Forbidden(EventsApiError):
    """The caller is known and may not do this, or nobody may on this stage."""


class NotFound(EventsApiError):
    """What the request names does not exist."""


class Conflict(EventsApiError):
    """The write contradicts what is stored."""


class SlugTaken(Conflict):
    """Another event or city has this slug."""


class SlugUnknown(Conflict):
    """The city that an event names does not exist."""


class InUse(Conflict):
    """It cannot be deleted: tickets are sold or held, or events refer to it."""


class CapacityTooLow(Conflict):
    """An event cannot have fewer seats than are sold and held."""


class Changed(Conflict):
    """Somebody else changed it at the same moment; read it again."""


class RefundRefused(Conflict):
    """There is nothing (more) to refund, or Stripe will not do it.

    `code` is Stripe's own word for why, where it was Stripe that refused.
    """

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class TicketRefused(Conflict):
    """A ticket lets nobody in: it is void, of another event, or somebody came in with it already.

    `checked_in_at` (ISO 8601) and `door` say when and where the last was.
    """

    def __init__(
        self, message: str, checked_in_at: str | None = None, door: str | None = None
    ) -> None:
        super().__init__(message)
        self.checked_in_at = checked_in_at
        self.door = door


class KeyInUse(Conflict):
    """An idempotency key belongs to another request, or to one that still runs.

    `retry_after_seconds` is set in the second case.
    """

    def __init__(self, message: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PreconditionFailed(EventsApiError):
    """The write was made from a state that is not current any more; nothing was changed."""


class TooBroad(EventsApiError):
    """A search finds more than can be read for one answer."""


class SoldOut(EventsApiError):
    """Fewer seats are free than were asked for."""


class SalesClosed(EventsApiError):
    """The event is not published, or is over."""


class PayloadTooLarge(EventsApiError):
    """The request's body is larger than the API reads."""


class PaymentProviderError(EventsApiError):
    """Stripe answered with an error, too late, or not at all."""


class PaymentProviderBusy(PaymentProviderError):
    """Stripe takes no more requests this second; the same request may well succeed a moment later
    (Stripe's page "Rate limits").
    """

    retry_after_seconds = 2


class MailProviderError(EventsApiError):
    """No e-mail could be sent; it will be tried again.

    Where it is `permanent` another try is in vain: the address or the e-mail itself is refused.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Unavailable(EventsApiError):
    """The store answered with an error, too late, or not at all. Nothing was half done."""

    retry_after_seconds = 2


class ConfigurationError(EventsApiError):
    """A setting is missing or malformed. The text names the setting and never its value."""
