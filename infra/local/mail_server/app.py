"""The mail server's application: which path does what. What is said there is in `ses_api` and
`pages`.
"""

import uuid
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.local.mail_server import pages, ses_api
from infra.local.mail_server.folder import MailFolder
from infra.local.mail_server.html import mail_document
from infra.local.mail_server.reading import read_mail

_SWITCHES = {"on": True, "off": False}


def create_app(directory: Path) -> Starlette:
    """Make the application; e-mails are kept in the directory, which is made where it is not."""
    server = _Server(MailFolder(directory))
    return Starlette(
        routes=[
            Route(ses_api.PATH, server.send, methods=["POST"]),
            Route("/", server.overview),
            Route("/healthz", server.health),
            Route("/outage/{switch}", server.switch, methods=["POST"]),
            Route("/mails/{name}.eml", server.download),
            Route("/mails/{name}/html", server.document),
            Route("/mails/{name}", server.mail),
        ]
    )


class _Server:
    """The folder and whether the server is down, with what each path does.

    Plain methods run in threads, so reading files blocks no other request.
    """

    def __init__(self, folder: MailFolder) -> None:
        self._folder = folder
        self._outage = pages.Outage()

    async def send(self, request: Request) -> Response:
        """Take an e-mail as SES does, or refuse it in SES's words."""
        headers = {"x-amzn-RequestId": str(uuid.uuid4())}
        authorization = request.headers.get("authorization", "")
        try:
            name = await run_in_threadpool(self._take, authorization, await request.body())
        except ses_api.Refused as refused:
            headers["x-amzn-ErrorType"] = refused.code
            return JSONResponse({"message": refused.message}, refused.status, headers)
        return JSONResponse({"MessageId": name}, headers=headers)

    def _take(self, authorization: str, body: bytes) -> str:
        if self._outage.is_on:
            self._outage.refused += 1
            raise ses_api.down()
        return self._folder.add(ses_api.accepted_content(authorization, body))

    def overview(self, _request: Request) -> Response:
        return pages.list_page(self._folder, self._outage)

    def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def switch(self, request: Request) -> Response:
        """Go down or come back, and show the list again."""
        is_on = _SWITCHES.get(request.path_params["switch"])
        if is_on is None:
            return pages.not_found()
        self._outage = pages.Outage(is_on)
        return RedirectResponse("/", 303)

    def mail(self, request: Request) -> Response:
        name, content = self._asked_for(request)
        return pages.not_found() if content is None else pages.mail_page(name, content)

    def document(self, request: Request) -> Response:
        """Answer an e-mail's own HTML, for the frame in its page."""
        _, content = self._asked_for(request)
        html = None if content is None else read_mail(content).html
        return pages.not_found() if html is None else mail_document(html)

    def download(self, request: Request) -> Response:
        name, content = self._asked_for(request)
        if content is None:
            return pages.not_found()
        headers = {
            "Content-Disposition": f'attachment; filename="{name}.eml"',
            "X-Content-Type-Options": "nosniff",
        }
        return Response(content, media_type="message/rfc822", headers=headers)

    def _asked_for(self, request: Request) -> tuple[str, bytes | None]:
        name: str = request.path_params["name"]
        return name, self._folder.get(name)
