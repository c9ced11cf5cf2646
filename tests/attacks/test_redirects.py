"""Open redirects through a checkout's ways back. What is accepted is given to a browser's parser of
URLs (the WHATWG's, as Node.js has it), which must find an allowed origin in it.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.free_orders import with_session_id
from chalicelib.errors import InvalidInput
from chalicelib.services.redirects import RedirectPolicy
from chalicelib.store import Stores
from tests.support.fakes import FakePayments
from tests.support.lambda_api import LambdaApi
from tests.support.routes import CHECKOUT
from tests.support.seeding import seed_event
from tests.support.tables import MotoTables

ALLOWED = ("https://shop.example", "http://old.example:8080", "https://xn--bcher-kva.example")
SHOP = RedirectPolicy(ALLOWED, allow_loopback=False)
LOCAL = RedirectPolicy((), allow_loopback=True)
SESSION = "cs_test_a1B2c3"

_PARSE = """
require("readline").createInterface({input: process.stdin}).on("line", (line) => {
  let found = null;
  try {
    const url = new URL(JSON.parse(line), "https://checkout.example/pay");
    found = [url.origin, url.hostname, url.username + url.password, url.href];
  } catch {}
  console.log(JSON.stringify(found));
});
"""


class Browser:
    """A browser's reading of URLs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def reads(self, url: str) -> list[str] | None:
        """Return its origin, its host, its user information and how it is written, or None."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(url) + "\n")
        self._process.stdin.flush()
        found: list[str] | None = json.loads(self._process.stdout.readline())
        return found

    def leads_to(self, url: str) -> str:
        found = self.reads(url)
        assert found is not None, url
        assert found[2] == "", url
        return found[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI") == "true":
            pytest.fail("node is not installed (Debian: apt-get install nodejs)")
        pytest.skip("node is not installed (Debian: apt-get install nodejs)")
    process = subprocess.Popen(
        [node, "-e", _PARSE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield Browser(process)
        assert process.stdin
        process.stdin.close()


# How one URL is made to look like another: WHATWG URL, OWASP's "Unvalidated Redirects", and the
# lists that scanners carry.
CORPUS = [
    "",
    "/",
    "/done",
    "done",
    "?x",
    "#x",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:////evil.example",
    "https:\\\\evil.example",
    "https:/\\evil.example",
    "https:\\/evil.example",
    "https:@evil.example",
    "http:shop.example",
    "https:shop.example",
    "https:/shop.example",
    "https:///shop.example",
    "https://evil.example",
    "https://evil.example/https://shop.example",
    "https://evil.example?shop.example",
    "https://evil.example#https://shop.example",
    "https://evil.example/@shop.example",
    "https://shop.example@evil.example",
    "https://shop.example:443@evil.example",
    "https://@evil.example",
    "https://a:b@shop.example",
    "https://@shop.example",
    "https://:@shop.example",
    "https://a@b@shop.example",
    "https://shop.example%40evil.example",
    "https://shop.example%2f@evil.example",
    "https://shop.example\\@evil.example",
    "https://evil.example\\@shop.example",
    "https://evil.example\\.shop.example",
    "https://evil.example/.shop.example",
    "https://shop.example#@evil.example",
    "https://shop.example?@evil.example",
    "https://shop.example/@evil.example",
    "https://shop.example;@evil.example",
    "https://shop.example&@evil.example",
    "https://shop.example\u00a0@evil.example",
    "https://shop.example.evil.example",
    "https://evilshop.example",
    "https://shop.example.",
    "https://shop.example..",
    "https://.shop.example",
    "https://shop..example",
    "https://www.shop.example",
    "https://shop.exampl",
    "https://shop",
    "https://shop.example:443",
    "https://shop.example:0443",
    "https://shop.example:80",
    "https://shop.example:",
    "https://shop.example:/x",
    "https://shop.example:99999",
    "https://shop.example:-1",
    "https://shop.example:4 43",
    "https://shop.example:443:443",
    "https://shop.example:evil.example",
    "https://shop.example:4_43",
    "https://shop.example:+443",
    "https://shop.example:\uff14\uff14\uff13",
    "http://old.example:08080",
    "http://old.example:8080.evil.example",
    "http://old.example",
    "https://shop%2eexample",
    "https://%73hop.example",
    "https://shop.example%00.evil.example",
    "https://shop.example%0d%0aevil",
    "https://shop.example%23.evil.example",
    "https://shop.example%2f.evil.example",
    "https://shop.example%5c.evil.example",
    "https://shop\u3002example",
    "https://shop.example\u3002evil.example",
    "https://shop\uff0eexample",
    "https://sh\u043ep.example",
    "https://\u017fhop.example",
    "https://s\u04bbop.example",
    "https://shop.\u212axample",
    "https://shop.example\u2215evil.example",
    "https://shop.example\uff0fevil.example",
    "https://shop.example\uff03evil",
    "https://shop.example\u2048evil",
    "https://shop.e\u00adxample",
    "https://\u200bshop.example",
    "https://shop.example\u200d",
    "https://\u24e2hop.example",
    "https://xn--shp-hdd.example",
    "https://b\u00fccher.example",
    "https://xn--bcher-kva.example",
    "https://XN--BCHER-KVA.example",
    "https://xn--xn--bcher-kva.example",
    "https://[::1]",
    "https://[::ffff:127.0.0.1]",
    "https://[shop.example]",
    "https://[shop.example",
    "https://shop.example]",
    "https://[v1.shop.example]",
    "https://[::1%25lo]",
    "https://[fe80::1%eth0]",
    "https://[::1]evil.example",
    "https://[]",
    "http://127.0.0.1",
    "http://localhost",
    "http://localhost:0",
    "http://localhost:65535",
    "http://localhost:65536",
    "http://LOCALHOST",
    "http://127.1",
    "http://127.0.0.1.",
    "http://localhost.",
    "http://0.0.0.0",
    "http://2130706433",
    "http://017700000001",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://0177.0.0.1",
    "http://127.0.0.01",
    "http://127.0.0.2",
    "http://127.0.0.1.nip.io",
    "http://localhost.evil.example",
    "http://evil.example:80#localhost",
    "http://localhost@evil.example",
    "http://localhost\\.evil.example",
    "http://localhost#.evil.example",
    "http://localhost?.evil.example",
    "http://localhost;.evil.example",
    "http://\u217docalhost",
    "http://loc\u00adalhost",
    "http://127\u30020\u30020\u30021",
    "http://\u2460\u2461\u2466.0.0.1",
    "http://lo%63alhost",
    "http://localhost%00",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript://shop.example/%0aalert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    " javascript:alert(1)",
    "javascript&colon;alert(1)",
    "vbscript:x",
    "data:text/html,x",
    "data://shop.example,x",
    "blob:https://shop.example/x",
    "filesystem:https://shop.example/x",
    "view-source:https://shop.example",
    "about:blank",
    "file:///etc/passwd",
    "ftp://shop.example",
    "ws://shop.example",
    "wss://shop.example",
    "mailto:a@shop.example",
    "intent://shop.example#Intent;end",
    "httpsx://shop.example",
    "ht\ttps://evil.example",
    "https\n://evil.example",
    "https:\t//evil.example",
    "https:/\t/evil.example",
    "https://ev\til.example",
    "https://shop.example\t.evil.example",
    "https://shop.example\r\n.evil.example",
    "https://shop.example\n@evil.example",
    "https://shop.example\x00@evil",
    "https://shop.example\x0b.evil.example",
    "https://shop.example\x7f.evil.example",
    "https://shop.example\u2028.evil.example",
    "https://shop.example\x85",
    " https://shop.example",
    "https://shop.example ",
    "\ufeffhttps://shop.example",
    "https://shop.example/\u202e",
    "https://shop.example/\ud800",
    "HTTPS://SHOP.EXAMPLE",
    "https://shop.example",
    "https://shop.example/",
    "https://shop.example//evil.example",
    "https://shop.example/..//evil.example",
    "https://shop.example/%2e%2e//evil.example",
    "https://shop.example/\\evil.example",
    "https://shop.example?//evil.example",
    "https://shop.example/x#y?z",
    "https://{CHECKOUT_SESSION_ID}",
    "https://shop.example{CHECKOUT_SESSION_ID}",
    "https://shop.example:{CHECKOUT_SESSION_ID}",
    "{CHECKOUT_SESSION_ID}",
    "https://shop.example/{CHECKOUT_SESSION_ID}",
    "https://shop.example?{CHECKOUT_SESSION_ID}",
    "https://shop.example#{CHECKOUT_SESSION_ID}",
    "https://shop.example?a={CHECKOUT_SESSION_ID}&b={CHECKOUT_SESSION_ID}",
    "https://shop.example?session_id={CHECKOUT_SESSION_ID}#x",
    "https://{CHECKOUT_SESSION_ID}@shop.example",
    "https://shop.example/#session_id={CHECKOUT_SESSION_ID}",
    "https://shop.example?session_id=cs_evil",
    "https://" + "a" * 3_000 + ".example",
    "https://shop.example/" + "../" * 500 + "/evil.example",
    "https://shop.example/" + "\u00e9" * 1_000,
]


def accepted(policy: RedirectPolicy, url: str) -> bool:
    with suppress(InvalidInput):
        policy.check("successUrl", url)
        return True
    return False


def check_leads_home(browser: Browser, url: str) -> None:
    """Check that whoever accepts the URL has a browser on an allowed origin, with the session's id
    in it too.
    """
    if accepted(SHOP, url):
        for sent in (url, with_session_id(url, SESSION)):
            assert browser.leads_to(sent) in ALLOWED
    if accepted(LOCAL, url):
        for sent in (url, with_session_id(url, SESSION)):
            host = browser.leads_to(sent).split("://")[1].split(":")[0]
            assert host in {"localhost", "127.0.0.1"}


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_no_trick_leads_a_browser_elsewhere(browser: Browser, number: int) -> None:
    check_leads_home(browser, CORPUS[number])


def test_the_corpus_tries_both_what_is_let_through_and_what_is_not(browser: Browser) -> None:
    # A check that lets nothing through, or a corpus of nothing else, would prove nothing.
    taken = [url for url in CORPUS if accepted(SHOP, url) or accepted(LOCAL, url)]
    assert 20 < len(taken) < len(CORPUS) - 100
    leads_elsewhere = [
        url for url in CORPUS if (browser.reads(url) or [""])[0].endswith("evil.example")
    ]
    assert len(leads_elsewhere) > 40
    assert not set(leads_elsewhere) & set(taken)


_PIECES = st.sampled_from(
    [
        *(
            "https",
            "http",
            "HTTPS",
            "javascript",
            "data",
            ":",
            "://",
            "/",
            "//",
            "\\",
            "@",
            "#",
            "?",
        ),
        *(
            "shop.example",
            "old.example",
            ":8080",
            "evil.example",
            "localhost",
            "127.0.0.1",
            ".",
            ":",
        ),
        *(":443", "[", "]", "[::1]", "%2f", "%40", "%00", "\t", "\n", "\r", " ", "\x00", "\u3002"),
        *("\uff0f", "\uff20", "\u00ad", "\u212a", "xn--bcher-kva.example", "{CHECKOUT_SESSION_ID}"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES | st.characters(), max_size=9).map("".join))
@example("https://shop.example\\@evil.example")
def test_no_url_made_of_such_pieces_leads_a_browser_elsewhere(browser: Browser, url: str) -> None:
    check_leads_home(browser, url)


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES | st.characters(), max_size=5).map("".join), st.sampled_from(ALLOWED))
def test_nothing_behind_an_allowed_origin_leads_a_browser_elsewhere(
    browser: Browser, rest: str, origin: str
) -> None:
    check_leads_home(browser, origin + rest)


# White space around a value never counts, and is not kept.
REFUSED = [
    url for url in CORPUS if not (accepted(SHOP, url.strip()) or accepted(LOCAL, url.strip()))
]


@pytest.mark.parametrize("field", ["successUrl", "cancelUrl"])
def test_a_refused_way_back_is_named_and_nothing_is_held(
    api: LambdaApi,
    shop: MotoTables,
    payments: FakePayments,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
) -> None:
    monkeypatch.setenv("CHECKOUT_ALLOWED_ORIGINS", ",".join(ALLOWED))
    before, sessions = shop.contents(), dict(payments.sessions)
    for url in REFUSED:
        answer = api.post("/api/payments/checkout", {**CHECKOUT, field: url})
        assert (answer.status, answer.json["code"]) == (400, "VALIDATION_ERROR"), url
        assert [detail["field"] for detail in answer.json["details"]] == [field]
        # Nor is the page that was asked for to be found in the answer's headers.
        assert "location" not in answer.headers
        assert "evil" not in json.dumps(answer.headers)
    assert (shop.contents(), payments.sessions) == (before, sessions)


@pytest.mark.parametrize("length", [2_001, 90_000])
def test_an_overlong_way_back_is_refused(api: LambdaApi, length: int) -> None:
    url = "http://localhost/".ljust(length, "x")
    answer = api.post("/api/payments/checkout", {**CHECKOUT, "successUrl": url})
    assert answer.json["details"][0]["type"] == "string_too_long"


def test_a_free_ticket_s_way_on_is_the_way_that_was_checked(
    api: LambdaApi, stores: Stores, browser: Browser
) -> None:
    # Of these no Stripe takes another look.
    seed_event(stores, "free-concert", price=0)
    order: dict[str, Any] = {
        **CHECKOUT,
        "eventSlug": "free-concert",
        "unitPrice": 0,
        "totalAmount": 0,
    }
    for url in (each for each in CORPUS if accepted(LOCAL, each)):
        started = api.post("/api/payments/checkout", {**order, "successUrl": url}).json
        assert browser.leads_to(started["checkoutUrl"]) == browser.leads_to(url)
        assert started["sessionId"] in started["checkoutUrl"]
        assert "CHECKOUT_SESSION_ID" not in started["checkoutUrl"]
