"""The frame of every page: document, style, security headers. Pages fill it.

They work without scripts, none of which may run, and load nothing from other hosts.
"""

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #5b6270; --line: #d8dce3;
  --back: #f6f8fa; --card: #ffffff; --accent: #4f46e5; --alarm: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceff4; --soft: #a9b1bf; --line: #3a4150;
  --back: #14171d; --card: #1d222b; --accent: #a5a0ff; --alarm: #ff9b8f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 2rem auto; padding: 1.5rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .75rem; overflow-x: auto; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { width: 100%; border-collapse: collapse; } caption { text-align: left; color: var(--soft); }
th, td { text-align: left; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; }
tbody th { width: 8rem; overflow-wrap: normal; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
iframe { width: 100%; height: 44rem; border: 1px solid var(--line); border-radius: .4rem;
  background: #ffffff; }
button { padding: .5rem 1rem; font: inherit; font-weight: 600; border: 1px solid var(--accent);
  border-radius: .4rem; background: transparent; color: var(--accent); cursor: pointer; }
a { color: var(--accent); } .note { color: var(--soft); } .alarm { color: var(--alarm); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; frame-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# An e-mail's own HTML: styles and pictures that came with it, and nothing else. `sandbox` gives it
# an origin of its own, without scripts and forms, even where it is opened by itself.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'; sandbox"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def text(value: object) -> str:
    """Escape any value for use between tags and in quoted attributes."""
    return escape(str(value), quote=True)


def page(title: str, content: str, status: int = 200) -> HTMLResponse:
    """Make a whole page around `content`, which is HTML with its values already escaped."""
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{text(title)}</title><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body><main>{content}</main></body></html>"
    )
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
    return HTMLResponse(document, status, headers)


def mail_document(html: str) -> HTMLResponse:
    """Answer an e-mail's own HTML, which may hold anything, for a frame of a page of ours."""
    headers = {
        **_HEADERS,
        "Content-Security-Policy": _MAIL_POLICY,
        "X-Frame-Options": "SAMEORIGIN",
    }
    return HTMLResponse(html, headers=headers)
