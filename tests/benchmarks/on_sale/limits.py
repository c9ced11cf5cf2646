"""What is published of the limits that a sale meets, and how long things take. Rates are a second,
times are seconds.
"""

from dataclasses import dataclass, replace
from typing import Final

from chalicelib.store import patience
from infra.throttling import read_throttling
from tests.benchmarks.budgets.durations import OTHERS_MS, STRIPE_MS, WAITS_MS, measured

_CHECKOUT: Final = "POST /api/payments/checkout"
_PAID: Final = "checkout.session.completed (paid)"
UNLIMITED: Final = 1e9


_GATEWAY: Final = read_throttling().methods[_CHECKOUT]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits, those that hold for a new stage unless they are changed.

    - A partition of DynamoDB takes 1,000 write and 3,000 read units a second, and one item is on
      one partition ("Understanding DynamoDB warm throughput"). Unused capacity of the last five
      minutes may be used up in a burst, which AWS may also use itself ("Burst and adaptive
      capacity"): it is not counted on here.
    - A new table on demand, and each of its indexes, takes 4,000 write units a second, so it has
      four partitions; it grows with its traffic, which takes minutes, or is warmed before.
    - Of two transactions at one item at the same time one is cancelled (`TransactionConflict`).
    - Stripe takes 100 writes and 100 reads a second in live mode (its page "Rate limits").
    - API Gateway as `infra/throttling.json` has it: for checkouts, and for each other method; an
      account has 10,000 requests a second ("API Gateway quotas").
    - Lambda runs 1,000 calls at once in an account ("Lambda quotas"; 10 in a new account).
    - SES sends 14 e-mails a second for an account that is out of its sandbox ("Service quotas").
    """

    partition_writes: float = 1000
    partition_reads: float = 3000
    partitions: int = 4
    stripe: float = 100
    stripe_reads: float = 100
    gateway: float = _GATEWAY.rate
    gateway_burst: float = _GATEWAY.burst
    other_methods: float = read_throttling().stage.rate
    account: float = 10_000
    concurrency: int = 1000
    mails: float = 14


DEPLOYED: Final = Limits()
# Nothing but DynamoDB in the way.
DYNAMODB_ONLY: Final = Limits(
    stripe=UNLIMITED,
    gateway=UNLIMITED,
    gateway_burst=UNLIMITED,
    concurrency=int(UNLIMITED),
    mails=UNLIMITED,
)
# What the items allow by themselves: each has a partition of its own, whose units are its alone.
ITEMS_ALONE: Final = replace(DYNAMODB_ONLY, partitions=10**6)
# Tables that took as much before, or were warmed.
WARMED: Final = replace(DYNAMODB_ONLY, partitions=16)


@dataclass(frozen=True, slots=True)
class Times:
    """How long things take. `locked` is how long a transaction is at an item: between its prepare
    and its commit another one is cancelled. AWS publishes no figure; it is less than the whole
    transaction takes.
    """

    read: float = WAITS_MS["GetItem"] / 1000
    put: float = WAITS_MS["PutItem"] / 1000
    transaction: float = WAITS_MS["TransactWriteItems"] / 1000
    locked: float = 0.010
    refused: float = 0.008
    stripe: float = STRIPE_MS / 1000
    stripe_refused: float = 0.1
    mail: float = OTHERS_MS["sesv2 SendEmail"] / 1000
    checkout_processor: float = measured()[_CHECKOUT].warm_ms / 1000
    webhook_processor: float = measured()[_PAID].warm_ms / 1000
    checkout_start: float = measured()[_CHECKOUT].start_ms / 1000
    webhook_start: float = measured()[_PAID].start_ms / 1000
    # Stripe tells of a payment in about a second, and a buyer takes some time to pay.
    soonest_paid: float = 10.0
    latest_paid: float = 30.0


# How the store repeats what a conflict or a throttle cancelled.
PATIENCE: Final = patience._PATIENCE_SECONDS
FIRST_PAUSE: Final = patience._FIRST_PAUSE_SECONDS
LONGEST_PAUSE: Final = patience._LONGEST_PAUSE_SECONDS
