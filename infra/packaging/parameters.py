"""What is decided when the stack is deployed, not when it is packaged: CloudFormation parameters
that functions read as settings, and which function reads which. What the deployment decides of the
stack around the functions is in `choices`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.addresses import PATTERN as ADDRESS
from chalicelib.errors import ConfigurationError
from chalicelib.settings import (
    DEFAULT_ROLE_CLAIMS,
    LOCAL_STAGE,
    PRODUCTION_STAGE,
    AuthorizerSettings,
    CheckoutSettings,
    Environment,
    HttpSettings,
    MailSettings,
    StoreSettings,
    StripeSettings,
)
from infra.packaging.documents import Document
from infra.tables import TABLE_SETTINGS

API = "APIHandler"
WEBHOOK = "StripeWebhook"
AUTHORIZER = "JwtAuthorizer"
TIMER = "Reconcile"

# Patterns are read by CloudFormation as Java does. They are for whoever deploys without
# `make deploy`, which has the functions' own settings read the values too (`refusal`).
_HOST = r"([^\s,/?#@:*\\\[\]]+|\[[0-9A-Fa-f:.]+\])"
_PORT = r"(:[1-9][0-9]{0,4})?"
_AFTER_SCHEME = rf"://{_HOST}{_PORT}([/?#][^\s,]*)?"
_ORIGIN = rf"https?://{_HOST}{_PORT}"
_ORIGINS = rf"{_ORIGIN}(\s*,\s*{_ORIGIN})*"
# As browsers write an origin, in small letters: API Gateway says the only one as it is given here.
_PAGE = rf"https?://([^\s,/?#@:*\\\[\]A-Z]+|\[[0-9a-f:.]+\]){_PORT}"
_PAGES = rf"{_PAGE}(\s*,\s*{_PAGE})*"
_PARAMETER_NAME = r"(/[A-Za-z0-9_.-]+)+"
# What each of the settings below is read with: enough of the others.
_OTHERS: Environment = {
    "STAGE": LOCAL_STAGE,
    "JWT_ISSUER": "https://issuer.example",
    **dict.fromkeys(TABLE_SETTINGS.values(), "table"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A CloudFormation parameter that functions read as a setting.

    `default` is None where nobody can guess it; the deployment then has to give it. `read` is what
    functions read the setting by, None where they take any text.
    """

    name: str
    setting: str
    functions: tuple[str, ...]
    description: str
    pattern: str
    default: str | None = ""
    read: Callable[[Environment], object] | None = None

    def declaration(self) -> Document:
        """Return it as the template's `Parameters` has it."""
        declared: Document = {
            "Type": "String",
            "Description": self.description,
            "AllowedPattern": f"^{self.pattern}$",
        }
        if self.default is not None:
            declared["Default"] = self.default
        return declared

    def refusal(self, value: str) -> str | None:
        """Return what a function would say of the value at its start, None where it takes it."""
        if self.read is None:
            return None
        try:
            self.read({**_OTHERS, self.setting: value})
        except ConfigurationError as error:
            return str(error)
        return None


