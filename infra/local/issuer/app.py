"""The issuer over HTTP: discovery, the key set, and a rotation for developers to try.

It hands out no tokens: whoever can read the state directory makes them (`token`).
"""

from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from infra.local.issuer.keys import ALGORITHMS, KeyRing

JWKS_PATH = "/.well-known/jwks.json"


@dataclass(frozen=True, slots=True)
class IssuerConfig:
    """The issuer's own URL, as tokens name it in `iss`, and where its keys are."""

    issuer: str
    state_dir: Path


def create_app(config: IssuerConfig) -> Starlette:
    """Make the issuer's application. Its first keys are made here, not during a request."""
    keys = KeyRing(config.state_dir)
    keys.published()

    # Plain functions: Starlette runs them in threads, so reading keys blocks no other request.
    def discovery(_: Request) -> JSONResponse:
        """Answer OpenID Connect Discovery 1.0, section 3, as far as it is about keys."""
        return JSONResponse(
            {
                "issuer": config.issuer,
                "jwks_uri": config.issuer.rstrip("/") + JWKS_PATH,
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": list(ALGORITHMS),
                "claims_supported": ["iss", "sub", "sid", "iat", "nbf", "exp", "jti", "role"],
            }
        )

    def key_set(_: Request) -> JSONResponse:
        """Answer a JWK Set (RFC 7517) of every key that has not been deleted."""
        published = {"keys": [dict(key.jwk) for key in keys.published()]}
        return JSONResponse(published, headers={"Cache-Control": "no-cache"})

    def rotate(_: Request) -> JSONResponse:
        """Add keys, and say which sign now."""
        signing = keys.rotate()
        return JSONResponse({algorithm: key.kid for algorithm, key in signing.items()}, 201)

    def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route(JWKS_PATH, key_set),
            Route("/healthz", healthz),
            Route("/rotate", rotate, methods=["POST"]),
        ]
    )
