"""The confirmation of an order, as programs that show e-mail read it, whatever is in its names."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.adapters.mail import Mail, confirmation
from chalicelib.adapters.qr import qr_png
from chalicelib.domain.events import EventRecord, new_record
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.domain.refunds import Dispute, DisputeStatus
from chalicelib.errors import ConfigurationError, MailProviderError
from chalicelib.settings import Mailbox, MailSettings
from tests.support.builders import NOW, an_event, an_order

SECRETS = ("ABCDEFGHJKMNPQRS", "0123456789ABCDEF", "ZYXWVTSRQPNMKJHG")
SENDER = Mailbox("The Shop", "tickets@shop.example")
SETTINGS = MailSettings(SENDER, None)
HEADERS = [
    "To",
    "Subject",
    "From",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]
# What people paste, and what a header or a page could trip over.
NAMES = st.text(
    st.characters() | st.sampled_from("\r\n\t\x00\x1b\x1c\x7f\x85\u2028\ud800 <>&\"'=?_,;:\\@é😀"),
    max_size=255,
)


def a_paid_order(**changes: Any) -> Order:
    quantity = changes.get("quantity", 2)
    given_tickets = {"tickets": SECRETS[:quantity], "customer_email": "buyer@home.example"}
    return an_order(
        **{
            "status": OrderStatus.PAID,
            "paid_at": NOW,
            "amount_paid": 29998,
            **given_tickets,
            **changes,
        }
    )


def an_event_record(**changes: Any) -> EventRecord:
    return new_record(an_event(**changes))


def written(
    order: Order | None = None,
    event: EventRecord | None = None,
    settings: MailSettings = SETTINGS,
    at: datetime = NOW,
) -> Mail:
    return confirmation(order or a_paid_order(), event, settings, at)


def parsed(mail: Mail) -> EmailMessage:
    """The e-mail as another program reads it; a mistake in it fails the test."""
    message: EmailMessage = message_from_bytes(mail.content, _class=EmailMessage, policy=SMTP)
    for part in message.walk():
        assert part.defects == []
        for name, value in part.items():
            assert getattr(value, "defects", ()) == (), name
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


def text_of(mail: Mail) -> str:
    return body(parsed(mail), "plain")


def pictures(message: EmailMessage) -> dict[str, MIMEPart]:
    return {
        str(part["Content-ID"]).strip("<>"): part
        for part in message.walk()
        if part.get_content_maintype() == "image"
    }


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def one_line(text: str) -> str:
    """A text as it is told: what is no character of a text is a space, and spaces are single."""
    kept = (
        " " if re.match("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", letter) else letter for letter in text
    )
    return " ".join("".join(kept).split())


# What it says.


def test_the_text_tells_all_that_a_buyer_needs_at_the_door() -> None:
    event = an_event_record(
        name="Tech Conference", location="Dockside Halls", date=datetime(2027, 6, 5, 9, tzinfo=UTC)
    )

    assert (
        text_of(written(event=event)).replace("\r\n", "\n")
        == """\
Your tickets for Tech Conference

Event:    Tech Conference
Date:     Saturday, 5 June 2027, 09:00 UTC
Location: Dockside Halls, London
Tickets:  2
Total:    299.98 USD
Order:    01JNTEST0RDER0000000000000

Ticket 1 of 2
01JNTEST0RDER000000000000001ABCDEFGHJKMNPQRS

Ticket 2 of 2
01JNTEST0RDER0000000000000020123456789ABCDEF

Show the QR code of a ticket at the door, or its code. It lets one person in, once.\
 Whoever knows a code can use it, so keep this e-mail to yourself.
