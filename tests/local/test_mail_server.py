"""The local mail server, spoken to by the program's own mailer through botocore on a real socket,
and looked at as a browser would.
"""

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import botocore.config
import botocore.session
import httpx
import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters import ses
from chalicelib.adapters.mail import confirmation
from chalicelib.adapters.qr import qr_png_uri
from chalicelib.adapters.ses import SesMailer
from chalicelib.domain.events import EventRecord, new_record
from chalicelib.domain.orders import Order, OrderStatus
from chalicelib.errors import MailProviderError
from chalicelib.observability import StructuredLog
from chalicelib.settings import Mailbox, MailSettings
from infra.local.gateway import running
from infra.local.mail_server import __main__ as mail_command
from infra.local.mail_server import create_app
from infra.local.mail_server.folder import MailFolder
from tests.support.builders import NOW, an_event, an_order
from tests.support.http_server import Reply, closed_port, hanging, serving
from tests.support.log_lines import LogLines, captured_log

pytestmark = pytest.mark.enable_socket

SETTINGS = MailSettings(Mailbox("The Shop", "tickets@shop.example"), None)
BUYER = "buyer@home.example"
NAME = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")
SEND = "/v2/email/outbound-emails"
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=local/20270301/us-east-1/ses/aws4_request"}
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@dataclass(frozen=True)
class World:
    """A mail server while it runs, and its folder."""

    url: str
    folder: Path

    @property
    def names(self) -> list[str]:
        return MailFolder(self.folder).names()

    def only(self) -> bytes:
        """The one e-mail that it took."""
        (name,) = self.names
        return (self.folder / f"{name}.eml").read_bytes()

    def get(self, path: str, status: int = 200) -> httpx.Response:
        answer = httpx.get(self.url + path)
        assert answer.status_code == status
        return answer

    def post(self, body: Any, **headers: str) -> httpx.Response:
        """Send a request as it is, without botocore's checks."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(self.url + SEND, content=content, headers={**SIGNED, **headers})


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    folder = tmp_path / "a" / "mail"
    with running(create_app(folder)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        yield World(url, folder)


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    with captured_log() as lines:
        yield lines


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have SES be at an address."""
    return lambda url: monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)


def a_paid_order(**changes: Any) -> Order:
    paid = {"status": OrderStatus.PAID, "paid_at": NOW, "customer_email": BUYER}
    return an_order(**{**paid, "tickets": ("ABCDEFGHJKMNPQRS", "0123456789ABCDEF"), **changes})


def an_event_record(**changes: Any) -> EventRecord:
    return new_record(an_event(**changes))


def a_mailer(session: botocore.session.Session | None = None) -> SesMailer:
    return SesMailer(SETTINGS, StructuredLog(), session, clock=lambda: NOW)


def a_client() -> Any:
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    return botocore.session.get_session().create_client("sesv2", config=config)


def parsed(content: bytes) -> EmailMessage:
    message: EmailMessage = message_from_bytes(content, _class=EmailMessage, policy=SMTP)
    return message


