"""Texts that try to be more than texts: lines and headers of a response, of an e-mail and of a
calendar, formulas of a spreadsheet, tags of a page.
"""

import csv
import io
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from typing import Any

import pytest

from chalicelib.adapters.mail import confirmation
from chalicelib.domain.orders import OrderStatus
from chalicelib.settings import Mailbox, MailSettings
from tests.support.builders import NOW, an_order
from tests.support.lambda_api import Answer, LambdaApi, signed_in
from tests.support.routes import CHECKOUT, EVENT, GOOD, ROUTES, Route, send
from tests.support.tables import MotoTables

INJECTED = "Set-Cookie: session=evil"
LINE_ENDS = ["\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u560d\u560a"]
HEADERS = [
    *("Origin", "If-None-Match", "If-Match", "Idempotency-Key", "Accept", "Content-Type", "Host"),
    *("User-Agent", "Referer", "X-Request-Id", "X-Forwarded-Host", "Authorization", "X-Api-Key"),
]


def check_one_header_a_line(answer: Answer) -> None:
    assert "set-cookie" not in answer.headers
    for name, value in answer.headers.items():
        assert re.fullmatch(r"[a-z-]+", name)
        assert re.fullmatch(r"[\x20-\x7e]*", value), (name, value)
        assert "session=evil" not in value


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_nothing_that_is_sent_begins_a_header_of_the_answer(api: LambdaApi, route: Route) -> None:
    parameters, _ = GOOD[route]
    for end in LINE_ENDS:
        text = f"x{end}{INJECTED}{end}{end}<html>"
        for caller in (None, signed_in(role="user")):
            answer = send(
                *route,
                caller=caller,
                parameters=dict.fromkeys(parameters, text),
                query={name: [text] for name in ("cursor", "search", "format", "city", text)},
                headers=dict.fromkeys(HEADERS, text),
                body=text,
            )
            check_one_header_a_line(answer)


@pytest.mark.parametrize("end", LINE_ENDS)
def test_an_event_s_name_begins_no_header_of_what_is_made_of_it(api: LambdaApi, end: str) -> None:
    event = {**EVENT, "name": f"Jazz{end}{INJECTED}", "imageUrl": "https://img.example/a.png"}
    created = api.post("/api/admin/events", event, caller=signed_in())
    if end == "\x00":
        assert created.status == 400
        return
    assert created.status == 201
    check_one_header_a_line(created)
    assert re.fullmatch(r"/api/events/[a-z0-9-]+", created.headers["location"])
    for path in (created.headers["location"], f"{created.headers['location']}/calendar.ics"):
        check_one_header_a_line(api.get(path))
    check_one_header_a_line(api.get("/api/admin/events/export", caller=signed_in()))


@pytest.mark.parametrize(
    "slug",
    [
        "a\r\nSet-Cookie: x=y",
        "a\nb",
        "../../x",
        "a/b",
        "//evil.example",
        "a?b",
        "a#b",
        "%0d%0a",
        "A",
        "\u0430",
    ],
)
def test_no_slug_leads_a_location_elsewhere(api: LambdaApi, slug: str) -> None:
    created = api.post("/api/admin/events", {**EVENT, "slug": slug}, caller=signed_in())
    assert created.status == 400
    assert "location" not in created.headers


FIELDS = ("name", "location", "organizerName", "description", "alt")
CALENDAR_TRICKS = [
    *(f"x{end}END:VEVENT{end}BEGIN:VEVENT{end}SUMMARY:evil" for end in LINE_ENDS if end != "\x00"),
    *(f"x{end}ATTENDEE:mailto:evil@evil.example" for end in ("\r\n", "\n", "\\n", "\\N", "\\\n")),
    *(
        "x\r\n BEGIN:VALARM",
        "x;VALUE=URI:evil",
        'x":ATTACH:evil',
        "x\\",
        "\\\\n",
        "x" * 74 + "\r\nX:1",
    ),
    *("\u00e9" * 37 + "\r\nX:1", "x,y;z:w", "^n^'x"),
]


@pytest.mark.parametrize("trick", CALENDAR_TRICKS)
def test_no_text_adds_a_line_to_a_calendar(api: LambdaApi, trick: str) -> None:
    def lines(**texts: str) -> list[str]:
        created = api.post("/api/admin/events", {**EVENT, **texts}, caller=signed_in())
        assert created.status == 201
        raw = api.get(f"{created.headers['location']}/calendar.ics").text
        assert "\n" not in raw.replace("\r\n", "")
        assert all(len(line.encode()) <= 75 for line in raw.split("\r\n"))
        unfolded = raw.replace("\r\n ", "").rstrip("\r\n").split("\r\n")
        return [re.split("[;:]", line)[0] for line in unfolded]

    plain = lines(**dict.fromkeys(FIELDS, "plain"))
    assert lines(**dict.fromkeys(FIELDS, trick)) == plain


