"""Kinds of fields that several bodies share: amounts, times, URLs, slugs."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from chalicelib.domain.addresses import MAX_LENGTH as ADDRESS_LENGTH
from chalicelib.domain.addresses import PATTERN as ADDRESS_PATTERN
from chalicelib.domain.addresses import is_address
from chalicelib.domain.slugs import RESERVED, is_slug

# User information, a name or an address, a port, the rest; nothing that HTML or a browser misreads.
_UNFIT_FOR_URLS = r'\\\u0000-\u0020\u007f"<>\ufffd'
_HTTP_URL = re.compile(
    rf"[Hh][Tt][Tt][Pp][Ss]?://([^{_UNFIT_FOR_URLS}/?#@]*@)?"
    r"([^\u0000-,/:-@\[-^`{-\u007f\ufffd]+|\[[0-9A-Fa-f:.]+\])"
    rf"(:[0-9]{{1,5}})?([/?#][^{_UNFIT_FOR_URLS}]*)?"
)


def _amount(value: object) -> Decimal:
    """Take a JSON number only: text, true and null are none."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("number_type", "must be a number")
    return Decimal(value)


def _moment(value: object) -> datetime:
    """Take an ISO 8601 date or date-time; without an offset it is UTC (the contract's zone)."""
    if not isinstance(value, str):
        raise PydanticCustomError("datetime_type", "must be an ISO 8601 date-time")
    try:
        moment = datetime.fromisoformat(value.strip())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        utc = aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("datetime_parsing", "must be an ISO 8601 date-time") from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _at_most_max_price(value: Decimal) -> Decimal:
    """Check the limit here: pydantic's own message would show it as Python writes a Decimal."""
    if value > MAX_PRICE:
        raise PydanticCustomError("less_than_equal", "must be at most {le}", {"le": str(MAX_PRICE)})
    return value


def _at_most_two_decimals(value: Decimal) -> Decimal:
    """Check what holds in every currency here, before anybody asks which one it is."""
    if value != round(value, 2):
        raise PydanticCustomError("decimal_max_places", "must have at most 2 decimals")
    return value


def _http_url(value: str) -> str:
    if _HTTP_URL.fullmatch(value) is None:
        raise PydanticCustomError("url_parsing", "must be an http(s) URL")
    return value


def _slug(value: str) -> str:
    if value in RESERVED:
        raise PydanticCustomError("slug_reserved", "must not be a word of the API's own paths")
    if not is_slug(value):
        raise PydanticCustomError(
            "slug_pattern",
            "must be lower-case words and digits with single hyphens, not all digits",
        )
    return value


def _email(value: str) -> str:
    if not is_address(value):
        raise PydanticCustomError("email_pattern", "must be an e-mail address")
    return value


MAX_PRICE = Decimal("99999999.99")

HTTP_URL_PATTERN = f"^{_HTTP_URL.pattern}$"
# What `domain.slugs.is_slug` takes, for documents.
SLUG_PATTERN = "^(?![0-9]+$)(?!(import|export)$)[a-z0-9]+(-[a-z0-9]+)*$"

# The schemas say for the OpenAPI document what the functions beside them check.
Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    Field(ge=0),
    WithJsonSchema({"type": "number", "minimum": 0, "multipleOf": 0.01}),
]
PositiveAmount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    Field(gt=0),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.01}),
]
Price = Annotated[
    Amount,
    AfterValidator(_at_most_max_price),
    AfterValidator(_at_most_two_decimals),
    WithJsonSchema(
        {"type": "number", "minimum": 0, "maximum": float(MAX_PRICE), "multipleOf": 0.01}
    ),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ]
        }
    ),
]
HttpUrl = Annotated[
    str,
    Field(max_length=500, json_schema_extra={"pattern": HTTP_URL_PATTERN}),
    AfterValidator(_http_url),
]
EVENT_SLUG_LENGTH, CITY_SLUG_LENGTH = 100, 50
_AS_SLUG = Field(json_schema_extra={"pattern": SLUG_PATTERN})
EventSlug = Annotated[str, Field(max_length=EVENT_SLUG_LENGTH), AfterValidator(_slug), _AS_SLUG]
CitySlug = Annotated[str, Field(max_length=CITY_SLUG_LENGTH), AfterValidator(_slug), _AS_SLUG]
Email = Annotated[
    str,
    Field(
        max_length=ADDRESS_LENGTH,
        json_schema_extra={"format": "email", "pattern": f"^{ADDRESS_PATTERN}$"},
    ),
    AfterValidator(_email),
]
