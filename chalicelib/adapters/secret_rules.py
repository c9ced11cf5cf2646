"""What Stripe's secrets look like, and what is wrong with one that does not: told in a sentence
that never has the secret in it.

Source: Stripe's pages "API keys" and "Webhooks", "Verify webhook signatures".
"""

import re
from collections.abc import Callable, Mapping

from chalicelib.settings import PRODUCTION_STAGE

SECRET_KEY = "STRIPE_SECRET_KEY"  # noqa: S105 - a setting's name
WEBHOOK_SECRET = "STRIPE_WEBHOOK_SECRET"  # noqa: S105 - a setting's name

_SECRET_KEY = re.compile(r"(?:sk|rk)_(?P<mode>test|live)_[A-Za-z0-9_]+")
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]+")
_API_KEYS = ("sk_", "rk_", "pk_")
_QUOTES = frozenset("\"'`\u2018\u2019\u201c\u201d")


def is_production(stage: str) -> bool:
    """Tell whether a stage of this name is a production one."""
    return stage.strip().lower().startswith(PRODUCTION_STAGE)


def what_is_wrong(name: str, value: str, stage: str) -> str | None:
    """Return what is wrong with the secret of a setting, or None; `value` may be a list where the
    setting's may. Any stage may have either kind of key where `stage` is empty.
    """
    return _RULES[name](value, stage)


def split_secrets(value: str) -> tuple[str, ...]:
    """Return the secrets of a comma-separated list, such as an old and a new one."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _wrong_key(value: str, stage: str) -> str | None:
    if value.startswith("pk_"):
        return "is a publishable key (pk_…); the secret key begins with sk_ or rk_"
    if value.startswith("whsec_"):
        return "is a webhook's signing secret, not the secret key; are the two swapped?"
    untidy = _untidy(value)
    if untidy is not None:
        return untidy
    parts = _SECRET_KEY.fullmatch(value)
    if parts is None:
        return (
            "does not look like a secret key of Stripe's: sk_ or rk_, then test_ or live_, then "
            "letters and digits"
        )
    return _wrong_mode(parts["mode"], stage)


def _wrong_mode(mode: str, stage: str) -> str | None:
    """Refuse to give tickets away for test cards, and to take real money where data is reset."""
    if not stage.strip():
        return None
    if is_production(stage) and mode == "test":
        return f"is a test key, and {stage} is a production stage: buyers would pay with test cards"
    if not is_production(stage) and mode == "live":
        return (
            f"is a live key, and {stage} is no production stage: real money would be taken where "
            "the database may be reset"
        )
    return None


def _wrong_webhook_secrets(value: str, _stage: str) -> str | None:
    secrets = split_secrets(value)
    if not secrets:
        return "holds commas and no secret"
    return next((wrong for secret in secrets if (wrong := _wrong_webhook_secret(secret))), None)


def _wrong_webhook_secret(secret: str) -> str | None:
    if secret.startswith(_API_KEYS):
        return "is an API key, not a webhook's signing secret (whsec_…); are the two swapped?"
    untidy = _untidy(secret)
    if untidy is not None:
        return untidy
    if _WEBHOOK_SECRET.fullmatch(secret) is None:
        return (
            "does not look like a webhook's signing secret: whsec_, then letters and digits; "
            "several are separated by commas"
        )
    return None


def _untidy(value: str) -> str | None:
    if _QUOTES.intersection(value):
        return "has a quotation mark in it; store the bare value"
    if any(character.isspace() or not character.isprintable() for character in value):
        return "has a space, a line break or another invisible character in it"
    return None


_RULES: Mapping[str, Callable[[str, str], str | None]] = {
    SECRET_KEY: _wrong_key,
    WEBHOOK_SECRET: _wrong_webhook_secrets,
}
