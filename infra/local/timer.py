"""The timer of the local run: calls the scheduled function again and again, as EventBridge does."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from chalicelib.domain.clock import to_iso, utc_now
from infra.local.gateway import LambdaContext, LambdaHandler
from infra.packaging.parameters import TIMER

# Often enough that nobody waits for it on a laptop. Deployed, it is every few minutes.
PERIOD_SECONDS = 10.0
# What Lambda would leave it. The function stops some time before that, so Ctrl-C is heard soon.
_LAMBDA_SECONDS = 33

_log = logging.getLogger("timer")


@contextmanager
def ticking(function: LambdaHandler, period: float = PERIOD_SECONDS) -> Iterator[None]:
    """Call a scheduled function every so many seconds, in a thread that ends with the block."""
    stopping = threading.Event()
    thread = threading.Thread(target=_tick, args=(function, period, stopping), name="timer")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _tick(function: LambdaHandler, period: float, stopping: threading.Event) -> None:
    while not stopping.wait(period):
        try:
            function(scheduled_event(), _context())
        except Exception:  # noqa: BLE001 - Lambda would call it again all the same
            _log.exception("the scheduled function failed")


def _context() -> LambdaContext:
    return LambdaContext(
        function_name=TIMER,
        invoked_function_arn=f"arn:aws:lambda:us-east-1:000000000000:function:{TIMER}",
        memory_limit_in_mb="1024",
        deadline=time.monotonic() + _LAMBDA_SECONDS,
    )


def scheduled_event() -> dict[str, Any]:
    """Make what a scheduled function gets ("Schedule a Lambda function with EventBridge")."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": to_iso(utc_now()),
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/timer"],
        "detail": {},
    }