def a_raw_mail(html: str = "<p>Hello</p>", text: str = "Hello", subject: str = "Hello") -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = "a@shop.example"
    message["To"] = BUYER
    message["Subject"] = subject
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def a_request(content: bytes, **changes: Any) -> dict[str, Any]:
    data = base64.b64encode(content).decode()
    destination = {"ToAddresses": [BUYER]}
    return {"Destination": destination, "Content": {"Raw": {"Data": data}}, **changes}


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(answer.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


# The program's mailer.


def test_a_confirmation_arrives_as_it_was_written(world: World) -> None:
    order, event = a_paid_order(), an_event_record()

    a_mailer().send_confirmation(order, event)

    expected = parsed(confirmation(order, event, SETTINGS, NOW).content)
    arrived = parsed(world.only())
    assert arrived.items() != []
    boundary = re.compile(r'boundary="[^"]*"')
    assert [(name, boundary.sub("", str(value))) for name, value in arrived.items()] == [
        (name, boundary.sub("", str(value))) for name, value in expected.items()
    ]
    for mine, theirs in zip(expected.walk(), arrived.walk(), strict=True):
        assert mine.is_multipart() or mine.get_payload() == theirs.get_payload()


@pytest.mark.parametrize(
    "name",
    ["Fête de la Musique 🎶", HOSTILE, "a\r\nBcc: evil@home.example", "=?utf-8?q?a=0D=0Ab?="],
)
def test_no_name_makes_an_e_mail_that_is_refused(world: World, name: str) -> None:
    a_mailer().send_confirmation(a_paid_order(), an_event_record(name=name, location=name))

    assert "Bcc" not in parsed(world.only())


def test_it_goes_to_the_buyer_alone_in_one_signed_request(at: Callable[[str], None]) -> None:
    with serving(lambda _: Reply(200, b'{"MessageId": "1"}')) as server:
        at(server.url)
        a_mailer().send_confirmation(a_paid_order(customer_email="a+b@münchen.example"), None)

    (request,) = server.received
    body = json.loads(request.body)
    assert (request.method, request.path) == ("POST", SEND)
    assert body["Destination"] == {"ToAddresses": ["a+b@xn--mnchen-3ya.example"]}
    assert body.keys() == {"Destination", "Content"}
    assert re.search("/us-east-1/ses/aws4_request", request.headers["authorization"])


def test_an_outage_is_told_and_the_next_try_sends_it(world: World, log_lines: LogLines) -> None:
    mailer = a_mailer()
    httpx.post(f"{world.url}/outage/on")

    with pytest.raises(MailProviderError):
        mailer.send_confirmation(a_paid_order(), None)

    # One retry, and no more of them.
    assert "Attempts refused since: 2" in world.get("/").text
    assert world.names == []
    (line,) = log_lines.of("problem")
    assert line["message"] == "ses_failed"
    assert (line["type"], line["code"], line["httpStatus"]) == (
        "ClientError",
        "ServiceUnavailableException",
        503,
    )
    assert line["awsRequestId"]
    httpx.post(f"{world.url}/outage/off")
    mailer.send_confirmation(a_paid_order(), None)
    assert len(world.names) == 1


def an_error(status: int, code: str, message: str) -> Reply:
    body = json.dumps({"message": message}).encode()
    return Reply(status, body, {"x-amzn-ErrorType": code})


def test_a_throttle_is_waited_out_once(at: Callable[[str], None]) -> None:
    throttled = an_error(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
    answers = iter([throttled, Reply(200, b'{"MessageId": "1"}')])
    with serving(lambda _: next(answers)) as server:
        at(server.url)
        a_mailer().send_confirmation(a_paid_order(), None)

    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("status", "code", "said", "permanent"),
    [
        (400, "MessageRejected", "The message contains a virus.", True),
        (400, "BadRequestException", "Domain contains illegal character", True),
        (400, "InvalidParameterValue", "Missing final '@domain'", True),
        # These an operator mends, and the e-mail is sent then.
        (400, "MessageRejected", "Email address is not verified.", False),
        (400, "MailFromDomainNotVerifiedException", "", False),
        (400, "SendingPausedException", "", False),
        (403, "AccessDeniedException", "", False),
        (500, "InternalFailure", "", False),
    ],
)
def test_what_is_refused_for_good_is_told_from_what_may_be_sent_later(
    at: Callable[[str], None], status: int, code: str, said: str, *, permanent: bool
) -> None:
    with serving(lambda _: an_error(status, code, said)) as server:
        at(server.url)
        with pytest.raises(MailProviderError) as failed:
            a_mailer().send_confirmation(a_paid_order(), None)

    assert failed.value.permanent is permanent


def test_what_ses_says_of_an_address_reaches_no_log_and_no_error(
    at: Callable[[str], None], log_lines: LogLines
) -> None:
    said = f"Email address is not verified: {BUYER}"
    with serving(lambda _: an_error(400, "MessageRejected", said)) as server:
        at(server.url)
        with pytest.raises(MailProviderError) as failed:
            a_mailer().send_confirmation(a_paid_order(), None)

    assert len(server.received) == 1, "what is refused for good is not tried again"
    assert log_lines.of("problem")[0]["code"] == "MessageRejected"
    assert log_lines.of("problem")[0]["orderId"] == a_paid_order().id
    told = "".join(traceback.format_exception(failed.value)) + log_lines.text
    assert "home.example" not in told
    assert "verified" not in told


def refused_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", closed_port())


def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (refused_connection, "EndpointConnectionError"),
        (no_credentials, "NoCredentialsError"),
        (no_region, "NoRegionError"),
    ],
)
def test_an_ses_that_cannot_be_asked_is_an_e_mail_that_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
    log_lines: LogLines,
    fault: Callable[[pytest.MonkeyPatch], None],
    kind: str,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:9")
    fault(monkeypatch)

    with pytest.raises(MailProviderError):
        a_mailer().send_confirmation(a_paid_order(), None)

    assert [line["type"] for line in log_lines.of("problem")] == [kind]


