"""The documentation page in a real browser: what it shows, and that calls can be made in it."""

import json
from typing import Any

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.conftest import Browser, Site, found_or_skip
from tests.support.routes import EVENT

pytestmark = pytest.mark.xdist_group("browser")

_PATIENCE_SECONDS = 60


class DocsPage:
    """The page as somebody uses it."""

    def __init__(self, driver: webdriver.Chrome, site: Site, last: str = "") -> None:
        self._driver = driver
        self._wait = WebDriverWait(driver, _PATIENCE_SECONDS)
        driver.get(f"{site.url}/api/docs{last}")
        self._wait.until(lambda _: self.operations())

    def operations(self) -> list[tuple[str, str]]:
        """Verbs and paths that are listed, as they are shown."""
        return [
            (self._shown(block, ".opblock-summary-method"), self._shown(block, "[data-path]"))
            for block in self._driver.find_elements(By.CSS_SELECTOR, ".opblock")
        ]

    def open(self, method: str, path: str) -> "OpenOperation":
        """Unfold an operation."""
        selector = f".opblock-{method.lower()}:has([data-path='{path}'])"
        block = self._driver.find_element(By.CSS_SELECTOR, selector)
        block.find_element(By.CSS_SELECTOR, ".opblock-summary-control").click()
        return OpenOperation(block, self._wait)

    def authorize(self, token: str) -> None:
        """Sign in with a token, as the button at the top does."""
        self._click(".btn.authorize")
        self._wait.until(lambda _: self._all(".auth-container input"))[0].send_keys(token)
        self._click(".auth-btn-wrapper .authorize")
        self._click(".auth-btn-wrapper .btn-done")

    def title(self) -> str:
        return self._driver.find_element(By.CSS_SELECTOR, ".info h1").text

    def _click(self, selector: str) -> None:
        self._wait.until(lambda _: self._all(selector))[0].click()

    def _all(self, selector: str) -> list[WebElement]:
        return self._driver.find_elements(By.CSS_SELECTOR, selector)

    @staticmethod
    def _shown(block: WebElement, selector: str) -> str:
        # Long paths are broken by a character of no width.
        text = block.find_element(By.CSS_SELECTOR, selector).text
        return text.replace("\u200b", "")


class OpenOperation:
    """An unfolded operation, to be tried out."""

    def __init__(self, block: WebElement, wait: "WebDriverWait[Any]") -> None:
        self._block = block
        self._wait = wait

    def execute(self, body: Any = None) -> tuple[str, Any]:
        """Press "Try it out" and "Execute"; returns the status and the JSON that are shown."""
        self._find(".try-out__btn").click()
        if body is not None:
            editor = self._find(".body-param__text")
            editor.clear()
            editor.send_keys(json.dumps(body))
        self._find(".execute").click()
        shown = self._find(".live-responses-table .response-col_description .highlight-code code")
        status = self._find(".live-responses-table .response .response-col_status")
        return status.text.split()[0], json.loads(shown.text)

    def _find(self, selector: str) -> WebElement:
        found = self._wait.until(lambda _: self._block.find_elements(By.CSS_SELECTOR, selector))
        return found[0]


def described(site: Site) -> list[tuple[str, str]]:
    paths = httpx.get(f"{site.url}/api/openapi.json").json()["paths"]
    return [(verb.upper(), path) for path, verbs in paths.items() for verb in verbs]


def test_the_page_lists_every_route_of_the_document(browser: Browser, site: Site) -> None:
    page = DocsPage(browser.driver, site)

    assert page.title().startswith("Events API")
    assert sorted(page.operations()) == sorted(described(site))
    assert browser.console() == []


def test_the_page_asks_no_other_host_for_anything(browser: Browser, site: Site) -> None:
    page = DocsPage(browser.driver, site)
    page.open("GET", "/api/events").execute()

    asked = [url for url in browser.requested() if not url.startswith("data:")]

    assert f"{site.url}/api/openapi.json" in asked
    assert [url for url in asked if not url.startswith(f"{site.url}/")] == []
    assert browser.console() == []


def test_a_call_made_in_the_page_shows_its_result(browser: Browser, site: Site) -> None:
    page = DocsPage(browser.driver, site)

    status, shown = page.open("GET", "/api/events").execute()

    assert status == "200"
    assert shown == httpx.get(f"{site.url}/api/events").json()
    assert [event["slug"] for event in shown["events"]] == ["tech-conference"]
    assert browser.console() == []


def test_an_admins_call_works_once_a_token_is_given(browser: Browser, site: Site) -> None:
    page = DocsPage(browser.driver, site)
    page.authorize(site.token)

    status, shown = page.open("POST", "/api/admin/events").execute(EVENT)

    assert (status, shown["slug"]) == ("201", "harbour-jazz")
    assert httpx.get(f"{site.url}/api/events/harbour-jazz").status_code == 200
    assert browser.console() == []


def test_an_admins_call_without_a_token_shows_the_refusal(browser: Browser, site: Site) -> None:
    page = DocsPage(browser.driver, site)

    status, shown = page.open("GET", "/api/auth/me").execute()

    assert (status, shown["code"]) == ("401", "UNAUTHORIZED")
    # The browser itself notes an answer of 401, and nothing else is wrong.
    assert [line for line in browser.console() if "401 (Unauthorized)" not in line] == []


@pytest.mark.parametrize("last", ["", "/"])
def test_the_page_works_below_a_stages_name(browser: Browser, staged_site: Site, last: str) -> None:
    page = DocsPage(browser.driver, staged_site, last)

    status, shown = page.open("GET", "/api/events").execute()

    assert (status, shown["count"]) == ("200", 1)
    asked = [url for url in browser.requested() if not url.startswith("data:")]
    assert [url for url in asked if not url.startswith(f"{staged_site.url}/")] == []
    assert browser.console() == []


def test_what_the_pages_policy_forbids_would_be_seen_in_the_console(
    browser: Browser, site: Site
) -> None:
    DocsPage(browser.driver, site)

    browser.driver.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = 'window.intruder = true';"
        "document.head.append(script);"
    )

    assert any("Content Security Policy" in line for line in browser.console())


def test_without_a_browser_the_tests_are_passed_over_and_in_ci_they_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-browser is not installed"):
        found_or_skip("no-such-browser")

    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-browser is not installed"):
        found_or_skip("no-such-browser")
