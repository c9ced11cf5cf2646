"""Settings, read from the environment on first use: one frozen class a concern, so that each
function fails only on keys of its own. Secrets are not here (see `adapters.secrets`).
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from chalicelib.errors import ConfigurationError

Environment = Mapping[str, str]

LOCAL_STAGE = "local"
PRODUCTION_STAGE = "prod"
DEFAULT_ROLE_CLAIMS = "role,metadata.role,public_metadata.role"


def stage_name(env: Environment) -> str:
    """Return the stage's name (`STAGE`), `unknown` where it is not set: for show, not for rules."""
    return env.get("STAGE", "").strip() or "unknown"


def _required(env: Environment, key: str) -> str:
    value = env.get(key, "").strip()
    if not value:
        raise ConfigurationError(f"the setting {key} is missing")
    return value


def _list(env: Environment, key: str, default: str = "") -> tuple[str, ...]:
    """Read a comma-separated list; blanks around and between the commas do not count."""
    text = env.get(key, "").strip() or default
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _flag(env: Environment, key: str) -> bool:
    text = env.get(key, "").strip().lower() or "false"
    if text not in {"true", "false"}:
        raise ConfigurationError(f"the setting {key} must be true or false")
    return text == "true"


def _switch(env: Environment, key: str) -> bool:
    """Read what the stack says of a choice, `on` or `off`: on where nothing is said."""
    text = env.get(key, "").strip().lower() or "on"
    if text not in {"on", "off"}:
        raise ConfigurationError(f"the setting {key} must be on or off")
    return text == "on"