@pytest.mark.parametrize(
    ("limit", "seconds", "kind"),
    [
        ("_READ_TIMEOUT_SECONDS", 0.1, "ReadTimeoutError"),
        # An answer that trickles in meets no limit of a single read.
        ("_DEADLINE_SECONDS", 0.2, "DeadlineExceeded"),
    ],
)
def test_an_ses_that_hangs_is_given_up(
    at: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    log_lines: LogLines,
    limit: str,
    seconds: float,
    kind: str,
) -> None:
    monkeypatch.setattr(ses, limit, seconds)
    with hanging() as server:
        at(server.url)
        with pytest.raises(MailProviderError):
            a_mailer().send_confirmation(a_paid_order(), None)

    assert [line["type"] for line in log_lines.of("problem")] == [kind]


@pytest.mark.own_limits
def test_its_limits_add_up_to_less_than_a_request_may_take() -> None:
    assert ses._CONNECT_TIMEOUT_SECONDS + ses._READ_TIMEOUT_SECONDS <= ses._DEADLINE_SECONDS < 10


class CountingSession(botocore.session.Session):  # type: ignore[misc]
    """A botocore session that counts the clients made of it."""

    made = 0

    def create_client(self, *arguments: Any, **options: Any) -> Any:
        self.made += 1
        return super().create_client(*arguments, **options)


def test_one_client_is_made_of_the_session_when_it_is_first_needed(world: World) -> None:
    session = CountingSession()
    mailer = a_mailer(session)
    assert session.made == 0
    start = threading.Barrier(4)

    def send(number: int) -> None:
        start.wait()
        mailer.send_confirmation(a_paid_order(id=f"01JNTESTORDER000000000000{number}"), None)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(4)))

    assert session.made == 1
    assert len(world.names) == 4


# What SES refuses.


def test_a_raw_e_mail_is_taken_and_gets_an_id(world: World) -> None:
    content = a_raw_mail()

    answer = a_client().send_email(
        Destination={"ToAddresses": [BUYER]}, Content={"Raw": {"Data": content}}
    )

    assert [answer["MessageId"]] == world.names
    assert world.only() == content


def test_without_a_destination_the_headers_say_whom_it_is_for(world: World) -> None:
    a_client().send_email(Content={"Raw": {"Data": a_raw_mail()}})

    assert len(world.names) == 1


NO_HEADERS = b"Hello\r\n"
NOBODY = a_raw_mail().replace(f"To: {BUYER}\r\n".encode(), b"")


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (a_request(NOBODY, Destination=None), "Missing destination"),
        (a_request(a_raw_mail(), Destination={}), "Missing destination"),
        (a_request(a_raw_mail(), Destination={"ToAddresses": ["buyer"]}), "not an address"),
        (a_request(a_raw_mail(), Destination={"ToAddresses": ["bü@a.b"]}), "not an address"),
        (a_request(a_raw_mail(), Destination={"ToAddresses": ["a@b\r\nc"]}), "not an address"),
        (a_request(a_raw_mail(), Destination={"ToAddresses": [BUYER] * 51}), "More than 50"),
        (a_request(b""), "is empty"),
        (a_request(NO_HEADERS), "Missing required header 'From'"),
        (a_request(a_raw_mail().replace(b"Subject: Hello\r\n", b"")), "header 'Subject'"),
        (a_request(b"Subject: again\r\n" + a_raw_mail()), "Duplicate header 'Subject'"),
        (a_request(b"no header at all\r\n" + a_raw_mail()), "Missing required header"),
        (a_request(a_raw_mail().rstrip()[:-4]), "malformed: CloseBoundaryNotFoundDefect"),
        (a_request(a_raw_mail().replace(b"<p>Hello</p>", b"x" * 999)), "longer than 998"),
        (a_request(a_raw_mail(), EmailTags=[]), "Not modelled locally, in the request: EmailTags"),
        (a_request(b"", Content={"Simple": {}}), "Not modelled locally, in Content: Simple"),
    ],
)
def test_a_bad_e_mail_is_refused_in_ses_s_words(
    world: World, request_: dict[str, Any], why: str
) -> None:
    answer = world.post(request_)

    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "BadRequestException"
    assert why in answer.json()["message"]
    assert world.names == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", {}, {"Content": []}, {"Content": {"Raw": {"Data": "?"}}}]
)
def test_what_is_no_request_is_refused(world: World, body: Any) -> None:
    answer = world.post(body)

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (
        400,
        "SerializationException",
    )


