"""The frame of every page: document, style, security headers. Pages fill it.

Pages work without scripts and load nothing from other hosts.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #5b6270; --line: #d8dce3;
  --back: #f6f8fa; --card: #ffffff; --accent: #4f46e5; --on-accent: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceff4; --soft: #a9b1bf; --line: #3a4150;
  --back: #14171d; --card: #1d222b; --accent: #a5a0ff; --on-accent: #14171d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 40rem; margin: 2rem auto; padding: 1.5rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .75rem; }
main.wide { max-width: 72rem; overflow-x: auto; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { width: 100%; border-collapse: collapse; } caption { text-align: left; color: var(--soft); }
th, td { text-align: left; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
th.amount, td.amount { text-align: right; padding-right: 0; white-space: nowrap; }
tfoot th, tfoot td { font-weight: 700; border-bottom: 0; }
.note { color: var(--soft); font-size: .9rem; }
label { display: block; margin-top: 1rem; font-weight: 600; }
input, select { width: 100%; font: inherit; color: inherit; background: var(--back); padding: .6rem;
  border: 1px solid var(--soft); border-radius: .4rem; }
button { width: 100%; margin-top: .75rem; padding: .75rem; font: inherit; font-weight: 600;
  border: 1px solid var(--accent); border-radius: .4rem; background: transparent;
  color: var(--accent); cursor: pointer; }
button.main { background: var(--accent); color: var(--on-accent); margin-top: 1.25rem; }
form.row { display: flex; flex-wrap: wrap; gap: .5rem; }
form.row button, td button { width: auto; padding: .35rem .75rem; margin: 0; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def text(value: object) -> str:
    """Escape any value for use between tags and in quoted attributes."""
    return escape(str(value), quote=True)


def page(
    title: str,
    content: str,
    *,
    status: int = 200,
    leads_away: bool = False,
) -> HTMLResponse:
    """Make a whole page around `content`, which is HTML with its values already escaped.

    `leads_away` is for a form whose answer redirects to somebody's shop: browsers hold redirects,
    too, against the policy's `form-action`, and so those that the shop answers with.
    """
    sources = "'self' http: https:" if leads_away else "'self'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:;"
        f" form-action {sources}; base-uri 'none'; frame-ancestors 'none'"
    )
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{text(title)}</title><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head>"
        f"<body>{content}</body></html>"
    )
    return HTMLResponse(
        document,
        status,
        {
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        },
    )


def table(caption: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Make a table of cells that are HTML already."""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f"<table><caption>{caption}, times in UTC</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def time_of(subject: Mapping[str, int]) -> str:
    """Write when an object of the API was created."""
    moment = datetime.fromtimestamp(subject["created"], UTC)
    return f'<time datetime="{moment.isoformat()}">{moment:%Y-%m-%d %H:%M:%S}</time>'
