"""The bodies that describe a city, whole or in part."""

from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, model_validator

from chalicelib.domain.cities import City
from chalicelib.schemas.fields import CITY_SLUG_LENGTH, CitySlug, HttpUrl
from chalicelib.schemas.reading import Body
from chalicelib.schemas.texts import slug_from
from chalicelib.services.editing_cities import CityDraft

# Names that front ends of the original API send.
_OLDER_NAMES = {"city": "name", "citySlug": "slug", "url": "imageUrl"}


def _describe_older_names(schema: dict[str, Any]) -> None:
    """Add the older names, as deprecated, to the body's JSON Schema."""
    fields = schema["properties"]
    for older, newer in _OLDER_NAMES.items():
        description = f"Older name of `{newer}`."
        fields[older] = {**fields[newer], "deprecated": True, "description": description}
        if newer in schema.get("required", []):
            schema["required"].remove(newer)
            schema["anyOf"] = [{"required": [newer]}, {"required": [older]}]


_Name = Annotated[str, Field(min_length=1, max_length=100)]
_Country = Annotated[str, Field(max_length=100)]
_Alt = Annotated[str, Field(max_length=255)]


class _WithOlderNames(Body):
    """Takes `city`, `citySlug` and `url` for `name`, `slug` and `imageUrl`."""

    model_config = ConfigDict(json_schema_extra=_describe_older_names)

    @model_validator(mode="wrap")
    @classmethod
    def _take_older_names(cls, data: Any, read: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 - whatever the body was
        """Use an older name's value where the newer name is absent; where it is there, the older
        one's is not used, but has to be right all the same.
        """
        newer = {name: value for name, value in dict(data).items() if name not in _OLDER_NAMES}
        older = {_OLDER_NAMES[name]: value for name, value in data.items() if name in _OLDER_NAMES}
        if older.keys() & newer.keys():
            read({**newer, **older})
        return read({**older, **newer})


class CityBody(_WithOlderNames):
    """A new city; `city`, `citySlug` and `url` are taken for `name`, `slug` and `imageUrl`."""

    name: _Name
    slug: CitySlug | None = None
    country: _Country | None = None
    image_url: HttpUrl | None = None
    alt: _Alt | None = None

    def draft(self) -> CityDraft:
        """Return the city as the catalogue takes it; raises `InvalidInput`."""
        return CityDraft(
            name=self.name,
            slug=self.slug or slug_from(self.name, CITY_SLUG_LENGTH),
            country=self.country or None,
            image_url=self.image_url,
            alt=self.alt or self.name,
        )


# The value of a key that was not sent. It is never looked at, and no document shows it.
_NOT_SENT: Any = Field(default_factory=lambda: None)
# Keys whose value is the city's as it was sent.
_PLAIN = ("name", "slug", "image_url")


class CityChanges(_WithOlderNames):
    """The keys of a city that are to change; those that are not sent stay as they are.

    `city`, `citySlug` and `url` are taken for `name`, `slug` and `imageUrl`.
    """

    name: _Name = _NOT_SENT
    slug: CitySlug = _NOT_SENT
    country: _Country | None = _NOT_SENT
    image_url: HttpUrl | None = _NOT_SENT
    alt: _Alt | None = _NOT_SENT

    def applied_to(self, city: City) -> CityDraft:
        """Return what the changes make of a city."""
        changes: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN if self._has(name)}
        if self._has("country"):
            changes["country"] = self.country or None
        changes["alt"] = self._alt(city)
        return replace(CityDraft.of(city), **changes)

    def _has(self, name: str) -> bool:
        return name in self.model_fields_set

    def _alt(self, city: City) -> str:
        """Return the text for the image: the name, where it was the name or is taken away."""
        name = self.name if self._has("name") else city.name
        if self._has("alt"):
            return self.alt or name
        return name if city.alt == city.name else city.alt
