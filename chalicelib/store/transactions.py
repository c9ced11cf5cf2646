"""One place where a DynamoDB transaction is sent, tried again, and its failed conditions named."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pynamodb.connection.base import Connection
from pynamodb.exceptions import CancellationReason, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.store.connection import code_of, unavailable
from chalicelib.store.patience import Patience, is_passing

# Reasons of a cancelled transaction that pass by themselves ("Transactions" and "Error handling"
# in DynamoDB's developer guide): another one was at the item, or the partition was too busy.
_PASSING = frozenset(
    {
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
    }
)


# The label of the write that adds an entry to the audit trail, in whichever transaction.
AUDIT = "audit"


class ConditionFailed(Exception):
    """Conditions of a transaction did not hold, and none of its writes was made."""

    def __init__(self, labels: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(labels)))
        self.labels = labels


@dataclass(frozen=True, slots=True)
class Put:
    """Store an item whole, if the condition holds."""

    label: str
    item: Model
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Change an item, if the condition holds. `key` is an instance that has only its key."""

    label: str
    key: Model
    actions: Sequence[Action]
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item, if the condition holds. `key` is an instance that has only its key."""

    label: str
    key: Model
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """Writes that are made together or not at all."""

    connection: Connection
    deletes: Sequence[Delete] = field(default=())
    puts: Sequence[Put] = field(default=())
    updates: Sequence[Update] = field(default=())

    def commit(
        self,
        other: Callable[[], "Transaction | None"] = lambda: None,
        patience: Patience | None = None,
    ) -> None:
        """Send it, again while the reason it failed is a passing one; as long as `patience` lasts
        that it shares with others, or for as long by itself.

        Raises `ConditionFailed` with the labels of the writes whose conditions did not hold, or
        `Unavailable`. One token for all tries: if one was made after all, the next finds it done.
        An audit entry whose key is taken is no refusal of the change: another try has another key.

        After a try that was cancelled, `other` may have another transaction to try in this one's
        place, by a token of its own. Its conditions have to refuse it where this one was made.
        """
        transaction, token = self, str(uuid.uuid4())
        for pause in (patience or Patience()).pauses():
            try:
                transaction._send(token)
            except TransactWriteError as error:
                failed = transaction._failed(error.cancellation_reasons)
                if failed - {AUDIT}:
                    raise ConditionFailed(failed - {AUDIT}) from error
                if failed or pause is None or not _is_passing(error):
                    raise unavailable(error) from error
                instead = other() if _is_cancelled(error) else None
                if instead is not None:
                    transaction, token = instead, str(uuid.uuid4())
                time.sleep(pause)
            else:
                return

    def _send(self, token: str) -> None:
        with TransactWrite(connection=self.connection, client_request_token=token) as write:
            for delete in self.deletes:
                write.delete(delete.key, condition=delete.condition)
            for put in self.puts:
                write.save(put.item, condition=put.condition)
            for update in self.updates:
                write.update(update.key, actions=list(update.actions), condition=update.condition)

    def _failed(self, reasons: Sequence[CancellationReason | None]) -> frozenset[str]:
        # PynamoDB sends them in this order, and DynamoDB gives its reasons in the order sent.
        writes: Sequence[Delete | Put | Update] = (*self.deletes, *self.puts, *self.updates)
        labels = [write.label for write in writes]
        return frozenset(
            label
            for label, reason in zip(labels, reasons, strict=False)
            if reason is not None and reason.code == "ConditionalCheckFailed"
        )


def _is_cancelled(error: TransactWriteError) -> bool:
    return code_of(error) == "TransactionCanceledException"


def _is_passing(error: TransactWriteError) -> bool:
    if _is_cancelled(error):
        codes = {reason.code for reason in error.cancellation_reasons if reason is not None}
        return bool(codes) and codes <= _PASSING
    return is_passing(error)
