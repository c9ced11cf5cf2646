"""What Amazon SES v2 says to a raw e-mail (API reference, "SendEmail"): as much of it as the
program uses, and what it refuses. Requests that ask for more are refused too, and say so.
"""

import base64
import binascii
import json
from email import message_from_bytes
from email.errors import MessageDefect
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

PATH = "/v2/email/outbound-emails"

_SIGNED = "AWS4-HMAC-SHA256 "
_MAX_RECIPIENTS = 50
# Without its CR LF (RFC 5321, section 4.5.3.1.6).
_MAX_LINE = 998
_REQUIRED = ("From", "Subject")
# Amazon SES refuses an e-mail that has one of these twice ("Amazon SES header fields").
_SINGLE = ("From", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")


class Refused(Exception):
    """SES does not take it: its code, the status that comes with it, and why."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def down() -> Refused:
    """Return what SES says while it is not working."""
    return Refused("ServiceUnavailableException", "Service is unavailable, on purpose.", 503)


def accepted_content(authorization: str, body: bytes) -> bytes:
    """Return the e-mail that a request brings, as it is to be sent; raises `Refused`."""
    if not authorization.startswith(_SIGNED):
        raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    request = _members(_json(body), {"Destination", "Content"}, "the request")
    content = _raw_data(request)
    message = _checked(content)
    _check_recipients(_recipients(request, message))
    return content


def _json(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(body)
    except ValueError:
        raise Refused("SerializationException", "The body is not JSON.") from None


def _members(value: object, known: set[str], where: str) -> dict[str, Any]:
    """Return an object; raises `Refused` for another value, or for members beyond the known."""
    if not isinstance(value, dict):
        raise Refused("SerializationException", f"Not an object: {where}.")
    unknown = sorted(set(value) - known)
    if unknown:
        raise _bad(f"Not modelled locally, in {where}: {', '.join(unknown)}.")
    return value


def _bad(message: str) -> Refused:
    return Refused("BadRequestException", message)


def _raw_data(request: dict[str, Any]) -> bytes:
    content = _members(request.get("Content"), {"Raw"}, "Content")
    data = _members(content.get("Raw"), {"Data"}, "Content.Raw").get("Data")
    try:
        decoded = base64.b64decode(data if isinstance(data, str) else "", validate=True)
    except binascii.Error:
        raise Refused("SerializationException", "Content.Raw.Data is not base64.") from None
    if not decoded:
        raise _bad("Content.Raw.Data is empty.")
    return decoded


def _checked(content: bytes) -> EmailMessage:
    """Parse an e-mail; raises `Refused` for one that other mail servers would stumble over."""
    if max(len(line.rstrip(b"\r")) for line in content.split(b"\n")) > _MAX_LINE:
        raise _bad(f"A line is longer than {_MAX_LINE} characters.")
    message: EmailMessage = message_from_bytes(content, _class=EmailMessage, policy=SMTP)
    for name in _REQUIRED:
        if not str(message[name] or "").strip():
            raise _bad(f"Missing required header '{name}'.")
    for name in _SINGLE:
        if len(message.get_all(name, [])) > 1:
            raise _bad(f"Duplicate header '{name}'.")
    for defect in _defects(message):
        raise _bad(f"The e-mail is malformed: {type(defect).__name__}.")
    return message


def _defects(message: EmailMessage) -> list[MessageDefect]:
    found: list[MessageDefect] = []
    for part in message.walk():
        if not part.is_multipart():
            # Some defects are found only when what is encoded is decoded.
            part.get_payload(decode=True)
        found += part.defects
        for value in part.values():
            found += getattr(value, "defects", ())
    return found


def _recipients(request: dict[str, Any], message: EmailMessage) -> list[str]:
    """Return whom it goes to: the request's word, or else the headers'."""
    if request.get("Destination") is not None:
        known = {"ToAddresses", "CcAddresses", "BccAddresses"}
        destination = _members(request["Destination"], known, "Destination")
        return [str(address) for name in destination for address in destination[name] or ()]
    headers = (message[name] for name in ("To", "Cc", "Bcc") if message[name] is not None)
    return [address.addr_spec for header in headers for address in header.addresses]


def _check_recipients(recipients: list[str]) -> None:
    if not recipients:
        raise _bad("Missing destination: nobody to send it to.")
    if len(recipients) > _MAX_RECIPIENTS:
        raise _bad(f"More than {_MAX_RECIPIENTS} recipients.")
    for recipient in recipients:
        local_part, _, domain = recipient.rpartition("@")
        if not local_part or not domain or not recipient.isascii() or not recipient.isprintable():
            raise _bad("A recipient is not an address in ASCII.")
