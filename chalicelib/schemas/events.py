"""The bodies that describe an event, whole or in part."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

from chalicelib.domain.events import UNLIMITED_SEATS, Event, EventStatus
from chalicelib.domain.money import CURRENCIES, DEFAULT_CURRENCY, to_major, to_minor
from chalicelib.errors import InvalidInput
from chalicelib.schemas.fields import EVENT_SLUG_LENGTH, CitySlug, EventSlug, HttpUrl, Moment, Price
from chalicelib.schemas.reading import Body
from chalicelib.schemas.texts import clean_html, slug_from
from chalicelib.services.editing_events import EventDraft

_ALLOWED_TAGS = frozenset({"p", "br", "strong", "em", "ul", "ol", "li"})
_DESCRIPTION_LENGTH = 5000


def _currency(value: str) -> str:
    code = value.lower()
    if code not in CURRENCIES:
        raise PydanticCustomError("currency", "must be the code of a currency, such as usd")
    return code


_AS_CURRENCY = WithJsonSchema({"type": "string", "enum": sorted(CURRENCIES)})


_Text = Annotated[str, Field(min_length=1, max_length=255)]
_CityName = Annotated[str, Field(max_length=100)]
_Currency = Annotated[str, AfterValidator(_currency), _AS_CURRENCY]
_Alt = Annotated[str, Field(max_length=255)]
_Description = Annotated[str, Field(max_length=_DESCRIPTION_LENGTH)]
_Capacity = Annotated[int, Field(ge=0, le=UNLIMITED_SEATS // 1000)]
_Status = Literal["draft", "published"]


class EventBody(Body):
    """A new event. `city` may be sent and is overruled by the name of the city of `citySlug`."""

    name: _Text
    slug: EventSlug | None = None
    date: Moment
    city: _CityName | None = None
    city_slug: CitySlug
    location: _Text
    organizer_name: _Text
    price: Price
    currency: _Currency = DEFAULT_CURRENCY
    image_url: HttpUrl | None = None
    alt: _Alt | None = None
    description: _Description = ""
    capacity: _Capacity | None = None
    status: _Status = "published"

    def draft(self) -> EventDraft:
        """Return the event as the editor takes it; raises `InvalidInput`."""
        return EventDraft(
            name=self.name,
            slug=self.slug or slug_from(self.name, EVENT_SLUG_LENGTH),
            city_slug=self.city_slug,
            location=self.location,
            date=self.date,
            organizer_name=self.organizer_name,
            image_url=self.image_url,
            alt=self.alt or self.name,
            description=_clean_description(self.description),
            price=to_minor(self.price, self.currency, "price"),
            currency=self.currency,
            status=EventStatus(self.status),
            capacity=self.capacity,
        )


# The value of a key that was not sent. It is never looked at, and no document shows it.
_NOT_SENT: Any = Field(default_factory=lambda: None)
# Keys whose value is the event's as it was sent.
_PLAIN = (
    "name",
    "slug",
    "city_slug",
    "location",
    "date",
    "organizer_name",
    "image_url",
    "capacity",
)


class EventChanges(Body):
    """The keys of an event that are to change; those that are not sent stay as they are."""

    name: _Text = _NOT_SENT
    slug: EventSlug = _NOT_SENT
    date: Moment = _NOT_SENT
    city: _CityName | None = _NOT_SENT
    city_slug: CitySlug = _NOT_SENT
    location: _Text = _NOT_SENT
    organizer_name: _Text = _NOT_SENT
    price: Price = _NOT_SENT
    currency: _Currency = _NOT_SENT
    image_url: HttpUrl | None = _NOT_SENT
    alt: _Alt | None = _NOT_SENT
    description: _Description = _NOT_SENT
    capacity: _Capacity | None = _NOT_SENT
    status: _Status = _NOT_SENT

    def applied_to(self, event: Event) -> EventDraft:
        """Return what the changes make of an event; raises `InvalidInput`."""
        changes: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN if self._has(name)}
        if self._has("description"):
            changes["description"] = _clean_description(self.description)
        if self._has("status"):
            changes["status"] = EventStatus(self.status)
        if self._has("price") or self._has("currency"):
            changes |= self._price(event)
        changes["alt"] = self._alt(event)
        return replace(EventDraft.of(event), **changes)

    def _has(self, name: str) -> bool:
        return name in self.model_fields_set

    def _price(self, event: Event) -> dict[str, Any]:
        """Return price and currency: the number stays where only the currency changes."""
        currency = self.currency if self._has("currency") else event.currency
        if self._has("price"):
            return {"price": to_minor(self.price, currency, "price"), "currency": currency}
        number = Decimal(str(to_major(event.price, event.currency)))
        return {"price": to_minor(number, currency, "currency"), "currency": currency}

    def _alt(self, event: Event) -> str:
        """Return the text for the image: the name, where it was the name or is taken away."""
        name = self.name if self._has("name") else event.name
        if self._has("alt"):
            return self.alt or name
        return name if event.alt == event.name else event.alt


def _clean_description(text: str) -> str:
    """Clean a description; cleaning may leave blanks where a tag was at an end, and may escape, so
    its length is looked at again. References to no character (`&#0;`) become U+FFFD, which nobody
    could send again: it goes.
    """
    cleaned = clean_html(text, _ALLOWED_TAGS).replace("\ufffd", "").strip()
    if len(cleaned) > _DESCRIPTION_LENGTH:
        raise InvalidInput.of(
            "description", "is too long once it is written as HTML", "string_too_long"
        )
    return cleaned


class CancelBody(Body):
    """Nothing: what cannot be undone is not done for somebody who meant something else by it."""
