"""The health page in a real browser: what it shows in each state, on any screen, without a script
and without asking anybody for anything.
"""

import json
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from chalicelib import wiring
from chalicelib.errors import Unavailable
from tests.browser.conftest import Browser, Site

pytestmark = pytest.mark.xdist_group("browser")

WIDTHS = (320, 768, 1280)
# WCAG 2.2, 1.4.3: text of a usual size.
ENOUGH_CONTRAST = 4.5

# Every element with text of its own, and the contrast of the text with what is behind it.
CONTRASTS = """
function channels(colour) { return colour.match(/[\\d.]+/g).map(Number); }
function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const found = channels(getComputedStyle(at).backgroundColor);
    if (found.length < 4 || found[3] > 0) return found;
  }
  return [255, 255, 255];
}
function luminance([red, green, blue]) {
  const [r, g, b] = [red, green, blue].map(value => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const found = {};
for (const element of document.querySelectorAll("main *")) {
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || element.tagName === "METER") continue;
  const one = luminance(channels(getComputedStyle(element).color));
  const other = luminance(behind(element));
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  found[element.textContent.trim()] = ratio;
}
return found;
"""


def down() -> float:
    raise Unavailable("down")


def set_state(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    if state == "unhealthy":
        monkeypatch.setattr(wiring, "_check_database", down)
    if state != "healthy":
        monkeypatch.setattr(wiring, "_check_payments", down)


def show(
    browser: Browser, site: Site, path: str = "/health", *, width: int = 1280, scheme: str = "light"
) -> webdriver.Chrome:
    driver = browser.driver
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.get(f"{site.url}{path}")
    return driver


@pytest.fixture(autouse=True)
def _usual_screen(chromium: webdriver.Chrome) -> Any:
    yield
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def text(driver: webdriver.Chrome, selector: str) -> str:
    return driver.find_element(By.CSS_SELECTOR, selector).text


@pytest.mark.parametrize(
    ("state", "title", "checks"),
    [
        ("healthy", "All systems work", {"database": "Works", "payments": "Works"}),
        (
            "degraded",
            "Some things do not work",
            {"database": "Works", "payments": "Does not work"},
        ),
        (
            "unhealthy",
            "The service is down",
            {"database": "Does not work", "payments": "Does not work"},
        ),
    ],
)
def test_each_state_is_said_in_words_and_drawn_in_a_shape_of_its_own(
    browser: Browser,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    title: str,
    checks: dict[str, str],
) -> None:
    set_state(monkeypatch, state)

    driver = show(browser, site)

    assert text(driver, "h1") == title
    assert driver.title == f"{title} | Events API"
    assert {name: text(driver, f"#{name} .word") for name in checks} == checks
    assert text(driver, "#memory .word") == "Enough"
    # Three shapes, so that nobody has to see their colours.
    shapes = {name: driver.find_element(By.CSS_SELECTOR, f"#{name} svg") for name in checks}
    drawn = {name: shape.get_attribute("innerHTML") for name, shape in shapes.items()}
    assert (drawn["database"] == drawn["payments"]) is (state != "degraded")
    complaints = [line for line in browser.console() if "503 (Service Unavailable)" not in line]
    assert complaints == []


def test_the_page_asks_nobody_for_anything(browser: Browser, site: Site) -> None:
    show(browser, site)

    asked = [url for url in browser.requested() if not url.startswith("data:")]
    assert asked == [f"{site.url}/health"]
    assert browser.console() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["healthy", "degraded", "unhealthy"])
def test_all_text_can_be_read_in_the_light_and_in_the_dark(
    browser: Browser, site: Site, monkeypatch: pytest.MonkeyPatch, state: str, scheme: str
) -> None:
    set_state(monkeypatch, state)

    contrasts = show(browser, site, scheme=scheme).execute_script(CONTRASTS)

    assert len(contrasts) > 15
    assert {words: ratio for words, ratio in contrasts.items() if ratio < ENOUGH_CONTRAST} == {}
    background = browser.driver.execute_script(
        "return getComputedStyle(document.body).backgroundColor"
    )
    assert background == {"light": "rgb(244, 245, 247)", "dark": "rgb(20, 23, 28)"}[scheme]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("state", ["healthy", "unhealthy"])
