"""The body that describes a city."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

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


class CityBody(Body):
    """A new city; `city`, `citySlug` and `url` are taken for `name`, `slug` and `imageUrl`."""

    model_config = ConfigDict(json_schema_extra=_describe_older_names)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    slug: CitySlug | None = None
    country: Annotated[str, Field(max_length=100)] | None = None
    image_url: HttpUrl | None = None
    alt: Annotated[str, Field(max_length=255)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_older_names(cls, data: Any) -> Any:  # noqa: ANN401 - whatever the body was
        """Use an older name's value where the newer name is absent."""
        body = dict(data)
        for older, newer in _OLDER_NAMES.items():
            if older in body:
                value = body.pop(older)
                body.setdefault(newer, value)
        return body

    def draft(self) -> CityDraft:
        """Return the city as the catalogue takes it; raises `InvalidInput`."""
        return CityDraft(
            name=self.name,
            slug=self.slug or slug_from(self.name, CITY_SLUG_LENGTH),
            country=self.country or None,
            image_url=self.image_url,
            alt=self.alt or self.name,
        )
