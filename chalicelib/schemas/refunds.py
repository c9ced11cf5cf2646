"""The body that refunds an order."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from chalicelib.domain.money import to_minor
from chalicelib.domain.orders import MAX_QUANTITY
from chalicelib.errors import InvalidInput
from chalicelib.schemas.fields import MAX_PRICE, PositiveAmount
from chalicelib.schemas.reading import Body
from chalicelib.services.refunding import RefundWish

# The value of a key that was not sent. It is never looked at, and no document shows it.
_NOT_SENT: Any = Field(default_factory=lambda: None)


# No order costs more.
_MOST = MAX_PRICE * MAX_QUANTITY


def _at_most_what_orders_cost(value: Decimal) -> Decimal:
    if value > _MOST:
        raise PydanticCustomError("less_than_equal", "must be at most {le}", {"le": str(_MOST)})
    return value


_Refundable = Annotated[
    PositiveAmount,
    AfterValidator(_at_most_what_orders_cost),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": float(_MOST),
            "multipleOf": 0.01,
        }
    ),
]


def _describe_choice(schema: dict[str, Any]) -> None:
    """Say in the body's JSON Schema that there is one of the two, or none."""
    schema["not"] = {"required": ["amount", "quantity"]}


class RefundBody(Body):
    """What an admin sends: an amount in major units, or a number of tickets, or neither for all
    that is left.
    """

    model_config = ConfigDict(json_schema_extra=_describe_choice)

    amount: _Refundable = _NOT_SENT
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)] = _NOT_SENT
    reason: Annotated[str, Field(min_length=1, max_length=500)] = _NOT_SENT
    return_seats: bool = True

    def wish(self, currency: str, key: str | None) -> RefundWish:
        """Return the refund as the service takes it, of an order in this currency; raises
        `InvalidInput`.
        """
        amount: Decimal | None = self.amount
        quantity: int | None = self.quantity
        if amount is not None and quantity is not None:
            raise InvalidInput.of(
                "quantity", "cannot be combined with amount", "amount_and_quantity"
            )
        return RefundWish(
            amount=None if amount is None else to_minor(amount, currency, "amount"),
            quantity=quantity,
            reason=self.reason,
            returns_seats=self.return_seats,
            key=key,
        )
