"""The authorizer as most are written: PyJWT and its client for key sets."""

import os
from typing import Any

import jwt
from jwt import PyJWKClient

_ISSUER = os.environ["JWT_ISSUER"]
_keys = PyJWKClient(os.environ["JWT_JWKS_URL"], cache_keys=True, timeout=3)
_BEARER = "Bearer "


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer API Gateway's question of who holds a token."""
    token = event["authorizationToken"].removeprefix(_BEARER)
    try:
        key = _keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key.key, algorithms=["RS256", "ES256"], issuer=_ISSUER, leeway=5)
    except jwt.PyJWTError:
        raise Exception("Unauthorized") from None  # noqa: TRY002 - API Gateway knows this text
    return {
        "principalId": claims["sub"],
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": event["methodArn"].split("/")[0] + "/*",
                }
            ],
        },
        "context": {
            "role": claims.get("role", ""),
            "sessionId": claims.get("sid", ""),
            "expiresAt": str(claims["exp"]),
        },
    }
