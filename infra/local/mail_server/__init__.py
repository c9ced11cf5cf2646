"""A small Amazon SES for the local run: takes e-mails as its API v2 does, and delivers none.

Each becomes an `.eml` file in a folder, and is shown to whoever opens the server in a browser. Run
it with

    python -m infra.local.mail_server --port 8025 --folder .local/mail

It can be made to fail, to see that nothing is lost then: by a button, or by
`curl -X POST {url}/outage/on` (and `off`).
"""

from infra.local.mail_server.app import create_app

__all__ = ["create_app"]
