"""The line items of a session: checked, priced, added up. All amounts are minor units."""

from decimal import ROUND_HALF_UP, Decimal

from . import currencies
from .errors import InvalidRequestError, NotModelledError
from .ids import new_id
from .metadata import accepted
from .parameters import missing, too_small
from .records import Json

_MOST_ITEMS = 100
_MOST_DECIMALS = 12


def build(given: list[Json], now: int) -> list[Json]:
    """Make the API's line items; InvalidRequestError if Stripe would refuse these."""
    if not given:
        raise missing("line_items")
    if len(given) > _MOST_ITEMS:
        raise InvalidRequestError(
            f"A session has up to {_MOST_ITEMS} line items.", param="line_items"
        )
    items = [_item(item, f"line_items[{index}]", now) for index, item in enumerate(given)]
    if len({item["currency"] for item in items}) > 1:
        raise InvalidRequestError(
            "All line items of a session have the same currency.", param="line_items"
        )
    return items


def total(items: list[Json]) -> Json:
    """Return `currency` and `total` of the items; InvalidRequestError if it cannot be charged."""
    currency = items[0]["currency"]
    amount = sum(item["amount_total"] for item in items)
    if amount:
        _require_chargeable(amount, currency)
    return {"currency": currency, "total": amount}


def _require_chargeable(amount: int, currency: str) -> None:
    least, step = currencies.smallest_charge(currency), currencies.smallest_step(currency)
    if amount < least:
        raise InvalidRequestError(
            f"The session's total must add up to at least {currencies.show(least, currency)}.",
            code="amount_too_small",
        )
    if amount > currencies.LARGEST_CHARGE:
        most = currencies.show(currencies.LARGEST_CHARGE, currency)
        raise InvalidRequestError(
            f"The session's total must be no more than {most}.", code="amount_too_large"
        )
    if amount % step:
        raise InvalidRequestError(
            f"Amounts in {currency} must be multiples of {step} minor units.",
            code=currencies.code_of_wrong_step(currency),
        )


def _item(given: Json, param: str, now: int) -> Json:
    for unmodelled in ("tax_rates", "adjustable_quantity"):
        setting = given.get(unmodelled)
        if setting and setting != {"enabled": False}:
            raise NotModelledError(f"{param}[{unmodelled}]")
    if "price" in given:
        raise _no_such("price", given["price"], f"{param}[price]")
    if "price_data" not in given:
        raise missing(f"{param}[price_data]")
    if "quantity" not in given:
        raise missing(f"{param}[quantity]")
    quantity = given["quantity"]
    if quantity < 1:
        raise too_small(f"{param}[quantity]", 1)
    price_data = given["price_data"]
    price = _price(price_data, f"{param}[price_data]", now)
    exact = Decimal(price["unit_amount_decimal"]) * quantity
    amount = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    return {
        "id": new_id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": price_data["product_data"]["name"],
        "metadata": accepted(given.get("metadata"), param=f"{param}[metadata]"),
        "price": price,
        "quantity": quantity,
    }


def _price(given: Json, param: str, now: int) -> Json:
    if "recurring" in given:
        raise InvalidRequestError(
            "Sessions in payment mode take one-time prices only.", param=f"{param}[recurring]"
        )
    if "product" in given:
        raise _no_such("product", given["product"], f"{param}[product]")
    if "product_data" not in given:
        raise missing(f"{param}[product_data]")
    accepted(given["product_data"].get("metadata"), param=f"{param}[product_data][metadata]")
    unit_amount = _unit_amount(given, param)
    whole = unit_amount == unit_amount.to_integral_value()
    return {
        "id": new_id("price_1"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": require_currency(given["currency"], f"{param}[currency]"),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": new_id("prod_"),
        "recurring": None,
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": int(unit_amount) if whole else None,
        "unit_amount_decimal": f"{unit_amount.normalize():f}",
    }


def _unit_amount(given: Json, param: str) -> Decimal:
    names = [name for name in ("unit_amount", "unit_amount_decimal") if name in given]
    if not names:
        raise missing(f"{param}[unit_amount]")
    if len(names) > 1:
        raise InvalidRequestError(
            "Give unit_amount or unit_amount_decimal, not both.", param=f"{param}[unit_amount]"
        )
    (name,) = names
    amount = Decimal(given[name])
    if amount < 0:
        raise too_small(f"{param}[{name}]", 0)
    if amount > currencies.LARGEST_CHARGE:
        raise InvalidRequestError(
            f"{param}[{name}] must be no more than {currencies.LARGEST_CHARGE}.",
            code="amount_too_large",
            param=f"{param}[{name}]",
        )
    if amount.normalize() != round(amount, _MOST_DECIMALS):
        raise InvalidRequestError(
            f"{param}[{name}] can have up to {_MOST_DECIMALS} decimal places.",
            param=f"{param}[{name}]",
        )
    return amount


def require_currency(given: str, param: str) -> str:
    """Return the currency in lower case; InvalidRequestError if Stripe does not charge in it."""
    currency = given.lower()
    if currency not in currencies.SUPPORTED:
        raise InvalidRequestError(f"Invalid currency: {given[:10]}", param=param)
    return currency


def _no_such(kind: str, object_id: str, param: str) -> InvalidRequestError:
    # Prices and products are made with the session here; there is no catalogue to refer to.
    return InvalidRequestError(
        f"No such {kind}: '{object_id}'", code="resource_missing", param=param
    )
