"""A headless Chromium, and the API behind the real local gateway for it to look at."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from chalicelib import wiring
from infra.local.functions import load_functions
from infra.local.gateway import GatewayConfig, create_gateway, running
from infra.packaging import api_definition
from tests.support.http_server import Reply, serving
from tests.support.seeding import seed_city, seed_event
from tests.support.tables import MotoTables, moto_tables
from tests.support.tokens import a_token, jwks, rsa_key

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new",
    # Containers have neither user namespaces nor a large /dev/shm.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--window-size=1280,2000",
)


@dataclass(frozen=True)
class Site:
    """The API as the browser finds it: where its pages are, and a token that it takes."""

    url: str
    token: str


def found_or_skip(*names: str) -> str:
    """Return a program's path under the first of its names that is installed."""
    for name in names:
        program = shutil.which(name)
        if program is not None:
            return program
    missing = f"{names[0]} is not installed (Debian: apt-get install chromium chromium-driver)"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = found_or_skip(*_CHROMIUM)
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(found_or_skip("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@dataclass(frozen=True)
class Browser:
    """The browser, with what it noticed since the test began."""

    driver: webdriver.Chrome

    def console(self) -> list[str]:
        """What the console shows: errors, warnings and refusals by the page's policy."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        ]

    def requested(self) -> list[str]:
        """Every address that was asked for, in order."""
        entries = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Browser:
    """The browser on an empty page, with everything before forgotten."""
    chromium.get("about:blank")
    browser = Browser(chromium)
    browser.console()
    browser.requested()
    return browser


@pytest.fixture(scope="module")
def shared_tables() -> Iterator[MotoTables]:
    with moto_tables() as tables:
        yield tables


@pytest.fixture
def gateway(shared_tables: MotoTables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Starlette]:
    """The local gateway with the deployed definition, over a city and an event."""
    shared_tables.empty()
    seed_city(shared_tables.stores)
    seed_event(shared_tables.stores)
    monkeypatch.setattr(wiring, "stores", lambda: shared_tables.stores)
    monkeypatch.setattr(wiring, "_check_payments", lambda: 0.012)
    with serving(lambda _: Reply(200, jwks(rsa_key()))) as issuer:
        monkeypatch.setenv("JWT_JWKS_URL", issuer.url)
        yield create_gateway(api_definition("local"), load_functions(), GatewayConfig())


@pytest.fixture
def site(gateway: Starlette) -> Iterator[Site]:
    with running(gateway) as url:
        yield Site(url, a_token(rsa_key()))


@pytest.fixture
def staged_site(gateway: Starlette) -> Iterator[Site]:
    """The API below a stage's name, as `https://….execute-api.….amazonaws.com/dev` has it."""
    with running(_below("/dev", gateway)) as url:
        yield Site(f"{url}/dev", a_token(rsa_key()))


def _below(prefix: str, app: Starlette) -> Starlette:
    """Serve an application below a path, of which it knows nothing."""

    async def without_prefix(scope: Scope, receive: Receive, send: Send) -> None:
        raw: bytes = scope["raw_path"]
        assert raw.startswith(f"{prefix}/".encode()), raw
        inner = {"path": scope["path"][len(prefix) :], "raw_path": raw[len(prefix) :]}
        await app({**scope, **inner}, receive, send)

    staged = Starlette(lifespan=app.router.lifespan_context)
    staged.router.default = without_prefix
    return staged
