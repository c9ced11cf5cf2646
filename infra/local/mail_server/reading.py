"""What people see of an e-mail: its headers, its text, and its HTML with its pictures in it."""

import base64
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from urllib.parse import unquote

_SHOWN = ("From", "To", "Reply-To", "Subject", "Date", "Message-ID")
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif"})
# `src="cid:…"`: a picture that comes with the e-mail, by its Content-ID (RFC 2392).
_OWN_PICTURE = re.compile(r"""(?P<before>\bsrc\s*=\s*["'])cid:(?P<id>[^"']*)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReadMail:
    """An e-mail, decoded. Nothing in it is safe to put into a page as it is."""

    headers: dict[str, str]
    text: str
    html: str | None


def read_mail(content: bytes) -> ReadMail:
    """Decode an e-mail; what it does not have is empty, and its HTML is None."""
    message: EmailMessage = message_from_bytes(content, _class=EmailMessage, policy=SMTP)
    headers = {name: str(message[name]) for name in _SHOWN if message[name] is not None}
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    return ReadMail(
        headers,
        "" if text is None else _decoded(text),
        None if html is None else _with_pictures(_decoded(html), message),
    )


def _decoded(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _with_pictures(html: str, message: EmailMessage) -> str:
    pictures = {
        str(part["Content-ID"]).strip().strip("<>"): _data_uri(part)
        for part in message.walk()
        if part["Content-ID"] is not None and part.get_content_type() in _PICTURES
    }
    return _OWN_PICTURE.sub(
        lambda found: found["before"] + pictures.get(unquote(found["id"]), ""), html
    )


def _data_uri(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    return f"data:{part.get_content_type()};base64,{base64.b64encode(raw).decode()}"
