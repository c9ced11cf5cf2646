"""Stripe's limits on metadata. Source: Stripe's page "Metadata"."""

from .errors import InvalidRequestError

_MOST_KEYS = 50
_LONGEST_KEY = 40
_LONGEST_VALUE = 500


def accepted(given: dict[str, str] | str | None, *, param: str = "metadata") -> dict[str, str]:
    """Return the metadata to keep, without the keys an empty value unsets.

    Raises InvalidRequestError for more keys, or longer ones or values, than Stripe takes.
    """
    if not isinstance(given, dict):
        return {}
    if len(given) > _MOST_KEYS:
        raise InvalidRequestError(
            f"Metadata can have up to {_MOST_KEYS} keys; this has {len(given)}.", param=param
        )
    for key, value in given.items():
        if len(key) > _LONGEST_KEY:
            raise InvalidRequestError(
                f"Metadata keys can have up to {_LONGEST_KEY} characters; {key[:40]}… is longer.",
                param=param,
            )
        if len(value) > _LONGEST_VALUE:
            raise InvalidRequestError(
                f"Metadata values can have up to {_LONGEST_VALUE} characters; the one of {key} has"
                f" {len(value)}.",
                param=f"{param}[{key}]",
            )
    return {key: value for key, value in given.items() if value}
