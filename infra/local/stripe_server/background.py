"""The two things that happen without being asked for: timers go off, events are delivered.

Both look at the store after every change to it and when the next row is due.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.concurrency import run_in_threadpool

from . import lifecycle, timers
from .calls import Call
from .config import Config
from .store import Store
from .webhooks import Courier

logger = logging.getLogger(__name__)

# A clock that is set forward (a laptop wakes up, a test turns it) is noticed within this time.
_LONGEST_WAIT = 0.25
_PAUSE_AFTER_FAULT = 1.0


@asynccontextmanager
async def background(config: Config, store: Store) -> AsyncIterator[None]:
    """Timers and deliveries at work while the block runs; what is unfinished stays stored."""
    loop = asyncio.get_running_loop()
    timers_wake, deliveries_wake = asyncio.Event(), asyncio.Event()

    def wake_all() -> None:
        for event in (timers_wake, deliveries_wake):
            loop.call_soon_threadsafe(event.set)

    courier = Courier(config, store, deliveries_wake)
    await courier.resume()
    store.subscribe(wake_all)
    tasks = [asyncio.create_task(_repeat(config, timers_wake, _timer_step(config, store)))]
    if config.webhook_url is not None:
        tasks.append(asyncio.create_task(_repeat(config, deliveries_wake, courier.dispatch)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await courier.stop()


async def _repeat(
    config: Config, wake: asyncio.Event, step: Callable[[], Awaitable[float | None]]
) -> None:
    """Run `step` whenever woken and when the time it returned has come."""
    while True:
        wake.clear()
        try:
            upcoming = await step()
        except Exception:
            logger.exception("a background step failed")
            await asyncio.sleep(_PAUSE_AFTER_FAULT)
            continue
        wait = _LONGEST_WAIT if upcoming is None else upcoming - config.now()
        try:
            async with asyncio.timeout(min(max(wait, 0), _LONGEST_WAIT)):
                await wake.wait()
        except TimeoutError:
            continue


def _timer_step(config: Config, store: Store) -> Callable[[], Awaitable[float | None]]:
    def run_due() -> float | None:
        while True:
            with store.transaction() as tx:
                if not lifecycle.run_due_timer(Call(tx, config, int(config.now()))):
                    return timers.next_due(tx)

    async def step() -> float | None:
        return await run_in_threadpool(run_due)

    return step
