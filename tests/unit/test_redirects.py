"""Where a buyer may be sent back to: nowhere that the configuration does not name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.checkout_sessions import RedirectUrls
from chalicelib.errors import InvalidInput
from chalicelib.services.redirects import RedirectPolicy

SHOP = RedirectPolicy(("https://shop.example", "http://old.example:8080"), allow_loopback=False)
LOCAL = RedirectPolicy((), allow_loopback=True)


def refusal(policy: RedirectPolicy, url: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        policy.check("successUrl", url)
    [problem] = refused.value.problems
    assert problem.field == "successUrl"
    return problem.type


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example/",
        "https://shop.example/done?order=1&x=y#top",
        "HTTPS://SHOP.EXAMPLE/done",
        "https://shop.example/?next=https://evil.example",
        "https://shop.example//evil.example",
        "https://shop.example/{CHECKOUT_SESSION_ID}",
        "http://old.example:8080/done",
    ],
)
def test_any_page_of_an_allowed_origin_will_do(url: str) -> None:
    SHOP.check("successUrl", url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://evil.example/shop.example",
        "https://evil.example/?https://shop.example",
        "https://evil.example#https://shop.example",
        "https://evilshop.example/",
        "https://www.shop.example/",
        "https://shop.example./",
        "http://shop.example/",
        "https://shop.example:8443/",
        "https://shop.example:443/",
        "http://old.example/",
        "http://old.example:8081/",
        "https://shop。example/",
        "https://sh\u043ep.example/",
        "https://xn--shp-hdd.example/",
        "https://shop.example%2eevil.example/",
        "https://shop.example%00.evil.example/",
        "https://[::1]/",
        "http://localhost:3000/",
        "http://127.0.0.1:3000/",
    ],
)
def test_another_origin_is_refused(url: str) -> None:
    assert refusal(SHOP, url) == "origin_not_allowed"


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example@evil.example/",
        "https://shop.example:pw@evil.example/",
        "https://evil.example@shop.example/",
        "https://@shop.example/",
        "https://shop.example:443@evil.example/",
        "",
        "/done",
        "done",
        "//shop.example/",
        "//evil.example/",
        "///evil.example",
        "https:",
        "https:/shop.example/",
        "https:shop.example",
        "https:///shop.example",
        "https://",
        "https://?shop.example",
        "https://:443/",
        "javascript:alert(1)",
        "JavaScript://shop.example/%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://shop.example/",
        "https\\://shop.example/",
        "https://shop.example\\@evil.example/",
        "https:\\\\shop.example/",
        "https://evil.example\\shop.example/",
        "https://shop.example/\\evil.example",
        " https://shop.example/",
        "https://shop.example/ x",
        "https://shop.example\t/",
        "java\nscript:alert(1)",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\x00",
        "https://shop.example/\x7f",
        "https://shop.example:x/",
        "https://shop.example:99999/",
        "https://shop.example:\uff18\uff10/",
        "https://[shop.example/",
        "https://shop.example\uff0f@evil.example/",
    ],
)
def test_what_only_looks_like_an_allowed_page_is_refused(url: str) -> None:
    assert refusal(SHOP, url) == "url_parsing"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:3000/done",
        "http://127.0.0.1/",
        "https://LOCALHOST:5173",
        "http://localhost",
    ],
)
def test_a_local_stage_sends_buyers_to_any_port_of_this_machine(url: str) -> None:
    LOCAL.check("successUrl", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.2/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://evil.example/localhost",
    ],
)
def test_a_local_stage_sends_buyers_nowhere_else(url: str) -> None:
    assert refusal(LOCAL, url) == "origin_not_allowed"


def test_user_information_is_refused_on_this_machine_too() -> None:
    assert refusal(LOCAL, "http://localhost@localhost:3000/") == "url_parsing"


@pytest.mark.parametrize(
    ("urls", "field"),
    [
        (RedirectUrls("https://evil.example/", "https://shop.example/"), "successUrl"),
        (RedirectUrls("https://shop.example/", "https://evil.example/"), "cancelUrl"),
        (RedirectUrls("https://evil.example/", "https://evil.example/"), "successUrl"),
    ],
)
def test_both_ways_back_are_looked_at_and_the_wrong_one_is_named(
    urls: RedirectUrls, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        SHOP.check_both(urls)
    assert [problem.field for problem in refused.value.problems] == [field]


def test_two_good_ways_back_will_do() -> None:
    SHOP.check_both(RedirectUrls("https://shop.example/done", "https://shop.example/back"))


@given(st.text())
def test_no_text_at_all_makes_the_check_stumble(url: str) -> None:
    try:
        SHOP.check("successUrl", url)
    except InvalidInput:
        return
    assert url.lower().startswith(("https://shop.example", "http://old.example:8080"))


@given(st.text(alphabet="/\\@:?#.%[]- \tshopevil", max_size=30))
def test_nothing_behind_the_scheme_leads_elsewhere(rest: str) -> None:
    url = f"https://{rest}"
    try:
        RedirectPolicy(("https://shop",), allow_loopback=False).check("successUrl", url)
    except InvalidInput:
        return
    after = url.removeprefix("https://shop").removeprefix(":")
    assert after == "" or after[0] in "/?#"