def _url(key: str, value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError(f"the setting {key} must be an http(s) URL")
    return value


def _origins(env: Environment, key: str, default: str = "") -> tuple[str, ...]:
    """Read a list of origins (scheme, host and port, nothing after them), or the lone `*`."""
    origins = _list(env, key, default)
    for origin in origins:
        if origin == "*" and len(origins) == 1:
            continue
        parts = urlsplit(_url(key, origin))
        bare = f"{parts.scheme}://{parts.netloc}".lower()
        if bare != origin.lower() or "@" in bare:
            raise ConfigurationError(
                f"the setting {key} must hold origins, such as https://a.example"
            )
    return tuple(origin.lower() for origin in origins)


class Mailbox(NamedTuple):
    """An e-mail address, and the name that people see with it (may be empty)."""

    name: str
    address: str


def _mailbox(env: Environment, key: str) -> Mailbox | None:
    """Read `a@b.example` or `Name <a@b.example>`; None where it is not set."""
    text = env.get(key, "").strip()
    if not text:
        return None
    from chalicelib.domain.addresses import is_address, named_address

    name, address = named_address(text)
    if not is_address(address) or not text.isprintable():
        raise ConfigurationError(
            f"the setting {key} must be an e-mail address, such as shop@a.example"
        )
    return Mailbox(name, address)


class StoreSettings(NamedTuple):
    """Names of the tables (`EVENTS_TABLE`, `CITIES_TABLE`, `INDEX_TABLE`, `ORDERS_TABLE`,
    `AUDIT_TABLE`), and whether events' stock is spread over places that is not yet
    (`SPREAD_STOCK`).
    """

    events_table: str
    cities_table: str
    index_table: str
    orders_table: str
    audit_table: str
    spread_stock: bool = True

    @classmethod
    def read(cls, env: Environment) -> "StoreSettings":
        """Read them; raises `ConfigurationError` where a table is missing, or the switch is neither
        on nor off.
        """
        return cls(
            events_table=_required(env, "EVENTS_TABLE"),
            cities_table=_required(env, "CITIES_TABLE"),
            index_table=_required(env, "INDEX_TABLE"),
            orders_table=_required(env, "ORDERS_TABLE"),
            audit_table=_required(env, "AUDIT_TABLE"),
            spread_stock=_switch(env, "SPREAD_STOCK"),
        )


class HttpSettings(NamedTuple):
    """What every response needs: who may read it (`CORS_ORIGINS`).

    `cors_origins` is `("*",)` or a list of origins, in lower case.
    """

    cors_origins: tuple[str, ...]

    @classmethod
    def read(cls, env: Environment) -> "HttpSettings":
        """Read them; raises `ConfigurationError` where `CORS_ORIGINS` is no list of origins."""
        return cls(_origins(env, "CORS_ORIGINS", default="*"))


class CheckoutSettings(NamedTuple):
    """Where a checkout may send the buyer back to (`CHECKOUT_ALLOWED_ORIGINS`).

    `allow_loopback` admits any port of localhost and 127.0.0.1: on the local stage only.
    """

    allowed_origins: tuple[str, ...]
    allow_loopback: bool

    @classmethod
    def read(cls, env: Environment) -> "CheckoutSettings":
        """Read them; raises `ConfigurationError` for what is no origin, and for `*`."""
        origins = _origins(env, "CHECKOUT_ALLOWED_ORIGINS")
        if "*" in origins:
            raise ConfigurationError(
                "the setting CHECKOUT_ALLOWED_ORIGINS must name origins: * is an open redirect"
            )
        return cls(origins, allow_loopback=_required(env, "STAGE") == LOCAL_STAGE)


class StripeSettings(NamedTuple):
    """How Stripe is reached: `STRIPE_API_BASE` is for a local Stripe; unset, it is the real one."""

    api_base: str | None

    @classmethod
    def read(cls, env: Environment) -> "StripeSettings":
        """Read it; raises `ConfigurationError` where it is no URL."""
        base = env.get("STRIPE_API_BASE", "").strip()
        return cls(_url("STRIPE_API_BASE", base).rstrip("/") if base else None)


class AuthorizerSettings(NamedTuple):
    """Whose tokens are taken, and where in them the role is.

    `issuer` is compared exactly with `iss`. `audiences` and `authorized_parties` are checked
    against `aud` and `azp` where they are not empty. `role_claims` are dotted paths, first found
    wins.
    """

    issuer: str
    jwks_url: str
    audiences: tuple[str, ...]
    authorized_parties: tuple[str, ...]
    role_claims: tuple[str, ...]

    @classmethod
    def read(cls, env: Environment) -> "AuthorizerSettings":
        """Read them; raises `ConfigurationError` where the issuer is missing or no URL."""
        issuer = _url("JWT_ISSUER", _required(env, "JWT_ISSUER"))
        jwks_url = env.get("JWT_JWKS_URL", "").strip()
        return cls(
            issuer=issuer,
            jwks_url=_url(
                "JWT_JWKS_URL", jwks_url or f"{issuer.rstrip('/')}/.well-known/jwks.json"
            ),
            audiences=_list(env, "JWT_AUDIENCE"),
            authorized_parties=_list(env, "JWT_AUTHORIZED_PARTIES"),
            role_claims=_list(env, "JWT_ROLE_CLAIMS", default=DEFAULT_ROLE_CLAIMS),
        )


class AdminSettings(NamedTuple):
    """Whether this stage serves the database's reset (`ALLOW_DATABASE_RESET`). Production never."""

    allow_database_reset: bool

    @classmethod
    def read(cls, env: Environment) -> "AdminSettings":
        """Read it; raises `ConfigurationError` where it is neither true nor false."""
        allowed = _flag(env, "ALLOW_DATABASE_RESET")
        stage = env.get("STAGE", "").strip().lower()
        return cls(allowed and bool(stage) and not stage.startswith(PRODUCTION_STAGE))


class MailSettings(NamedTuple):
    """Whom e-mails to buyers are from (`MAIL_FROM`), and who gets the answers (`MAIL_REPLY_TO`).

    Without `MAIL_FROM` there are no e-mails. It must be an address that Amazon SES knows to be
    ours. Without `MAIL_REPLY_TO` answers go to the sender.
    """

    sender: Mailbox | None
    reply_to: Mailbox | None

    @property
    def enabled(self) -> bool:
        """Whether there are e-mails at all."""
        return self.sender is not None

    @classmethod
    def read(cls, env: Environment) -> "MailSettings":
        """Read them; raises `ConfigurationError` for what is no address."""
        return cls(_mailbox(env, "MAIL_FROM"), _mailbox(env, "MAIL_REPLY_TO"))


class MetricsSettings(NamedTuple):
    """Under which name of the API (`API_NAME`) and of the stage (`STAGE`) CloudWatch counts."""

    api_name: str
    stage: str

    @classmethod
    def read(cls, env: Environment) -> "MetricsSettings":
        """Read them; raises `ConfigurationError` where one is missing."""
        return cls(_required(env, "API_NAME"), _required(env, "STAGE"))
