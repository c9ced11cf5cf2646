"""What all list operations share: limits, cursors, the `created` filter, the envelope."""

from .errors import InvalidRequestError
from .parameters import too_small
from .records import Json, Window

_DEFAULT_LIMIT = 10
_LARGEST_LIMIT = 100


def window(params: Json) -> Window:
    """Return the part of a list that is asked for; InvalidRequestError for a bad limit."""
    limit = params.get("limit", _DEFAULT_LIMIT)
    if limit < 1:
        raise too_small("limit", 1)
    if limit > _LARGEST_LIMIT:
        raise InvalidRequestError(
            f"limit must be less than or equal to {_LARGEST_LIMIT}.",
            code="parameter_invalid_integer",
            param="limit",
        )
    return Window(limit, params.get("starting_after"), params.get("ending_before"))


def created_filter(params: Json) -> dict[str, object]:
    """Turn `created`, or `created[gte]` and its kin, into filters of `records.page`."""
    created = params.get("created")
    if isinstance(created, dict):
        return {f"created_{bound}": value for bound, value in created.items()}
    return {"created": created}


def list_object(url: str, data: list[Json], *, has_more: bool) -> Json:
    """Wrap a page of the list at `url` in Stripe's list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def slice_of(items: list[Json], wanted: Window) -> tuple[list[Json], bool]:
    """Do as `records.page` does, for a list that is at hand and in its own order."""
    ids = [item["id"] for item in items]
    start, end = 0, len(items)
    if wanted.starting_after is not None:
        start = _position(ids, wanted.starting_after, "starting_after") + 1
        end = start + wanted.limit
    elif wanted.ending_before is not None:
        end = _position(ids, wanted.ending_before, "ending_before")
        start = max(0, end - wanted.limit)
        return items[start:end], start > 0
    else:
        end = wanted.limit
    return items[start:end], end < len(items)


def _position(ids: list[str], cursor: str, param: str) -> int:
    if cursor not in ids:
        raise InvalidRequestError(f"No such item: '{cursor}'", code="resource_missing", param=param)
    return ids.index(cursor)
