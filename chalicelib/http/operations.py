"""What a route takes and answers, said beside it. `infra.openapi` makes the OpenAPI document of
this and of the pydantic models, which are only named here: nothing heavy is imported for it.
"""

import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from chalicelib.errors import EventsApiError

# A JSON Schema (2020-12), as OpenAPI 3.1 takes it.
Schema = Mapping[str, Any]

JSON = "application/json"

_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "minLength": 1}


class Tag(StrEnum):
    """The groups of the documentation page, in its order."""

    EVENTS = "Events"
    CITIES = "Cities"
    PAYMENTS = "Payments"
    ORDERS = "Orders"
    ACCOUNT = "Account"
    ADMIN_EVENTS = "Admin: events"
    ADMIN_CITIES = "Admin: cities"
    ADMIN_ORDERS = "Admin: orders"
    ADMIN_AUDIT = "Admin: audit trail"
    ADMIN_DATABASE = "Admin: database"
    OPERATIONS = "Operations"


class Place(StrEnum):
    """Where in a request a parameter is."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"


class Described(NamedTuple):
    """One parameter as the document shows it. `schema` is of its value."""

    name: str
    place: Place
    description: str
    schema: Schema
    deprecated: bool = False
    example: Any = None
    required: bool = False


class Parameter(Protocol):
    """What can describe itself; a parameter with older names describes each of them too."""

    def described(self) -> tuple[Described, ...]:
        """Return the parameter under each of its names."""
        ...


class PathParameter(NamedTuple):
    """A variable part of the path."""

    name: str
    description: str
    example: str
    schema: Schema = _NAME

    def described(self) -> tuple[Described, ...]:
        """Return the parameter."""
        return (
            Described(self.name, Place.PATH, self.description, self.schema, example=self.example),
        )


class HeaderParameter(NamedTuple):
    """A request header that a client may send, or, where it is `required`, has to."""

    name: str
    description: str
    schema: Schema = _TEXT
    example: str | None = None
    required: bool = False

    def described(self) -> tuple[Described, ...]:
        """Return the header."""
        return (
            Described(
                self.name,
                Place.HEADER,
                self.description,
                self.schema,
                example=self.example,
                required=self.required,
            ),
        )


class Body(NamedTuple):
    """A request's body. `model` names a pydantic model (`module:Class`) or, for what is no JSON,
    is None; then `schema` says what can be said. `examples` have a title each. One that is not
    `required` may be left out.
    """

    model: str | None
    examples: Mapping[str, Any]
    media_type: str = JSON
    schema: Schema | None = None
    description: str = ""
    required: bool = True


class ResponseHeader(NamedTuple):
    """A header that an answer carries; `always` is False where it may be missing."""

    name: str
    description: str
    example: str
    always: bool = True


class Answer(NamedTuple):
    """One answer of a request that goes well. `model` names a class of `schemas.answers`, or
    another as `module:Class`; without one the answer is text of the media type, or empty where
    that is None.
    """

    description: str
    status: int = 200
    model: str | None = None
    media_type: str | None = JSON
    headers: tuple[ResponseHeader, ...] = ()
    example: Any = None


class Operation(NamedTuple):
    """A route's description: the view's docstring is the longer part of it.

    `parameters` are the very objects that the view reads with. `errors` are what it can raise;
    what follows by rule is not listed: `InvalidInput` where something is read, `PayloadTooLarge`
    with a body, 401 and 403 behind the authorizer, and 429, 500 and 503 everywhere. With
    `may_sign_in`, which is for routes without the authorizer, the view checks a token that is sent.
    """

    summary: str
    tag: Tag
    answers: tuple[Answer, ...]
    parameters: tuple[Parameter, ...] = ()
    bodies: tuple[Body, ...] = ()
    errors: tuple[type[EventsApiError], ...] = ()
    deprecated: bool = False
    may_sign_in: bool = False

    def reads(self) -> frozenset[tuple[Place, str]]:
        """Return what a view may ask a request for; headers in lower case."""
        described = frozenset(
            (shown.place, shown.name.lower() if shown.place is Place.HEADER else shown.name)
            for parameter in self.parameters
            for shown in parameter.described()
        )
        # OpenAPI has security schemes in the one header's place, and the answers' media types in
        # the other's ("Parameter Object", `name`).
        if self.may_sign_in:
            described |= {(Place.HEADER, "authorization")}
        if len({answer.media_type for answer in self.answers}) > 1:
            described |= {(Place.HEADER, "accept")}
        return described


class RouteDescription(NamedTuple):
    """What a view's handler carries for the document: the first path is the route's name, the
    others are older names for it.
    """

    operation: Operation
    view: str
    longer: str
    paths: tuple[str, ...]
    methods: tuple[str, ...]

    @classmethod
    def of(
        cls,
        view: Callable[..., object],
        operation: Operation,
        paths: tuple[str, ...],
        methods: tuple[str, ...],
    ) -> "RouteDescription":
        """Describe a view under its paths and verbs."""
        return cls(operation, view.__name__, inspect.cleandoc(view.__doc__ or ""), paths, methods)


_ATTRIBUTE = "route_description"


def attach(handler: Callable[..., object], description: RouteDescription) -> None:
    """Leave the description with the handler, where `description_of` finds it."""
    vars(handler)[_ATTRIBUTE] = description


def description_of(handler: Callable[..., object]) -> RouteDescription | None:
    """Return what was left with a handler, or None."""
    found: RouteDescription | None = vars(handler).get(_ATTRIBUTE)
    return found


ETAG = ResponseHeader(
    "ETag", "Changes whenever the answer does.", '"5f0c1c9a7d3b4e8f9a0b1c2d3e4f5a6b"'
)
LOCATION = ResponseHeader("Location", "Where the new thing is.", "/api/admin/events/harbour-jazz")

# RFC 9110, sections 8.8.3 and 5.6.1; `entity_tags` takes more, such as elements that are empty.
_TAG = r'(W/)?"[!#-~\u0080-\u00ff]*"'

IF_NONE_MATCH = HeaderParameter(
    "If-None-Match",
    "ETags that the client has; where one of them is current, the answer is a 304 without a body.",
    example=ETAG.example,
)
IF_MATCH = HeaderParameter(
    "If-Match",
    "The ETag that the change was made from; where it is not current any more, the answer is a "
    "412 and nothing is changed.",
    schema={"type": "string", "pattern": f"^(\\*|{_TAG}( *, *{_TAG})*)$"},
    example=ETAG.example,
)


def cacheable(
    description: str,
    model: str | None,
    *,
    media_type: str = JSON,
    example: Any = None,  # noqa: ANN401 - whatever the model is
) -> tuple[Answer, Answer]:
    """Return the two answers of what is cached: the whole one, and the 304 of who has it."""
    return (
        Answer(description, model=model, media_type=media_type, headers=(ETAG,), example=example),
        Answer("The client's copy is current.", 304, media_type=None, headers=(ETAG,)),
    )
