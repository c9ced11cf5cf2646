"""Where the API is, and the token and the API key to use it with: the local run's, where nothing
else is said.
"""

import ipaddress
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from infra.local.issuer.claims import TokenRequest, make_token
from infra.local.issuer.keys import KeyRing
from infra.local.issuer.token import ENDPOINTS, NotStartedError, local_issuer
from infra.local.settings import DEFAULT_PORT, ENDPOINTS_FILE, HOST, STATE_DIR, local_api_keys
from infra.transfer.errors import NotSignedIn


def local_api() -> str:
    """Return where the local run says it is, or where it is unless told otherwise."""
    try:
        url = json.loads(ENDPOINTS_FILE.read_text())["api"]
    except (OSError, ValueError, KeyError, TypeError):
        url = None
    return url if isinstance(url, str) else f"http://{HOST}:{DEFAULT_PORT}"


def token_for(api: str, env: Mapping[str, str]) -> str:
    """Return the token in the environment or, for an API on this machine, one of the local run's.

    Raises `NotSignedIn`.
    """
    if env.get("TOKEN"):
        return env["TOKEN"]
    if not _is_on_this_machine(api):
        raise NotSignedIn(f"TOKEN must hold an admin's token for {api}")
    try:
        request = TokenRequest(issuer=local_issuer(ENDPOINTS))
    except NotStartedError as error:
        raise NotSignedIn(f"there is no TOKEN, and {error}") from None
    return make_token(request, KeyRing(STATE_DIR / "issuer"))


def api_key_for(api: str, env: Mapping[str, str]) -> str:
    """Return the API key in the environment or, for an API on this machine, the local run's.

    Raises `NotSignedIn`.
    """
    if env.get("API_KEY"):
        return env["API_KEY"]
    if not _is_on_this_machine(api):
        raise NotSignedIn(f"API_KEY must hold a key of the usage plan of {api} (API_KEY=…)")
    return local_api_keys(env)[0]


def _is_on_this_machine(api: str) -> bool:
    try:
        host = urlsplit(api).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
