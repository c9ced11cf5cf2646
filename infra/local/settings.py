"""Where the parts of the local run listen, and the environment that the functions get.

What is already set in the environment wins: with real Stripe test keys or another issuer there,
the stand-in for that part is not started.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.settings import (
    LOCAL_STAGE,
    AdminSettings,
    AuthorizerSettings,
    CheckoutSettings,
    HttpSettings,
    MailSettings,
    StoreSettings,
    StripeSettings,
)

HOST = "127.0.0.1"
DEFAULT_PORT = 8000
STATE_DIR = Path(".local")
ENDPOINTS_FILE = STATE_DIR / "endpoints.json"
LOCK_FILE = STATE_DIR / "lock"
FILLING_FILE = STATE_DIR / "filling"

# Made up: they open nothing but this machine's stand-ins.
_LOCAL_SECRET_KEY = "sk_test_local"  # noqa: S105
_LOCAL_WEBHOOK_SECRET = "whsec_local"  # noqa: S105
_LOCAL_API_KEY = "local-api-key"
_REAL_STRIPE = "https://api.stripe.com"

_LOCAL_SENDER = "Events API <tickets@events.example>"

_SWITCHES = {
    "": False,
    "0": False,
    "no": False,
    "false": False,
    "1": True,
    "yes": True,
    "true": True,
}

_DYNAMODB = "AWS_ENDPOINT_URL_DYNAMODB"
_MAIL = "AWS_ENDPOINT_URL_SESV2"


class SettingsError(Exception):
    """The environment asks for something that the local run cannot do; the text says what."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the local run: the API's, and the next four."""

    api: int
    stripe: int
    issuer: int
    dynamodb: int
    mail: int


@dataclass(frozen=True, slots=True)
class LocalRun:
    """What is started, where everything is, and the environment of the functions."""

    ports: Ports
    starts_stripe: bool
    starts_issuer: bool
    starts_dynamodb: bool
    starts_mail: bool
    throttles: bool
    api_keys: frozenset[str]
    environment: Mapping[str, str]
    endpoints: Mapping[str, str]

    @property
    def webhook_url(self) -> str:
        """Where Stripe posts its events."""
        return f"{self.endpoints['api']}/api/payments/webhook"


def read_local_run(env: Mapping[str, str] = os.environ) -> LocalRun:
    """Work out the local run from the environment; raises `SettingsError`."""
    ports = _ports(env)
    real_stripe = bool(env.get("STRIPE_SECRET_KEY")) and not env.get("STRIPE_API_BASE")
    starts_stripe = not real_stripe and not env.get("STRIPE_API_BASE")
    if real_stripe and not env.get("STRIPE_WEBHOOK_SECRET"):
        raise SettingsError(
            "STRIPE_SECRET_KEY is set, so the API would talk to the real Stripe: set "
            "STRIPE_WEBHOOK_SECRET too. `stripe listen --forward-to "
            f"{_url(ports.api)}/api/payments/webhook` prints it."
        )
    defaults = _defaults(ports, starts_stripe=starts_stripe)
    environment = {name: env.get(name) or value for name, value in defaults.items()}
    if not env.get(_DYNAMODB):
        environment.update(_LOCAL_AWS)
    elif env.get("AWS_REGION"):
        # Which comes first for every command, and botocore does not read.
        environment["AWS_DEFAULT_REGION"] = env["AWS_REGION"]
    issuer = environment["JWT_ISSUER"]
    endpoints = {
        "api": _url(ports.api),
        "stripe": environment.get("STRIPE_API_BASE") or env.get("STRIPE_API_BASE") or _REAL_STRIPE,
        "issuer": issuer,
        "jwks": env.get("JWT_JWKS_URL") or f"{issuer.rstrip('/')}/.well-known/jwks.json",
        "dynamodb": environment[_DYNAMODB],
        "mail": environment[_MAIL],
    }
    return LocalRun(
        ports=ports,
        starts_stripe=starts_stripe,
        starts_issuer=not env.get("JWT_ISSUER"),
        starts_dynamodb=not env.get(_DYNAMODB),
        starts_mail=not env.get(_MAIL),
        throttles=_switch(env, "THROTTLE"),
        api_keys=frozenset(local_api_keys(env)),
        environment=environment,
        endpoints=endpoints,
    )


def local_api_keys(env: Mapping[str, str]) -> list[str]:
    """Return the API keys that the local gateway takes."""
    return (env.get("LOCAL_API_KEYS") or _LOCAL_API_KEY).split(",")


def check_settings(env: Mapping[str, str]) -> None:
    """Read every function's settings once, so that a wrong one is told now and not by a request.

    Raises `ConfigurationError`.
    """
    for settings in (
        StoreSettings,
        HttpSettings,
        CheckoutSettings,
        StripeSettings,
        AuthorizerSettings,
        AdminSettings,
        MailSettings,
    ):
        settings.read(env)


# Credentials that no AWS account knows: whatever else is set on this machine, nothing that the
# local run does can reach a real one.
_LOCAL_AWS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_SESSION_TOKEN": "",
    "AWS_PROFILE": "",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def _defaults(ports: Ports, *, starts_stripe: bool) -> dict[str, str]:
    defaults = {
        "STAGE": LOCAL_STAGE,
        "EVENTS_TABLE": "events",
        "CITIES_TABLE": "cities",
        "INDEX_TABLE": "index",
        "ORDERS_TABLE": "orders",
        "AUDIT_TABLE": "audit",
        "ALLOW_DATABASE_RESET": "true",
        "CORS_ORIGINS": "*",
        "CHECKOUT_ALLOWED_ORIGINS": "",
        "SPREAD_STOCK": "on",
        "LOG_LEVEL": "INFO",
        "AWS_DEFAULT_REGION": "us-east-1",
        "JWT_ISSUER": _url(ports.issuer),
        "STRIPE_SECRET_KEY": _LOCAL_SECRET_KEY,
        "STRIPE_WEBHOOK_SECRET": _LOCAL_WEBHOOK_SECRET,
        "MAIL_FROM": _LOCAL_SENDER,
        "MAIL_REPLY_TO": "",
        _DYNAMODB: _url(ports.dynamodb),
        _MAIL: _url(ports.mail),
    }
    if starts_stripe:
        defaults["STRIPE_API_BASE"] = _url(ports.stripe)
    return defaults


def _ports(env: Mapping[str, str]) -> Ports:
    api = _port(env, "PORT", DEFAULT_PORT)
    ports = Ports(
        api=api,
        stripe=_port(env, "STRIPE_PORT", api + 1),
        issuer=_port(env, "ISSUER_PORT", api + 2),
        dynamodb=_port(env, "DYNAMODB_PORT", api + 3),
        mail=_port(env, "MAIL_PORT", api + 4),
    )
    chosen = (ports.api, ports.stripe, ports.issuer, ports.dynamodb, ports.mail)
    if len(set(chosen)) < len(chosen):
        raise SettingsError(
            "PORT, STRIPE_PORT, ISSUER_PORT, DYNAMODB_PORT and MAIL_PORT must be five ports, not "
            + ", ".join(str(port) for port in chosen)
        )
    return ports


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:  # noqa: PLR2004
        raise SettingsError(f"{name} must be a port from 1 to 65535, not {text!r}")
    return int(text)


def _switch(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "")
    if text.lower() not in _SWITCHES:
        raise SettingsError(f"{name} must be 1 or 0, not {text!r}")
    return _SWITCHES[text.lower()]


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"
