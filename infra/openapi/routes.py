"""The app's routes with their descriptions: where the document's operations come from."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chalice.app import Chalice

from chalicelib.functions import stripe_webhook
from chalicelib.http.operations import Place, RouteDescription, description_of

_PARAMETER = re.compile(r"\{(\w+)\}")


class UndescribedRoute(Exception):
    """A route has no description, or one that is not of its path."""


@dataclass(frozen=True, slots=True)
class DescribedRoute:
    """One verb of one path."""

    method: str
    path: str
    guarded: bool
    needs_api_key: bool
    description: RouteDescription

    @property
    def deprecated(self) -> bool:
        """Whether clients should use another: the path is an older name, or the operation is."""
        is_older_name = self.path != self.description.paths[0]
        return is_older_name or self.description.operation.deprecated

    @property
    def operation_id(self) -> str:
        """A name for generated clients: the view's, with what tells its routes apart."""
        first, *others = self.description.view.split("_")
        name = first + "".join(word.title() for word in others)
        if len(self.description.methods) > 1:
            name += f"By{self.method.title()}"
        older = self.description.paths.index(self.path)
        return f"{name}AtOlderPath{older if older > 1 else ''}" if older else name


def described_routes(app: Chalice) -> Iterator[DescribedRoute]:
    """Give every route but the preflights, the webhook's too; raises `UndescribedRoute`."""
    for path, entries in app.routes.items():
        for method, entry in entries.items():
            if method == "OPTIONS":
                continue
            description = description_of(entry.view_function)
            if description is None:
                raise UndescribedRoute(f"{method} {path} has no description")
            yield _checked(
                DescribedRoute(
                    method,
                    path,
                    guarded=entry.authorizer is not None,
                    needs_api_key=bool(entry.api_key_required),
                    description=description,
                )
            )
    yield _webhook()


def _webhook() -> DescribedRoute:
    description = RouteDescription(
        operation=stripe_webhook.OPERATION,
        view="stripe_webhook",
        longer=inspect.cleandoc(stripe_webhook.__doc__ or ""),
        paths=(stripe_webhook.PATH,),
        methods=("POST",),
    )
    return _checked(
        DescribedRoute(
            "POST",
            stripe_webhook.PATH,
            guarded=False,
            needs_api_key=False,
            description=description,
        )
    )


def _checked(route: DescribedRoute) -> DescribedRoute:
    described = {
        shown.name
        for parameter in route.description.operation.parameters
        for shown in parameter.described()
        if shown.place is Place.PATH
    }
    in_path = set(_PARAMETER.findall(route.path))
    if described != in_path:
        raise UndescribedRoute(
            f"{route.method} {route.path} describes {sorted(described)}, its path has "
            f"{sorted(in_path)}"
        )
    return route
