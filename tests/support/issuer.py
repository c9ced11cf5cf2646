"""An issuer of tokens on this machine: its keys can be fetched, and it signs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib import sign_in
from tests.support.http_server import Reply, serving
from tests.support.tokens import a_token, jwks, rsa_key


@contextmanager
def issuing() -> Iterator[str]:
    """Serve the keys; yields where they are."""
    with serving(lambda _: Reply(200, jwks(rsa_key()))) as server:
        yield f"{server.url}/keys"


def trust(monkeypatch: pytest.MonkeyPatch, keys_url: str) -> None:
    """Have the app take that issuer's tokens."""
    monkeypatch.setenv("JWT_JWKS_URL", keys_url)
    sign_in.token_verifier.cache_clear()


def bearer(user_id: str = "user_1", **claims: Any) -> dict[str, str]:
    """The header of who is signed in."""
    return {"Authorization": f"Bearer {a_token(rsa_key(), sub=user_id, **claims)}"}
