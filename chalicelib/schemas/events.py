"""The body that describes an event."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

from chalicelib.domain.events import UNLIMITED_SEATS, EventStatus
from chalicelib.domain.money import CURRENCIES, DEFAULT_CURRENCY, to_minor
from chalicelib.errors import InvalidInput
from chalicelib.schemas.fields import EVENT_SLUG_LENGTH, CitySlug, EventSlug, HttpUrl, Moment, Price
from chalicelib.schemas.reading import Body
from chalicelib.schemas.texts import clean_html, slug_from
from chalicelib.services.catalogue import EventDraft

_ALLOWED_TAGS = frozenset({"p", "br", "strong", "em", "ul", "ol", "li"})
_DESCRIPTION_LENGTH = 5000


def _currency(value: str) -> str:
    code = value.lower()
    if code not in CURRENCIES:
        raise PydanticCustomError("currency", "must be the code of a currency, such as usd")
    return code


class EventBody(Body):
    """A new event. `city` may be sent and is overruled by the name of the city of `citySlug`."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    slug: EventSlug | None = None
    date: Moment
    city: Annotated[str, Field(max_length=100)] | None = None
    city_slug: CitySlug
    location: Annotated[str, Field(min_length=1, max_length=255)]
    organizer_name: Annotated[str, Field(min_length=1, max_length=255)]
    price: Price
    currency: Annotated[str, AfterValidator(_currency)] = DEFAULT_CURRENCY
    image_url: HttpUrl | None = None
    alt: Annotated[str, Field(max_length=255)] | None = None
    description: Annotated[str, Field(max_length=_DESCRIPTION_LENGTH)] = ""
    capacity: Annotated[int, Field(ge=0, le=UNLIMITED_SEATS // 1000)] | None = None
    status: Literal["draft", "published"] = "published"

    def _clean_description(self) -> str:
        """Clean the description; cleaning escapes, so its length is looked at again."""
        cleaned = clean_html(self.description, _ALLOWED_TAGS)
        if len(cleaned) > _DESCRIPTION_LENGTH:
            raise InvalidInput.of(
                "description", "is too long once it is written as HTML", "string_too_long"
            )
        return cleaned

    def draft(self) -> EventDraft:
        """Return the event as the catalogue takes it; raises `InvalidInput`."""
        return EventDraft(
            name=self.name,
            slug=self.slug or slug_from(self.name, EVENT_SLUG_LENGTH),
            city_slug=self.city_slug,
            location=self.location,
            date=self.date,
            organizer_name=self.organizer_name,
            image_url=self.image_url,
            alt=self.alt or self.name,
            description=self._clean_description(),
            price=to_minor(self.price, self.currency, "price"),
            currency=self.currency,
            status=EventStatus(self.status),
            capacity=self.capacity,
        )
