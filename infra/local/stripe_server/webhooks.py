"""Sends recorded events to the receiver, signed, until it takes them. Recording is `events`'s.

Source: Stripe's page "Receive Stripe events in your webhook endpoint".
"""

import asyncio
import logging
import time

import httpx
from starlette.concurrency import run_in_threadpool
from stripe import WebhookSignature

from . import deliveries
from .config import Config
from .deliveries import Delivery
from .store import Store

logger = logging.getLogger(__name__)


class Courier:
    """Delivers what is due, several events at a time and so in no certain order, as Stripe does."""

    def __init__(self, config: Config, store: Store, wake: asyncio.Event) -> None:
        self._config = config
        self._store = store
        self._wake = wake
        self._under_way: dict[str, asyncio.Task[None]] = {}
        # No connection is kept: the receiver is restarted often, and a stale one would cost a try.
        self._client = httpx.AsyncClient(
            timeout=config.delivery_timeout,
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    async def resume(self) -> None:
        """Make what an earlier run left undelivered due now."""

        def resume() -> None:
            with self._store.transaction() as tx:
                deliveries.resume(tx, self._config.now())

        await run_in_threadpool(resume)

    async def dispatch(self) -> float | None:
        """Start the deliveries that are due; returns when the next one is (Unix time)."""
        free = self._config.concurrent_deliveries - len(self._under_way)
        due, upcoming = await run_in_threadpool(self._take, free, list(self._under_way))
        for delivery in due:
            task = asyncio.create_task(self._deliver(delivery))
            self._under_way[delivery.event_id] = task
        return upcoming

    async def stop(self) -> None:
        """Break off attempts; they count for nothing and are made again after a restart."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def _take(self, free: int, under_way: list[str]) -> tuple[list[Delivery], float | None]:
        now = self._config.now()
        with self._store.transaction() as tx:
            due = deliveries.take_due(tx, now, limit=free, skip=under_way)
            busy = [*under_way, *(delivery.event_id for delivery in due)]
            # With every lane taken, an attempt's end is what wakes the next one.
            upcoming = deliveries.next_due(tx, skip=busy) if len(due) < free else None
        return due, upcoming

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            outcome, delivered = await self._post(delivery)
            await run_in_threadpool(self._note, delivery, outcome, delivered)
        except Exception:
            logger.exception("delivery of %s broke", delivery.event_id)
        finally:
            del self._under_way[delivery.event_id]
            self._wake.set()

    async def _post(self, delivery: Delivery) -> tuple[str, bool]:
        assert self._config.webhook_url is not None  # Nothing is queued without a receiver.
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": WebhookSignature.generate_signature_header(
                delivery.payload, self._config.webhook_secret, int(time.time())
            ),
            "User-Agent": "Stripe/1.0 (local)",
        }
        body = delivery.payload.encode()
        try:
            answer = await self._client.post(
                self._config.webhook_url, content=body, headers=headers
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__, False
        return str(answer.status_code), answer.is_success

    def _note(self, delivery: Delivery, outcome: str, delivered: bool) -> None:  # noqa: FBT001 - a finding, not a switch
        with self._store.transaction() as tx:
            if delivered:
                deliveries.succeed(tx, delivery.event_id, outcome)
                return
            due = self._next_attempt(delivery.attempts)
            deliveries.postpone(tx, delivery.event_id, outcome, due)
        logger.warning(
            "event %s not delivered (%s), %s",
            delivery.event_id,
            outcome,
            "given up" if due is None else "to be retried",
        )

    def _next_attempt(self, attempts_before: int) -> float | None:
        delays = self._config.retry_delays
        if attempts_before >= len(delays):
            return None
        return self._config.now() + delays[attempts_before]
