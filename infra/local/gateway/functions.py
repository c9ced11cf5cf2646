"""Calling Lambda handlers, each call in a thread, within Lambda's limits of time and size.

Events and results go through JSON as they do in Lambda. Knows nothing of HTTP.
"""

import asyncio
import json
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.local.gateway.config import GatewayConfig
from infra.local.gateway.quotas import MAX_LAMBDA_PAYLOAD_BYTES

_logger = logging.getLogger(__name__)


class FunctionError(Exception):
    """The function failed; the message is what Lambda would report as `errorMessage`."""


class FunctionTimeoutError(Exception):
    """The function did not answer within its time."""


class EventTooLargeError(Exception):
    """The event is over what Lambda takes in one invocation."""


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """The second argument of a handler ("AWS Lambda context object in Python")."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    deadline: float = field(repr=False)
    function_version: str = "$LATEST"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    log_stream_name: str = ""
    identity: None = None
    client_context: None = None

    @property
    def log_group_name(self) -> str:
        """The function's log group in CloudWatch."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out, never less than 0."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


LambdaHandler = Callable[[dict[str, Any], LambdaContext], Any]


class Functions:
    """The handlers of a stack by logical id, called in threads of their own.

    A handler that outlives its time cannot be stopped as Lambda would stop it: it runs on in its
    thread, and its result is dropped.
    """

    def __init__(self, handlers: Mapping[str, LambdaHandler], config: GatewayConfig) -> None:
        self._handlers = handlers
        self._config = config
        self._threads = ThreadPoolExecutor(config.worker_threads, thread_name_prefix="lambda")
        self._log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"

    async def invoke(
        self, function: str, event: Mapping[str, Any], at_most: float | None = None
    ) -> object:
        """Return the handler's result; `at_most` (seconds) can only shorten its time.

        Raises `FunctionError`, `FunctionTimeoutError` and `EventTooLargeError`.
        """
        limit = self._config.timeout_of(function)
        seconds = limit if at_most is None else min(limit, at_most)
        payload = json.dumps(event, ensure_ascii=False)
        if len(payload.encode()) > MAX_LAMBDA_PAYLOAD_BYTES:
            raise EventTooLargeError
        call = asyncio.get_running_loop().run_in_executor(
            self._threads, self._call, function, payload, self._context(function, seconds)
        )
        try:
            return await asyncio.wait_for(call, seconds)
        except TimeoutError:
            _logger.warning("%s did not answer within %.3g s", function, seconds)
            raise FunctionTimeoutError from None

    def close(self) -> None:
        """Start no more calls; those under way are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _call(self, function: str, payload: str, context: LambdaContext) -> object:
        """One invocation, in a worker thread."""
        try:
            result = self._handlers[function](json.loads(payload), context)
        # A handler may fail with anything, SystemExit too, and Lambda reports each as an error.
        except BaseException as error:
            _log_failure(function, error)
            raise FunctionError(str(error)) from error
        try:
            answer = json.dumps(result, ensure_ascii=False)
            size = len(answer.encode())
        except (TypeError, ValueError) as error:
            _logger.exception("%s returned what JSON cannot hold", function)
            raise FunctionError(f"Unable to marshal response: {error}") from error
        if size > MAX_LAMBDA_PAYLOAD_BYTES:
            _logger.error("%s returned %d bytes, over Lambda's limit", function, size)
            raise FunctionError("Response payload size exceeded maximum allowed payload size")
        parsed: object = json.loads(answer)
        return parsed

    def _context(self, function: str, seconds: float) -> LambdaContext:
        config = self._config
        return LambdaContext(
            function_name=function,
            invoked_function_arn=(
                f"arn:aws:lambda:{config.region}:{config.account_id}:function:{function}"
            ),
            memory_limit_in_mb=str(config.function_memory_mb),
            deadline=time.monotonic() + seconds,
            log_stream_name=self._log_stream,
        )


def _log_failure(function: str, error: BaseException) -> None:
    """With a traceback for the developer, save for the one error that is an answer."""
    if str(error) == "Unauthorized":
        _logger.info("%s: Unauthorized", function)
    else:
        _logger.error("%s failed", function, exc_info=error)