def test_a_request_that_nobody_signed_is_refused(world: World) -> None:
    answer = world.post(a_request(a_raw_mail()), Authorization="Bearer x")

    assert answer.status_code == 403
    assert world.names == []


def test_botocore_reads_the_refusals_as_it_reads_ses_s(world: World) -> None:
    with pytest.raises(ClientError) as refused:
        a_client().send_email(Content={"Raw": {"Data": NOBODY}})

    assert refused.value.response["Error"]["Code"] == "BadRequestException"
    assert "Missing destination" in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["RequestId"]


# The pages.


def test_the_list_has_the_latest_first_and_leads_to_each(world: World) -> None:
    for subject in ("First", "Second", HOSTILE):
        world.post(a_request(a_raw_mail(subject=subject)))

    page = Page(world.get("/"))
    links = [link["href"] for link in page.attributes("a")]
    assert links == [f"/mails/{name}" for name in world.names]
    subjects = [Page(world.get(str(link))).attributes("iframe") for link in links]
    assert all(len(frames) == 1 for frames in subjects)
    assert page.text.index(HOSTILE) < page.text.index("Second") < page.text.index("First")


def test_an_empty_folder_says_what_to_do(world: World) -> None:
    assert "Buy a ticket" in world.get("/").text


def test_a_long_list_says_how_long_it_is(world: World) -> None:
    folder = MailFolder(world.folder)
    for _ in range(51):
        folder.add(a_raw_mail())

    assert "50 of 51" in world.get("/").text


def test_an_e_mail_s_page_shows_what_it_says_and_gives_its_file(world: World) -> None:
    a_mailer().send_confirmation(a_paid_order(), an_event_record(name="Fête"))
    (name,) = world.names

    page = Page(world.get(f"/mails/{name}"))
    assert "Your tickets for Fête" in page.text
    assert "The Shop" in page.text
    assert str(a_paid_order().ticket_codes()[0]) in page.text
    (frame,) = page.attributes("iframe")
    assert frame["src"] == f"/mails/{name}/html"
    file = world.get(f"/mails/{name}.eml")
    assert file.content == world.only()
    assert file.headers["content-disposition"] == f'attachment; filename="{name}.eml"'
    assert file.headers["content-type"].startswith("message/rfc822")


def test_the_html_shows_the_pictures_that_came_with_it(world: World) -> None:
    a_mailer().send_confirmation(a_paid_order(), None)

    images = Page(world.get(f"/mails/{world.names[0]}/html")).attributes("img")
    codes = [str(code) for code in a_paid_order().ticket_codes()]
    assert [image["src"] for image in images] == [qr_png_uri(code) for code in codes]


def test_a_picture_that_is_none_is_not_shown(world: World) -> None:
    message = parsed(a_raw_mail('<img src="cid:a"><img src="cid:b"><p>cid:a</p>'))
    html = message.get_body(("html",))
    assert html is not None
    html.add_related(b"<script>", "text", "html", cid="<a>")
    world.post(a_request(message.as_bytes()))

    page = Page(world.get(f"/mails/{world.names[0]}/html"))
    assert [image["src"] for image in page.attributes("img")] == ["", ""]
    assert "cid:a" in page.text


def policy_of(answer: httpx.Response) -> dict[str, str]:
    parts = answer.headers["content-security-policy"].split(";")
    return {name: value for name, _, value in (part.strip().partition(" ") for part in parts)}


def test_nothing_in_an_e_mail_can_run_where_it_is_shown(world: World) -> None:
    world.post(a_request(a_raw_mail(HOSTILE, HOSTILE, HOSTILE)))
    (name,) = world.names
    inside = world.get(f"/mails/{name}/html")
    harmless = {
        "html",
        "head",
        "meta",
        "title",
        "link",
        "style",
        "body",
        "main",
        "p",
        "a",
        "h1",
    } | {
        *("h2", "table", "caption", "thead", "tbody", "tr", "th", "td", "iframe", "pre"),
        *("form", "button"),
    }

    for answer in (world.get("/"), world.get(f"/mails/{name}")):
        page = Page(answer)
        assert HOSTILE in page.text
        assert {tag for tag, _ in page.elements} <= harmless
        policy = policy_of(answer)
        assert policy["default-src"] == "'none'"
        assert "script-src" not in policy
        assert "unsafe" not in answer.headers["content-security-policy"]
    (frame,) = Page(world.get(f"/mails/{name}")).attributes("iframe")
    # No word in it: no scripts, no forms, no way out, an origin of its own.
    assert not frame["sandbox"]
    # The e-mail's own HTML is as it came; the browser is told to run nothing of it.
    assert "<script>" in inside.text
    policy = policy_of(inside)
    assert policy["sandbox"] == ""
    assert (policy["default-src"], policy["form-action"]) == ("'none'", "'none'")
    assert policy["img-src"] == "data:", "a picture elsewhere would tell its host who reads"
    assert "script-src" not in policy


