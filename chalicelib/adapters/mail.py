"""The e-mail that confirms an order and brings its tickets (RFC 5322, MIME). The only importer of
what builds e-mails; who sends them is in `ses`.

Names are made by admins and addresses by buyers, so every value becomes one line before it goes
into a header or the text, and is escaped before it goes into HTML.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, quote
from html import escape

from chalicelib.adapters.qr import qr_png
from chalicelib.domain.addresses import is_address
from chalicelib.domain.events import EventRecord
from chalicelib.domain.money import minor_digits, to_major
from chalicelib.domain.orders import Order
from chalicelib.domain.tickets import TicketCode
from chalicelib.errors import ConfigurationError, MailProviderError
from chalicelib.settings import Mailbox, MailSettings

# What is no text: characters that control a terminal, and halves of characters.
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ENCODED_WORD = "=?"
# Readable in any reader, and seven bits wide, as Amazon SES advises ("Sending raw email").
_ENCODING = "quoted-printable"
_QR_SIZE = 200
_HOW_TO_USE = (
    "Show the QR code of a ticket at the door, or its code. It lets one person in, once."
    " Whoever knows a code can use it, so keep this e-mail to yourself."
)

_Facts = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Mail:
    """A whole e-mail: whom it goes to, and its bytes with headers, lines ended by CR LF."""

    recipient: str
    content: bytes


class _Folded(str):
    """A header that is encoded and folded already; `EmailMessage` takes what has a name as it is.

    Left to itself, it takes what looks like an encoded word (RFC 2047) for one, and writes what is
    encoded there: with a line's end in it, that is another header (CVE-2024-6923).
    """

    __slots__ = ("name",)
    name: str

    @classmethod
    def of(cls, name: str, *texts: str) -> "_Folded":
        """Make the header of a name: one text after the other, each encoded if it has to be."""
        header = Header(header_name=name)
        for text in texts:
            is_plain = text.isascii() and _ENCODED_WORD not in text
            header.append(text, "us-ascii" if is_plain else "utf-8")
        folded = cls(header.encode(linesep=SMTP.linesep))
        folded.name = name
        return folded

    def fold(self, *, policy: EmailPolicy) -> str:
        """Return its lines."""
        return f"{self.name}: {self}{policy.linesep}"


def confirmation(
    order: Order, event: EventRecord | None, settings: MailSettings, at: datetime
) -> Mail:
    """Return the confirmation of a paid order to its buyer, with its good tickets, written `at`.

    Where the event is None (it is gone), the order's name of it is all that is told. Raises
    `MailProviderError`, a permanent one, where the order has no address that e-mail can be sent to,
    and `ConfigurationError` where no sender is set.
    """
    recipient = _recipient(order.customer_email or "")
    subject = _subject(order, event)
    facts = _facts(order, event)
    tickets = [code for code in order.ticket_codes() if order.admits(code.number)]
    message = EmailMessage(policy=SMTP)
    message["To"] = _Folded.of("To", recipient)
    message["Subject"] = _Folded.of("Subject", subject)
    _add_origin(message, order, settings, at)
    message.set_content(_text(subject, facts, tickets, order), cte=_ENCODING)
    message.add_alternative(_html(subject, facts, tickets, order), subtype="html", cte=_ENCODING)
    _add_pictures(message, tickets)
    return Mail(recipient, message.as_bytes())


def _add_origin(message: EmailMessage, order: Order, settings: MailSettings, at: datetime) -> None:
    """Say whom it is from, when it was written, and which e-mail it is.

    The Message-ID is the same whenever an order's confirmation is written anew, so that a repeat
    can be told. Amazon SES puts its own and its own Date in their place ("Amazon SES header
    fields"); what is sent in another way keeps them.
    """
    if settings.sender is None:
        raise ConfigurationError("the setting MAIL_FROM is missing")
    message["From"] = _named("From", settings.sender)
    if settings.reply_to is not None:
        message["Reply-To"] = _named("Reply-To", settings.reply_to)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{order.id}.confirmation@{_domain(settings.sender)}>"
    # No answering machine is to answer it (RFC 3834, section 5).
    message["Auto-Submitted"] = "auto-generated"


def _recipient(address: str) -> str:
    """Return the buyer's address as mail servers take it.

    One that came from Stripe may have a domain with letters beyond ASCII, which is then written in
    its other form (RFC 3490). What is before the @ may not: Amazon SES delivers to no such address.
    """
    local_part, _, domain = address.rpartition("@")
    try:
        recipient = f"{local_part}@{domain.encode('idna').decode()}"
    except UnicodeError:
        recipient = ""
    if not is_address(recipient):
        raise MailProviderError(
            "the buyer's address is none that e-mail can be sent to", permanent=True
        )
    return recipient


def _named(header: str, mailbox: Mailbox) -> _Folded:
    name = _one_line(mailbox.name)
    if not name:
        return _Folded.of(header, mailbox.address)
    # In ASCII a name may hold what has a meaning in a header, such as a comma, and is quoted.
    shown = f'"{quote(name)}"' if name.isascii() else name
    return _Folded.of(header, shown, f"<{mailbox.address}>")


def _domain(mailbox: Mailbox) -> str:
    return mailbox.address.rpartition("@")[2]


def _one_line(text: str) -> str:
    """Put a text on one line, single-spaced; a line's end can be any of eleven characters."""
    return " ".join(_NO_TEXT.sub(" ", text).split())


def _event_name(order: Order, event: EventRecord | None) -> str:
    return _one_line(order.event_name if event is None else event.name)


def _subject(order: Order, event: EventRecord | None) -> str:
    what = "ticket" if order.good_tickets == 1 else "tickets"
    return f"Your {what} for {_event_name(order, event)}"


def _facts(order: Order, event: EventRecord | None) -> _Facts:
    """Return what is told of an order, as labels with their values."""
    facts = [("Event", _event_name(order, event))]
    if event is not None:
        described = event.described()
        facts.append(("Date", _date(described.date)))
        facts.append(("Location", _one_line(f"{described.location}, {described.city}")))
    facts.append(("Tickets", str(order.good_tickets)))
    facts.append(("Total", _total(order)))
    facts.append(("Order", order.id))
    return facts


def _date(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return f"{moment:%A}, {moment.day} {moment:%B %Y, %H:%M} UTC"


def _total(order: Order) -> str:
    if order.is_free:
        return "free of charge"
    amount = to_major(order.amount_total, order.currency)
    return f"{amount:.{minor_digits(order.currency)}f} {order.currency.upper()}"


def _ticket_label(ticket: TicketCode, order: Order) -> str:
    return f"Ticket {ticket.number} of {len(order.tickets)}"


def _text(subject: str, facts: _Facts, tickets: list[TicketCode], order: Order) -> str:
    width = max(len(label) for label, _ in facts) + 1
    told = [f"{label + ':':<{width}} {value}" for label, value in facts]
    codes = [f"{_ticket_label(ticket, order)}\n{ticket}\n" for ticket in tickets]
    return "\n".join([subject, "", *told, "", *codes, _HOW_TO_USE, ""])


def _html(subject: str, facts: _Facts, tickets: list[TicketCode], order: Order) -> str:
    rows = "\n".join(
        f'<tr><th align="left" valign="top" style="padding:2px 16px 2px 0">{escape(label)}</th>'
        f'<td style="padding:2px 0">{escape(value)}</td></tr>'
        for label, value in facts
    )
    pictures = "\n".join(_ticket_html(ticket, order) for ticket in tickets)
    # Readers of e-mail drop style sheets, so what little style there is stands at its element.
    return f"""\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(subject)}</title></head>
<body style="margin:0;padding:24px;font-family:sans-serif;line-height:1.5">
<h1 style="font-size:22px">{escape(subject)}</h1>
<table cellspacing="0" cellpadding="0">
{rows}
</table>
{pictures}
<p>{escape(_HOW_TO_USE)}</p>
</body>
</html>
"""


def _ticket_html(ticket: TicketCode, order: Order) -> str:
    label = escape(_ticket_label(ticket, order))
    return (
        f'<h2 style="font-size:18px;margin:24px 0 8px">{label}</h2>\n'
        f'<img src="cid:{_picture_id(ticket)}" alt="QR code of {label}"'
        f' width="{_QR_SIZE}" height="{_QR_SIZE}">\n'
        f'<p style="font-family:monospace;overflow-wrap:anywhere">{ticket}</p>'
    )


def _add_pictures(message: EmailMessage, tickets: list[TicketCode]) -> None:
    """Put the tickets' pictures beside the HTML, which shows them by their ids (RFC 2392)."""
    html = message.get_body(("html",))
    assert html is not None
    for ticket in tickets:
        html.add_related(
            qr_png(str(ticket)),
            "image",
            "png",
            cid=f"<{_picture_id(ticket)}>",
            disposition="inline",
            filename=f"ticket-{ticket.number}.png",
        )


def _picture_id(ticket: TicketCode) -> str:
    return f"ticket-{ticket.number}@{ticket.order_id}"
