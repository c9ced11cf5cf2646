"""Who is calling, as the authorizer vouches for it."""

from typing import NamedTuple

ADMIN_ROLE = "admin"


class Caller(NamedTuple):
    """A signed-in caller. `role` and `session_id` are empty where the token has none.

    `expires_at` is the token's end in seconds since 1970 (RFC 7519, `exp`).
    """

    user_id: str
    role: str
    session_id: str
    expires_at: int