FORMULAS = [
    *("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1", "'=1+1"),
    *("\uff1d1+1", "\uff0b1", "\uff0d1", "\uff201", '=HYPERLINK("https://evil.example")', "''=1"),
    *('"=1+1', " =1+1", ";=1+1", ",=1+1", '","=1+1', "x\r\n=1+1", '"\r\n"=1+1'),
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_an_export_is_computed_and_none_is_changed(api: LambdaApi, formula: str) -> None:
    created = api.post(
        "/api/admin/events",
        {**EVENT, **dict.fromkeys(FIELDS, formula), "slug": "a-formula"},
        caller=signed_in(),
    )
    assert created.status == 201
    stored = api.get(created.headers["location"]).json
    exported = api.get("/api/admin/events/export", caller=signed_in())
    rows = list(csv.reader(io.StringIO(exported.text, newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}
    for row in rows:
        assert not [
            cell for cell in row if re.match("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", cell)
        ]
    (row,) = (row for row in rows if row[rows[0].index("slug")] == stored["slug"])
    # An apostrophe before it is taken away again by the import, so nothing is lost.
    again = api.request(
        "POST",
        "/api/admin/events/import",
        body=exported.text,
        headers={"Content-Type": "text/csv"},
        caller=signed_in(),
    )
    assert again.status == 200, again.text
    assert api.get(created.headers["location"]).json["name"] == stored["name"]
    assert row


MAIL_TRICKS = [
    *(f"Jazz{end}Bcc: victim@evil.example" for end in LINE_ENDS),
    *(f"Jazz{end}{end}<html>" for end in ("\r\n", "\n")),
    "=?utf-8?q?=0D=0ABcc:_victim@evil.example?=",
    "=?utf-8?b?DQpCY2M6IHZpY3RpbUBldmlsLmV4YW1wbGU=?=",
    "Jazz\r\n.\r\nMAIL FROM:<x@evil.example>",
    "Jazz\r\n--===============1==\r\nContent-Type: text/html",
    "<script>alert(1)</script>",
    "<img src=https://evil.example/pixel>",
    "\"'><a href=javascript:alert(1)>x</a>",
    "Jazz\u202egpj.exe",
    "\x1b[2J\x1b]0;evil\x07",
]


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))


def mail_of(name: str) -> EmailMessage:
    order = an_order(
        event_name=name,
        status=OrderStatus.PAID,
        paid_at=NOW,
        amount_paid=1,
        tickets=("ABCDEFGHJKMNPQRS", "0123456789ABCDEF"),
        customer_email="buyer@home.example",
    )
    settings = MailSettings(Mailbox(name if name.isprintable() else "Shop", "a@shop.example"), None)
    mail = confirmation(order, None, settings, NOW)
    assert mail.recipient == "buyer@home.example"
    message: EmailMessage = message_from_bytes(mail.content, _class=EmailMessage, policy=SMTP)
    return message


def seen(message: EmailMessage) -> tuple[list[str], list[str], list[tuple[str, list[str]]]]:
    """Headers, parts and tags of a mail: what its names must not change."""
    html = message.get_body(("html",))
    assert html is not None
    parts = [part.get_content_type() for part in message.walk()]
    return [*message], parts, Tags(html.get_content()).found


@pytest.mark.parametrize("trick", MAIL_TRICKS)
def test_no_name_adds_a_header_a_part_or_a_tag_to_a_mail(trick: str) -> None:
    message = mail_of(trick)
    assert seen(message) == seen(mail_of("Jazz"))
    assert message["To"] == "buyer@home.example"
    assert "Bcc" not in message


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nBcc: c@evil.example",
        "a@b.example\nSubject: x",
        "a@b.example,c@evil.example",
        "a@b.example;c@evil.example",
        "a@b.example c@evil.example",
        '"a\r\nBcc: x"@b.example',
        "<a@b.example>",
        "A <a@b.example>",
        "a@b.example>\r\nRCPT TO:<c@evil.example",
        "=?utf-8?q?a?=@b.example",
        "a@b.example\x00",
        "a@b.example\u2028Bcc: x",
        "a%0d%0aBcc@b.example%0a",
        "a@[127.0.0.1]",
        "a@localhost",
        "-oQ/tmp -X/tmp/x@b.example",
    ],
)
def test_no_address_is_more_than_one_address(
    api: LambdaApi, shop: MotoTables, address: str
) -> None:
    before = shop.contents()
    answer = api.post("/api/payments/checkout", {**CHECKOUT, "customerEmail": address})
    assert answer.status == 400
    assert answer.json["details"][0]["field"] == "customerEmail"
    assert shop.contents() == before


SCRIPTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<p onclick=alert(1)>x</p>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<<script>alert(1)//<</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;<p>",
    "<!--><script>alert(1)</script>-->",
    "<p>\x00<script\x00>alert(1)</script>".replace("\x00", ""),
    "<STYLE>@import'https://evil.example'</STYLE>",
    "<base href=https://evil.example>",
    "<form action=https://evil.example><input name=x></form>",
    "<em><script>alert(1)</script></em>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_stored_description_has_more_than_plain_tags(api: LambdaApi, script: str) -> None:
    body: dict[str, Any] = {**EVENT, "description": script}
    created = api.post("/api/admin/events", body, caller=signed_in())
    assert created.status == 201
    description = api.get(created.headers["location"]).json["description"]
    allowed = {"p", "br", "strong", "em", "ul", "ol", "li"}
    for tag, attributes in Tags(description).found:
        assert tag in allowed
        assert attributes == []


@pytest.mark.parametrize(
    "url",
    [
        *(
            "javascript:alert(1)",
            "data:image/svg+xml,<svg onload=alert(1)>",
            "//evil.example/x",
            "x",
        ),
        *(
            'https://a.example/"onerror=alert(1)',
            "https://a.example/<script>",
            "https://a.example/ x",
        ),
        *(
            "https://a.example/\r\nX: y",
            "file:///etc/passwd",
            "ftp://a.example/x",
            "https:\\\\a.example",
        ),
    ],
)
def test_no_picture_s_address_is_a_script(api: LambdaApi, url: str) -> None:
    for field, path, body in (
        ("imageUrl", "/api/admin/events", EVENT),
        ("imageUrl", "/api/admin/cities", {"name": "Porto"}),
        ("url", "/api/admin/cities", {"name": "Porto"}),
    ):
        assert api.post(path, {**body, field: url}, caller=signed_in()).status == 400
