"""E-mail addresses: what is taken can be mailed to, and the same rule holds everywhere."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.adapters.mail import confirmation
from chalicelib.domain.addresses import PATTERN, is_address
from chalicelib.domain.orders import OrderStatus
from chalicelib.settings import Mailbox, MailSettings
from tests.support.builders import NOW, an_order

LONGEST_DOMAIN = ".".join(["b" * 63, "c" * 63, "d" * 63, "e" * 60])


@pytest.mark.parametrize(
    "address",
    [
        "ada@mail.example",
        "first.last+tag@home.example",
        "!#$%&'*+/=^_`{|}~-@a-b.example",
        "a@b.c",
        "A1@XN--MNCHEN-3YA.EXAMPLE",
        "x" * 64 + "@mail.example",
        "x." * 31 + "xx@mail.example",
        f"a@{'x' * 63}.example",
        f"a@{LONGEST_DOMAIN}",
    ],
)
def test_an_address_of_a_plain_form_is_one(address: str) -> None:
    assert is_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@mail.example",
        "ada@",
        "ada@mail",
        "ada@@mail.example",
        "ada@mail.example@evil.example",
        "é@x.de",
        "ada@münchen.example",
        "a@b.c!",
        "a..b@mail.example",
        ".a@mail.example",
        "a.@mail.example",
        "a@ex_ample.com",
        "a@-x.example",
        "a@x-.example",
        "a@x..example",
        "a@x.example.",
        "a@.example",
        "=?utf-8?q?ada?=@mail.example",
        "a=?b@mail.example",
        '"a,b"@mail.example',
        "a,b@mail.example",
        "ada@[127.0.0.1]",
        "ada lovelace@mail.example",
        "Ada <ada@mail.example>",
        "ada@mail.example\n",
        "ada@mail.example\r\nBcc: eve@mail.example",
        "x" * 65 + "@mail.example",
        "x." * 32 + "x@mail.example",
        f"a@{'x' * 64}.example",
        f"ab@{LONGEST_DOMAIN}",
    ],
)
def test_what_mail_cannot_be_sent_to_is_none(address: str) -> None:
    assert not is_address(address)


@given(st.from_regex(re.compile(PATTERN, re.ASCII), fullmatch=True))
def test_what_is_taken_is_mailed_to_as_it_is(address: str) -> None:
    assume(len(address) <= 254 and address.find("@") <= 64)
    assert is_address(address)
    order = an_order(
        status=OrderStatus.PAID,
        paid_at=NOW,
        tickets=("0123456789ABCDEF",),
        quantity=1,
        customer_email=address,
    )
    settings = MailSettings(Mailbox("", "tickets@shop.example"), None)
    assert confirmation(order, None, settings, NOW).recipient == address
