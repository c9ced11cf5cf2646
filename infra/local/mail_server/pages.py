"""What people look at: the list of e-mails, and one of them. It changes nothing."""

from dataclasses import dataclass

from starlette.responses import HTMLResponse

from infra.local.mail_server.folder import MailFolder
from infra.local.mail_server.html import page, text
from infra.local.mail_server.reading import read_mail

_SHOWN = 50


@dataclass
class Outage:
    """Whether the server refuses every e-mail, and how many attempts it has refused since."""

    is_on: bool = False
    refused: int = 0


def list_page(folder: MailFolder, outage: Outage) -> HTMLResponse:
    """Answer the latest e-mails, and the button that makes the server fail."""
    names = folder.names()
    rows = "".join(_row(name, folder.get(name) or b"") for name in names[:_SHOWN])
    table = (
        f"<table><caption>{min(len(names), _SHOWN)} of {len(names)}, latest first</caption>"
        '<thead><tr><th scope="col">Date</th><th scope="col">To</th>'
        f'<th scope="col">Subject</th></tr></thead><tbody>{rows}</tbody></table>'
    )
    none = "<p>No e-mails yet. Buy a ticket, with an e-mail address.</p>"
    return page(
        "Local mail",
        f"<h1>Local mail</h1>{_outage(outage)}<h2>E-mails</h2>{table if rows else none}",
    )


def mail_page(name: str, content: bytes) -> HTMLResponse:
    """Answer one e-mail: headers, HTML in a frame of its own, text, and where its file is."""
    mail = read_mail(content)
    headers = "".join(
        f'<tr><th scope="row">{text(header)}</th><td>{text(value)}</td></tr>'
        for header, value in mail.headers.items()
    )
    subject = mail.headers.get("Subject", "")
    frame = (
        f'<iframe sandbox title="The e-mail" src="/mails/{text(name)}/html"></iframe>'
        if mail.html is not None
        else '<p class="note">It has none.</p>'
    )
    return page(
        subject or "E-mail",
        f'<p><a href="/">All e-mails</a></p><h1>{text(subject)}</h1>'
        f"<table><tbody>{headers}</tbody></table>"
        f"<h2>HTML</h2>{frame}<h2>Text</h2><pre>{text(mail.text)}</pre>"
        f'<p><a href="/mails/{text(name)}.eml">Download the .eml file</a></p>',
    )


def not_found() -> HTMLResponse:
    """Answer that there is no such e-mail."""
    content = '<h1>No such e-mail</h1><p><a href="/">All e-mails</a></p>'
    return page("No such e-mail", content, status=404)


def _row(name: str, content: bytes) -> str:
    headers = read_mail(content).headers
    subject = text(headers.get("Subject", "")) or "(no subject)"
    return (
        f"<tr><td>{text(headers.get('Date', ''))}</td><td>{text(headers.get('To', ''))}</td>"
        f'<td><a href="/mails/{text(name)}">{subject}</a></td></tr>'
    )


def _outage(outage: Outage) -> str:
    if outage.is_on:
        state = (
            '<p class="alarm"><strong>Down, on purpose.</strong>'
            f" Attempts refused since: {outage.refused}.</p>"
        )
        return f"{state}{_button('off', 'Take e-mails again')}"
    state = '<p class="note">E-mails are taken, and delivered to nobody.</p>'
    return f"{state}{_button('on', 'Fail from now on')}"


def _button(switch: str, label: str) -> str:
    return f'<form method="post" action="/outage/{switch}"><button>{label}</button></form>'
