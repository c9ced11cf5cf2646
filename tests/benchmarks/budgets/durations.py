"""How long a function takes: the processor's time that was measured here, and what it waits for
others. What is computed in Lambda's init phase, before the first request is handed over, is taken
to have a whole processor whatever the memory; everything after it has the memory's share of one.

`measured.json` has the processor's time; `python -m tests.benchmarks.budgets --measure` measures it
anew. What others take is assumed: X-Ray shows what it is in a stage of one's own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from infra.packaging.metrics import FUNCTIONS as LAMBDA_FUNCTIONS
from infra.packaging.parameters import API as API_FUNCTION
from infra.packaging.parameters import AUTHORIZER as AUTHORIZER_FUNCTION
from infra.packaging.parameters import TIMER as TIMER_FUNCTION
from infra.packaging.parameters import WEBHOOK as WEBHOOK_FUNCTION
from infra.packaging.stages import stage_setting
from tests.benchmarks.budgets.cases import API, AUTHORIZER, TIMER, WEBHOOK
from tests.benchmarks.budgets.metering import Count

MEASURED = Path(__file__).with_name("measured.json")

# "Configure Lambda function memory": at so many MB a function has one virtual processor. One
# thread, as Python code is, has no use of more.
FULL_PROCESSOR_MB: Final = 1769
MB_PER_GB: Final = 1024

# Milliseconds that a call takes inside a region. AWS says "single-digit milliseconds" of DynamoDB's
# reads and writes; a transaction is two rounds of them (USENIX ATC 2023, "Distributed transactions
# at scale in Amazon DynamoDB").
WAITS_MS: Final[Mapping[str, float]] = {
    "GetItem": 4,
    "Query": 5,
    "BatchGetItem": 6,
    "Scan": 10,
    "PutItem": 6,
    "UpdateItem": 6,
    "DeleteItem": 6,
    "BatchWriteItem": 8,
    "TransactWriteItems": 15,
}
STRIPE_MS: Final = 400.0
OTHERS_MS: Final[Mapping[str, float]] = {
    "sesv2 SendEmail": 100,
    "ssm GetParameter": 20,
    "cloudwatch GetMetricData": 100,
    "JWKS": 80,
    "Stripe's host, without the key": 60,
}
FUNCTION_NAMES: Final = {
    API: API_FUNCTION,
    WEBHOOK: WEBHOOK_FUNCTION,
    TIMER: TIMER_FUNCTION,
    AUTHORIZER: AUTHORIZER_FUNCTION,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """The processor's time of a function in milliseconds: from the start of its process until it
    asks for its first request, which is Lambda's init phase, its first answer, and an answer of a
    warm one; and how much memory it had used by then, in MB.
    """

    init_ms: float
    first_ms: float
    warm_ms: float
    peak_mb: float

    @property
    def start_ms(self) -> float:
        """What a first answer takes more than a warm one, at a whole processor."""
        return self.init_ms + self.first_ms - self.warm_ms


@cache
def measured() -> Mapping[str, Measured]:
    """Return what was measured, by what was done."""
    rows: dict[str, dict[str, Any]] = json.loads(MEASURED.read_text())["processor"]
    return {name: Measured(**row) for name, row in rows.items()}


def circumstances() -> Mapping[str, str]:
    """Return where it was measured."""
    found: dict[str, str] = json.loads(MEASURED.read_text())["circumstances"]
    return found


def memory_mb(function: str, stage: str = "prod") -> int:
    """Return how much memory a function has."""
    settings = stage_setting(stage, "lambda_functions")[LAMBDA_FUNCTIONS[FUNCTION_NAMES[function]]]
    return int(settings["lambda_memory_size"])


def share(memory: float) -> float:
    """Return how much of a processor a function with so many MB has, one at the most."""
    return min(1.0, memory / FULL_PROCESSOR_MB)


def wait_ms(count: Count) -> float:
    """Return how long a piece of work waits for others."""
    return (
        sum(WAITS_MS[operation] * times for operation, times in count.operations.items())
        + STRIPE_MS * count.stripe_calls
        + sum(OTHERS_MS[other] * times for other, times in count.others.items())
    )


def duration_ms(processor_ms: float, waited_ms: float, memory: float) -> float:
    """Return how long a call takes with so many MB of memory, after the init phase."""
    return processor_ms / share(memory) + waited_ms


def cold_ms(times: Measured, waited_ms: float, memory: float) -> float:
    """Return how long a start and its first answer take: the init phase at a whole processor."""
    return times.init_ms + duration_ms(times.first_ms, waited_ms, memory)


def gb_seconds(duration: float, memory: float) -> float:
    """Return what is paid for a call of so many milliseconds."""
    return memory / MB_PER_GB * duration / 1000