"""
    )


def test_the_html_says_the_same_as_the_text() -> None:
    message = parsed(written(event=an_event_record()))
    shown = one_line(" ".join(Page(body(message, "html")).text))

    for line in body(message, "plain").splitlines():
        label, _, value = line.partition(":") if re.match(r"\w+: ", line) else ("", "", line)
        assert label in shown
        assert one_line(value) in shown


def test_every_ticket_has_its_picture_where_the_html_shows_it() -> None:
    order = a_paid_order(quantity=3)
    message = parsed(written(order))

    images = [attrs for tag, attrs in Page(body(message, "html")).elements if tag == "img"]
    attached = pictures(message)
    assert [image["src"] for image in images] == [f"cid:{name}" for name in attached]
    assert [image["alt"] for image in images] == [f"QR code of Ticket {n} of 3" for n in (1, 2, 3)]
    for code, picture in zip(order.ticket_codes(), attached.values(), strict=True):
        assert picture.get_content_type() == "image/png"
        assert picture.get_content_disposition() == "inline"
        assert picture.get_filename() == f"ticket-{code.number}.png"
        assert picture.get_content() == qr_png(str(code))
        assert str(code) in body(message, "html")


def test_readers_are_offered_text_or_html_with_pictures() -> None:
    message = parsed(written())

    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "image/png",
    ]


@pytest.mark.parametrize("count", [1, 2])
def test_one_ticket_is_not_told_of_as_several(count: int) -> None:
    subject = parsed(written(a_paid_order(quantity=count)))["Subject"]

    assert subject == f"Your {'ticket' if count == 1 else 'tickets'} for Tech Conference"


def test_tickets_that_are_worth_nothing_are_not_in_it() -> None:
    order = a_paid_order(quantity=3, voided=(1, 3))
    mail = written(order)

    message = parsed(mail)
    assert "Ticket 2 of 3" in body(message, "plain")
    assert "Tickets: 1\r\n" in body(message, "plain")
    assert len(pictures(message)) == 1
    for number in (1, 3):
        for kind in ("plain", "html"):
            assert SECRETS[number - 1] not in body(message, kind)
            assert f"Ticket {number} of" not in body(message, kind)


def test_a_disputed_order_s_tickets_are_not_in_it() -> None:
    dispute = Dispute("dp_1", DisputeStatus.NEEDS_RESPONSE, 29998, "fraudulent", NOW)
    message = parsed(written(a_paid_order(disputes=(dispute,))))

    assert pictures(message) == {}
    assert all(secret not in body(message, "plain") for secret in SECRETS)


@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        (29998, "usd", "299.98 USD"),
        (29950, "usd", "299.50 USD"),
        (30000, "eur", "300.00 EUR"),
        (1500, "jpy", "1500 JPY"),
        (12340, "bhd", "12.340 BHD"),
        (99_999_999_99 * 10, "usd", "999999999.90 USD"),
        (0, "usd", "free of charge"),
    ],
)
def test_the_total_has_its_currency_s_decimals(amount: int, currency: str, told: str) -> None:
    text = text_of(written(a_paid_order(amount_total=amount, currency=currency)))

    assert f"Total:   {told}" in text.replace("Total:    ", "Total:   ")


def test_the_date_is_in_utc_wherever_it_was_written() -> None:
    tokyo = datetime(2027, 6, 6, 8, 30, tzinfo=timezone(timedelta(hours=9)))

    assert "Saturday, 5 June 2027, 23:30 UTC" in text_of(written(event=an_event_record(date=tokyo)))


def test_an_event_has_the_name_that_it_has_now() -> None:
    order = a_paid_order(event_name="Old Name")

    assert "Old Name" not in text_of(written(order, an_event_record(name="New Name")))


def test_an_event_that_is_gone_is_told_by_the_order_s_name_of_it() -> None:
    text = text_of(written(a_paid_order(event_name="Old Name")))

    assert "Event:   Old Name" in text
    assert "Date:" not in text
    assert "Location:" not in text


# Its headers.


def test_the_headers_say_whom_it_is_from_and_for() -> None:
    settings = MailSettings(SENDER, Mailbox("Büro, Leitung", "help@shop.example"))
    mail = written(settings=settings, at=NOW + timedelta(seconds=1))

    message = parsed(mail)
    assert mail.recipient == "buyer@home.example"
    assert message["To"].addresses[0].addr_spec == "buyer@home.example"
    assert named(message["From"]) == ("The Shop", "tickets@shop.example")
    assert named(message["Reply-To"]) == ("Büro, Leitung", "help@shop.example")
    assert message["Date"].datetime == NOW + timedelta(seconds=1)
    assert message["Auto-Submitted"] == "auto-generated"


def named(header: Any) -> tuple[str, str]:
    (mailbox,) = header.addresses
    return mailbox.display_name, mailbox.addr_spec


@pytest.mark.parametrize(
    "name", ["", "Doe, Jane", "a@b.example", "back\\slash", "Événements", "a;b:c (d)", "é, è <x>"]
)
def test_a_sender_is_one_address_under_its_own_name(name: str) -> None:
    message = parsed(written(settings=MailSettings(Mailbox(name, "t@shop.example"), None)))

    assert named(message["From"]) == (name, "t@shop.example")


def test_without_another_address_answers_go_to_the_sender() -> None:
    assert parsed(written()).keys() == HEADERS


def test_without_a_sender_nothing_is_written() -> None:
    with pytest.raises(ConfigurationError, match="MAIL_FROM"):
        written(settings=MailSettings(None, None))


def test_a_repeat_is_the_same_message_and_another_order_s_is_another() -> None:
    first = parsed(written())["Message-ID"]
    repeat = parsed(written(at=NOW + timedelta(days=2)))["Message-ID"]
    other = parsed(written(a_paid_order(id="01JNTESTORDER0000000000001")))["Message-ID"]

    assert first == repeat == "<01JNTEST0RDER0000000000000.confirmation@shop.example>"
    assert other != first


def test_a_long_domain_of_the_sender_breaks_no_header() -> None:
    domain = ".".join(["x" * 60] * 4)
    message = parsed(written(settings=MailSettings(Mailbox("é" * 10, f"t@{domain}"), None)))

    assert message["Message-ID"] == f"<01JNTEST0RDER0000000000000.confirmation@{domain}>"
    assert message["From"].addresses[0].addr_spec == f"t@{domain}"
    assert message["From"].addresses[0].display_name == "é" * 10


# Addresses.


@pytest.mark.parametrize(
    ("address", "sent_to"),
    [
        ("buyer@münchen.example", "buyer@xn--mnchen-3ya.example"),
        ("first.last+tag@home.example", "first.last+tag@home.example"),
    ],
)
def test_an_address_stays_one_address(address: str, sent_to: str) -> None:
    mail = written(a_paid_order(customer_email=address))

    assert mail.recipient == sent_to
    assert [found.addr_spec for found in parsed(mail)["To"].addresses] == [sent_to]


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "buyer",
        "@home.example",
        "buyer@",
        "buyer@home",
        "büyer@home.example",
        "buyer@home..example",
        "buyer@home.example\r\nBcc: other@home.example",
        "b\nuyer@home.example",
        "buyer@home.exam ple",
        "buyer@home,example.com",
        "buyer@" + "x" * 64 + ".example",
        "buyer@" + ".".join(["x" * 60] * 5),
        "x" * 65 + "@home.example",
        "=?utf-8?q?a=0D=0ABcc:_evil?=@home.example",
        "=?utf-8?q?evil?=@home.example",
        # Read as a list of addresses, these would be two, or somebody else's.
        "a,b@home.example",
        "a:b;c@home.example",
        "(a)b@home.example",
        "a@b@home.example",
        "a..b@home.example",
        "buyer@ho_me.example",
    ],
)
def test_an_address_that_no_mail_server_takes_is_refused_and_not_told(address: str | None) -> None:
    with pytest.raises(MailProviderError) as refused:
        written(a_paid_order(customer_email=address))

    assert str(refused.value) == "the buyer's address is none that e-mail can be sent to"
    assert refused.value.permanent, "it is tried again for days, in vain"


# Whatever is in the names.


@given(NAMES, NAMES)
@example("a\r\nBcc: evil@home.example\r\n\r\nhello", "x\nSubject: y")
@example("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>')
@example("=?utf-8?q?a=0D=0ABcc:_evil@home.example?=", "&lt;b&gt;")
@example("é" * 255, "長い" * 100)
@example("x" * 255, "y" * 255)
def test_a_name_adds_no_header_no_line_and_no_element(name: str, location: str) -> None:
    harmless = parsed(written(event=an_event_record(name="A", location="B")))
    mail = written(event=an_event_record(name=name, location=location))

    message = parsed(mail)
    assert message.keys() == HEADERS
    assert len(message["To"].addresses) == 1
    lines = body(message, "plain").split("\n")
    assert len(lines) == len(body(harmless, "plain").split("\n"))
    assert f"Event:    {one_line(name)}".rstrip() == lines[2].rstrip()
    shown, expected = Page(body(message, "html")), Page(body(harmless, "html"))
    assert shown.elements == expected.elements
    assert one_line(name) in " ".join(shown.text)


@given(NAMES)
@example("=?utf-8?q?a=0D=0ABcc:_evil@home.example?=")
@example("é" * 100 + " " + "b" * 60 + " 😀" * 20)
def test_a_subject_has_the_event_s_name_as_it_is(name: str) -> None:
    subject = str(parsed(written(event=an_event_record(name=name)))["Subject"])

    assert one_line(subject) == one_line(f"Your tickets for {name}")


@given(NAMES)
def test_it_is_ascii_in_short_lines_that_every_mail_server_passes_on(name: str) -> None:
    content = written(event=an_event_record(name=name, location=name)).content

    assert content.isascii()
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert b"\n" not in content.replace(b"\r\n", b"")
    # RFC 5322, section 2.1.1.
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
