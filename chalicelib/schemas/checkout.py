"""The body that starts a checkout."""

from typing import Annotated

from pydantic import Field

from chalicelib.domain.checkout_sessions import RedirectUrls
from chalicelib.domain.orders import MAX_QUANTITY
from chalicelib.schemas.fields import Amount, Email
from chalicelib.schemas.reading import Body
from chalicelib.services.checkout import CheckoutRequest

# `services.checkout` reads the URLs; the pattern tells the document what one is, wherever it leads.
_Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        json_schema_extra={"pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\\\u0000-\u0020\u007f\ufffd]+$"},
    ),
]


class CheckoutBody(Body):
    """What a buyer's front end sends. The server's price decides, and its name of the event."""

    event_slug: Annotated[str, Field(min_length=1, max_length=100)]
    event_name: Annotated[str, Field(max_length=255)] | None = None
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
    unit_price: Amount
    total_amount: Amount
    success_url: _Url
    cancel_url: _Url
    customer_email: Email | None = None

    def request(self, user_id: str | None = None) -> CheckoutRequest:
        """Return the checkout as the service takes it; `user_id` is the buyer's, if signed in."""
        return CheckoutRequest(
            event_slug=self.event_slug,
            quantity=self.quantity,
            unit_price=self.unit_price,
            total_amount=self.total_amount,
            urls=RedirectUrls(self.success_url, self.cancel_url),
            customer_email=self.customer_email,
            user_id=user_id,
            event_name=self.event_name,
        )
