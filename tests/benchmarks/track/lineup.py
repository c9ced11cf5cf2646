"""Who runs: each contender's package, and its functions with their settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.packaging.parameters import API, AUTHORIZER, WEBHOOK
from infra.tables import TABLE_SETTINGS
from tests.benchmarks.track import packages
from tests.benchmarks.track.data import SINGLE_TABLE
from tests.benchmarks.track.lambda_process import Function
from tests.benchmarks.track.packages import Installed, Package, Recipe
from tests.benchmarks.track.requests import OWN_RESOURCES, PROXY_RESOURCE
from tests.benchmarks.track.services import SECRET_KEY, WEBHOOK_SECRET, Services
from tests.conftest import TABLES
from tests.support.tokens import ISSUER

OURS = "ours"
UNCOMPILED = "ours, by `chalice package` alone"
COMPILED = "ours, untrimmed, with bytecode"
UNPREPARED = "ours, but for the work at the start"
EMPTY = "an empty handler"
FLOOR = "the floor (bare botocore)"
POWERTOOLS = "Powertools + boto3 + pydantic"
FASTAPI = "FastAPI + Mangum + boto3"
FASTAPI_ASYNC = "FastAPI, with `async def` views"
BARE_WEBHOOK = "bare handler (stripe + botocore)"
NAIVE_AUTHORIZER = "naive authorizer (PyJWT)"

SHOP_ORIGIN = "https://events.example"
_STAGE = "dev"
_MEMORY_MB = 1024
_RECIPES = {
    EMPTY: Recipe("empty", ()),
    FLOOR: Recipe("floor", ("botocore", "stripe")),
    POWERTOOLS: Recipe(
        "powertools", ("aws-lambda-powertools", "boto3", "pydantic", "stripe"), ("shop",)
    ),
    FASTAPI: Recipe("fastapi", ("fastapi", "mangum", "boto3", "stripe"), ("shop",)),
    FASTAPI_ASYNC: Recipe("fastapi_async", ("fastapi", "mangum", "boto3", "stripe"), ("shop",)),
    NAIVE_AUTHORIZER: Recipe("naive_authorizer", ("PyJWT[crypto]",)),
}
_FOLDERS = {
    OURS: "ours",
    UNCOMPILED: "ours-uncompiled",
    COMPILED: "ours-compiled",
    EMPTY: "empty",
    FLOOR: "floor",
    POWERTOOLS: "powertools",
    FASTAPI: "fastapi",
    FASTAPI_ASYNC: "fastapi-async",
    NAIVE_AUTHORIZER: "naive-authorizer",
}
# As outside Lambda: nothing is done before it is asked for, and garbage is looked for as ever.
_NO_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": ""}
# In whose gateway one resource leads to the function with all paths.
_PROXIED = frozenset({POWERTOOLS, FASTAPI, FASTAPI_ASYNC})


@dataclass(frozen=True)
class Lineup:
    """The functions by their contender, the interpreter that runs them, and the packages' sizes."""

    python: Path
    apis: Mapping[str, Function]
    webhooks: Mapping[str, Function]
    authorizers: Mapping[str, Function]
    zipped: Mapping[str, int]


def resources_of(contender: str) -> tuple[str, ...]:
    """Return the resources of a contender's gateway."""
    return PROXY_RESOURCE if contender in _PROXIED else OWN_RESOURCES


def make_packages(environment: Path, build: Path) -> tuple[Path, dict[str, Package]]:
    """Make the interpreter and every package below `build`; `environment` has what they need."""
    build.mkdir(parents=True, exist_ok=True)
    installed = Installed(environment)
    python = packages.make_runtime(installed, build / "runtime")
    made = {
        name: packages.make_contender(recipe, installed, build / _FOLDERS[name])
        for name, recipe in _RECIPES.items()
    }
    made[OURS] = packages.make_ours(_STAGE, build / _FOLDERS[OURS])
    made[UNCOMPILED] = packages.make_ours_as_chalice_leaves_it(_STAGE, build / _FOLDERS[UNCOMPILED])
    made[COMPILED] = packages.make_compiled(made[UNCOMPILED], build / _FOLDERS[COMPILED])
    made[UNPREPARED] = made[OURS]
    return python, made


def line_up(python: Path, made: Mapping[str, Package], running: Services) -> Lineup:
    """Return the functions, told where the services are."""
    shared = {
        "AWS_ENDPOINT_URL_DYNAMODB": running.dynamodb,
        "STRIPE_API_BASE": running.stripe,
        "STRIPE_SECRET_KEY": SECRET_KEY,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "CHECKOUT_ALLOWED_ORIGINS": SHOP_ORIGIN,
    }
    issuer = {"JWT_ISSUER": ISSUER, "JWT_JWKS_URL": running.keys}
    others = {**shared, "TABLE": SINGLE_TABLE, "POWERTOOLS_SERVICE_NAME": "events"}

    def function(contender: str, handler: str, settings: Mapping[str, str]) -> Function:
        return Function(contender, made[contender].folder, handler, _MEMORY_MB, settings)

    # Chalice's template is the same, whatever else is in the zip.
    template = made[OURS].folder.with_suffix(".json")
    handlers = packages.handlers(template)

    def ours(contender: str, name: str, settings: Mapping[str, str]) -> Function:
        fixed = packages.fixed_settings(template, name)
        return function(contender, handlers[name], {**fixed, **settings})

    tables = {setting: TABLES[table] for table, setting in TABLE_SETTINGS.items()}
    our_settings = {
        **shared,
        **tables,
        **issuer,
        "CORS_ORIGINS": "*",
        "API_NAME": "events-api",
        # As in production; only a stage that is none takes a test key of Stripe's.
        "LOG_LEVEL": "INFO",
    }
    return Lineup(
        python=python,
        apis={
            EMPTY: function(EMPTY, "handler.handler", {}),
            FLOOR: function(FLOOR, "handler.handler", others),
            POWERTOOLS: function(POWERTOOLS, "handler.handler", others),
            FASTAPI: function(FASTAPI, "handler.handler", others),
            FASTAPI_ASYNC: function(FASTAPI_ASYNC, "handler.handler", others),
            OURS: ours(OURS, API, our_settings),
            UNCOMPILED: ours(UNCOMPILED, API, our_settings),
            COMPILED: ours(COMPILED, API, our_settings),
            UNPREPARED: ours(UNPREPARED, API, {**our_settings, **_NO_START}),
        },
        webhooks={
            BARE_WEBHOOK: function(FLOOR, "webhook.handler", others),
            OURS: ours(OURS, WEBHOOK, our_settings),
        },
        authorizers={
            NAIVE_AUTHORIZER: function(NAIVE_AUTHORIZER, "handler.handler", issuer),
            OURS: ours(OURS, AUTHORIZER, issuer),
        },
        zipped={name: package.zipped for name, package in made.items()},
    )
