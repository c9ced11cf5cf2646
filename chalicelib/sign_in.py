"""What checks tokens, made once: apart from `wiring`, for the authorizer to start with it alone."""

import os
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from chalicelib.settings import AuthorizerSettings

if TYPE_CHECKING:
    from chalicelib.adapters.tokens import TokenVerifier


@cache
def token_verifier() -> "TokenVerifier":
    """Return what checks tokens, with its keys."""
    from chalicelib.adapters.tokens import TokenVerifier

    return TokenVerifier(AuthorizerSettings.read(os.environ))


def load_tokens() -> None:
    """Load what checks tokens: nothing is sent."""
    import_module("chalicelib.adapters.tokens")