def test_an_e_mail_in_an_unknown_character_set_is_still_shown(world: World) -> None:
    world.post(a_request(a_raw_mail(text="Olé").replace(b"utf-8", b"x-none")))

    assert "Olé" in Page(world.get(f"/mails/{world.names[0]}")).text


def test_an_e_mail_without_html_is_its_text(world: World) -> None:
    message = EmailMessage(policy=SMTP)
    message["From"] = "a@shop.example"
    message["Subject"] = "Plain"
    message.set_content("Only text")
    world.post(a_request(message.as_bytes()))
    (name,) = world.names

    assert "Only text" in Page(world.get(f"/mails/{name}")).text
    assert Page(world.get(f"/mails/{name}")).attributes("iframe") == []
    world.get(f"/mails/{name}/html", status=404)


@pytest.mark.parametrize("name", ["20270301T120000000000Z-00000000", "..%2F..%2Fsecret", "secret"])
def test_there_is_no_other_file_than_the_e_mails(world: World, name: str) -> None:
    for place in (world.folder, world.folder.parent.parent):
        (place / "secret.eml").write_bytes(b"secret")

    for path in (f"/mails/{name}", f"/mails/{name}/html", f"/mails/{name}.eml"):
        assert "secret" not in world.get(path, status=404).text


# The outage, the folder, the program.


def test_the_button_takes_the_server_down_and_back(world: World) -> None:
    def button() -> str:
        (form,) = Page(world.get("/")).attributes("form")
        assert form["method"] == "post"
        return str(form["action"])

    assert button() == "/outage/on"
    pressed = httpx.post(world.url + button())
    assert (pressed.status_code, pressed.headers["location"]) == (303, "/")
    assert world.post(a_request(a_raw_mail())).status_code == 503
    assert button() == "/outage/off"
    httpx.post(world.url + button())
    assert world.post(a_request(a_raw_mail())).status_code == 200
    assert httpx.post(f"{world.url}/outage/maybe").status_code == 404
    assert httpx.get(f"{world.url}/outage/on").status_code == 405


def test_it_says_that_it_is_up_while_it_takes_no_e_mails(world: World) -> None:
    httpx.post(f"{world.url}/outage/on")

    assert world.get("/healthz").json() == {"status": "ok"}


def test_files_sort_by_when_their_e_mails_came(tmp_path: Path) -> None:
    times = [
        datetime(2027, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) + timedelta(microseconds=n)
        for n in range(3)
    ]
    clock = iter(times)
    folder = MailFolder(tmp_path, lambda: next(clock))

    added = [folder.add(b"%d" % number) for number in range(3)]

    assert all(NAME.fullmatch(name) for name in added)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.eml" for name in added]
    assert folder.names() == added[::-1]
    assert [folder.get(name) for name in added] == [b"0", b"1", b"2"]


def test_half_an_e_mail_and_other_files_are_not_listed(tmp_path: Path) -> None:
    folder = MailFolder(tmp_path)
    (tmp_path / "20270301T120000000000Z-00000000.part").write_bytes(b"half")
    (tmp_path / "notes.eml").write_bytes(b"mine")

    assert folder.names() == []
    assert folder.get("notes") is None


def test_e_mails_outlive_a_restart(tmp_path: Path) -> None:
    with running(create_app(tmp_path)) as url:
        World(url, tmp_path).post(a_request(a_raw_mail(subject="Kept")))
    with running(create_app(tmp_path)) as url:
        assert "Kept" in World(url, tmp_path).get("/").text


def test_the_mail_server_runs_until_it_is_interrupted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "infra.local.mail_server", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--folder", str(tmp_path / "mail")], stdout=subprocess.PIPE, text=True
    )
    try:
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport) as client:
            health = client.get("/healthz").json()
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert health == {"status": "ok"}
    assert output == f"Mail: http://127.0.0.1:{port}\n"
    assert process.returncode == 0


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["--port", str(port), "--folder", str(tmp_path)]
        assert mail_command.main(arguments) == 1
    assert f"Port {port} on 127.0.0.1 is in use" in capsys.readouterr().err
