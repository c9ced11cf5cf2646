"""The local mail server's pages in a real browser: tickets are seen, and nothing hostile runs."""

import base64
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from chalicelib.adapters.mail import confirmation
from chalicelib.domain.events import new_record
from chalicelib.domain.orders import OrderStatus
from chalicelib.settings import Mailbox, MailSettings
from infra.local.gateway import running
from infra.local.mail_server import create_app
from tests.support.builders import NOW, an_event, an_order
from tests.support.http_server import LocalServer, Reply, serving

pytestmark = [pytest.mark.enable_socket, pytest.mark.xdist_group("browser")]

_PATIENCE_SECONDS = 60
# A page that leads elsewhere after no time at all still takes some.
_A_MOMENT_SECONDS = 0.5
T = TypeVar("T")


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[str]:
    with running(create_app(tmp_path)) as url:
        yield url


@pytest.fixture
def spy() -> Iterator[LocalServer]:
    """A host that hears from whatever runs, loads or leads there."""
    with serving(lambda _: Reply(200, b"")) as server:
        yield server


def hostile_html(spy: LocalServer) -> str:
    """All the ways to call home that HTML knows, in one e-mail."""
    return f"""<!doctype html><html><head>
<meta http-equiv="refresh" content="0;url={spy.url}/refresh">
<link rel="stylesheet" href="{spy.url}/style"><script src="{spy.url}/script"></script>
<script>new Image().src = "{spy.url}/inline"; top.location = "{spy.url}/top";</script>
</head><body onload="new Image().src = '{spy.url}/onload'">
<img src="{spy.url}/picture"><img src="x" onerror="new Image().src = '{spy.url}/onerror'">
<svg onload="new Image().src = '{spy.url}/svg'"></svg>
<iframe src="{spy.url}/frame"></iframe><object data="{spy.url}/object"></object>
<div style="background: url({spy.url}/background)">Seen</div>
</body></html>"""


def send(mail: str, content: bytes) -> str:
    """Have the mail server take an e-mail; returns its page."""
    answer = httpx.post(
        f"{mail}/v2/email/outbound-emails",
        json={
            "Destination": {"ToAddresses": ["buyer@home.example"]},
            "Content": {"Raw": {"Data": base64.b64encode(content).decode()}},
        },
        headers={"Authorization": "AWS4-HMAC-SHA256 made up"},
    )
    assert answer.status_code == 200, answer.text
    return f"{mail}/mails/{answer.json()['MessageId']}"


def a_hostile_mail(spy: LocalServer) -> bytes:
    html = hostile_html(spy)
    message = EmailMessage(policy=SMTP)
    message["From"] = "a@shop.example"
    message["Subject"] = f'"><img src={spy.url}/subject>'
    message.set_content(html)
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def in_frame(
    chromium: webdriver.Chrome, selector: str, read: Callable[[WebElement], T | None]
) -> T:
    """What is read of an element of the e-mail's own HTML, once it is there."""
    chromium.switch_to.frame(chromium.find_element(By.TAG_NAME, "iframe"))
    not_yet = (NoSuchElementException, StaleElementReferenceException)
    wait = WebDriverWait(chromium, _PATIENCE_SECONDS, ignored_exceptions=not_yet)
    found = wait.until(lambda browser: read(browser.find_element(By.CSS_SELECTOR, selector)))
    chromium.switch_to.default_content()
    assert found is not None
    return found


def test_a_hostile_e_mail_calls_nobody(
    chromium: webdriver.Chrome, mail: str, spy: LocalServer
) -> None:
    page = send(mail, a_hostile_mail(spy))

    chromium.get(mail)
    chromium.get(page)
    assert in_frame(chromium, "div", lambda element: element.text) == "Seen"
    chromium.get(f"{page}/html")
    time.sleep(_A_MOMENT_SECONDS)

    assert chromium.current_url == f"{page}/html"

    assert [request.path for request in spy.received] == []


def test_the_same_html_calls_home_where_nothing_holds_it(
    chromium: webdriver.Chrome, spy: LocalServer
) -> None:
    html = hostile_html(spy).replace('<meta http-equiv="refresh"', "<meta").encode()
    with serving(lambda _: Reply(200, html, {"Content-Type": "text/html"})) as bare:
        chromium.get(bare.url)
        wait = WebDriverWait(chromium, _PATIENCE_SECONDS)
        wait.until(lambda _: any(request.path == "/inline" for request in spy.received))

    assert {"/script", "/style"} <= {request.path for request in spy.received}


def test_a_ticket_s_picture_is_seen(chromium: webdriver.Chrome, mail: str) -> None:
    order = an_order(
        status=OrderStatus.PAID, tickets=("0123456789ABCDEF",), customer_email="b@home.example"
    )
    settings = MailSettings(Mailbox("", "a@shop.example"), None)
    content = confirmation(order, new_record(an_event()), settings, NOW).content

    chromium.get(send(mail, content))

    # It has a width once it is decoded.
    assert in_frame(chromium, "img", lambda image: image.get_property("naturalWidth")) == 296
    label = in_frame(chromium, "img", lambda image: image.get_dom_attribute("alt"))
    assert label == "QR code of Ticket 1 of 1"