def parameters(stage: str) -> tuple[Parameter, ...]:
    """Return the stage's parameters. Secrets are none of them: their names in SSM are."""
    url = _url(stage)
    return (
        Parameter(
            "JwtIssuer",
            "JWT_ISSUER",
            (AUTHORIZER, API),
            "Whose tokens are taken: exactly their iss claim, a URL",
            url,
            default=None,
            read=AuthorizerSettings.read,
        ),
        Parameter(
            "JwtJwksUrl",
            "JWT_JWKS_URL",
            (AUTHORIZER, API),
            "Where the issuer's keys are, if not at /.well-known/jwks.json below the issuer",
            f"({url})?",
            read=AuthorizerSettings.read,
        ),
        Parameter(
            "JwtAudience",
            "JWT_AUDIENCE",
            (AUTHORIZER, API),
            "Audiences (aud) that tokens may be for, separated by commas; empty for any",
            ".*",
            read=AuthorizerSettings.read,
        ),
        Parameter(
            "JwtAuthorizedParties",
            "JWT_AUTHORIZED_PARTIES",
            (AUTHORIZER, API),
            "Parties (azp) that tokens may be issued to, separated by commas; empty for any",
            ".*",
            read=AuthorizerSettings.read,
        ),
        Parameter(
            "JwtRoleClaims",
            "JWT_ROLE_CLAIMS",
            (AUTHORIZER, API),
            "Where in a token the role is: dotted paths, separated by commas, first found wins",
            r"[^\s].*",
            default=DEFAULT_ROLE_CLAIMS,
            read=AuthorizerSettings.read,
        ),
        Parameter(
            "CorsOrigins",
            "CORS_ORIGINS",
            (API, WEBHOOK),
            "Origins whose pages may call the API, separated by commas; * for all",
            rf"(\*|{_PAGES})",
            default="*",
            read=HttpSettings.read,
        ),
        Parameter(
            "CheckoutAllowedOrigins",
            "CHECKOUT_ALLOWED_ORIGINS",
            (API,),
            "Origins that a checkout may send buyers back to, separated by commas; "
            "empty for none, and then nothing can be bought",
            f"({_ORIGINS})?",
            read=CheckoutSettings.read,
        ),
        Parameter(
            "SpreadStock",
            "SPREAD_STOCK",
            # Only a checkout spreads stock.
            (API,),
            "Whether the stock of events with many seats is spread over several items; off while a "
            "version that does not know of them runs beside this one",
            "(on|off)",
            default="on",
            read=StoreSettings.read,
        ),
        Parameter(
            "StripeSecretKeyParameter",
            "STRIPE_SECRET_KEY_PARAMETER",
            (API, WEBHOOK, TIMER),
            "Name of the SSM parameter (SecureString) that holds Stripe's secret key",
            _PARAMETER_NAME,
            default=f"/events-api/{stage}/stripe-secret-key",
        ),
        Parameter(
            "StripeWebhookSecretParameter",
            "STRIPE_WEBHOOK_SECRET_PARAMETER",
            (WEBHOOK,),
            "Name of the SSM parameter (SecureString) that holds the webhook's signing secret, "
            "or several separated by commas while it is rolled",
            _PARAMETER_NAME,
            default=f"/events-api/{stage}/stripe-webhook-secret",
        ),
        Parameter(
            "MailFrom",
            "MAIL_FROM",
            (API, WEBHOOK, TIMER),
            "The address that buyers' e-mails are from, verified in Amazon SES; empty for none",
            # Without a name before it: the functions' policies compare it with ses:FromAddress.
            f"({ADDRESS})?",
            read=MailSettings.read,
        ),
        Parameter(
            "MailReplyTo",
            "MAIL_REPLY_TO",
            (API, WEBHOOK, TIMER),
            "The address that buyers' answers go to, if not to the sender",
            f"({ADDRESS})?",
            read=MailSettings.read,
        ),
        Parameter(
            "StripeApiBase",
            "STRIPE_API_BASE",
            (API, WEBHOOK, TIMER),
            "Another Stripe than the real one, for tests",
            f"({url})?",
            read=StripeSettings.read,
        ),
    )


def refusal(name: str, value: str) -> str | None:
    """Return what a function would say at its start of a parameter's value, None where it takes it
    or reads no such parameter.
    """
    # What reads them is the same on every stage.
    read = {item.name: item for item in parameters(LOCAL_STAGE)}
    return read[name].refusal(value) if name in read else None


def environment(function: str, stage: str) -> Mapping[str, Any]:
    """Return the settings that a function reads from the stack: tables and parameters."""
    tables = {} if function == AUTHORIZER else TABLE_SETTINGS
    return {
        **{setting: {"Ref": table} for table, setting in tables.items()},
        **{
            parameter.setting: {"Ref": parameter.name}
            for parameter in parameters(stage)
            if function in parameter.functions
        },
    }


def _url(stage: str) -> str:
    """Return the pattern of a URL that functions call. In production nothing goes in clear: neither
    the keys that tokens are believed by, nor Stripe's.
    """
    return (
        f"https{_AFTER_SCHEME}" if stage.startswith(PRODUCTION_STAGE) else f"https?{_AFTER_SCHEME}"
    )
