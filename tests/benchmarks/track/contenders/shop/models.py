"""What comes in and goes out."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True
    )


class Event(Model):
    id: int
    name: str
    slug: str
    city: str
    city_slug: str
    location: str
    date: str
    organizer_name: str
    image_url: str | None
    alt: str
    description: str
    price: float
    currency: str
    status: str
    capacity: int | None
    created_at: str
    updated_at: str


class EventWithStock(Event):
    available: int | None


class Pagination(Model):
    limit: int
    offset: int
    has_more: bool
    next_cursor: str | None


class EventList(Model):
    count: int
    events: list[Event]
    pagination: Pagination


class CheckoutBody(Model):
    model_config = ConfigDict(extra="forbid")

    event_slug: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
    event_name: Annotated[str, Field(max_length=255)] | None = None
    quantity: Annotated[int, Field(ge=1, le=10)]
    unit_price: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    total_amount: Annotated[Decimal, Field(ge=0, decimal_places=2)]
    success_url: Annotated[str, Field(max_length=2000)]
    cancel_url: Annotated[str, Field(max_length=2000)]
    customer_email: str | None = None


class CheckoutStarted(Model):
    checkout_url: str
    session_id: str
    order_id: str
    expires_at: str
