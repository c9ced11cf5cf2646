"""Lambda authorizers of type TOKEN: the call, the cache of its answers, and the refusals.

An answer is cached for a token and then judged for every method, as in the cloud: a policy that
names one route refuses the next one.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from infra.local.gateway import policies
from infra.local.gateway.definition import TokenAuthorizer
from infra.local.gateway.errors import GatewayError
from infra.local.gateway.events import token_event
from infra.local.gateway.functions import FunctionError, Functions, FunctionTimeoutError

_logger = logging.getLogger(__name__)
_DENIED: Final = "User is not authorized to access this resource"


@dataclass(frozen=True, slots=True)
class Grant:
    """An authorizer's answer: who the caller is, the policy, and the context (strings only)."""

    principal_id: str
    policy: policies.Policy
    context: Mapping[str, str]


class _AnswerError(Exception):
    """The authorizer's answer is not of the shape API Gateway takes."""


class GrantCache:
    """Answers by authorizer and token for a time, the least recently used one leaving first.

    Used from the event loop's thread alone. `clock` counts seconds.
    """

    def __init__(self, entries: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries = entries
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[float, Grant]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, authorizer: str, token: str) -> Grant | None:
        """Return the answer if it is known and not too old."""
        key = (authorizer, token)
        expires, grant = self._kept.get(key, (0.0, None))
        if grant is None:
            return None
        if expires <= self._clock():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return grant

    def keep(self, authorizer: str, token: str, grant: Grant, ttl: float) -> None:
        """Remember an answer for `ttl` seconds; 0 keeps nothing."""
        if ttl <= 0:
            return
        key = (authorizer, token)
        self._kept[key] = (self._clock() + ttl, grant)
        self._kept.move_to_end(key)
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)


class Authorizers:
    """Runs the document's authorizers and applies what they answer."""

    def __init__(self, functions: Functions, cache: GrantCache) -> None:
        self._functions = functions
        self._cache = cache

    async def authorize(
        self, authorizer: TokenAuthorizer, token: str | None, method_arn: str
    ) -> dict[str, Any]:
        """Return the event's `requestContext.authorizer` for a caller who may pass.

        Raises `GatewayError`: UNAUTHORIZED without a call when the token is missing or does not
        fit the validation expression, or when the authorizer says so; ACCESS_DENIED by the policy;
        AUTHORIZER_CONFIGURATION_ERROR and AUTHORIZER_FAILURE when it cannot be asked.
        """
        if not token or (authorizer.validation and not authorizer.validation.search(token)):
            raise GatewayError("UNAUTHORIZED")
        grant = self._cache.get(authorizer.name, token)
        latency = 0
        if grant is None:
            started = time.monotonic()
            grant = await self._ask(authorizer, token, method_arn)
            latency = int((time.monotonic() - started) * 1000)
            self._cache.keep(authorizer.name, token, grant, authorizer.ttl)
        match grant.policy.judge(method_arn):
            case policies.Verdict.EXPLICITLY_DENIED:
                raise GatewayError("ACCESS_DENIED", f"{_DENIED} with an explicit deny")
            case policies.Verdict.DENIED:
                raise GatewayError("ACCESS_DENIED", _DENIED)
            case policies.Verdict.ALLOWED:
                identity = {"principalId": grant.principal_id, "integrationLatency": latency}
                return {**grant.context, **identity}

    async def _ask(self, authorizer: TokenAuthorizer, token: str, method_arn: str) -> Grant:
        event = token_event(token, method_arn)
        try:
            return _grant(await self._functions.invoke(authorizer.function, event))
        except FunctionError as error:
            # Lambda passes on an exception's text, and this text is the one API Gateway knows.
            if str(error) == "Unauthorized":
                raise GatewayError("UNAUTHORIZED") from None
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR") from error
        except FunctionTimeoutError as error:
            raise GatewayError("AUTHORIZER_FAILURE") from error
        except (_AnswerError, policies.PolicyError) as error:
            _logger.error("authorizer %s: %s", authorizer.name, error)  # noqa: TRY400 - the text says it all
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR") from error


def _grant(answer: object) -> Grant:
    """Check an authorizer's answer. Raises `_AnswerError` and `PolicyError`."""
    if not isinstance(answer, Mapping):
        raise _AnswerError("the answer is not an object")
    principal = answer.get("principalId")
    if not isinstance(principal, str) or not principal:
        raise _AnswerError("principalId is not a string")
    return Grant(
        principal_id=principal,
        policy=policies.parse(answer.get("policyDocument")),
        context=_context(answer.get("context")),
    )


def _context(context: object) -> dict[str, str]:
    """Turn the context's values into strings; objects and arrays are not allowed in it."""
    if context is None:
        return {}
    if not isinstance(context, Mapping):
        raise _AnswerError("context is not an object")
    strings = {}
    for key, value in context.items():
        if isinstance(value, bool):
            strings[key] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            strings[key] = str(value)
        elif value is not None:
            raise _AnswerError(f"context.{key} is neither a string, a number nor a boolean")
    return strings