def test_no_screen_is_too_narrow(
    browser: Browser, site: Site, monkeypatch: pytest.MonkeyPatch, state: str, width: int
) -> None:
    set_state(monkeypatch, state)
    monkeypatch.setenv("STAGE", "a-stage-with-a-name-that-has-no-end" * 8)

    driver = show(browser, site, width=width)

    needed, there = driver.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    # A scroll bar for what is below takes some of it.
    assert needed <= there <= width


def test_the_page_works_without_scripts(browser: Browser, site: Site) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})

    driver = show(browser, site)

    assert text(driver, "h1") == "All systems work"
    assert "answered in" in text(driver, "#database")
    assert driver.find_element(By.TAG_NAME, "meter").is_displayed()


def test_who_hears_the_page_is_told_the_same(browser: Browser, site: Site) -> None:
    driver = show(browser, site)
    tree = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]

    found = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"]
    ]
    assert ("heading", "All systems work") in found
    assert ("list", "") in found
    assert {name for role, name in found if role == "heading"} == {
        "All systems work",
        "Checks",
        "Database",
        "Payments",
        "Memory",
        "About this answer",
    }
    levels = [heading.tag_name for heading in driver.find_elements(By.CSS_SELECTOR, "h1, h2, h3")]
    assert levels == ["h1", "h2", "h3", "h3", "h3", "h2"]
    assert ("meter", "Memory in use") in found
    assert {("link", "Check again"), ("link", "As JSON"), ("link", "Documentation")} <= set(found)
    assert driver.execute_script("return document.documentElement.lang") == "en"


@pytest.mark.parametrize("last", ["", "/"])
def test_the_links_lead_right_below_a_stages_name(
    browser: Browser, staged_site: Site, last: str
) -> None:
    driver = show(browser, staged_site, f"/health{last}")
    links = [link.get_property("href") for link in driver.find_elements(By.TAG_NAME, "a")]
    assert links == [
        f"{staged_site.url}/health",
        f"{staged_site.url}/health/json",
        f"{staged_site.url}/api/docs",
    ]

    driver.find_element(By.LINK_TEXT, "As JSON").click()

    assert json.loads(text(driver, "body"))["status"] == "healthy"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>window.intruder = true</script>",
        "<img src=x onerror='window.intruder = true'>",
        "</dd><style>main { display: none }</style>",
        "\"><svg onload='window.intruder = true'>",
    ],
)
def test_a_hostile_stage_is_shown_and_does_nothing(
    browser: Browser, site: Site, monkeypatch: pytest.MonkeyPatch, hostile: str
) -> None:
    monkeypatch.setenv("STAGE", hostile)

    driver = show(browser, site)

    assert driver.execute_script("return window.intruder") is None
    assert text(driver, "dl dd") == hostile
    assert driver.find_element(By.TAG_NAME, "main").is_displayed()
    assert browser.console() == []


def test_even_what_got_in_would_not_run(browser: Browser, site: Site) -> None:
    driver = show(browser, site)

    driver.execute_script(
        "document.body.insertAdjacentHTML('beforeend', "
        '\'<img src=x onerror="window.intruder = true"><p style="color: red" id=p>x</p>\');'
        "const script = document.createElement('script');"
        "script.textContent = 'window.intruder = true';"
        "document.head.append(script);"
    )

    assert driver.execute_script("return window.intruder") is None
    colour = driver.execute_script("return getComputedStyle(document.getElementById('p')).color")
    assert colour != "rgb(255, 0, 0)"
    assert any("Content Security Policy" in line for line in browser.console())
