"""The Starlette application: routes, log, what starts and stops with it. Not the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from . import api, checkout_page, dashboard_page, overview_page
from .background import background
from .config import Config
from .request_log import RequestLog
from .store import Store

_DATABASE = "stripe.sqlite3"


class State(TypedDict):
    """What requests find in `request.state`."""

    store: Store


def create_app(config: Config) -> Starlette:
    """Make the local Stripe; its state directory is opened when the application starts up."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[State]:
        store = await run_in_threadpool(Store, config.state_dir / _DATABASE)
        try:
            async with background(config, store):
                yield {"store": store}
        finally:
            store.close()

    return Starlette(
        routes=[
            *api.routes(config),
            *checkout_page.routes(config),
            *dashboard_page.routes(config),
            *overview_page.routes(config),
        ],
        middleware=[Middleware(RequestLog)],
        lifespan=lifespan,
    )
